//! Services as grants: which of them a declaration may use, and what a launch makes of them.

use std::collections::BTreeSet;

use ocap_kernel::{Code, Kernel, Reply};

use crate::declaration::{Declaration, Standing, Use};
use crate::io::Io;
use crate::problem::{Problem, printable};
use crate::services::{Name, Service, Services};

/// Whether every service that a declaration uses is one that it may use.
///
/// # Errors
/// If one is not. The words are the same whether there is no such service or others may use it: nobody learns which.
pub(super) fn check(declaration: &Declaration, standing: Standing) -> Result<(), Problem> {
    for (vat, declared) in &declaration.vats {
        for used in &declared.uses {
            let Use::Service(name) = used else { continue };
            if Service::named(name, standing).is_none() {
                return Err(no_such_service(declaration, vat, used, name, standing));
            }
        }
    }
    Ok(())
}

fn no_such_service(declaration: &Declaration, vat: &str, used: &Use, name: &str, standing: Standing) -> Problem {
    let there_are: Vec<String> = Service::names(standing).iter().map(|name| format!("`service.{name}`")).collect();
    let message = format!("vat `{vat}` uses `service.{}`, which it can not have", printable(name));
    let problem = Problem::new("ocap::declaration::no_such_service", message)
        .of_vat(&declaration.name, vat)
        .with_help(format!("the services of this host for this subcluster: {}", there_are.join(", ")));
    match declaration.use_span(vat, used, "no such service") {
        Some(span) => problem.in_text(span),
        None => problem,
    }
}

/// The objects of the services that a declaration uses, by the names that grants use: one for all vats of the subcluster.
pub(super) fn objects(declaration: &Declaration) -> Vec<(String, String)> {
    let uses = declaration.vats.values().flat_map(|vat| &vat.uses);
    let services: BTreeSet<(String, String)> = uses
        .filter_map(|used| match used {
            Use::Service(name) => Some((used.to_string(), Name::of_service(&declaration.name, name))),
            Use::Io(_) | Use::Vat(_) => None,
        })
        .collect();
    services.into_iter().collect()
}

/// Serves again what the kernel kept of services and timers.
pub(super) fn restore_all(kernel: &Kernel, services: &Services) {
    for (object, name) in kernel.host_objects() {
        services.restore(object, name, kernel.kept_by(object));
    }
}

/// Calls that were handed to host objects in the last boot and never answered: what can be done twice is done again, the outcome of the
/// rest is unknown (kernel-rules 21).
pub(super) fn finish_calls_of_last_boot(kernel: &mut Kernel, services: &Services, io: &Io) {
    for call in kernel.unanswered_calls() {
        let Err(call) = services.take_again(call) else { continue };
        if call.method == "serve" && kernel.host_objects().any(|(object, _)| object == call.object) {
            io.call(call);
        } else {
            kernel.answer_call(call.id, Reply::Fail(Code::OutcomeUnknown));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn using(service: &str) -> Declaration {
        let vat = format!("component = \"v.wasm\"\nuses = [\"service.{service}\"]\n");
        let text = format!("name = \"a\"\nbootstrap = \"v\"\n[vats.v]\n{vat}[vats.w]\n{vat}");
        Declaration::parse(&text, "subcluster.toml").unwrap_or_else(|problem| panic!("{problem}"))
    }

    #[test]
    fn a_service_that_is_not_there_and_one_for_others_are_refused_in_the_same_words() {
        let refused = |service: &str| {
            let problem = check(&using(service), Standing::User).expect_err("not for everybody");
            let text = serde_json::to_string(&problem).expect("JSON");
            text.replace(service, "NAME")
        };
        // Of the same length, so that the place in the text is the same too.
        assert_eq!(refused("kernel"), refused("kernal"));
        let problem = check(&using("kernel"), Standing::User).expect_err("not for everybody");
        assert_eq!(problem.code, "ocap::declaration::no_such_service");
        let span = problem.span.expect("a place");
        assert_eq!(&span.text[span.offset..span.offset + span.length], "\"service.kernel\"");
        assert!(!problem.help.expect("a list").contains("kernel"));
        assert_eq!(check(&using("kernel"), Standing::System), Ok(()));
        assert_eq!(check(&using("timer"), Standing::User), Ok(()));
    }

    #[test]
    fn the_vats_of_a_subcluster_share_its_object_of_a_service() {
        let expected = ("service.timer".to_owned(), "service/a/timer".to_owned());
        assert_eq!(objects(&using("timer")), [expected]);
    }
}
