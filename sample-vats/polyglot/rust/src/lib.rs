//! A peer: what two vats can do with each other, whatever they are written in. The same one stands in `../python` and `../js`.

use ocap_guest_sdk::prelude::*;

/// What a peer remembers.
#[derive(Durable, Default)]
struct Peer {
    count: u64,
    kept: Option<Cap>,
    ear: Option<This<Ear>>,
}

#[object]
impl Peer {
    /// Another peer, by its name in `uses`.
    fn peer(&self, name: String) -> Result<Cap> {
        context().grant(&name)
    }

    /// Passes a word along a path of peers; the names of all that had it.
    async fn relay(_this: This<Self>, path: Vec<Cap>, word: String) -> Result<Vec<String>> {
        let mut names = vec![context().vat().to_owned()];
        match path.split_first() {
            None => names.push(word),
            Some((next, rest)) => names.extend(next.call::<Vec<String>>("relay", (rest, word)).await?),
        }
        Ok(names)
    }

    /// A new note.
    fn note(&self, text: String) -> Cap {
        This::durable(Note { text }).cap()
    }

    /// Has one peer make a note and another keep it. The keeper's answer, which reads it.
    async fn introduce(_this: This<Self>, maker: Cap, keeper: Cap, text: String) -> Result<String> {
        let note: Cap = maker.call("note", (text,)).await?;
        keeper.call("keep", (note,)).await
    }

    fn keep(&mut self, note: Cap) -> Promise<String> {
        self.kept.insert(note).call("read", ())
    }

    /// What the note says that is kept.
    fn read_kept(&self) -> Result<Promise<String>> {
        let note = self.kept.as_ref().ok_or_else(|| Error::new("no-note", "no note is kept"))?;
        Ok(note.call("read", ()))
    }

    /// Gives the right to settle a promise to one peer and the promise to another. The other's answer.
    fn pair(&self, settler: Cap, waiter: Cap, value: Value) -> Promise<Value> {
        let (promised, resolver) = promise::<Value>();
        settler.send("settle", (resolver, value));
        waiter.call("wait", (promised,))
    }

    fn settle(&self, resolver: Resolver<Value>, value: Value) {
        resolver.fulfill(&value);
    }

    /// Waits for a promise.
    async fn wait(_this: This<Self>, promised: Promise<Value>) -> Result<(String, Value)> {
        Ok((context().vat().to_owned(), promised.await?))
    }

    fn refuse(&self, name: String) -> Result<()> {
        Err(Error::new(name, format!("{} refuses", context().vat())))
    }

    /// Catches what a peer refuses with.
    async fn attempt(_this: This<Self>, peer: Cap, name: String) -> Result<(String, String)> {
        match peer.call::<Value>("refuse", (name,)).await {
            Ok(_) => Err(Error::new("error", "it did not refuse")),
            Err(error) => Ok((error.name().to_owned(), error.to_string())),
        }
    }

    /// Waits for a promise that nobody can settle any more; what the kernel says.
    async fn abandoned(_this: This<Self>) -> Result<String> {
        let (promised, resolver) = promise::<()>();
        drop(resolver);
        match promised.await {
            Err(Error::Failed(code)) => Ok(code),
            _ => Err(Error::new("error", "the kernel said nothing")),
        }
    }

    fn counted(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Has a peer's answer sent to a durable object, whatever becomes of this incarnation.
    fn ask_later(&mut self, peer: Cap) {
        let ear = This::durable(Ear::default());
        peer.call::<Value>("counted", ()).then_with(&ear, Ear::hear, "counted".to_owned());
        self.ear = Some(ear);
    }

    /// That object, for whoever would like to pretend to be the answer.
    fn listening(&self) -> Option<This<Ear>> {
        self.ear.clone()
    }

    /// What that object heard so far.
    fn heard(&self) -> Option<(String, Value)> {
        self.ear.as_ref()?.read(|ear| ear.heard.clone())
    }

    fn echo(&self, it: Value) -> Value {
        it
    }
}

/// A text that can be read by whoever holds the note.
#[derive(Durable)]
struct Note {
    text: String,
}

#[object]
impl Note {
    fn read(&self) -> String {
        self.text.clone()
    }
}

/// Hears one answer.
#[derive(Durable, Default)]
struct Ear {
    heard: Option<(String, Value)>,
}

#[object]
impl Ear {
    #[answer]
    fn hear(&mut self, answer: Result<Value>, asked: String) {
        self.heard = answer.ok().map(|answer| (asked, answer));
    }
}

vat!(Peer, Note, Ear);
