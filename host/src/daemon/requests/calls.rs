//! Calls: a message from outside, and how its answer ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::Problem;

/// The body of `POST /v1/call`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallBody {
    /// `subcluster`, `subcluster/vat` or a kref.
    pub target: String,
    /// The method's name.
    pub method: String,
    /// The arguments.
    #[serde(default)]
    pub args: Vec<Value>,
    /// Names this call for good: asked for again with the same key, it is not done again, and has the recorded answer. 1 to 128 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What to wait for.
    #[serde(default)]
    pub until: Until,
    /// The longest time to wait for an answer, in milliseconds; for ever where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// What whoever calls waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// The answer.
    #[default]
    Answered,
    /// That the message is durable, and waits for its turn.
    Accepted,
}

/// How a call ended: the answer of `POST /v1/call`. All of them are answers, not faults of the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename_all = "lowercase")]
pub enum CallOutcome {
    /// Not yet: the message is durable, and nobody waits for its answer.
    Accepted {},
    /// With a value.
    Value {
        /// The value.
        value: Value,
    },
    /// With an error that the callee chose.
    Broken {
        /// The error as data.
        error: Value,
    },
    /// With an error of the kernel.
    Failed {
        /// One of the kernel's fixed words: `vat-trapped`.
        code: String,
        /// What an operator may know of it and the caller's vat may not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<Box<Problem>>,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_outcomes_of_a_call_keep_their_shapes() {
        let shape = |outcome| serde_json::to_value::<CallOutcome>(outcome).expect("json");
        assert_eq!(shape(CallOutcome::Value { value: json!([1]) }), json!({"$type": "value", "value": [1]}));
        assert_eq!(shape(CallOutcome::Broken { error: json!("no") }), json!({"$type": "broken", "error": "no"}));
        assert_eq!(shape(CallOutcome::Accepted {}), json!({"$type": "accepted"}));
        let failed = CallOutcome::Failed { code: "vat-trapped".into(), problem: None };
        assert_eq!(shape(failed), json!({"$type": "failed", "code": "vat-trapped"}));
    }
}
