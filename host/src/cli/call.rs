//! `call`: one message to an object, and its answer.

use serde_json::Value;

use super::exit::ExitStatus;
use super::render::json_line;
use super::session::Session;
use crate::daemon::requests::{CallBody, CallOutcome, Until};
use crate::problem::Problem;

/// Call a method of an object and print the answer as JSON
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host call counter increment 5", "ocap-host call matcher/index find '\"room\"' --format json", "ocap-host call counter increment 1 --key order-17", "ocap-host call counter increment 1 --no-wait"]))]
pub(super) struct CallArgs {
    /// `subcluster`, `subcluster/vat`, or a reference like `ko7`
    #[arg(add = super::live::targets())]
    target: String,
    /// The method's name
    method: String,
    /// Arguments: JSON where it is JSON, else text; after `--` also what begins with a hyphen
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    pub(super) args: Vec<String>,
    /// Wait for the answer, which is what a call does anyway
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// End as soon as the message is durable and waits for its turn; without a key nobody will hear its answer
    #[arg(long, overrides_with = "wait")]
    no_wait: bool,
    /// The longest time to wait for the answer: `500ms`, `5s`, `2m`, `1h`
    #[arg(long, value_name = "TIME", value_parser = milliseconds, conflicts_with = "no_wait")]
    timeout: Option<u64>,
    /// Do it once however often it is asked for: the same call with the same key has the recorded answer
    #[arg(long)]
    key: Option<String>,
}

/// A time as people write it, in milliseconds.
fn milliseconds(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("a time is a number and one of ms, s, m, h".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "a time begins with a whole number".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "that is too long".to_owned())
}

pub(super) fn run(args: &CallArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let body = CallBody {
        target: args.target.clone(),
        method: args.method.clone(),
        args: args.args.iter().map(|word| argument(word)).collect(),
        key: args.key.clone(),
        until: if args.no_wait { Until::Accepted } else { Until::Answered },
        timeout_ms: args.timeout,
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
        CallOutcome::Accepted {} | CallOutcome::Value { .. } => None,
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

    fn args(target: &str, method: &str) -> CallArgs {
        let (target, method) = (target.into(), method.into());
        CallArgs { target, method, args: vec![], wait: false, no_wait: false, timeout: None, key: None }
    }

    #[test]
    fn a_time_is_a_whole_number_with_its_unit() {
        assert_eq!(["500ms", "5s", "2m", "1h"].map(milliseconds), [Ok(500), Ok(5_000), Ok(120_000), Ok(3_600_000)]);
        for bad in ["5", "s", "1.5s", "-1s", "5 s", "5d", "18446744073709551615h"] {
            assert!(milliseconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_failed_call_tells_what_the_operator_may_know() {
        let args = args("matcher/index", "find");
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
