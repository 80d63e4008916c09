//! The admin listener: `/metrics`, `/healthz`, `/readyz`. It shares no port with S3's listeners, so that
//! no bucket name can collide with it. Invariant: it tells, and changes nothing.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::task::JoinHandle;

use crate::{
    net::{Draining, Limits, Listener, ListenerSettings},
    telemetry::metrics::Metrics,
};

/// Whether the gate takes new requests; `/readyz` shows it. Clones share their state. At first it does
/// not: it is starting.
#[derive(Clone)]
pub struct Readiness(Arc<State>);

struct State {
    reason: RwLock<Option<&'static str>>,
    doubts: RwLock<Vec<Doubt>>,
}

/// Tells why requests would fail now, if they would.
type Doubt = Box<dyn Fn() -> Option<&'static str> + Send + Sync>;

impl Readiness {
    /// 200 from now on.
    pub fn ready(&self) {
        self.set(None);
    }

    /// 503 from now on, with the reason.
    pub fn not_ready(&self, reason: &'static str) {
        self.set(Some(reason));
    }

    /// 503 also while `doubt` gives a reason; it is asked with each probe.
    pub fn unless(&self, doubt: impl Fn() -> Option<&'static str> + Send + Sync + 'static) {
        let mut doubts = self.0.doubts.write().unwrap_or_else(PoisonError::into_inner);
        doubts.push(Box::new(doubt));
    }

    fn set(&self, reason: Option<&'static str>) {
        *self.0.reason.write().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    fn reason(&self) -> Option<&'static str> {
        let reason = *self.0.reason.read().unwrap_or_else(PoisonError::into_inner);
        let doubts = self.0.doubts.read().unwrap_or_else(PoisonError::into_inner);
        reason.or_else(|| doubts.iter().find_map(|doubt| doubt()))
    }
}

impl Default for Readiness {
    fn default() -> Self {
        let reason = RwLock::new(Some("starting"));
        Self(Arc::new(State { reason, doubts: RwLock::default() }))
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readiness").field(&self.reason()).finish()
    }
}

/// Binds and serves; resolves to the bound address and the task.
///
/// # Errors
///
/// The address cannot be listened on.
pub async fn start(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    draining: Draining,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let settings = ListenerSettings {
        address,
        tls: None,
        proxy_protocol_from: Vec::new(),
        connections_max: CONNECTIONS_MAX,
        limits: Limits::default(),
    };
    let listener = Listener::bind(&settings, None).await?;
    let address = listener.local_address();
    let service = move |_peer, request: Request<Incoming>| {
        let reply = answer(request.method(), request.uri().path(), &metrics, &readiness);
        async move { reply }
    };
    Ok((address, tokio::spawn(listener.serve(service, draining))))
}

fn answer(
    method: &Method,
    path: &str,
    metrics: &Metrics,
    readiness: &Readiness,
) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD.\n");
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return reply;
    }
    match (path, readiness.reason()) {
        ("/metrics", _) => {
            let mut reply = text(StatusCode::OK, metrics.render());
            let exposition = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            reply.headers_mut().insert(header::CONTENT_TYPE, exposition);
            reply
        }
        ("/healthz", _) => text(StatusCode::OK, "ok\n"),
        ("/readyz", None) => text(StatusCode::OK, "ready\n"),
        ("/readyz", Some(reason)) => {
            text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n"))
        }
        _ => text(StatusCode::NOT_FOUND, "Here are /metrics, /healthz and /readyz.\n"),
    }
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(text.into()));
    *reply.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, plain);
    reply
}

/// Scrapers and probes.
const CONNECTIONS_MAX: usize = 64;

#[cfg(test)]
mod tests;
