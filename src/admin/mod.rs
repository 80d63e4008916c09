//! The admin listener: `/metrics`, `/healthz`, `/readyz`. It shares nothing with S3's listeners, so
//! that no bucket name can collide with it.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, RwLock},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::task::JoinHandle;

use crate::{
    net::{Draining, Listener, ListenerSettings},
    telemetry::metrics::Metrics,
};

/// Whether the gate takes new requests; `/readyz` shows it. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<RwLock<Option<&'static str>>>);

impl Readiness {
    /// 200 from now on.
    pub fn ready(&self) {
        self.set(None);
    }

    /// 503 from now on, with the reason.
    pub fn not_ready(&self, reason: &'static str) {
        self.set(Some(reason));
    }

    fn set(&self, reason: Option<&'static str>) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = reason;
    }

    fn reason(&self) -> Option<&'static str> {
        *self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
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
        return text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD.\n");
    }
    match (path, readiness.reason()) {
        ("/metrics", _) => {
            let mut reply = text(StatusCode::OK, metrics.render());
            let exposition = HeaderValue::from_static("text/plain; version=0.0.4");
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
