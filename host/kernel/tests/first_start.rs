//! A vat's first start: it happens, whatever comes between the launch and it.

mod world;

use ocap_kernel::*;
use world::{Disk, launch};

fn failed(outcome: Outcome) -> Report {
    Report { outcome, syscalls: Vec::new(), store: Vec::new(), taken: Vec::new(), dropped: Vec::new() }
}

fn launched() -> Kernel {
    let mut kernel = Kernel::empty();
    kernel.launch(launch("one", &["a"])).expect("a launch");
    kernel
}

#[test]
fn a_vat_that_was_launched_and_never_started_starts_after_the_next_boot() {
    let mut disk = Disk::default();
    disk.write(launched().take_commit());
    let mut kernel = Kernel::load(disk.state).expect("rows load");
    let crank = kernel.begin().expect("the start that the last boot owed");
    assert!(matches!(crank.delivery, Delivery::Start(Boot { incarnation: 1, .. })));
}

#[test]
fn a_vat_whose_first_start_failed_starts_when_it_is_healed() {
    let mut kernel = launched();
    let crank = kernel.begin().expect("the first start");
    let verdict = kernel.finish(crank.vat, crank.id, failed(Outcome::StartFailed("no".to_owned())));
    assert_eq!(verdict, Verdict::Quarantined("no".to_owned()));
    assert_eq!(kernel.begin(), None, "a quarantined vat is not served");
    kernel.heal(crank.vat).expect("a living vat");
    let again = kernel.begin().expect("another first start");
    assert!(matches!(again.delivery, Delivery::Start(Boot { incarnation: 1, .. })));
}

#[test]
fn a_vat_that_has_started_before_waits_for_a_message_after_the_next_boot() {
    let mut kernel = launched();
    let crank = kernel.begin().expect("the first start");
    kernel.finish(crank.vat, crank.id, failed(Outcome::Done));
    let mut disk = Disk::default();
    disk.write(kernel.take_commit());
    let mut kernel = Kernel::load(disk.state).expect("rows load");
    assert_eq!(kernel.begin(), None);
}
