//! Which services there are, and who may use them.

use crate::declaration::Standing;

/// A service of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Answers when the time has come: `after`, `at`, `every`.
    Timer,
    /// What an operator can do, for programs: `status`, `list`, `launch`, `terminate`, `call`, `root`, `ping`.
    Kernel,
}

/// For whom a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// For every subcluster.
    Everybody,
    /// For the operator's own. Others can't learn that it exists.
    System,
}

struct Row {
    name: &'static str,
    service: Service,
    audience: Audience,
}

const TABLE: &[Row] = &[
    Row { name: "kernel", service: Service::Kernel, audience: Audience::System },
    Row { name: "timer", service: Service::Timer, audience: Audience::Everybody },
];

impl Service {
    /// The service of that name, if there is one and a subcluster of this standing may use it.
    pub fn named(name: &str, standing: Standing) -> Option<Service> {
        rows(standing).find(|row| row.name == name).map(|row| row.service)
    }

    /// The names of all that a subcluster of this standing may use.
    pub fn names(standing: Standing) -> Vec<&'static str> {
        rows(standing).map(|row| row.name).collect()
    }
}

fn rows(standing: Standing) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| match row.audience {
        Audience::Everybody => true,
        Audience::System => standing == Standing::System,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_for_the_system_does_not_exist_for_others() {
        assert_eq!(Service::named("kernel", Standing::System), Some(Service::Kernel));
        assert_eq!(Service::named("kernel", Standing::User), None);
        assert_eq!(Service::named("kernle", Standing::System), None);
        assert_eq!(Service::named("timer", Standing::User), Some(Service::Timer));
        assert_eq!(Service::names(Standing::User), ["timer"]);
        assert_eq!(Service::names(Standing::System), ["kernel", "timer"]);
    }
}
