//! The way to a running host: HTTP/1.1 with JSON over its control socket.

use std::pin::pin;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use super::absence;
use super::session::Session;
use crate::daemon::control::{BODY_BYTES_MAX, too_large};
use crate::daemon::home::SOCKET;
use crate::daemon::requests::Pong;
use crate::daemon::{Home, processes};
use crate::powers::Powers;
use crate::problem::Problem;

/// The largest answer that is read: 64 MiB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How much of an answer is read at once: 64 KiB. Each piece is put where the whole goes, so that a long answer is in memory once.
const FRAME_BYTES_MAX: usize = 64 << 10;

/// How long a host may take to say that it is there. It does so whatever it is at, unless its process is stopped or starved.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the answer to a mere question may take before it is seen whether anybody is there.
const WAIT: Duration = Duration::from_secs(1);

/// The host hangs up on a client that says nothing for longer than this, and a little more.
const IDLE_MS_MAX: u64 = 5_000;

/// The code of connections that end before their answer.
pub(super) const BROKEN_OFF: &str = "ocap::daemon::broken_off";

/// A connection to a host that is there.
#[derive(Debug)]
pub(super) struct Client {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
    pid: u32,
    home: Home,
    powers: Powers,
    /// When the host last answered, in milliseconds since 1970.
    answered_ms: u64,
}

/// Whether whoever reads a stream wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Yes.
    On,
    /// No.
    Enough,
}

impl Client {
    /// Connects, and sees that somebody answers.
    ///
    /// # Errors
    /// `ocap::daemon::unreachable` with why, as far as it can be known.
    pub(super) fn connect(session: &Session) -> Result<Client, Problem> {
        let home = home_of(session)?;
        let powers = session.powers();
        let silent = |reason| silent(&home, powers, reason);
        let (runtime, mut sender) = open(&home).map_err(silent)?;
        let ping = exchange(&mut sender, request(Method::GET, "/v1/ping", Bytes::new()));
        let answered = runtime.block_on(async { tokio::time::timeout(PATIENCE, ping).await });
        let response = answered
            .map_err(|_| silent(format!("it took the connection and said nothing for {} s", PATIENCE.as_secs())))??;
        let pong: Pong = understood(response)?;
        let answered_ms = powers.now_ms();
        Ok(Client { runtime, sender, pid: pong.pid, home, powers, answered_ms })
    }

    /// What the host answers to one question that changes nothing. It is asked at once: who answers it is there.
    ///
    /// # Errors
    /// As [`Client::connect`] and [`Client::get`].
    pub(super) fn ask<T: DeserializeOwned>(session: &Session, path: &str) -> Result<T, Problem> {
        let home = home_of(session)?;
        let (runtime, mut sender) = open(&home).map_err(|reason| silent(&home, session.powers(), reason))?;
        let mut asked = pin!(exchange(&mut sender, request(Method::GET, path, Bytes::new())));
        let answered = runtime.block_on(async { tokio::time::timeout(WAIT, asked.as_mut()).await });
        let response = match answered {
            Ok(answered) => answered?,
            Err(_) => {
                Client::connect(session)?;
                runtime.block_on(asked)?
            }
        };
        understood(response)
    }

    /// What the host answers to one question, if there is one and it answers in time. Nobody is told why not.
    pub(super) fn ask_within<T: DeserializeOwned>(session: &Session, path: &str, patience: Duration) -> Option<T> {
        let home = session.home().ok()??;
        let (runtime, mut sender) = open(&home).ok()?;
        let asked = exchange(&mut sender, request(Method::GET, path, Bytes::new()));
        let answered = runtime.block_on(async { tokio::time::timeout(patience, asked).await });
        understood(answered.ok()?.ok()?).ok()
    }

    /// The host's process, as it says.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks for something.
    ///
    /// # Errors
    /// What the host answers, or that it does not.
    pub(super) fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Problem> {
        let request = request(Method::GET, path, Bytes::new());
        self.exchange(request)
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// What the host answers, or that it does not.
    pub(super) fn post<B: Serialize, T: DeserializeOwned>(&mut self, path: &str, body: &B) -> Result<T, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| {
            Problem::new("ocap::usage::path", "the request can't be written as JSON")
                .because(&error)
                .with_help("use paths in UTF-8")
        })?;
        if body.len() > BODY_BYTES_MAX {
            return Err(too_large());
        }
        self.exchange(request(Method::POST, path, body.into()))
    }

    /// Asks for something that is answered line by line, and hands on each until `each` has enough or the host ends it.
    ///
    /// # Errors
    /// What the host answers instead, that it broke off, or what `each` says.
    pub(super) fn stream(
        &mut self,
        path: &str,
        mut each: impl FnMut(&str) -> Result<Flow, Problem>,
    ) -> Result<(), Problem> {
        let request = request(Method::GET, path, Bytes::new());
        self.runtime.block_on(async {
            let response = self.sender.send_request(request).await.map_err(|error| broken_off(&error))?;
            if response.status() != StatusCode::OK {
                return understood(whole(response).await?);
            }
            let (mut body, mut rest) = (response.into_body(), Vec::new());
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| broken_off(&error))?;
                let Some(data) = frame.data_ref() else { continue };
                for part in data.split_inclusive(|byte| *byte == b'\n') {
                    rest.extend_from_slice(part);
                    if rest.ends_with(b"\n") && each(String::from_utf8_lossy(&rest).trim_end())? == Flow::Enough {
                        return Ok(());
                    }
                    if rest.ends_with(b"\n") {
                        rest.clear();
                    }
                }
            }
            Ok(())
        })
    }

    fn exchange<T: DeserializeOwned>(&mut self, request: Request<Full<Bytes>>) -> Result<T, Problem> {
        if self.powers.now_ms().saturating_sub(self.answered_ms) > IDLE_MS_MAX {
            (self.runtime, self.sender) =
                open(&self.home).map_err(|reason| broken_off(&std::io::Error::other(reason)))?;
        }
        let response = self.runtime.block_on(exchange(&mut self.sender, request))?;
        self.answered_ms = self.powers.now_ms();
        understood(response)
    }
}

/// A part of a path or of its parameters, as it may be written there.
pub(super) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let shown =
        text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    shown.collect()
}

fn home_of(session: &Session) -> Result<Home, Problem> {
    session.home()?.ok_or_else(|| absence::no_home(session.home_path()))
}

/// Why nobody answers.
fn silent(home: &Home, powers: Powers, reason: String) -> Problem {
    match processes(powers) {
        Ok(processes) => absence::explain(home, &processes, powers.now_ms(), reason),
        Err(problem) => problem,
    }
}

fn open(home: &Home) -> Result<(Runtime, SendRequest<Full<Bytes>>), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("this process has no means to connect: {error}"))?;
    let sender = runtime.block_on(async {
        let stream = UnixStream::connect(home.handle_path(SOCKET)).await.map_err(|error| error.to_string())?;
        let handshake = http1::Builder::new().max_buf_size(FRAME_BYTES_MAX).handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|error| error.to_string())?;
        // Its faults show at the request.
        tokio::spawn(connection);
        Ok::<_, String>(sender)
    })?;
    Ok((runtime, sender))
}

fn request(method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "ocap-host")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .expect("the paths are constants of this room")
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Vec<u8>>, Problem> {
    whole(sender.send_request(request).await.map_err(|error| broken_off(&error))?).await
}

fn broken_off(error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::new(BROKEN_OFF, "the host ended the connection before it answered")
        .because(error)
        .with_help("`ocap-host status` says whether it is still there; what it took over before is done after a start")
}

async fn whole(response: Response<Incoming>) -> Result<Response<Vec<u8>>, Problem> {
    let (head, body) = response.into_parts();
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(ANSWER_BYTES_MAX);
    let (mut body, mut whole) = (Limited::new(body, ANSWER_BYTES_MAX), Vec::with_capacity(announced));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken_off(error.as_ref()))?;
        whole.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
    }
    Ok(Response::from_parts(head, whole))
}

fn understood<T: DeserializeOwned>(response: Response<Vec<u8>>) -> Result<T, Problem> {
    let garbled = |error: serde_json::Error| {
        Problem::new(
            "ocap::daemon::garbled",
            "the host answered with something that this ocap-host does not understand",
        )
        .because(&error)
        .with_help("use the same version of ocap-host on both sides: `ocap-host --version`, `ocap-host status`")
    };
    match response.status() {
        StatusCode::OK => serde_json::from_slice(response.body()).map_err(garbled),
        _ => Err(serde_json::from_slice(response.body()).unwrap_or_else(garbled)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use tokio::sync::{mpsc, oneshot};

    use super::*;
    use crate::cli::Format;
    use crate::daemon::events::Events;
    use crate::daemon::log::{Form, Log};
    use crate::daemon::requests::{CallBody, CallOutcome, Inventory, Quarantine, Request as Asked, Retried, RetryBody};
    use crate::daemon::requests::{Ready, Status, Stopping, Until};
    use crate::daemon::{Daemon, Phase, test_home};

    /// A host whose run loop is this function, and a session of a command line on its home.
    struct House {
        _root: tempfile::TempDir,
        runtime: Runtime,
        daemon: Option<Daemon>,
        session: Session,
    }

    impl House {
        fn starting() -> House {
            let (root, home) = test_home();
            let powers = Powers::of_this_process();
            let named = Some(home.path().to_owned());
            let session = Session::new(powers, Format::Text).choose_home(named).expect("a home");
            let runtime = Runtime::new().expect("a runtime");
            let mut daemon = Daemon::begin(home, powers, Arc::new(|_| ())).expect("the lock");
            let events =
                Events::new(Log::open(daemon.home(), Form::Silent, Box::new(std::io::sink())).expect("a log"), powers);
            runtime.block_on(async { daemon.listen(&events) }).expect("a socket");
            House { _root: root, runtime, daemon: Some(daemon), session }
        }

        fn ready() -> House {
            let mut house = House::starting();
            let (sender, requests) = mpsc::channel(4);
            let ready = Ready { vats: 0, quarantined: 0, socket: String::new(), boot: 7, problems: vec![] };
            house.daemon.as_mut().expect("a daemon").ready(&ready, sender).expect("ready");
            house.runtime.spawn(run_loop(requests));
            house
        }

        /// Its run loop takes requests and answers none.
        fn hung() -> (House, mpsc::Receiver<Asked>) {
            let mut house = House::starting();
            let (sender, requests) = mpsc::channel(4);
            let ready = Ready { vats: 0, quarantined: 0, socket: String::new(), boot: 7, problems: vec![] };
            house.daemon.as_mut().expect("a daemon").ready(&ready, sender).expect("ready");
            (house, requests)
        }

        fn client(&self) -> Client {
            self.session.client().expect("a client")
        }

        fn end(&mut self) {
            let daemon = self.daemon.take().expect("a daemon");
            self.runtime.block_on(daemon.end()).expect("ended");
        }
    }

    /// Answers everything but calls of `never`, and ends when asked to.
    async fn run_loop(mut requests: mpsc::Receiver<Asked>) {
        let mut unanswered = Vec::new();
        while let Some(request) = requests.recv().await {
            match request {
                Asked::Status(_, reply) => answer(reply, Ok(Inventory::default())),
                Asked::Call(CallBody { method, .. }, reply) if method == "never" => unanswered.push(reply),
                Asked::Call(CallBody { target, args, .. }, reply) if target == "counter" => {
                    answer(reply, Ok(CallOutcome::Value { value: Value::Array(args) }));
                }
                Asked::Call(_, reply) => answer(reply, Err(Problem::new("ocap::target::unknown", "no such target"))),
                Asked::Launch(body, reply) => {
                    answer(reply, Err(Problem::new("ocap::declaration::x", body.written.expect("it was written"))));
                }
                Asked::QuarantineList(reply) => {
                    let problems = vec![Problem::new("ocap::component::missing", "gone")];
                    answer(reply, Ok(Quarantine { problems }));
                }
                Asked::QuarantineRetry(body, reply) => {
                    answer(reply, Ok(Retried { healed: body.vat.into_iter().collect(), problems: vec![] }));
                }
                Asked::Stop(reply) => return answer(reply, Ok(())),
                other => unreachable!("no test asks {other:?}"),
            }
        }
    }

    fn answer<T>(reply: oneshot::Sender<Result<T, Problem>>, answer: Result<T, Problem>) {
        assert!(reply.send(answer).is_ok(), "somebody waits");
    }

    fn call(target: &str, method: &str) -> CallBody {
        let args = vec![json!(1), json!({"a": "ä"})];
        let (target, method, until) = (target.into(), method.into(), Until::Answered);
        CallBody { target, method, args, key: None, until, timeout_ms: None }
    }

    #[test]
    fn answers_and_refusals_of_the_run_loop_reach_the_caller() {
        let house = House::ready();
        let mut client = house.client();
        let outcome: CallOutcome = client.post("/v1/call", &call("counter", "echo")).expect("an answer");
        assert_eq!(outcome, CallOutcome::Value { value: json!([1, {"a": "ä"}]) });
        let refused = client.post::<_, CallOutcome>("/v1/call", &call("nobody", "echo"));
        assert_eq!(refused.expect_err("refused"), Problem::new("ocap::target::unknown", "no such target"));
        let quarantine: Quarantine = client.get("/v1/quarantine").expect("an answer");
        assert_eq!(quarantine.problems[0].code, "ocap::component::missing");
        let retry = RetryBody { vat: Some("a/b".into()) };
        let retried: Retried = client.post("/v1/quarantine/retry", &retry).expect("an answer");
        assert_eq!(retried.healed, ["a/b"]);
        let status: Status = client.get("/v1/status").expect("an answer");
        assert_eq!((status.phase, status.boot, status.pid), (Phase::Ready, Some(7), std::process::id()));
    }

    #[test]
    fn a_host_whose_run_loop_hangs_says_so() {
        let (house, _requests) = House::hung();
        let status: Status = house.client().get("/v1/status").expect("an answer");
        assert_eq!((status.phase, status.degraded), (Phase::Ready, true));
        assert_eq!(status.problems[0].code, "ocap::daemon::loop_silent");
    }

    #[test]
    fn a_host_that_starts_tells_its_step_and_refuses_the_rest() {
        let mut house = House::starting();
        house.daemon.as_mut().expect("a daemon").step("open the store").expect("told");
        let mut client = house.client();
        let status: Status = client.get("/v1/status").expect("an answer");
        assert_eq!((status.phase, status.step.as_deref()), (Phase::Starting, Some("open the store")));
        let problem = client.post::<_, CallOutcome>("/v1/call", &call("counter", "echo")).expect_err("too early");
        assert_eq!(problem.code, "ocap::daemon::starting");
        let asked = house.daemon.as_ref().expect("a daemon").stop_asked().expect("it listens");
        let Stopping {} = client.post("/v1/stop", &()).expect("an answer");
        house.runtime.block_on(asked.notified());
    }

    #[test]
    fn whoever_waits_for_an_answer_when_the_host_stops_is_told_so() {
        let house = House::ready();
        let mut waiting = house.client();
        std::thread::scope(|scope| {
            let outcome = scope.spawn(|| waiting.post::<_, CallOutcome>("/v1/call", &call("counter", "never")));
            // The loop takes requests in turn, so this one is answered only after the call was taken or before it was sent;
            // in both cases the call is refused for the same reason.
            let Stopping {} = house.client().post("/v1/stop", &()).expect("an answer");
            let problem = outcome.join().expect("no panic").expect_err("no answer");
            assert_eq!(problem.code, "ocap::daemon::stopping");
        });
        let Stopping {} = house.client().post("/v1/stop", &()).expect("a second stop is no fault");
    }

    #[test]
    fn a_host_that_ended_has_taken_its_socket_along() {
        let mut house = House::ready();
        let home = house.session.home().expect("no fault").expect("a home");
        assert!(home.dir().symlink_metadata(SOCKET).is_ok());
        house.end();
        assert!(home.dir().symlink_metadata(SOCKET).is_err());
        let problem = house.session.client().expect_err("nobody is there");
        assert_eq!(problem.code, "ocap::daemon::unreachable");
        assert_eq!(problem.causes, Vec::<String>::new());
    }

    #[test]
    fn a_relative_path_an_unknown_field_and_a_body_over_the_limit_are_refused_at_the_door() {
        let house = House::ready();
        let code = |path: &str, body: Value| house.client().post::<_, Value>(path, &body).expect_err("refused").code;
        assert_eq!(code("/v1/launch", json!({"path": "x.toml"})), "ocap::request::malformed");
        assert_eq!(code("/v1/call", json!({"target": "a", "method": "b", "arg": []})), "ocap::request::malformed");
        assert_eq!(code("/v1/nothing", json!({})), "ocap::request::no_such_route");
        assert_eq!(code("/v1/status", json!({})), "ocap::request::wrong_method");
        assert_eq!(code("/v1/call", json!("x".repeat(1 << 20))), "ocap::request::too_large");
        assert_eq!(code("/v1/launch", json!({"path": "/x.toml", "written": "as I wrote it"})), "ocap::declaration::x");
    }
}
