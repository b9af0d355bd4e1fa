//! What can't be taken back is shown and asked about where somebody can answer, and refused where nobody can.

use ocap_tests::Place;

const QUESTION: &str = "Do it? [y/N] ";

#[test]
fn a_person_at_a_terminal_is_shown_what_would_end_and_decides() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    for no in ["n\n", "\n", "yess\n"] {
        let shown = place.at_a_terminal(&["terminate", "counter"], &[], no);
        assert_eq!(shown.status, 1, "{}", shown.text);
        assert!(shown.text.contains("vat counter/counter (v1)") && shown.text.contains(QUESTION), "{}", shown.text);
        assert!(shown.text.contains("nothing was done"), "{}", shown.text);
        assert_eq!(place.call("counter", "get", &[]), 0);
    }
    let shown = place.at_a_terminal(&["terminate", "counter"], &[], "y\n");
    assert_eq!(shown.status, 0, "{}", shown.text);
    assert!(shown.text.contains("terminated: counter"), "{}", shown.text);
    place.ocap(&["call", "counter", "get"]).expect(1).problem("ocap::target::unknown");
}

#[test]
fn automation_is_never_asked_even_at_a_terminal() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    let shown = place.at_a_terminal(&["terminate", "counter"], &["CI=true"], "y\n");
    assert_eq!(shown.status, 2, "{}", shown.text);
    assert!(!shown.text.contains(QUESTION) && shown.text.contains("terminate counter --yes"), "{}", shown.text);
    assert_eq!(place.call("counter", "get", &[]), 0);
    assert_eq!(host.stop(&place), 0);
    let shown = place.at_a_terminal(&["reset"], &["CI=true"], "y\n");
    assert_eq!(shown.status, 2, "{}", shown.text);
    assert_eq!(place.at_a_terminal(&["reset"], &[], "y\n").status, 0);
    assert_eq!(place.run(&[]).ready()["vats"], 0);
}
