//! Where a socket comes to be, what is in its way, and what is left behind.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};

use super::*;
use crate::io::Port;
use crate::io::channel::Channel;
use crate::problem::Problem;

const FREE: &str = "run/llm.sock";

/// Opens the channel at `path`, which fails, and says why.
fn fault_at(world: &World, path: &str) -> Problem {
    let fault = world.io.open(world.spec(path)).expect_err("something is in the way");
    assert_eq!(world.status().state, ChannelState::Down(fault.clone()));
    *fault
}

fn code_at(world: &World, path: &str) -> String {
    fault_at(world, path).code
}

async fn wait_until_up(world: &World) {
    timeout(PATIENCE, async {
        while !world.is_up() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it heals");
}

#[tokio::test]
async fn the_socket_and_its_new_parents_are_private() {
    let world = World::new();
    world.io.open(world.spec("run/deep/llm.sock")).expect("nothing is in the way");
    let mode = |path| fs::metadata(world.path(path)).expect("it exists").permissions().mode() & 0o777;
    assert_eq!(mode("run/deep/llm.sock"), 0o600);
    assert_eq!(mode("run/deep"), 0o700);
    assert_eq!(mode("run"), 0o700);
    assert_eq!(fs::read_dir(world.path("run/deep")).expect("a directory").count(), 1, "nothing lies beside it");
}

#[tokio::test]
async fn a_closed_channel_leaves_no_socket_and_no_connection() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    world.round_trip(&mut client).await;
    world.io.close_channel(LLM);
    assert!(!world.path(FREE).exists());
    assert_eq!(client.hear().await, "");
    world.wait_for_gone(world.connected[0]).await;
    assert_eq!(world.call(LLM, "serve", capability(MATCHER)).await, failed(Code::ObjectGone));
    assert_eq!(world.io.status(), []);
    world.io.open(world.spec(FREE)).expect("it can be opened again");
}

#[tokio::test]
async fn after_close_every_task_is_over_and_what_was_taken_is_written() {
    let mut world = World::with_llm();
    let mut client = world.client().await;
    client.say("hello\n").await;
    let line = world.line().await;
    assert_eq!(world.write(line.from, "goodbye").await, null());
    let World { io, mut events, home, .. } = world;
    let ended = io.close();
    drop(io);
    timeout(PATIENCE, ended).await.expect("all tasks end").expect("none panics");
    assert!(!home.path().join("channels").join(FREE).exists());
    assert_eq!(client.hear().await, "goodbye\n");
    assert_eq!(client.hear().await, "");
    while events.recv().await.is_some() {}
}

#[tokio::test]
async fn a_channel_without_clients_is_over_as_soon_as_it_is_closed() {
    let World { io, mut events, .. } = World::with_llm();
    let ended = io.close();
    drop(io);
    timeout(PATIENCE, ended).await.expect("all tasks end").expect("none panics");
    assert!(events.recv().await.is_none());
}

#[tokio::test]
async fn the_socket_of_a_dead_process_is_replaced() {
    let mut world = World::new();
    fs::create_dir(world.path("run")).expect("a directory");
    drop(UnixListener::bind(world.path(FREE)).expect("nothing is there"));
    assert!(world.path(FREE).exists(), "a dropped listener leaves its file");
    world.io.open(world.spec(FREE)).expect("a dead socket is not in the way");
    let mut client = world.client().await;
    world.round_trip(&mut client).await;
}

#[tokio::test]
async fn the_draft_of_a_dead_process_with_our_number_is_replaced() {
    let world = World::new();
    let draft = format!(".ocap-{}-{}", std::process::id(), LLM.0);
    drop(UnixListener::bind(world.path(&draft)).expect("nothing is there"));
    world.io.open(world.spec("llm.sock")).expect("a dead draft is not in the way");
    assert!(!world.path(&draft).exists());
}

#[tokio::test]
async fn a_living_listener_is_never_replaced() {
    let world = World::new();
    let listener = UnixListener::bind(world.path("llm.sock")).expect("nothing is there");
    assert_eq!(code_at(&world, "llm.sock"), "ocap::channel::in_use");
    listener.set_nonblocking(true).expect("a socket");
    std::os::unix::net::UnixStream::connect(world.path("llm.sock")).expect("it is still served");
    world.io.close_channel(LLM);
    assert!(world.path("llm.sock").exists(), "what is not ours stays");
    let _datagrams = UnixDatagram::bind(world.path("datagrams")).expect("nothing is there");
    assert_eq!(code_at(&world, "datagrams"), "ocap::channel::in_use");
}

#[tokio::test]
async fn a_listener_whose_backlog_is_full_is_alive() {
    let world = World::new();
    let socket =
        rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None).expect("a socket");
    let address = rustix::net::SocketAddrUnix::new(world.path("llm.sock")).expect("a short path");
    rustix::net::bind(&socket, &address).expect("nothing is there");
    rustix::net::listen(&socket, 0).expect("it is bound");
    let _waiting = std::os::unix::net::UnixStream::connect(world.path("llm.sock")).expect("one may wait");
    assert_eq!(code_at(&world, "llm.sock"), "ocap::channel::in_use");
}

#[tokio::test]
async fn two_channels_can_not_have_one_path() {
    let world = World::with_llm();
    let second = ChannelSpec { object: ObjectId(9), ..world.spec(FREE) };
    let fault = world.io.open(second).expect_err("the first has it");
    assert_eq!(fault.code, "ocap::channel::in_use");
    assert_eq!(world.io.status()[0].state, ChannelState::Up, "its sibling is untouched");
}

#[tokio::test]
async fn what_is_not_a_socket_is_kept() {
    let world = World::new();
    fs::write(world.path("file"), "precious").expect("it is writable");
    fs::create_dir(world.path("directory")).expect("it is writable");
    std::os::unix::fs::symlink("/nowhere", world.path("link")).expect("it is writable");
    rustix::fs::mkfifoat(&*world.channels, "pipe", rustix::fs::Mode::RUSR).expect("it is writable");
    for name in ["file", "directory", "link", "pipe"] {
        assert_eq!(code_at(&world, name), "ocap::channel::foreign", "{name}");
        world.io.close_channel(LLM);
        let kind = fs::symlink_metadata(world.path(name)).expect("it is still there").file_type();
        assert!(!kind.is_socket(), "{name}");
    }
    assert_eq!(fs::read_to_string(world.path("file")).expect("it is still there"), "precious");
}

#[tokio::test]
async fn a_path_that_leads_out_is_refused() {
    let world = World::new();
    std::os::unix::fs::symlink(world.home.path(), world.path("out")).expect("it is writable");
    let absolute = world.home.path().join("llm.sock");
    for path in ["../llm.sock", "run/../../llm.sock", "out/llm.sock", absolute.to_str().expect("text"), "", "."] {
        assert_eq!(code_at(&world, path), "ocap::channel::outside", "{path}");
    }
    assert!(!absolute.exists());
}

#[tokio::test]
async fn a_file_among_the_parents_and_a_long_name_are_told_apart() {
    let world = World::new();
    fs::write(world.path("file"), "").expect("it is writable");
    assert_eq!(code_at(&world, "file/llm.sock"), "ocap::channel::not_a_directory");
    assert_eq!(code_at(&world, &"x".repeat(81)), "ocap::channel::path_too_long");
    assert_eq!(code_at(&world, &format!("{}/llm.sock", "x".repeat(256))), "ocap::channel::path_too_long");
    world.io.open(world.spec(&"x".repeat(80))).expect("80 bytes fit");
}

#[tokio::test]
async fn a_deep_path_is_no_longer_than_its_last_name() {
    let world = World::new();
    let path = format!("{0}/{0}/{0}/llm.sock", "deep".repeat(20));
    world.io.open(world.spec(&path)).expect("more than 107 bytes are fine");
    assert!(fs::metadata(world.path(&path)).expect("a socket").file_type().is_socket());
}

#[tokio::test]
async fn a_fault_says_what_where_and_what_mends_it() {
    let world = World::new();
    fs::write(world.path("file"), "").expect("it is writable");
    let problem = fault_at(&world, "file");
    assert_eq!(problem.message, "channel `llm` can't be opened: a file is there already");
    assert_eq!(problem.subcluster.as_deref(), Some("matcher"));
    assert_eq!(problem.path_written.as_deref(), Some("file"));
    assert_eq!(problem.path_resolved.as_deref(), world.path("file").to_str());
    assert!(problem.help.is_some_and(|help| help.contains("`mv`")));
}

#[tokio::test]
async fn a_channel_heals_by_itself_when_the_obstacle_is_gone() {
    let mut world = World::new();
    fs::write(world.path("run"), "").expect("it is writable");
    assert_eq!(code_at(&world, FREE), "ocap::channel::not_a_directory");
    assert_eq!(world.call(LLM, "serve", capability(MATCHER)).await, null(), "a handler can be left with it meanwhile");
    fs::remove_file(world.path("run")).expect("it is there");
    wait_until_up(&world).await;
    let mut client = world.client().await;
    world.round_trip(&mut client).await;
}

#[tokio::test]
async fn a_channel_that_is_closed_while_it_is_down_stays_closed() {
    let world = World::new();
    fs::write(world.path("llm.sock"), "").expect("it is writable");
    fault_at(&world, "llm.sock");
    let World { io, mut events, home, .. } = world;
    let ended = io.close();
    drop(io);
    timeout(PATIENCE, ended).await.expect("it does not wait for the next try").expect("it does not panic");
    assert!(events.recv().await.is_none());
    assert!(home.path().join("channels/llm.sock").is_file());
}

#[tokio::test]
async fn a_socket_that_took_our_place_is_not_removed() {
    let world = World::with_llm();
    fs::remove_file(world.path(FREE)).expect("it is there");
    let _other = UnixListener::bind(world.path(FREE)).expect("the place is free");
    world.io.close_channel(LLM);
    assert!(world.path(FREE).exists());
}

#[tokio::test]
async fn a_channel_that_is_closed_while_it_is_being_opened_leaves_no_socket() {
    let world = World::new();
    let channel = Channel::new(world.spec("llm.sock"), Port(unbounded_channel().0), world.clock.clone());
    channel.close();
    channel.establish().expect("nothing is in the way");
    assert!(!world.path("llm.sock").exists());
}
