//! The services between a run loop and a clock that are both played by the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ocap_kernel::{Answer, Code, HostCall, Kref, MessageId, ObjectId, Payload, Reply, Resolution};
use ocap_passable::{Value, decode, encode};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::{Act, Errand, FromServices, Name, Now, Services, TIMERS_MAX};

const TIMER: ObjectId = ObjectId(1);
const KERNEL: ObjectId = ObjectId(2);
const MADE: ObjectId = ObjectId(3);
const LAMP: Kref = Kref::Object(ObjectId(7));

/// Keeps a broken test from hanging; nothing is concluded from it.
const PATIENCE: Duration = Duration::from_secs(60);

struct World {
    services: Services,
    now_ms: Arc<AtomicU64>,
    events: UnboundedReceiver<FromServices>,
    errands: UnboundedReceiver<Errand>,
    calls: u64,
}

impl World {
    fn new() -> World {
        let (to_loop, events) = unbounded_channel();
        let (to_desk, errands) = unbounded_channel();
        let now_ms = Arc::new(AtomicU64::new(1_000));
        let clock = now_ms.clone();
        let clock = Arc::new(move || {
            let now_ms = clock.load(Ordering::SeqCst);
            Now { wall_ms: now_ms, monotonic_ms: now_ms }
        });
        let services = Services::start(tokio::runtime::Handle::current(), clock, to_loop, to_desk);
        services.restore(TIMER, "service/alarm/timer", None);
        services.restore(KERNEL, "service/steward/kernel", None);
        World { services, now_ms, events, errands, calls: 0 }
    }

    fn call_of(&mut self, object: ObjectId, method: &str, values: &[Value]) -> HostCall {
        self.calls += 1;
        let args = Payload { body: encode(&Value::List(values.to_vec())).into(), caps: vec![LAMP] };
        HostCall { id: MessageId(self.calls), object, method: method.to_owned(), args }
    }

    fn call(&mut self, object: ObjectId, method: &str, values: &[Value]) {
        let call = self.call_of(object, method, values);
        self.services.take(call).expect("an object of this room");
    }

    async fn next(&mut self) -> FromServices {
        timeout(PATIENCE, self.events.recv()).await.expect("something happens").expect("services live")
    }

    async fn answer(&mut self) -> Reply {
        match self.next().await {
            FromServices::Answer { call, answer } => {
                assert_eq!(call, MessageId(self.calls));
                answer
            }
            other => panic!("{other:?}"),
        }
    }
}

fn name_of(reply: &Reply) -> String {
    let Reply::Settle(Answer::Break(payload)) = reply else { panic!("{reply:?}") };
    match decode(&payload.body) {
        Ok(Value::Error(failure)) => failure.name,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_that_is_put_off_comes_when_its_time_has_come() {
    let mut world = World::new();
    world.call(TIMER, "after", &[Value::Integer(500)]);
    let FromServices::Defer { call, name } = world.next().await else { panic!("not put off") };
    assert_eq!((call, name.to_string().as_str()), (MessageId(1), "timer/alarm/after/1500"));
    world.services.made(name, Some(MADE), None);
    world.now_ms.store(1_600, Ordering::SeqCst);
    // That time passes shows when the clock's task looks, which another timer makes it do.
    world.services.restore(ObjectId(8), "timer/alarm/at/100000", None);
    let FromServices::Conclude { object, answer } = world.next().await else { panic!("not over") };
    assert_eq!((object, answer), (MADE, Answer::Fulfill(Payload::plain(encode(&Value::Integer(1_600))))));
}

#[tokio::test]
async fn what_was_due_while_the_host_was_down_comes_at_once() {
    let mut world = World::new();
    world.services.restore(MADE, "timer/alarm/at/999", None);
    assert!(matches!(world.next().await, FromServices::Conclude { object: MADE, .. }));
}

#[tokio::test]
async fn a_tick_says_the_time_and_a_timer_whose_target_is_gone_ends() {
    let mut world = World::new();
    world.call(TIMER, "every", &[Value::Integer(200), Value::Cap(0)]);
    let FromServices::Lend { name, keeps, .. } = world.next().await else { panic!("nothing is given") };
    assert_eq!((name.to_string().as_str(), keeps), ("timer/alarm/every/200/1000", LAMP));
    world.services.made(name, Some(MADE), Some(keeps));
    world.now_ms.store(1_200, Ordering::SeqCst);
    let FromServices::Send { target, method, args, reply } = world.next().await else { panic!("no tick") };
    assert_eq!((target, method.as_str()), (LAMP, "tick"));
    assert_eq!(decode(&args.body), Ok(Value::List(vec![Value::Integer(1_200)])));
    world.now_ms.store(1_400, Ordering::SeqCst);
    reply.send(Resolution::Broken(Payload::plain(*b"\xf6"))).expect("it is waited for");
    let FromServices::Send { reply, .. } = world.next().await else { panic!("an error of the target is an answer") };
    reply.send(Resolution::Failed(Code::VatTerminated)).expect("it is waited for");
    assert!(matches!(world.next().await, FromServices::End { object: MADE }));
    let call = world.call_of(MADE, "cancel", &[]);
    world.services.take(call).expect_err("it is over");
}

#[tokio::test]
async fn what_ticks_once_says_the_time_and_is_over_and_what_nobody_holds_any_more_says_nothing() {
    let mut world = World::new();
    for (made, rings) in [(MADE, true), (ObjectId(4), false)] {
        world.call(TIMER, "once", &[Value::Integer(200), Value::Cap(0)]);
        let FromServices::Lend { name, keeps, .. } = world.next().await else { panic!("nothing is given") };
        assert_eq!((name.to_string().as_str(), keeps), ("timer/alarm/once/1200", LAMP));
        world.services.made(name, Some(made), Some(keeps));
        if !rings {
            world.services.forget(made);
        }
    }
    world.now_ms.store(1_300, Ordering::SeqCst);
    let FromServices::Ring { object, target, args } = world.next().await else { panic!("it does not ring") };
    assert_eq!((object, target), (MADE, LAMP));
    assert_eq!(decode(&args.body), Ok(Value::List(vec![Value::Integer(1_300)])));
    world.call(TIMER, "never", &[]);
    assert_eq!(world.answer().await, Reply::Fail(Code::NoSuchMethod), "nothing else came before this");
}

#[tokio::test]
async fn a_cancelled_timer_is_over() {
    let mut world = World::new();
    world.services.restore(MADE, "timer/alarm/every/100/0", Some(LAMP));
    world.call(MADE, "pause", &[]);
    assert_eq!(world.answer().await, Reply::Fail(Code::NoSuchMethod));
    world.call(MADE, "cancel", &[]);
    assert!(matches!(world.answer().await, Reply::Settle(Answer::Fulfill(_))));
    assert!(matches!(world.next().await, FromServices::End { object: MADE }));
    let call = world.call_of(MADE, "cancel", &[]);
    world.services.take(call).expect_err("it is over");
}

#[tokio::test]
async fn bad_calls_are_answered_and_cost_no_place() {
    let mut world = World::new();
    world.call(TIMER, "after", &["soon".into()]);
    assert_eq!(name_of(&world.answer().await), "bad-arguments");
    world.call(TIMER, "never", &[]);
    assert_eq!(world.answer().await, Reply::Fail(Code::NoSuchMethod));
    for _ in 0..TIMERS_MAX {
        world.call(TIMER, "at", &[Value::Integer(1 << 40)]);
        assert!(matches!(world.next().await, FromServices::Defer { .. }));
    }
    world.call(TIMER, "at", &[Value::Integer(1 << 40)]);
    assert_eq!(name_of(&world.answer().await), "too-many-timers");
    let Some(Name::Timer(name)) = Name::parse("timer/alarm/at/1") else { panic!("a timer") };
    world.services.made(name, None, None);
    world.call(TIMER, "at", &[Value::Integer(1 << 40)]);
    assert!(matches!(world.next().await, FromServices::Defer { .. }), "what was not made leaves its place");
}

#[tokio::test]
async fn errands_go_to_the_desk_and_those_that_may_have_been_done_are_not_done_again() {
    let mut world = World::new();
    world.call(KERNEL, "launch", &["counter".into()]);
    let errand = world.errands.recv().await.expect("an errand");
    assert_eq!(errand, Errand { call: MessageId(1), act: Act::Launch("counter".to_owned()) });
    world.call(KERNEL, "launch", &[]);
    assert_eq!(name_of(&world.answer().await), "bad-arguments");

    let again = world.call_of(KERNEL, "terminate", &["counter".into()]);
    world.services.take_again(again).expect("an object of this room");
    assert_eq!(world.answer().await, Reply::Fail(Code::OutcomeUnknown));
    let again = world.call_of(KERNEL, "list", &[]);
    world.services.take_again(again).expect("an object of this room");
    assert_eq!(world.errands.recv().await.expect("an errand").act, Act::List);
    let again = world.call_of(TIMER, "after", &[Value::Integer(5)]);
    world.services.take_again(again).expect("an object of this room");
    assert!(matches!(world.next().await, FromServices::Defer { .. }));
}

#[tokio::test]
async fn calls_of_other_rooms_and_of_what_has_ended_are_handed_back() {
    let mut world = World::new();
    world.services.restore(ObjectId(9), "channel/alarm/llm", None);
    for object in [ObjectId(9), TIMER] {
        world.services.forget(TIMER);
        let call = world.call_of(object, "after", &[Value::Integer(5)]);
        assert_eq!(world.services.take(call.clone()), Err(call));
    }
}
