//! Traces on their way to a collector: OTLP over HTTP, as JSON, without TLS. Only with the feature `otel`.
//!
//! What the run loop says of spans that are over is sent in batches. A collector that is not there costs nothing but the traces: what can't
//! be sent is gone, and the log says so when it begins and when it is over.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::problem::Problem;
use crate::run_loop::{Span, Spans, What};

/// The most spans that wait to be sent; those that are one too many are lost.
const WAITING_MAX: usize = 10_000;
/// The most spans of one request.
const BATCH_MAX: usize = 512;
/// How long spans gather before they are sent.
const GATHER: Duration = Duration::from_millis(500);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Traces that are being sent.
pub struct Telemetry {
    /// For the run loop.
    pub spans: Spans,
    /// Ends when the run loop is gone and what it said is sent.
    pub sending: JoinHandle<()>,
}

/// Begins to send traces to a collector, whose address is like `http://127.0.0.1:4318`. Within a tokio runtime. `seed` is unpredictable;
/// `home` and `version` say whose traces they are.
///
/// # Errors
/// If that is no address.
pub fn start(endpoint: &str, seed: u64, home: &str, version: &str) -> Result<Telemetry, Problem> {
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Problem::new("ocap::telemetry::endpoint", format!("traces can't be sent to `{endpoint}`"))
            .because(error)
            .with_help("name a collector as `http://HOST:PORT`: OTLP over HTTP without TLS")
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_http_client(Http)
        .build();
    let mut exporter = exporter.map_err(|error| refused(&error))?;
    let resource = Resource::builder_empty()
        .with_service_name("ocap-host")
        .with_attribute(KeyValue::new("service.version", version.to_owned()))
        .with_attribute(KeyValue::new("ocap.home", home.to_owned()))
        .build();
    exporter.set_resource(&resource);
    let (sender, waiting) = mpsc::channel(WAITING_MAX);
    let lost = Arc::new(AtomicU64::new(0));
    let spans = Spans { sender, lost: lost.clone(), seed };
    let scope = InstrumentationScope::builder("ocap-host").with_version(version.to_owned()).build();
    Ok(Telemetry { spans, sending: tokio::spawn(send(exporter, waiting, lost, scope)) })
}

async fn send(exporter: SpanExporter, mut waiting: Receiver<Span>, lost: Arc<AtomicU64>, scope: InstrumentationScope) {
    let mut fails = false;
    let mut said = 0;
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        if batch.len() < BATCH_MAX && !waiting.is_closed() {
            sleep(GATHER).await;
            while batch.len() < BATCH_MAX
                && let Ok(span) = waiting.try_recv()
            {
                batch.push(span);
            }
        }
        let sent = exporter.export(batch.drain(..).map(|span| data(span, &scope)).collect()).await;
        match (&sent, fails) {
            (Err(error), false) => tracing::warn!(target: "ocap::telemetry", "traces are lost: {error}"),
            (Ok(()), true) => tracing::info!(target: "ocap::telemetry", "traces are sent again"),
            _ => {}
        }
        fails = sent.is_err();
        let lost = lost.load(Ordering::Relaxed);
        if lost > said {
            tracing::warn!(target: "ocap::telemetry", "{} spans were lost: the collector is too slow", lost - said);
            said = lost;
        }
    }
}

/// One request a connection, over HTTP/1.1 without TLS: one each half second is all there is.
#[derive(Debug)]
struct Http;

/// The most of an answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

impl HttpClient for Http {
    fn send_bytes<'client, 'sent>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'client: 'sent,
        Self: 'sent,
    {
        Box::pin(async move { timeout(PATIENCE, exchange(request)).await? })
    }
}

async fn exchange(request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().ok_or("the address names no host")?.clone();
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its faults show at the request.
    tokio::spawn(connection);
    head.headers.insert(HOST, HeaderValue::from_str(authority.as_str())?);
    head.uri = head.uri.path().parse()?;
    let answer = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
    match head.status.is_success() {
        true => Ok(Response::from_parts(head, body)),
        false => Err(format!("the collector answered {}", head.status).into()),
    }
}

fn data(span: Span, scope: &InstrumentationScope) -> SpanData {
    let (kind, mut attributes) = match span.what {
        What::Call => (SpanKind::Producer, Vec::new()),
        What::Crank { label, vat, incarnation } => (
            SpanKind::Consumer,
            vec![
                KeyValue::new("ocap.vat", label),
                KeyValue::new("ocap.vat.id", vat.to_string()),
                KeyValue::new("ocap.incarnation", i64::try_from(incarnation).unwrap_or(i64::MAX)),
            ],
        ),
    };
    let went_well = matches!(span.outcome.as_str(), "accepted" | "applied" | "fulfilled" | "forwarded");
    let status = if went_well { Status::Ok } else { Status::error(span.outcome.clone()) };
    attributes.push(KeyValue::new("ocap.method", span.name.clone()));
    attributes.push(KeyValue::new("ocap.outcome", span.outcome));
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(span.trace.to_be_bytes()),
            SpanId::from_bytes(span.span.to_be_bytes()),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: span.parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.to_be_bytes())),
        parent_span_is_remote: false,
        span_kind: kind,
        name: span.name.into(),
        start_time: UNIX_EPOCH + span.began,
        end_time: UNIX_EPOCH + span.ended,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: scope.clone(),
    }
}
