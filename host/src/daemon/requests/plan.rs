//! What a launch would do: everything it would check is checked, and nothing is done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::VatComponent;

use crate::schema::typed;

/// What a launch would do: the answer of `POST /v1/launch/plan`, whose body is that of `POST /v1/launch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "plan")]
#[schemars(transform = typed("plan"))]
pub struct LaunchPlan {
    /// The subcluster's name.
    pub name: String,
    /// The name of the vat that would answer for it.
    pub bootstrap: String,
    /// What would become of it as things stand.
    pub outcome: Outcome,
    /// Its vats.
    pub vats: Vec<PlannedVat>,
    /// Its channels.
    pub channels: Vec<PlannedChannel>,
}

/// What would become of a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It would be launched.
    New,
    /// It runs already, and would go on as it is.
    Known,
    /// The one that runs would end with everything its vats keep, and this one be launched.
    Replace,
    /// The one that runs would go on, and these of its vats would get other code.
    Upgrade(Vec<String>),
}

/// One vat of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedVat {
    /// Its name in the subcluster.
    pub name: String,
    /// Its code.
    pub component: VatComponent,
    /// When it would be started: `lazy` or `eager`.
    pub start: String,
    /// Everything that it would reach.
    pub grants: Vec<PlannedGrant>,
}

/// Something that a vat would reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedGrant {
    /// As declared: `io.llm`, `vat.index`, `service.timer`.
    pub name: String,
    /// What that is.
    #[serde(flatten)]
    pub what: Granted,
}

/// What a grant leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Granted {
    /// A channel of the subcluster.
    Channel {
        /// Which way data may go, seen from the vat: `in`, `out` or `inout`.
        direction: String,
        /// Its absolute path.
        path_resolved: String,
    },
    /// The root object of another vat.
    Vat {
        /// As `subcluster/vat`.
        vat: String,
    },
    /// A service of the host.
    Service {
        /// Its name.
        service: String,
    },
}

/// One channel of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedChannel {
    /// Its name in the subcluster.
    pub name: String,
    /// Its kind: `unix-listen`.
    pub kind: String,
    /// Which way data may go, seen from the vat: `in`, `out` or `inout`.
    pub direction: String,
    /// The path as declared.
    pub path_written: String,
    /// The absolute path.
    pub path_resolved: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_grant_leads_to_stands_beside_its_name() {
        let shape = |what| serde_json::to_value(PlannedGrant { name: "x".into(), what }).expect("json");
        let vat = Granted::Vat { vat: "matcher/index".into() };
        assert_eq!(shape(vat), json!({"name": "x", "kind": "vat", "vat": "matcher/index"}));
        let channel = Granted::Channel { direction: "in".into(), path_resolved: "/h/a".into() };
        assert_eq!(shape(channel), json!({"name": "x", "kind": "channel", "direction": "in", "path_resolved": "/h/a"}));
    }

    #[test]
    fn an_outcome_is_a_word_or_names_the_vats_that_would_change() {
        let shape = |outcome: Outcome| serde_json::to_value(outcome).expect("json");
        assert_eq!(shape(Outcome::New), json!("new"));
        assert_eq!(shape(Outcome::Upgrade(vec!["index".into()])), json!({"upgrade": ["index"]}));
    }
}
