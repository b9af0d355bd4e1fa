//! Messages that will never be delivered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::typed;

/// All dead letters, oldest first: `GET /v1/dead-letters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "dead-letters")]
#[schemars(transform = typed("dead-letters"))]
pub struct DeadLetters {
    /// What is known of each.
    pub letters: Vec<DeadLetter>,
}

/// One of them: `GET /v1/dead-letters/{id}` says also what was in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "dead-letter")]
#[schemars(transform = typed("dead-letter"))]
pub struct DeadLetter {
    /// The message that it was: `m12`.
    pub id: String,
    /// Whose inbox it was for: `matcher/index`, or the vat's number if it has ended.
    pub vat: String,
    /// The vat's number: `v3`.
    pub vat_id: String,
    /// What it was sent to: `ko7`.
    pub object: String,
    /// The method's name.
    pub method: String,
    /// Why it will not be delivered.
    pub why: Why,
    /// How many bytes its body had.
    pub bytes: u64,
    /// Its arguments, as far as they were kept; capabilities are named `gone`, because a dead letter holds none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<LetterBody>,
}

/// What was in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LetterBody {
    /// What vats pass.
    Value(Value),
    /// Only its beginning was kept, or it is not what vats pass: the bytes as they are.
    Hex(String),
}

/// Why a message will not be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The process died three times while this was delivered alone.
    KilledTheProcess,
    /// It was an answer, and the inbox of whoever waited for it was full.
    MailboxFull,
    /// Its body was damaged in the store, where it waited.
    Damaged,
}

impl Why {
    /// The word on the wire and in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Why::KilledTheProcess => "killed-the-process",
            Why::MailboxFull => "mailbox-full",
            Why::Damaged => "damaged",
        }
    }
}

/// The body of `POST /v1/dead-letters/drop`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropBody {
    /// One dead letter, as `m12`; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// What was dropped: the answer of `POST /v1/dead-letters/drop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "dropped")]
#[schemars(transform = typed("dropped"))]
pub struct Dropped {
    /// Their numbers.
    pub ids: Vec<String>,
}
