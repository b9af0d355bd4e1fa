//! The host as an endpoint: connections, services, and how it answers what it is asked.

use ocap_kernel::*;

use super::model::Lead;
use super::number_of;
use super::options::Host;
use super::run::World;

/// What the host calls the objects that keep what it still owes.
const OWED: &str = "owed";

impl World {
    pub fn connect(&mut self) {
        let connection = self.kernel.export_until_boot("a client".to_owned());
        self.connections.push(connection);
        if let Some(root) = self.random_vat().and_then(|vat| self.kernel.root_of(vat)) {
            self.tell_of(root, connection);
        }
    }

    pub fn disconnect(&mut self) {
        let Some(connection) = self.connections.pop() else { return };
        let is_held = |vat: &VatId| self.kernel.references(*vat).any(|(_, kref)| kref == Kref::Object(connection));
        if self.workers.keys().any(is_held) {
            self.note("a connection ends while it is held");
        }
        self.kernel.end_object(connection);
    }

    fn tell_of(&mut self, root: Kref, object: ObjectId) {
        match self.options.host {
            Host::Asks => self.ask(root, vec![Kref::Object(object)]),
            Host::Tells => self.send(root, vec![Kref::Object(object)]),
        }
    }

    /// A service begins, or ends.
    pub fn serve(&mut self) {
        let services: Vec<ObjectId> =
            self.kernel.host_objects().filter(|(_, name)| *name == "service").map(|(id, _)| id).collect();
        if services.len() > 3 {
            let service = self.chance.pick(&services).expect("some");
            self.kernel.end_object(service);
            return self.note("a service ends");
        }
        let service = self.kernel.export("service".to_owned());
        if let Some(root) = self.random_vat().and_then(|vat| self.kernel.root_of(vat)) {
            self.tell_of(root, service);
        }
    }

    pub fn answer_one(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        let index = self.chance.below(self.calls.len() as u64);
        let call = self.calls.swap_remove(usize::try_from(index).expect("small"));
        let reply = match (self.chance.below(6), call.args.caps.first()) {
            (4, _) => return self.defer(&call),
            (5, kept) => return self.export_while_held(&call, kept.copied()),
            (0, Some(kref)) => Reply::Settle(Answer::Forward(*kref)),
            (1, _) => Reply::Fail(Code::NoSuchMethod),
            (2, kept) => {
                // A channel that is gone may not keep anything; to be refused is an answer.
                if self.kernel.keep(call.object, kept.copied()).is_ok() && kept.is_some() {
                    self.note("a channel keeps something else");
                }
                Reply::Settle(Answer::Fulfill(Payload::plain([])))
            }
            _ => Reply::Settle(Answer::Fulfill(Payload { body: self.next_body(), caps: call.args.caps.clone() })),
        };
        self.reply(&call, reply);
    }

    pub fn reply(&mut self, call: &HostCall, reply: Reply) {
        if let Some(number) = number_of(&call.args.body).filter(|number| self.model.is_message(*number, &call.method)) {
            self.fates.answered(number);
            match &reply {
                Reply::Settle(Answer::Forward(kref)) => self.model.answered_by_host(number, Lead::To(*kref)),
                Reply::Settle(Answer::Fulfill(value) | Answer::Break(value)) => {
                    self.model.made(&value.body, value.caps.iter().copied().map(Some).collect());
                    number_of(&value.body)
                        .into_iter()
                        .for_each(|made| self.model.answered_by_host(number, Lead::Value(made)));
                }
                Reply::Fail(_) => {}
            }
        }
        self.kernel.answer_call(call.id, reply);
    }

    /// The host owes an answer from now on, also in later boots.
    fn defer(&mut self, call: &HostCall) {
        if self.kernel.defer(call.id, OWED.to_owned()).is_some() {
            let promise =
                self.new_promise().expect("only a vat that ends is not understood, and its crank is committed");
            self.answered(call, Lead::To(Kref::Promise(promise)));
            self.note("the host owes an answer");
        }
    }

    fn export_while_held(&mut self, call: &HostCall, keeps: Option<Kref>) {
        if let Some(object) = self.kernel.export_while_held(call.id, "while held".to_owned(), keeps) {
            self.answered(call, Lead::To(Kref::Object(object)));
            self.note("the host answers with something of its own");
        }
    }

    fn answered(&mut self, call: &HostCall, lead: Lead) {
        if let Some(number) = number_of(&call.args.body).filter(|number| self.model.is_message(*number, &call.method)) {
            self.fates.answered(number);
            self.model.answered_by_host(number, lead);
        }
    }

    pub fn conclude_one(&mut self) {
        let owed: Vec<ObjectId> = self.owed();
        let Some(object) = self.chance.pick(&owed) else { return };
        let value = Payload { body: self.next_body(), caps: self.shown.iter().take(2).copied().collect() };
        self.conclude(object, value);
    }

    fn owed(&self) -> Vec<ObjectId> {
        self.kernel.host_objects().filter(|(_, name)| *name == OWED).map(|(id, _)| id).collect()
    }

    fn conclude(&mut self, object: ObjectId, value: Payload<Kref>) {
        let Some(of) = self.kernel.kept_by(object) else { return self.kernel.end_object(object) };
        self.model.made(&value.body, value.caps.iter().copied().map(Some).collect());
        self.model.settle(Some(of), number_of(&value.body).map(Lead::Value));
        self.kernel.conclude(object, Answer::Fulfill(value));
        self.note("the host gives the answer that it owed");
    }

    /// The host owes nothing and keeps nothing any more.
    pub fn close(&mut self) {
        for connection in std::mem::take(&mut self.connections) {
            self.kernel.end_object(connection);
        }
        for object in self.owed() {
            let value = Payload { body: self.next_body(), caps: Vec::new() };
            self.conclude(object, value);
        }
        for (object, name) in self.kernel.host_objects().map(|(id, name)| (id, name.to_owned())).collect::<Vec<_>>() {
            match name.as_str() {
                "service" => self.kernel.end_object(object),
                // What another one kept may be gone with it by now.
                _ => drop(self.kernel.keep(object, None)),
            }
        }
    }
}
