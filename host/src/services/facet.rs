//! What the service `kernel` is asked for: what an operator can do, for programs that the operator trusts with it.
//!
//! Understanding a call is this room's affair; doing it is the affair of whoever serves the operators too.

use ocap_kernel::{Kref, MessageId, Payload};
use ocap_passable::{Value, encode};

use super::body::{Arguments, Misunderstood};

/// A call of the service, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Names it in [`super::Services::answer`].
    pub call: MessageId,
    /// What is to be done.
    pub act: Act,
}

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// How everything does.
    Status,
    /// What runs.
    List,
    /// Launch what the operator put under this name.
    Launch(String),
    /// End a subcluster for good.
    Terminate(String),
    /// Send a message to a subcluster's root, and give its answer.
    Call {
        /// Whose.
        subcluster: String,
        /// The method's name.
        method: String,
        /// The arguments.
        args: Payload<Kref>,
    },
    /// The capability to a subcluster's root.
    Root(String),
    /// Whether anybody is there.
    Ping,
}

/// What a call asks for.
pub(super) fn act(method: &str, args: Option<Arguments>) -> Result<Act, Misunderstood> {
    match method {
        "status" => nothing(method, args, Act::Status),
        "list" => nothing(method, args, Act::List),
        "ping" => nothing(method, args, Act::Ping),
        "launch" => name(method, args).map(Act::Launch),
        "terminate" => name(method, args).map(Act::Terminate),
        "root" => name(method, args).map(Act::Root),
        "call" => call(args),
        _ => Err(Misunderstood::Method),
    }
}

fn nothing(method: &str, args: Option<Arguments>, act: Act) -> Result<Act, Misunderstood> {
    let is_empty = args.is_some_and(|args| args.values.is_empty());
    if is_empty { Ok(act) } else { Err(Misunderstood::Arguments(format!("{method} takes nothing"))) }
}

fn name(method: &str, args: Option<Arguments>) -> Result<String, Misunderstood> {
    let name = args.filter(|args| args.values.len() == 1).and_then(|args| args.text(0).map(str::to_owned));
    name.ok_or_else(|| Misunderstood::Arguments(format!("{method} takes a name")))
}

fn call(args: Option<Arguments>) -> Result<Act, Misunderstood> {
    let wanted = || Misunderstood::Arguments("call takes a name, a method, and the method's arguments".to_owned());
    let args = args.ok_or_else(wanted)?;
    let subcluster = args.text(0).ok_or_else(wanted)?.to_owned();
    let method = args.text(1).ok_or_else(wanted)?.to_owned();
    let passed = Value::List(args.values.into_iter().skip(2).collect());
    Ok(Act::Call { subcluster, method, args: Payload { body: encode(&passed).into(), caps: args.caps } })
}

impl Act {
    /// Whether it may be done twice for one call. If not, nobody knows what became of one that the host's end interrupted.
    pub(super) fn can_be_repeated(&self) -> bool {
        match self {
            Act::Status | Act::List | Act::Root(_) | Act::Ping => true,
            Act::Launch(_) | Act::Terminate(_) | Act::Call { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use ocap_kernel::ObjectId;

    use super::*;

    fn asked(method: &str, values: &[Value]) -> Result<Act, Misunderstood> {
        act(method, Some(Arguments { values: values.to_vec(), caps: vec![Kref::Object(ObjectId(7))] }))
    }

    #[test]
    fn a_call_is_passed_on_with_its_own_arguments() {
        let values = ["counter".into(), "add".into(), Value::Integer(1), Value::Cap(0)];
        let Ok(Act::Call { subcluster, method, args }) = asked("call", &values) else { panic!("no call") };
        assert_eq!((subcluster.as_str(), method.as_str()), ("counter", "add"));
        assert_eq!(&*args.body, encode(&Value::List(vec![Value::Integer(1), Value::Cap(0)])));
        assert_eq!(args.caps, [Kref::Object(ObjectId(7))]);
    }

    #[test]
    fn a_method_takes_what_it_takes_and_nothing_else() {
        assert_eq!(asked("launch", &["counter".into()]), Ok(Act::Launch("counter".to_owned())));
        assert_eq!(asked("status", &[]), Ok(Act::Status));
        assert_eq!(asked("reset", &[]), Err(Misunderstood::Method));
        let wrong: &[(&str, &[Value])] = &[
            ("status", &[Value::Null]),
            ("launch", &[]),
            ("terminate", &[Value::Integer(1)]),
            ("root", &["a".into(), "b".into()]),
            ("call", &["a".into()]),
        ];
        for (method, values) in wrong {
            assert!(matches!(asked(method, values), Err(Misunderstood::Arguments(_))), "{method}");
        }
        assert!(matches!(act("list", None), Err(Misunderstood::Arguments(_))));
    }
}
