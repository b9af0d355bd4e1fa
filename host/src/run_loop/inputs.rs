//! What comes from outside: channels and operators.

use std::sync::Arc;

use ocap_kernel::{AskId, Code, Kernel, Kref, MessageId, ObjectId, Payload, Refusal, Reply, Resolution, VatId};
use tokio::sync::oneshot;

use crate::io::{FromIo, Io};
use crate::services::{FromServices, Services};

use super::news::{News, name_of};
use super::trace::Cause;
use super::{RunLoop, VatCode};

impl RunLoop {
    /// The kernel, to be looked at.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The kernel, to be told something. What follows from it is committed with the act.
    pub fn kernel_mut(&mut self) -> &mut Kernel {
        &mut self.kernel
    }

    /// The channels.
    pub fn io(&self) -> &Arc<Io> {
        &self.io
    }

    /// The services.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The code that a vat is given a heap from, from its next heap on.
    pub fn provide(&mut self, vat: VatId, code: VatCode) {
        self.codes.insert(vat, code);
    }

    /// Serves a quarantined vat again, with this code.
    ///
    /// # Errors
    /// If there is no such vat.
    pub fn heal(&mut self, vat: VatId, code: VatCode) -> Result<(), Refusal> {
        self.kernel.heal(vat)?;
        self.tell_news(name_of(&self.kernel, vat), News::Healed);
        self.awake.take(vat);
        self.codes.insert(vat, code);
        Ok(())
    }

    /// Ends a subcluster for good; its code and its instances go with it.
    ///
    /// # Errors
    /// If there is no such subcluster.
    pub fn terminate(
        &mut self,
        subcluster: ocap_kernel::SubclusterId,
        host_objects: &[ocap_kernel::ObjectId],
    ) -> Result<(), Refusal> {
        let of_it = self.kernel.vats().filter(|vat| vat.row.subcluster == subcluster);
        let names: Vec<String> = of_it.map(|vat| name_of(&self.kernel, vat.id)).collect();
        self.kernel.terminate(subcluster, host_objects)?;
        names.into_iter().for_each(|name| self.tell_news(name, News::Terminated));
        for object in host_objects {
            self.io.close_channel(*object);
            self.services.forget(*object);
        }
        let known = self.codes.keys().copied().chain(self.meters.vats());
        let gone: Vec<VatId> = known.filter(|vat| self.kernel.vat(*vat).is_none()).collect();
        gone.into_iter().for_each(|vat| self.forget(vat));
        Ok(())
    }

    /// Ends one vat for good.
    ///
    /// # Errors
    /// If there is no such vat.
    pub fn terminate_vat(&mut self, vat: VatId) -> Result<(), Refusal> {
        let name = name_of(&self.kernel, vat);
        self.kernel.terminate_vat(vat)?;
        self.tell_news(name, News::Terminated);
        self.forget(vat);
        Ok(())
    }

    /// A vat has ended: what belonged to it goes.
    pub(super) fn forget(&mut self, vat: VatId) {
        self.codes.remove(&vat);
        self.fallbacks.remove(&vat);
        self.awake.take(vat);
        self.starting.remove(&vat);
        self.meters.forget(vat);
    }

    /// Sends a message; the end of its answer comes when it is durable.
    ///
    /// # Errors
    /// If a reference names nothing.
    pub fn ask(
        &mut self,
        target: Kref,
        method: &str,
        args: Payload<Kref>,
    ) -> Result<oneshot::Receiver<Resolution<Kref>>, Refusal> {
        let ask = self.ask_kernel(target, method, args)?;
        let (reply, answer) = oneshot::channel();
        self.asks.insert(ask, reply);
        Ok(answer)
    }

    /// Sends a message whose answer is not waited for here, as `send` does it.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn accept<T>(
        &mut self,
        method: &str,
        send: impl FnOnce(&mut Kernel) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let from = self.kernel.next_message();
        let accepted = send(&mut self.kernel)?;
        self.meters.totals.asked += 1;
        if let Some(traces) = &mut self.traces {
            traces.accepted(&self.kernel, from, method, (self.clock)().wall);
        }
        Ok(accepted)
    }

    /// Hears the end of the promise that an object of the host keeps; at once if it has one. `None` if it keeps none.
    pub fn await_kept(&mut self, object: ObjectId) -> Option<oneshot::Receiver<Resolution<Kref>>> {
        let ask = self.kernel.await_kept(object)?;
        let (reply, answer) = oneshot::channel();
        self.asks.insert(ask, reply);
        Some(answer)
    }

    fn ask_kernel(&mut self, target: Kref, method: &str, args: Payload<Kref>) -> Result<AskId, Refusal> {
        let from = self.kernel.next_message();
        let ask = self.kernel.ask(target, method, args)?;
        self.meters.totals.asked += 1;
        if let Some(traces) = &mut self.traces {
            traces.asked(&self.kernel, from, ask, method, (self.clock)().wall);
        }
        Ok(ask)
    }

    pub(super) fn hear_io(&mut self, event: FromIo) {
        match event {
            FromIo::Connect { client, reply } => {
                let object = self.kernel.export_until_boot(client.to_string());
                self.tell_news(client.subcluster.clone(), News::Connected(client));
                self.when_durable(move || {
                    // A client that left meanwhile needs no object.
                    let _ = reply.send(object);
                });
            }
            FromIo::Send { target, method, args, reply } => {
                self.send(target, &method, args, reply);
            }
            FromIo::Answer { call, answer } => self.answer_call(call, answer),
            FromIo::Hold { channel, reference } => {
                if let Err(refusal) = self.kernel.keep(channel, reference) {
                    tracing::error!(%channel, "a channel could not keep its handler: {refusal}");
                }
            }
            FromIo::Gone { object, client } => {
                self.kernel.end_object(object);
                self.tell_news(client.subcluster.clone(), News::Left(client));
            }
            FromIo::Healed { subcluster, channel } => self.tell_news(subcluster, News::ChannelHealed { channel }),
        }
    }

    /// Sends a message for another room; a target that is gone is an answer.
    fn send(&mut self, target: Kref, method: &str, args: Payload<Kref>, reply: oneshot::Sender<Resolution<Kref>>) {
        match self.ask_kernel(target, method, args) {
            Ok(ask) => drop(self.asks.insert(ask, reply)),
            Err(_) => self.when_durable(move || drop(reply.send(Resolution::Failed(Code::ObjectGone)))),
        }
    }

    fn answer_call(&mut self, call: MessageId, answer: Reply) {
        self.traced(Cause::Answer(call), |kernel| kernel.answer_call(call, answer));
    }

    pub(super) fn hear_services(&mut self, event: FromServices) {
        match event {
            FromServices::Answer { call, answer } => self.answer_call(call, answer),
            FromServices::Defer { call, name } => {
                let object = self.traced(Cause::Answer(call), |kernel| kernel.defer(call, name.to_string()));
                self.services.made(name, object, None);
            }
            FromServices::Lend { call, name, keeps } => {
                let object = self.traced(Cause::Answer(call), |kernel| {
                    kernel.export_while_held(call, name.to_string(), Some(keeps))
                });
                self.services.made(name, object, Some(keeps));
            }
            FromServices::Conclude { object, answer } => {
                self.traced(Cause::Outside, |kernel| kernel.conclude(object, answer));
            }
            FromServices::Ring { object, target, args } => {
                // A target that is gone has nobody to be told; and the answer is nobody's.
                let _ = self.ask_kernel(target, "tick", args);
                self.kernel.end_object(object);
            }
            FromServices::End { object } => self.kernel.end_object(object),
            FromServices::Send { target, method, args, reply } => self.send(target, &method, args, reply),
        }
    }
}
