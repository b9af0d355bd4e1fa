//! Scripted peers: objects of the test whose answers a closure gives.

use ocap_guest_sdk::prelude::*;
use ocap_guest_sdk::private::{Args, Outcome, Reply};

type Answers = Box<dyn FnMut(&str, Vec<Value>) -> Result<Reply>>;

/// An object that answers as a script says.
pub(crate) struct Script(Answers);

impl Script {
    pub(crate) fn new<T: Serialize>(mut script: impl FnMut(&str, Vec<Value>) -> Result<T> + 'static) -> Script {
        Script(Box::new(move |method, args| Reply::new(&script(method, args)?)))
    }
}

impl Object for Script {
    fn dispatch(this: &This<Self>, method: &str, args: Args) -> Outcome {
        let answer = args.list().and_then(|args| this.with(|script| (script.0)(method, args)));
        Outcome::Now(answer)
    }
}
