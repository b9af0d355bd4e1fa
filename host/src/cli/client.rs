//! The way to a running host: HTTP/1.1 with JSON over its control socket.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use super::absence;
use super::session::Session;
use crate::daemon::home::SOCKET;
use crate::daemon::requests::Pong;
use crate::daemon::{Home, processes};
use crate::problem::Problem;

/// The largest answer that is read: 64 MiB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How long a host may take to say that it is there. It does so whatever it is at, unless its process is stopped or starved.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to a host that is there.
#[derive(Debug)]
pub(super) struct Client {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
    pid: u32,
}

impl Client {
    /// Connects, and sees that somebody answers.
    ///
    /// # Errors
    /// `ocap::daemon::unreachable` with why, as far as it can be known.
    pub(super) fn connect(session: &Session) -> Result<Client, Problem> {
        let Some(home) = session.home()? else { return Err(absence::no_home(session.home_path())) };
        let powers = session.powers();
        let silent = |reason: String| match processes(powers) {
            Ok(processes) => absence::explain(&home, &processes, powers.now_ms(), reason),
            Err(problem) => problem,
        };
        let mut client = Client::open(&home).map_err(silent)?;
        let ping = client.request(Method::GET, "/v1/ping", Bytes::new());
        let Client { runtime, sender, .. } = &mut client;
        let answered = runtime.block_on(async { tokio::time::timeout(PATIENCE, exchange(sender, ping)).await });
        let response = answered
            .map_err(|_| silent(format!("it took the connection and said nothing for {} s", PATIENCE.as_secs())))??;
        let pong: Pong = understood(response)?;
        Ok(Client { pid: pong.pid, ..client })
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
        let request = self.request(Method::GET, path, Bytes::new());
        understood(self.runtime.block_on(exchange(&mut self.sender, request))?)
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
        let request = self.request(Method::POST, path, body.into());
        understood(self.runtime.block_on(exchange(&mut self.sender, request))?)
    }

    fn open(home: &Home) -> Result<Client, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("this process has no means to connect: {error}"))?;
        let sender = runtime.block_on(async {
            let stream = UnixStream::connect(home.handle_path(SOCKET)).await.map_err(|error| error.to_string())?;
            let (sender, connection) =
                http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
            // Its faults show at the request.
            tokio::spawn(connection);
            Ok::<_, String>(sender)
        })?;
        Ok(Client { runtime, sender, pid: 0 })
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "ocap-host")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .expect("the paths are constants of this room")
    }
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Problem> {
    let broken_off = |error: &dyn std::error::Error| {
        Problem::new("ocap::daemon::broken_off", "the host ended the connection before it answered")
            .because(error)
            .with_help(
                "`ocap-host status` says whether it is still there; what it took over before is done after a start",
            )
    };
    let response = sender.send_request(request).await.map_err(|error| broken_off(&error))?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| broken_off(error.as_ref()))?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

fn understood<T: DeserializeOwned>(response: Response<Bytes>) -> Result<T, Problem> {
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
