//! The same scenario with the code in this process and with its component in the host's engine: the same answers, logs and stories.

use std::sync::mpsc::channel;
use std::time::Duration;

use ocap_engine_testing::Component;
use ocap_guest_sdk::prelude::*;
use ocap_guest_testing::{Declaration, LogLine, TestHost, run};

#[path = "../../../../sample-vats/alarm/src/lib.rs"]
mod alarm;
#[path = "../../../../sample-vats/courier/src/lib.rs"]
mod courier;
#[path = "../../../../sample-vats/echo/src/lib.rs"]
mod echo;

/// Where the code of a sample vat comes from.
type Source = fn(vat: &str) -> Declaration;

fn native(vat: &str) -> Declaration {
    match vat {
        "alarm" => Declaration::of::<alarm::Alarm>(vat),
        "courier" => Declaration::of::<courier::Courier>(vat),
        _ => Declaration::of::<echo::Echo>(vat),
    }
}

fn component(vat: &str) -> Declaration {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target/vats");
    Declaration::running(vat, Component::load(format!("{built}/{vat}.wasm")))
}

/// What came of a scenario: answers as text, logs, the story with every slot in it.
type Outcome = (Vec<String>, Vec<LogLine>, String);

/// Capabilities that are kept, passed back and dropped; errors; a restart; timers.
fn scenario(host: &TestHost, source: Source) -> Outcome {
    let [courier, echo, alarm] =
        host.launch([source("courier"), source("echo"), source("alarm").uses(["service.timer"])]);
    let mut answers = Vec::new();
    let mut call = |target: &Cap, method: &str, args: Vec<Value>| {
        let answer = host.call::<Value>(target, method, args.as_slice());
        answers.push(format!("{answer:?}"));
        answer
    };
    let text = |text: &str| Value::from(text);
    let _ = call(&courier, "keep", vec![text("echo"), Value::Cap(echo.clone())]);
    let _ = call(&courier, "ask", vec![text("echo"), text("echo")]);
    let _ = call(&courier, "ask", vec![text("nothing"), text("echo")]);
    let _ = call(&echo, "echo", vec![Value::List(vec![Value::Cap(alarm.clone()), Value::Cap(alarm.clone())])]);
    let Ok(Value::Cap(letter)) = call(&courier, "write", vec![text("dear")]) else { panic!("a letter") };
    let _ = call(&letter, "read", vec![]);
    let _ = call(&courier, "keep", vec![text("letter"), Value::Cap(letter)]);
    host.restart("courier");
    let _ = call(&courier, "ask", vec![text("letter"), text("read")]);
    let _ = call(&courier, "forget", vec![text("letter")]);
    let _ = call(&courier, "no such method", vec![]);
    let _ = call(&alarm, "remind", vec![Value::from(1_500_u64), text("tea")]);
    let _ = call(&alarm, "beat", vec![Value::from(500_u64)]);
    host.advance(Duration::from_secs(1));
    host.restart("alarm");
    host.advance(Duration::from_secs(1));
    let _ = call(&alarm, "ticks", vec![]);
    let _ = call(&alarm, "reminders", vec![]);
    let _ = call(&alarm, "forget", vec![]);
    host.assert_at_rest();
    let logs = ["courier", "echo", "alarm"].iter().flat_map(|vat| host.logs(vat)).collect();
    (answers, logs, host.story())
}

fn outcome_with(source: Source) -> Outcome {
    let (sender, outcome) = channel();
    run(1, move |host| sender.send(scenario(&host, source)).expect("somebody waits"));
    outcome.recv().expect("the scenario ended well")
}

#[test]
fn a_vat_does_the_same_in_this_process_and_as_a_component_in_the_engine() {
    let (here, there) = (outcome_with(native), outcome_with(component));
    assert_eq!(here.0, there.0);
    assert_eq!(here.1, there.1);
    assert_eq!(here.2, there.2);
    assert!(here.2.contains("time for: tea") && here.0.len() > 10, "{}", here.2);
}
