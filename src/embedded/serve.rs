//! Connections: accept, HTTP/1.1, end.
//!
//! Invariant: an answer given before its request's body was read still reaches the client: the
//! rest of the body is read and thrown away for a while, since a socket that is closed with unread
//! bytes is reset, and the answer is lost.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::{Body, service::S3Service};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

/// Open connections at most; above it accepting waits.
const CONNECTIONS_MAX: usize = 1024;

/// How long a connection may take to send a request's head, or stay idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);

/// How long, and for how many bytes, the rest of a body is read after its request was answered.
const LINGER_TIME: Duration = Duration::from_secs(5);
const LINGER_BYTES_MAX: u64 = 64 << 20;

/// How long the end waits for open requests.
const STOP_TIME: Duration = Duration::from_secs(5);

/// How long accepting rests when the system has no socket to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts until `stop` changes or its sender is gone, then lets open requests end.
pub(super) async fn serve(listener: TcpListener, service: S3Service, stop: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut stopping = stop.clone();
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        tokio::select! {
            biased;
            _ = stopping.changed() => break,
            Some(_) = connections.join_next() => {}
            (accepted, place) = next => match accepted {
                Ok((stream, _)) => {
                    let connection = connection(stream, service.clone(), stop.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    // Who is not done by then is cut off with the set.
    let _ = timeout(STOP_TIME, all_ended).await;
}

async fn connection(stream: TcpStream, service: S3Service, mut stop: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| answer(service.clone(), request));
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), answer)
    );
    tokio::select! {
        // A client that goes away is no event of ours.
        _ = connection.as_mut() => return,
        _ = stop.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(
    service: S3Service,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let expects = request.headers().contains_key(header::EXPECT);
    // Without the header the client sends unasked.
    let is_sent = Arc::new(AtomicBool::new(!expects));
    let body = |body| Body::http_body_unsync(Lingering::new(body, Arc::clone(&is_sent)));
    let request = request.map(body);
    let mut response = service.call(request).await.unwrap_or_else(|_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    });
    let id = super::store::random_id();
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-amz-id-2", id.clone());
        response.headers_mut().insert("x-amz-request-id", id);
    }
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static("portcullis-embedded"));
    // A client that waits for `100 Continue` and gets its answer instead may not use the connection
    // again: botocore would take this answer's status for the next one's, and hang or fail.
    if !is_sent.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// A request's body. Dropped half-read, it is read on.
struct Lingering {
    body: Option<Incoming>,
    /// Whether the client sends, be it that `100 Continue` told it to.
    is_sent: Arc<AtomicBool>,
}

impl Lingering {
    fn new(body: Incoming, is_sent: Arc<AtomicBool>) -> Self {
        Self { body: Some(body), is_sent }
    }
}

impl http_body::Body for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let Some(body) = this.body.as_mut() else { return Poll::Ready(None) };
        if !body.is_end_stream() {
            this.is_sent.store(true, Ordering::Relaxed);
        }
        Pin::new(body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Incoming::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        if self.is_sent.load(Ordering::Relaxed) && !body.is_end_stream() {
            tokio::spawn(timeout(LINGER_TIME, drain(body)));
        }
    }
}

async fn drain(mut body: Incoming) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, |chunk| chunk.len() as u64);
        if drained > LINGER_BYTES_MAX {
            break;
        }
    }
}
