//! The macros, as an author of a vat uses them, without a host: objects that end with the incarnation need none.

use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};

use ocap_guest_sdk::prelude::*;
use ocap_guest_sdk::private::{Answered, Args, Outcome};

#[derive(Default)]
struct Till {
    coins: u64,
}

#[object]
impl Till {
    fn put(&mut self, coins: u64, note: Option<String>) -> String {
        self.coins += coins;
        format!("{} {}", self.coins, note.unwrap_or_default())
    }

    fn take(&mut self, coins: u64) -> Result<u64, String> {
        self.coins = self.coins.checked_sub(coins).ok_or_else(|| format!("only {} coins", self.coins))?;
        Ok(self.coins)
    }

    fn count(&self) -> u64 {
        self.coins
    }

    fn parse(&self, text: String) -> Result<u64> {
        Ok(text.parse::<u64>()?)
    }

    fn closed(&self) -> Result<()> {
        Err(Error::new("closed", "come back tomorrow"))
    }

    async fn slowly(this: This<Self>, coins: u64) -> Result<u64> {
        std::future::ready(()).await;
        this.with(|till| till.coins += coins);
        Ok(this.read(|till| till.coins))
    }

    #[answer]
    fn heard(&mut self, answer: Result<u64>) {
        self.coins = answer.unwrap_or(404);
    }

    fn r#match(&self, _: u8) -> bool {
        true
    }
}

/// A durable kind with everything the derive has to carry over.
#[derive(Durable, Default, Debug, PartialEq)]
#[serde(default)]
struct Ledger {
    #[serde(rename = "title")]
    name: String,
    entries: std::collections::BTreeMap<u64, Value>,
}

#[object]
impl Ledger {
    fn name(&self) -> String {
        self.name.clone()
    }

    #[started]
    fn wake(&mut self, context: &Context) -> Result<()> {
        self.name = context.parameters()?;
        Ok(())
    }
}

vat!(Ledger, Ledger);

fn call<T: Object>(object: &This<T>, method: &str, args: impl Serialize) -> Result<Value> {
    let args = Args::from_bytes(&ocap_passable::to_bytes(&args).expect("passable"));
    let reply = match T::dispatch(object, method, args) {
        Outcome::Now(reply) => reply,
        Outcome::Later(reply) => match pin!(reply).poll(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(reply) => reply,
            Poll::Pending => panic!("it waits for nothing"),
        },
    };
    Ok(ocap_passable::from_bytes(reply?.bytes()).expect("canonical"))
}

#[test]
fn methods_are_found_by_name_and_share_the_state() {
    let till = This::ephemeral(Till::default());
    assert_eq!(call(&till, "put", (5, "five")), Ok("5 five".into()));
    assert_eq!(call(&till, "put", (1, None::<u8>)), Ok("6 ".into()));
    assert_eq!(call(&till, "count", [(); 0]), Ok(6_u64.into()));
    assert_eq!(call(&till, "slowly", (4,)), Ok(10_u64.into()));
    assert_eq!(call(&till, "match", (1,)), Ok(true.into()));
    assert_eq!(till.read(|till| till.coins), 10);
}

#[test]
fn errors_of_any_type_keep_what_they_say() {
    let till = This::ephemeral(Till::default());
    let failure = |method: &str, args: (&str,)| {
        let error = call(&till, method, args).expect_err("an error");
        format!("{}: {error}", error.name())
    };
    assert_eq!(failure("parse", ("x",)), "error: invalid digit found in string");
    assert_eq!(call(&till, "take", (3,)).map_err(|error| error.to_string()), Err("only 0 coins".into()));
    assert_eq!(call(&till, "closed", [(); 0]), Err(Error::new("closed", "come back tomorrow")));
}

#[test]
fn a_wrong_call_is_answered_with_the_signature_it_should_have_had() {
    let till = This::ephemeral(Till::default());
    let refused = |method: &str, args: Value| {
        let args = Args::from_bytes(&ocap_passable::to_bytes(&args).expect("passable"));
        let Outcome::Now(Err(error)) = Till::dispatch(&till, method, args) else { panic!("it is refused at once") };
        format!("{}: {error}", error.name())
    };
    let list = |items: Vec<Value>| Value::List(items);
    assert_eq!(
        refused("put", list(vec![Value::from(1_u64)])),
        "bad-arguments: `put(coins: u64, note: Option<String>)`: got 1 instead of 2"
    );
    assert_eq!(
        refused("slowly", list(vec!["x".into()])),
        "bad-arguments: `slowly(coins: u64)`: `coins`: invalid type: string \"x\", expected u64"
    );
    assert_eq!(refused("count", Value::Null), "bad-arguments: `count()`: got null instead of a list");
    assert_eq!(refused("mend\u{1b}", list(vec![])), "no-such-method: Till has no method `mend\\u{1b}`");
}

#[test]
fn an_answer_method_hears_answers_and_errors_and_can_not_be_called() {
    let till = This::ephemeral(Till::default());
    let hears = |how: &str, bytes: &[u8]| {
        let Outcome::Now(reply) = Till::answered(&till, "heard", Answered::from_bytes(how, bytes)) else {
            panic!("it does not wait")
        };
        assert!(reply.is_ok());
        till.read(|till| till.coins)
    };
    assert_eq!(hears("fulfill", b"\x07"), 7);
    assert_eq!(hears("break", b"\x64gone"), 404);
    for forged in ["heard", "fulfill", "break"] {
        let refused = call(&till, forged, (7,)).expect_err("no such method");
        assert_eq!(refused.name(), "no-such-method");
    }
    let Outcome::Now(Err(refused)) = Till::answered(&till, "put", Answered::from_bytes("fulfill", b"\x07")) else {
        panic!("`put` hears no answers")
    };
    assert_eq!(refused.name(), "no-such-method");
}

/// Something that opens and closes.
#[interface]
trait Door {
    /// Whether it was shut.
    fn open(&mut self) -> bool;

    /// Says who is there.
    #[allow(dead_code)]
    async fn knock(this: This<Self>, name: String, times: Option<Vec<(u8, Cap)>>) -> Result<Promise<String>>;

    fn hinges(&self) -> u8 {
        2
    }
}

/// Something with a colour.
#[interface(name = "paint")]
trait Painted {
    fn paint(&mut self, colour: String) -> Result<(), String>;
}

/// A door that can be painted.
#[derive(Default)]
struct Gate {
    is_open: bool,
    colour: String,
}

/// Keeps the garden.
#[object(Door, Painted, name = "gate")]
impl Gate {
    /// What it looks like.
    fn colour(&self) -> String {
        self.colour.clone()
    }
}

impl Door for Gate {
    fn open(&mut self) -> bool {
        !std::mem::replace(&mut self.is_open, true)
    }

    async fn knock(_this: This<Self>, name: String, _times: Option<Vec<(u8, Cap)>>) -> Result<Promise<String>> {
        Err(Error::new("nobody-there", format!("nobody waits for {name}")))
    }
}

impl Painted for Gate {
    fn paint(&mut self, colour: String) -> Result<(), String> {
        self.colour = colour;
        Ok(())
    }
}

#[test]
fn an_object_answers_its_own_methods_and_those_of_each_interface() {
    let gate = This::ephemeral(Gate::default());
    assert_eq!(call(&gate, "open", [(); 0]), Ok(true.into()));
    assert_eq!(call(&gate, "open", [(); 0]), Ok(false.into()));
    assert_eq!(call(&gate, "hinges", [(); 0]), Ok(2_u64.into()));
    assert_eq!(call(&gate, "paint", ("green",)), Ok(Value::Null));
    assert_eq!(call(&gate, "colour", [(); 0]), Ok("green".into()));
    assert_eq!(call(&gate, "knock", ("Ann", None::<u8>)), Err(Error::new("nobody-there", "nobody waits for Ann")));
    let refused = call(&gate, "knock", ("Ann",)).expect_err("one argument is missing").to_string();
    assert_eq!(refused, "`knock(name: String, times: Option<Vec<(u8, Cap)>>)`: got 1 instead of 2");
    assert_eq!(call(&gate, "close", [(); 0]).expect_err("no such method").to_string(), "gate has no method `close`");
}

#[test]
fn a_description_says_what_can_be_asked_and_what_the_author_says_of_it() {
    let description: Value = {
        let bytes = ocap_passable::to_bytes(&Gate::describe()).expect("passable");
        ocap_passable::from_bytes(&bytes).expect("canonical")
    };
    let text = format!("{description:?}");
    for part in
        ["gate", "Keeps the garden.", "What it looks like.", "Door", "Something that opens and closes.", "paint"]
    {
        assert!(text.contains(&format!("String({part:?})")), "{part} is not in {text}");
    }
    let Value::Struct(description) = description else { panic!("{text}") };
    let Value::List(methods) = &description["methods"] else { panic!("{text}") };
    let knock = methods.iter().find_map(|method| match method {
        Value::Struct(method) if method["name"] == "knock".into() => Some(method),
        _ => None,
    });
    let knock = knock.expect("it is there");
    assert_eq!((&knock["interface"], &knock["answer"]), (&"Door".into(), &"String".into()));
    let Value::List(args) = &knock["args"] else { panic!("{text}") };
    let arg = |name: &str, declared: &str| {
        Value::Struct([("name".to_owned(), name.into()), ("type".to_owned(), declared.into())].into())
    };
    assert_eq!(args[..], [arg("name", "String"), arg("times", "Option<Vec<(u8, Cap)>>")]);
}

#[test]
#[should_panic(expected = "is being looked at already")]
fn an_object_is_looked_at_by_one_at_a_time() {
    let till = This::ephemeral(Till::default());
    till.with(|_| till.read(|till| till.coins));
}

#[test]
fn what_is_durable_is_kept_field_by_field_and_old_state_can_still_be_read() {
    struct Kept(Ledger);
    impl Serialize for Kept {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.save(serializer)
        }
    }
    impl<'de> Deserialize<'de> for Kept {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Kept, D::Error> {
            Ledger::load(deserializer).map(Kept)
        }
    }
    let ledger = Ledger { name: "may".into(), entries: [(3, Value::Null)].into() };
    let bytes = ocap_passable::to_bytes(&Kept(ledger)).expect("passable");
    let back: Kept = ocap_passable::from_bytes(&bytes).expect("just written");
    assert_eq!(back.0, Ledger { name: "may".into(), entries: [(3, Value::Null)].into() });
    let old: Kept = ocap_passable::from_bytes(b"\xa1\x65title\x63may").expect("a field is missing");
    assert_eq!(old.0.entries.len(), 0);
    assert_eq!(Ledger::KIND, "Ledger");
}
