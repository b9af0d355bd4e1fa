use std::time::Duration;

use ocap_guest_testing::{Declaration, TestHost, vat_test};

use super::Alarm;

#[vat_test]
fn a_reminder_comes_also_after_a_restart(host: TestHost) {
    let [alarm] = host.launch([Declaration::of::<Alarm>("alarm").uses(["service.timer"])]);
    host.call::<()>(&alarm, "remind", (60_000, "tea")).expect("a timer");
    host.advance(Duration::from_secs(59));
    host.restart("alarm");
    assert!(host.logs("alarm").is_empty());
    host.advance(Duration::from_secs(1));
    assert_eq!(host.logs("alarm")[0].to_string(), "info: time for: tea");
}
