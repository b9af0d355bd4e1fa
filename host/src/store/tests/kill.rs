//! A host that is killed at any moment: what it had acknowledged is there, and nothing is half there.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use ocap_kernel::{
    Change, Commit, Counters, Item, Kref, Message, MessageId, ObjectId, Payload, Progress, PromiseId, Queue, Queued,
    Sender, Slot, VatId,
};

use super::forget::{entries, left_in_file, until_nothing_is_forgotten};
use super::model::Model;
use super::random::Random;
use super::{Home, abandon, vat_store};

/// Where the child finds its store.
const STORE: &str = "OCAP_STORE_OF_THE_KILL_TEST";

/// Before each number that the child acknowledges.
const ACKNOWLEDGED: &str = "acknowledged ";

/// The commit that takes the counter to `number`: rows in many tables, some written again, some removed.
fn numbered(number: u64) -> Commit {
    let vat = VatId(number % 5);
    let slots = (0..number % 3).map(Slot).collect();
    let message = Message {
        target: Kref::Object(ObjectId(number)),
        method: "count".to_owned(),
        args: Payload { body: number.to_le_bytes().repeat(20).into(), caps: vec![Kref::Promise(PromiseId(number))] },
        answer: Some(PromiseId(number)),
        sender: Sender::Vat(vat),
        settler: None,
        through: (0..number % 2).map(ObjectId).collect(),
    };
    let queued = Queued { queue: Queue::Inbox(vat), item: Item::Message(message) };
    let mut queue = vec![Change { key: MessageId(number), value: Some(queued) }];
    if number > 3 {
        queue.insert(0, Change { key: MessageId(number - 3), value: None });
    }
    // From time to time a vat comes that keeps much, and is forgotten while the next ones are written.
    let mut forgotten = Vec::new();
    let mut store = match number % 10 {
        0 => entries(VatId(100 + number), 1_200, 8).store,
        _ => Vec::new(),
    };
    if number % 10 == 5 {
        forgotten.push(VatId(100 + number - 5));
    }
    let entry = Payload { body: number.to_le_bytes().repeat(1 + number as usize % 700).into(), caps: slots };
    store.insert(0, Change { key: (vat, vec![number as u8 % 16]), value: Some(entry) });
    Commit {
        counters: Some(Counters { message: number, ..Counters::default() }),
        progress: vec![Change { key: vat, value: Some(Progress { incarnation: 1, next_slot: Slot(number) }) }],
        queue,
        forgotten,
        store,
        ..Commit::default()
    }
}

#[test]
#[ignore = "the child of `a_killed_host_loses_nothing_that_it_acknowledged`, which kills it"]
fn a_child_acknowledges_numbered_commits_until_it_is_killed() {
    let path = std::env::var_os(STORE).expect("started by the kill test");
    let (store, state) = super::Store::open(path.as_ref()).expect("the store opens");
    let first = if state.progress.is_empty() { 1 } else { state.counters.message + 1 };
    for number in first.. {
        let (sender, written) = std::sync::mpsc::channel();
        store.write(numbered(number), move |result| {
            result.expect("the disk is well");
            // Fails when the parent is gone.
            drop(sender.send(writeln!(std::io::stdout(), "\n{ACKNOWLEDGED}{number}")));
        });
        // Mostly a few commits are on their way at once.
        if number % 4 == 0 && !matches!(written.recv(), Ok(Ok(()))) {
            return;
        }
    }
}

fn start_child(home: &Home) -> Child {
    Command::new(std::env::current_exe().expect("a test knows its program"))
        .args(["--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .arg("store::tests::kill::a_child_acknowledges_numbered_commits_until_it_is_killed")
        .env(STORE, home.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts")
}

/// Lets the child acknowledge `count` commits, kills it, and returns the last number that it printed.
fn last_acknowledged(child: &mut Child, count: u64) -> u64 {
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let (mut seen, mut last) = (0, 0);
    for line in output.lines() {
        let line = line.expect("text");
        if let Some(number) = line.strip_prefix(ACKNOWLEDGED).and_then(|number| number.parse().ok()) {
            last = number;
            seen += 1;
            if seen == count {
                child.kill().expect("it is running");
            }
        }
    }
    assert!(seen >= count, "the child ended by itself");
    child.wait().expect("it was started");
    last
}

#[test]
fn a_killed_host_loses_nothing_that_it_acknowledged() {
    let home = Home::new();
    let mut random = Random::new(7);
    let mut model = Model::default();
    let (mut applied, mut kept) = (0, 0);
    for round in 0..20 {
        let count = 1 + random.below(150);
        let acknowledged = last_acknowledged(&mut start_child(&home), count);
        let (store, state) = home.open();
        let reached = state.counters.message;
        assert!(reached >= acknowledged, "round {round}: {acknowledged} was acknowledged, {reached} is there");
        while applied < reached {
            applied += 1;
            model.apply(&numbered(applied));
        }
        assert_eq!(state, model.state(), "round {round}");
        for vat in 0..5 {
            assert_eq!(vat_store(&store.reader(), VatId(vat)), Ok(model.vat_store(VatId(vat))), "round {round}");
        }
        kept = model.entries();
        // Every other time the next child finds a store that was closed.
        if round % 2 == 0 {
            store.close().expect("the store closes");
        } else {
            abandon(store);
        }
    }
    until_nothing_is_forgotten(&home);
    assert_eq!(left_in_file(&home), (kept, 0), "what was forgotten is gone, and nothing else");
}
