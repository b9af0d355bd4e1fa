//! Vats on the real kernel, in this process, and what a test has in hand.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ocap_guest_sdk::prelude::*;
use ocap_guest_testing::{Declaration, Level, NotStarted, TestHost, vat_test};

/// Counts, can fail in every way, and keeps what it is given.
#[derive(Durable, Default)]
struct Counter {
    count: u64,
    kept: Option<Cap>,
}

thread_local! {
    /// What an incarnation has and the next one has not.
    static HEAP: RefCell<u64> = const { RefCell::new(0) };
}

#[object]
impl Counter {
    fn increment(&mut self, by: u64) -> u64 {
        self.count += by;
        HEAP.with_borrow_mut(|heap| *heap += by);
        info!(count = self.count, "counted");
        self.count
    }

    fn heap(&self) -> u64 {
        HEAP.with_borrow(|heap| *heap)
    }

    fn panic_after(&mut self, by: u64) {
        self.count += by;
        store::put("trace", &self.count).expect("passable");
        panic!("on purpose");
    }

    fn trace(&self) -> Option<u64> {
        store::get("trace").expect("a number")
    }

    fn send_too_much(this: This<Self>) {
        (0..2_000).for_each(|_| this.cap().send("heap", ()));
    }

    fn keep(&mut self, cap: Cap) {
        self.kept = Some(cap);
    }

    fn forget(&mut self) {
        self.kept = None;
    }

    async fn ask(this: This<Self>, method: String) -> Result<Value> {
        let kept = this.read(|counter| counter.kept.clone());
        kept.ok_or_else(|| Error::new("nothing-kept", "it keeps nothing"))?.call(&method, ()).await
    }

    /// An object of this incarnation.
    fn session(&self) -> Cap {
        This::ephemeral(Session).cap()
    }
}

struct Session;

#[object]
impl Session {
    fn ping(&self) -> String {
        "pong".to_owned()
    }
}

vat!(Counter);

/// Other code for what a `Counter` keeps.
mod next {
    use super::*;

    #[derive(Durable, Default)]
    pub(super) struct Counter {
        count: u64,
    }

    #[object]
    impl Counter {
        #[started]
        fn take_over(&self) -> Result<()> {
            if self.count > 10 { Err(Error::new("too-large", "more than ten")) } else { Ok(()) }
        }

        fn decrement(&mut self, by: u64) -> u64 {
            self.count -= by;
            self.count
        }
    }

    vat!(Counter);
}

/// Asks the vat that it was granted.
#[derive(Durable, Default)]
struct Asker {}

#[object]
impl Asker {
    async fn ask(_this: This<Self>, by: u64) -> Result<u64> {
        context().grant("vat.counter")?.call("increment", (by,)).await
    }

    fn greeting(&self) -> Result<String> {
        Ok(context().parameters::<std::collections::BTreeMap<String, String>>()?.remove("greeting").unwrap_or_default())
    }
}

vat!(Asker);

/// Serves a channel and waits for the timer.
#[derive(Durable, Default)]
struct Clerk {
    ticks: u64,
    beat: Option<Cap>,
}

#[object]
impl Clerk {
    #[started]
    fn serve(this: This<Self>, context: &Context) -> Result<()> {
        let served = context.channel("io.desk")?.serve(&this.cap());
        spawn(async { served.await.expect("it is a channel") });
        Ok(())
    }

    async fn line(_this: This<Self>, text: String, connection: Connection) -> Result<()> {
        if text == "bye" {
            return connection.close().await;
        }
        context().grant("service.timer")?.call::<u64>("after", (1_000,)).await?;
        connection.write(&format!("a second later: {text}")).await
    }

    async fn beat(this: This<Self>, milliseconds: u64) -> Result<()> {
        let beat: Cap = context().grant("service.timer")?.call("every", (milliseconds, &this.cap())).await?;
        this.with(|clerk| clerk.beat = Some(beat));
        Ok(())
    }

    fn tick(&mut self, _time: u64) {
        self.ticks += 1;
    }

    fn ticks(&self) -> u64 {
        self.ticks
    }

    fn stop(&mut self) {
        self.beat = None;
    }
}

vat!(Clerk);

#[vat_test]
fn what_is_durable_outlives_an_incarnation_and_the_heap_does_not(host: TestHost) {
    let counter = host.vat::<Counter>("counter");
    assert_eq!(host.call(&counter, "increment", (5,)), Ok(5));
    assert_eq!(host.call(&counter, "heap", ()), Ok(5));
    host.restart("counter");
    assert_eq!(host.incarnation("counter"), 2);
    assert_eq!(host.call(&counter, "heap", ()), Ok(0));
    assert_eq!(host.call(&counter, "increment", (2,)), Ok(7));
    host.assert_at_rest();
}

#[vat_test]
fn a_panic_undoes_its_delivery_and_the_vat_goes_on(host: TestHost) {
    let counter = host.vat::<Counter>("counter");
    assert_eq!(host.call(&counter, "increment", (5,)), Ok(5));
    assert_eq!(host.call::<()>(&counter, "panic_after", (1,)), Err(Error::Failed("vat-trapped".to_owned())));
    assert_eq!(host.call(&counter, "trace", ()), Ok(None::<u64>));
    assert_eq!(host.call(&counter, "increment", (0,)), Ok(5));
    let logs = host.logs("counter");
    assert_eq!(logs[1].message, "on purpose");
    assert_eq!((logs[1].level, logs[1].fields[0].0.as_str()), (Level::Error, "at"));
    assert!(host.story().contains("TRAPPED"), "{}", host.story());
}

#[vat_test]
fn a_rule_of_the_abi_is_kept_as_by_the_host(host: TestHost) {
    let counter = host.vat::<Counter>("counter");
    let answer = host.call::<()>(&counter, "send_too_much", ());
    assert_eq!(answer, Err(Error::Failed("vat-trapped".to_owned())));
    assert!(host.story().contains("the vat broke a rule: more than 1024 messages sent in one crank"));
}

#[vat_test]
fn a_vat_calls_what_it_was_granted(host: TestHost) {
    let greeting = std::collections::BTreeMap::from([("greeting", "hello")]);
    let [asker, counter] = host.launch([
        Declaration::of::<Asker>("asker").uses(["vat.counter"]).parameters(&greeting),
        Declaration::of::<Counter>("counter"),
    ]);
    assert_eq!(host.call(&asker, "ask", (3,)), Ok(3));
    assert_eq!(host.call(&counter, "increment", (1,)), Ok(4));
    assert_eq!(host.call(&asker, "greeting", ()), Ok("hello".to_owned()));
    host.revoke("asker", "vat.counter");
    assert_eq!(
        host.call::<u64>(&asker, "ask", (3,)).map_err(|error| error.name().to_owned()),
        Err("object-revoked".to_owned())
    );
}

#[vat_test]
fn a_scripted_peer_hears_calls_and_may_answer_late(host: TestHost) {
    let (late, resolver) = promise::<u64>();
    let heard = Rc::new(RefCell::new(Vec::new()));
    let calls = heard.clone();
    let peer = host.peer(move |method, args| {
        calls.borrow_mut().push((method.to_owned(), args));
        Ok(late.clone())
    });
    let [asker] = host.launch([Declaration::of::<Asker>("asker").grant("vat.counter", &peer)]);
    let answer = asker.call::<u64>("ask", (3,));
    host.run();
    assert_eq!(*heard.borrow(), [("increment".to_owned(), vec![Value::from(3_u64)])]);
    resolver.fulfill(&9);
    assert_eq!(host.wait(answer), Ok(9));
}

#[vat_test]
async fn a_test_may_await(host: TestHost) -> Result<()> {
    let counter = host.vat::<Counter>("counter");
    let (one, two) = join(counter.call::<u64>("increment", (1,)), counter.call::<u64>("increment", (2,))).await;
    assert_eq!((one?, two?), (1, 3));
    let session: Cap = counter.call("session", ()).await?;
    assert_eq!(session.call::<String>("ping", ()).await?, "pong");
    host.restart("counter");
    let gone = session.call::<String>("ping", ()).await;
    assert_eq!(gone, Err(Error::Failed("incarnation-lost".to_owned())));
    Ok(())
}

#[vat_test]
fn new_code_takes_over_or_the_old_one_goes_on(host: TestHost) {
    let counter = host.vat::<Counter>("counter");
    assert_eq!(host.call(&counter, "increment", (5,)), Ok(5));
    assert_eq!(host.upgrade::<next::Counter>("counter"), Ok(()));
    assert_eq!(host.call(&counter, "decrement", (1,)), Ok(4));
    let other = host.vat::<Counter>("other");
    assert_eq!(host.call(&other, "increment", (50,)), Ok(50));
    assert_eq!(host.upgrade::<next::Counter>("other"), Err(NotStarted));
    assert_eq!(host.call(&other, "increment", (1,)), Ok(51));
}

#[vat_test]
fn lines_go_in_and_out_and_time_is_in_hand(host: TestHost) {
    let [clerk] = host.launch([Declaration::of::<Clerk>("clerk").uses(["io.desk", "service.timer"])]);
    let client = host.connect("io.desk");
    client.say("hello");
    assert_eq!(client.heard(), Vec::<String>::new());
    host.advance(Duration::from_millis(999));
    assert_eq!(client.heard(), Vec::<String>::new());
    host.advance(Duration::from_millis(1));
    assert_eq!(client.heard(), ["a second later: hello"]);
    client.say("bye");
    assert!(client.is_closed());
    host.call::<()>(&clerk, "beat", (250,)).expect("a timer");
    host.advance(Duration::from_secs(1));
    assert_eq!(host.call(&clerk, "ticks", ()), Ok(4));
    host.call::<()>(&clerk, "stop", ()).expect("it lets go of the timer");
    host.advance(Duration::from_secs(1));
    assert_eq!(host.call(&clerk, "ticks", ()), Ok(4));
    host.assert_at_rest();
}

#[vat_test]
#[should_panic(expected = "`counter` waits for 1 promises")]
fn what_is_not_at_rest_is_named(host: TestHost) {
    let counter = host.vat::<Counter>("counter");
    let (never, _resolver) = promise::<u64>();
    let peer = host.peer(move |_, _| Ok(never.clone()));
    host.call::<()>(&counter, "keep", (&peer,)).expect("it keeps anything");
    let _unanswered = counter.call::<u64>("ask", ("anything",));
    host.assert_at_rest();
}

#[vat_test]
#[should_panic(expected = "nothing is left to be delivered")]
fn a_test_that_waits_for_ever_is_told(host: TestHost) {
    let (never, _resolver) = promise::<u64>();
    drop(host.wait(never));
}

#[vat_test]
fn a_step_is_one_delivery(host: TestHost) {
    let counter = host.vat::<Counter>("counter");
    let answers = [1, 2].map(|by| counter.call::<u64>("increment", (by,)));
    assert!(host.step());
    assert_eq!(host.logs("counter").len(), 1);
    assert!(host.step());
    assert_eq!(host.logs("counter").len(), 2);
    assert!(!host.step());
    assert_eq!(host.wait(join_all(answers)), [Ok(1), Ok(3)]);
}

/// Sends from two vats to a third: which comes first is the host's choice.
fn first_of_two(host: &TestHost) -> u64 {
    let counters = ["a", "b", "c"].map(|name| host.vat::<Counter>(name));
    for (by, counter) in [(1_u64, &counters[0]), (2, &counters[1])] {
        let shared = counters[2].clone();
        let forward = host.peer(move |_, _| Ok(shared.call::<u64>("increment", (by,))));
        host.call::<()>(counter, "keep", (&forward,)).expect("it keeps anything");
    }
    let answers = [&counters[0], &counters[1]].map(|counter| counter.call::<u64>("ask", ("go",)));
    let answers: Vec<_> = host.wait(join_all(answers)).into_iter().map(|answer| answer.expect("a number")).collect();
    answers[0]
}

#[test]
fn seeds_try_orders_and_a_seed_is_one_order() {
    use std::sync::Mutex;
    static SEEN: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    let once = || {
        ocap_guest_testing::run(24, |host| {
            let first = first_of_two(&host);
            SEEN.lock().expect("no panic").push(first);
        });
        std::mem::take(&mut *SEEN.lock().expect("no panic"))
    };
    let (one, two) = (once(), once());
    assert_eq!(one, two);
    assert!(one.contains(&1) && one.contains(&3), "{one:?}");
}
