//! `call`: one message to an object, and its answer.

use serde_json::Value;

use super::exit::ExitStatus;
use super::render::json_line;
use super::session::Session;
use crate::daemon::requests::{CallBody, CallOutcome};
use crate::problem::Problem;

/// Call a method of an object and print the answer as JSON
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct CallArgs {
    /// `subcluster`, `subcluster/vat`, or a reference like `ko7`
    target: String,
    /// The method's name
    method: String,
    /// Arguments: JSON where it is JSON, else text; after `--` also what begins with a hyphen
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    pub(super) args: Vec<String>,
}

pub(super) fn run(args: &CallArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let body = CallBody {
        target: args.target.clone(),
        method: args.method.clone(),
        args: args.args.iter().map(|word| argument(word)).collect(),
    };
    let outcome: CallOutcome = session.client()?.post("/v1/call", &body)?;
    if let CallOutcome::Value { value } = &outcome {
        session.answer(&outcome, |_| json_line(value))?;
    } else {
        session.answer_json_only(&outcome)?;
    }
    Ok(match problem_of(&outcome, args) {
        None => ExitStatus::Ok,
        Some(problem) => {
            session.tell(&problem);
            ExitStatus::Failed
        }
    })
}

/// A word of the command line: JSON if it parses as JSON, else text.
fn argument(word: &str) -> Value {
    serde_json::from_str(word).unwrap_or_else(|_| Value::String(word.to_owned()))
}

fn problem_of(outcome: &CallOutcome, args: &CallArgs) -> Option<Problem> {
    let CallArgs { target, method, .. } = args;
    match outcome {
        CallOutcome::Value { .. } => None,
        CallOutcome::Broken { error } => {
            let mut problem =
                Problem::new("ocap::call::broken", format!("`{target}` answered `{method}` with an error"));
            problem.causes.push(json_line(error));
            Some(problem)
        }
        CallOutcome::Failed { code, problem } => {
            let message = format!("`{target}` gave no answer to `{method}`: {code}");
            let Some(beneath) = problem.as_deref().cloned() else {
                return Some(Problem::new("ocap::call::failed", message));
            };
            let mut causes = vec![format!("{}: {}", beneath.code, beneath.message)];
            causes.extend(beneath.causes);
            Some(Problem { code: "ocap::call::failed".to_owned(), message, causes, ..beneath })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_argument_is_json_where_it_is_json_and_else_text() {
        assert_eq!(argument("5"), json!(5));
        assert_eq!(argument("-1.5"), json!(-1.5));
        assert_eq!(argument("null"), json!(null));
        assert_eq!(argument(r#"{"a":[1]}"#), json!({"a": [1]}));
        assert_eq!(argument(r#""5""#), json!("5"));
        assert_eq!(argument("lamp"), json!("lamp"));
        assert_eq!(argument("5 apples"), json!("5 apples"));
        assert_eq!(argument("{a:1}"), json!("{a:1}"));
        assert_eq!(argument(""), json!(""));
    }

    #[test]
    fn a_failed_call_tells_what_the_operator_may_know() {
        let args = CallArgs { target: "matcher/index".into(), method: "find".into(), args: vec![] };
        let beneath = Problem::new("ocap::component::missing", "the component is missing")
            .of_vat("matcher", "index")
            .with_help("build it");
        let outcome = CallOutcome::Failed { code: "vat-quarantined".into(), problem: Some(Box::new(beneath)) };
        let problem = problem_of(&outcome, &args).expect("a problem");
        assert_eq!(problem.message, "`matcher/index` gave no answer to `find`: vat-quarantined");
        assert_eq!(problem.causes, ["ocap::component::missing: the component is missing"]);
        assert_eq!(problem.help.as_deref(), Some("build it"));
        assert_eq!(problem_of(&CallOutcome::Value { value: json!(null) }, &args), None);
    }
}
