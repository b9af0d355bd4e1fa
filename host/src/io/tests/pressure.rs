//! Who is slow costs only themselves. Asserted by counts, never by time.

use super::*;
use crate::io::{OUT_BUFFER_BYTES, WINDOW};

#[tokio::test]
async fn a_handler_that_never_answers_is_sent_a_window_of_lines() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    let mut neighbour = world.client().await;
    client.say("x\n".repeat(10 * WINDOW)).await;
    let mut unanswered = VecDeque::new();
    for _ in 0..WINDOW {
        unanswered.push_back(world.line().await);
    }
    for _ in 0..100 {
        world.round_trip(&mut neighbour).await;
    }
    assert_eq!(world.lines.len(), 0, "one more than the window was sent");
    for _ in 0..3 * WINDOW {
        unanswered.pop_front().expect("the window is full").answer();
        unanswered.push_back(world.line().await);
        world.round_trip(&mut neighbour).await;
        assert_eq!(world.lines.len(), 0, "each answer makes room for one line");
    }
}

#[tokio::test]
async fn a_client_whose_lines_are_not_answered_is_read_no_further() {
    let mut world = World::with_llm();
    let client = world.client().await;
    let mut neighbour = world.client().await;
    let mut taken = 0;
    let mut refusals = 0;
    while refusals < 100 && taken < 1 << 26 {
        match client.to.try_write(&b"0123456\n".repeat(1000)) {
            Ok(bytes) => {
                taken += bytes;
                refusals = 0;
            }
            Err(_) => refusals += 1,
        }
        world.round_trip(&mut neighbour).await;
    }
    assert!(taken < 1 << 26, "a client can make the host read without end");
    assert_eq!(world.lines.len(), WINDOW);
}

#[tokio::test]
async fn a_client_that_never_reads_holds_up_only_itself() {
    let mut world = World::with_llm();
    let mut deaf = world.client().await;
    let mut neighbour = world.client().await;
    let (_line, calls) = fill(&mut world, &mut deaf).await;
    for _ in 0..100 {
        world.round_trip(&mut neighbour).await;
    }
    let taken = calls.iter().filter(|call| world.answers.contains_key(call)).count();
    assert!(taken * 10_000 >= OUT_BUFFER_BYTES, "the buffer was not used: {taken} frames");
    assert!(taken < calls.len(), "all 2 MB were taken, though nobody reads");
    let mut in_order = world.answers.keys().copied().filter(|call| calls.contains(call)).collect::<Vec<_>>();
    in_order.sort();
    assert_eq!(in_order, calls[..taken], "writes are taken in their order");

    for call in &calls {
        assert_eq!(deaf.hear().await.len(), 10_000);
        assert_eq!(world.answer_of(*call).await, null());
    }
}

#[tokio::test]
async fn writes_that_wait_for_a_client_are_answered_when_it_leaves() {
    let mut world = World::with_llm();
    let mut deaf = world.client().await;
    let (line, calls) = fill(&mut world, &mut deaf).await;
    drop(deaf);
    let mut closed = 0;
    for call in calls {
        let reply = world.answer_of(call).await;
        if reply != null() {
            assert_eq!(name_of(&reply), "closed");
            closed += 1;
        }
    }
    assert!(closed > 0);
    line.answer();
    world.wait_for_gone(world.connected[0]).await;
}

#[tokio::test]
async fn writes_that_wait_are_answered_when_their_channel_is_closed() {
    let mut world = World::with_llm();
    let mut deaf = world.client().await;
    let (_line, calls) = fill(&mut world, &mut deaf).await;
    world.io.close_channel(LLM);
    let mut replies = Vec::new();
    for call in calls {
        replies.push(world.answer_of(call).await);
    }
    let taken = replies.iter().take_while(|reply| **reply == null()).count();
    assert!(taken < replies.len());
    assert!(replies[taken..].iter().all(|reply| name_of(reply) == "closed"));
    world.wait_for_gone(world.connected[0]).await;
}

#[tokio::test]
async fn a_slow_client_that_fell_silent_hears_all_that_was_taken() {
    let mut world = World::with_llm();
    let mut neighbour = world.client().await;
    let mut deaf = world.client().await;
    let (_line, calls) = fill(&mut world, &mut deaf).await;
    for _ in 0..100 {
        world.round_trip(&mut neighbour).await;
    }
    // So many fill the system's buffer and ours. A few less are all taken, and are not all in the system's.
    let frames = calls.iter().filter(|call| world.answers.contains_key(call)).count() - 3;

    let mut slow = world.client().await;
    slow.say("hello\n").await;
    slow.fall_silent().await;
    let line = world.line().await;
    for _ in 0..frames {
        assert_eq!(world.write(line.from, &frame()).await, null());
    }
    line.answer();
    for _ in 0..100 {
        world.round_trip(&mut neighbour).await;
    }
    for _ in 0..frames {
        assert_eq!(slow.hear().await.len(), 10_000);
    }
    assert_eq!(slow.hear().await, "");
}

/// A line of 10,000 bytes, with its end.
fn frame() -> String {
    "x".repeat(9_999)
}

/// Two megabytes for a client that does not read: its line, and the writes.
async fn fill(world: &mut World, deaf: &mut Client) -> (SentLine, Vec<MessageId>) {
    deaf.say("hello\n").await;
    let line = world.line().await;
    let calls = (0..200).map(|_| world.submit(line.from, "write", text(&frame()))).collect();
    (line, calls)
}
