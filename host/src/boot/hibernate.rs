//! A vat leaves memory by the hand of its operator, and what is said when it can't.

use std::sync::Arc;

use ocap_kernel::Unrest;

use crate::daemon::requests::{Before, Force, HibernateBody, Hibernated};
use crate::problem::Problem;
use crate::run_loop::Departed;

use super::calls;
use super::house::House;

/// Lets a vat leave memory.
///
/// # Errors
/// If there is no such vat, or it is not at rest and was not to be forced: with everything that it waits for.
pub(super) async fn hibernate(house: &Arc<House>, body: HibernateBody) -> Result<Hibernated, Problem> {
    let HibernateBody { vat: label, force } = body;
    house
        .act(move |run_loop, _| {
            let (vat, _) = calls::find_vat(run_loop.kernel(), &label)?;
            let left = match force {
                Force::OnlyAtRest => run_loop.hibernate(vat),
                Force::Always => Ok(run_loop.hibernate_by_force(vat)),
            };
            match left {
                Ok(Departed::Now) => Ok(Hibernated { vat: label, was: Before::Awake }),
                Ok(Departed::Earlier) => Ok(Hibernated { vat: label, was: Before::Idle }),
                Err(unrest) => Err(not_at_rest(&label, &unrest)),
            }
        })
        .await?
}

fn not_at_rest(label: &str, unrest: &[Unrest]) -> Problem {
    let message = format!("vat `{label}` is not at rest: its heap has what would be lost");
    let mut problem = Problem::new("ocap::vat::not_at_rest", message).with_help(format!(
        "let it finish; or end its incarnation, which breaks the promises that it was going to settle: \
         `ocap-host hibernate {label} --force`"
    ));
    if let Some((subcluster, vat)) = label.split_once('/') {
        problem = problem.of_vat(subcluster, vat);
    }
    problem.causes = unrest.iter().map(|reason| in_words(*reason)).collect();
    problem
}

/// What keeps a vat in memory, in words.
pub(super) fn in_words(unrest: Unrest) -> String {
    let many = |count: usize, one: &str, more: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    };
    match unrest {
        Unrest::InCrank => "a delivery is under way".to_owned(),
        Unrest::Queued(count) => format!("in its inbox: {}", many(count, "message or notice", "messages and notices")),
        Unrest::Pinned => "it has pinned itself in memory".to_owned(),
        Unrest::Watches(count) => format!("it waits for the end of {}", many(count, "promise", "promises")),
        Unrest::Handles(count) => {
            format!("it holds {} that its store does not have", many(count, "reference", "references"))
        }
        Unrest::Objects(count) => {
            format!("others hold {} of this incarnation only", many(count, "object", "objects"))
        }
    }
}
