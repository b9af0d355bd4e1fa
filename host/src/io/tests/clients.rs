//! What clients and vats say to each other, and how it ends.

use super::*;
use crate::io::CONNECTIONS_MAX;

#[tokio::test]
async fn a_line_reaches_the_handler_and_its_answer_the_client() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    client.say("hello\n").await;
    let line = world.line().await;
    assert_eq!((line.target, line.text.as_str()), (MATCHER, "hello"));
    assert_eq!(world.write(line.from, "welcome").await, null());
    assert_eq!(client.hear().await, "welcome\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_at_once_each_keep_their_order() {
    let mut world = World::with_llm();
    let mut clients = Vec::new();
    for number in 0..20 {
        let mut client = world.client().await;
        clients.push(tokio::spawn(async move {
            for line in 0..50 {
                client.say(format!("{number} {line}\n")).await;
            }
            for line in 0..50 {
                assert_eq!(client.hear().await, format!("re {number} {line}\n"));
            }
        }));
    }
    let mut next = BTreeMap::new();
    for _ in 0..1000 {
        let line = world.line().await;
        let (client, number) = line.text.split_once(' ').expect("two numbers");
        let expected = next.entry(client.to_owned()).or_insert(0);
        assert_eq!(number, expected.to_string());
        *expected += 1;
        world.submit(line.from, "write", text(&format!("re {}", line.text)));
        line.answer();
    }
    for client in clients {
        client.await.expect("every client heard its own answers in order");
    }
}

#[tokio::test]
async fn a_client_that_leaves_loses_none_of_its_lines() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    client.say("0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n").await;
    drop(client);
    let mut sent = Vec::new();
    for expected in 0..10 {
        let line = world.line().await;
        assert_eq!(line.text, expected.to_string());
        sent.push(line);
    }
    let connection = sent[0].from;
    assert_eq!(name_of(&world.write(connection, "still there?").await), "closed");
    assert!(world.gone.is_empty(), "it lasts until its lines are answered");
    sent.into_iter().for_each(SentLine::answer);
    world.wait_for_gone(connection).await;
    assert_eq!(world.write(connection, "hello?").await, failed(Code::ObjectGone));
    assert_eq!(world.status().connections, 0);
}

#[tokio::test]
async fn more_lines_than_the_window_survive_their_client() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    let all: String = (0..200).map(|number| format!("{number}\n")).collect();
    client.say(all).await;
    drop(client);
    for expected in 0..200 {
        let line = world.line().await;
        assert_eq!(line.text, expected.to_string());
        line.answer();
    }
    world.wait_for_gone(world.connected[0]).await;
}

#[tokio::test]
async fn a_client_that_falls_silent_still_hears_its_answers() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    client.say("find\n").await;
    client.fall_silent().await;
    let line = world.line().await;
    let connection = line.from;
    // As in a vat that writes and answers in one crank: the write is handed over first, and the answer ends the connection.
    let write = world.submit(connection, "write", text("found"));
    line.answer();
    assert_eq!(client.hear().await, "found\n");
    assert_eq!(client.hear().await, "");
    assert_eq!(world.answer_of(write).await, null());
    world.wait_for_gone(connection).await;
}

#[tokio::test]
async fn a_line_that_fails_does_not_end_its_connection() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    client.say("one\ntwo\nthree\n").await;
    world.line().await.reply.send(Resolution::Failed(Code::VatTrapped)).expect("it waits");
    world.line().await.reply.send(Resolution::Broken(body::error("oops", "no"))).expect("it waits");
    drop(world.line().await);
    world.round_trip(&mut client).await;
}

#[tokio::test]
async fn a_rest_without_newline_is_counted_and_not_delivered() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    client.say("whole\npay 10").await;
    drop(client);
    let line = world.line().await;
    assert_eq!(line.text, "whole");
    line.answer();
    world.wait_for_gone(world.connected[0]).await;
    assert!(world.lines.is_empty());
    assert_eq!(world.status().lines_torn, 1);
}

#[tokio::test]
async fn a_client_that_sends_no_lines_is_closed_and_others_are_untouched() {
    let mut world = World::with_llm();
    let mut neighbour = world.client().await;
    world.round_trip(&mut neighbour).await;
    for bad in [b"good\n\xff\xfe\nunread\n".to_vec(), [b"good\n".to_vec(), vec![b'x'; LINE_BYTES_MAX + 1]].concat()] {
        let mut client = world.client().await;
        client.say(bad).await;
        let line = world.line().await;
        assert_eq!(line.text, "good");
        assert_eq!(client.hear().await, "");
        world.wait_for_gone(line.from).await;
        world.round_trip(&mut neighbour).await;
    }
    assert_eq!(world.status().clients_expelled, 2);
    assert_eq!(world.status().connections, 1);
}

#[tokio::test]
async fn a_closed_connection_has_written_what_it_took() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    client.say("bye\n").await;
    let line = world.line().await;
    let long = "x".repeat(LINE_BYTES_MAX);
    let calls: Vec<_> = (0..20).map(|_| world.submit(line.from, "write", text(&long))).collect();
    let close = world.submit(line.from, "close", nothing());
    let late = world.submit(line.from, "write", text("late"));
    for _ in 0..20 {
        assert_eq!(client.hear().await.len(), LINE_BYTES_MAX + 1);
    }
    assert_eq!(client.hear().await, "");
    for call in calls {
        assert_eq!(world.answer_of(call).await, null());
    }
    assert_eq!(world.answer_of(close).await, null());
    assert_eq!(name_of(&world.answer_of(late).await), "closed");
    world.wait_for_gone(line.from).await;
}

#[tokio::test]
async fn whoever_waits_for_the_end_of_a_connection_is_told_once_it_is_over() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    client.say("hello\n").await;
    let line = world.line().await;
    let connection = line.from;
    let [first, second] = [(); 2].map(|()| world.submit(connection, "ended", nothing()));
    world.round_trip(&mut client).await;
    assert!(world.answers.is_empty(), "it is not over");
    drop(client);
    line.answer();
    for call in [first, second] {
        assert_eq!(world.answer_of(call).await, null());
    }
    world.wait_for_gone(connection).await;
    assert_eq!(world.call(connection, "ended", nothing()).await, failed(Code::ObjectGone));

    let mut client = world.client().await;
    client.say("bye\n").await;
    let connection = world.line().await.from;
    let end = world.submit(connection, "ended", nothing());
    world.call(connection, "close", nothing()).await;
    assert_eq!(world.answer_of(end).await, null(), "a vat closed it");
}

#[tokio::test]
async fn what_a_vat_gets_wrong_is_answered() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    client.say("hello\n").await;
    let from = world.line().await.from;
    assert_eq!(name_of(&world.write(from, "two\nlines").await), "bad-line");
    assert_eq!(name_of(&world.write(from, &"x".repeat(LINE_BYTES_MAX + 1)).await), "bad-line");
    assert_eq!(name_of(&world.call(from, "write", nothing()).await), "bad-arguments");
    assert_eq!(name_of(&world.call(from, "write", capability(MATCHER)).await), "bad-arguments");
    assert_eq!(name_of(&world.call(LLM, "serve", text("me")).await), "bad-arguments");
    assert_eq!(name_of(&world.call(LLM, "serve", Payload::plain(*b"\xff")).await), "bad-arguments");
    assert_eq!(world.call(from, "erase", nothing()).await, failed(Code::NoSuchMethod));
    assert_eq!(world.call(LLM, "write", text("to all")).await, failed(Code::NoSuchMethod));
    assert_eq!(world.call(ObjectId(99), "write", text("hello")).await, failed(Code::ObjectGone));
    world.write(from, "fine").await;
    assert_eq!(client.hear().await, "fine\n");
}

#[tokio::test]
async fn without_a_handler_clients_wait_and_nothing_is_lost() {
    let mut world = World::new();
    world.io.open(ChannelSpec { handler: None, ..world.spec("run/llm.sock") }).expect("nothing is in the way");
    let mut client = world.client().await;
    client.say("early\n").await;
    drop(client);
    while world.connected.is_empty() {
        world.step().await;
    }
    assert_eq!(world.call(LLM, "serve", capability(MATCHER)).await, null());
    assert!(world.order[0].starts_with("hold ko1 ko2"), "what is kept is queued before the answer: {:?}", world.order);
    assert_eq!(world.line().await.text, "early");
}

#[tokio::test]
async fn a_new_handler_takes_the_place_of_the_old_one() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    client.say("one\n").await;
    assert_eq!(world.line().await.target, MATCHER);
    let other = Kref::Object(ObjectId(50));
    assert_eq!(world.call(LLM, "serve", capability(other)).await, null());
    client.say("two\n").await;
    assert_eq!(world.line().await.target, other);
}

#[tokio::test]
async fn one_client_too_many_is_closed_and_counted() {
    let mut world = World::with_llm();
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut client = world.client().await;
        world.round_trip(&mut client).await;
        clients.push(client);
    }
    assert_eq!(world.client().await.hear().await, "");
    assert_eq!(world.status().clients_refused, 1);
    assert_eq!(world.status().connections, CONNECTIONS_MAX);
    drop(clients.pop());
    world.wait_for_gone(world.connected[CONNECTIONS_MAX - 1]).await;
    while world.status().connections == CONNECTIONS_MAX {
        tokio::task::yield_now().await;
    }
    let mut client = world.client().await;
    world.round_trip(&mut client).await;
}

#[tokio::test]
async fn an_inward_channel_refuses_to_write() {
    let mut world = World::new();
    world
        .io
        .open(ChannelSpec { direction: Direction::In, ..world.spec("run/llm.sock") })
        .expect("nothing is in the way");
    let mut client = world.client().await;
    client.say("hello\n").await;
    let line = world.line().await;
    assert_eq!(name_of(&world.write(line.from, "hello").await), "not-writable");
}

#[tokio::test]
async fn an_outward_channel_reads_nothing_and_notices_who_leaves() {
    let mut world = World::new();
    world
        .io
        .open(ChannelSpec { direction: Direction::Out, ..world.spec("run/llm.sock") })
        .expect("nothing is in the way");
    let mut client = world.client().await;
    client.say("ignored\n").await;
    while world.connected.is_empty() {
        world.step().await;
    }
    let connection = world.connected[0];
    // No line says when the connection has begun.
    while world.write(connection, "news").await == failed(Code::ObjectGone) {}
    assert_eq!(client.hear().await, "news\n");
    client.say("ignored\n").await;
    assert_eq!(world.write(connection, "more").await, null());
    assert_eq!(client.hear().await, "more\n");
    drop(client);
    world.wait_for_gone(connection).await;
    assert!(world.lines.is_empty());
}
