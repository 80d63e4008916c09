//! One connection: hyper, its limits, lingering close. Invariant: a reply that broke off never looks
//! complete, since its connection is reset and not closed.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Draining, Peer};

/// Serves requests until the client leaves, a limit is hit, or draining lets the last one finish.
///
/// Gives the connection back where it must be reset: a reply broke off, or the time to drain is over.
pub(super) async fn connection<I, S, F, B>(
    io: I,
    peer: Peer,
    service: S,
    mut draining: Draining,
) -> Option<I>
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: Fn(Peer, Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let address = peer.address;
    let service = service_fn(|request| {
        let reply = service(peer.clone(), request);
        // Boxed, since hyper can be stopped short of its own shutdown only with futures that move.
        Box::pin(async move { Ok::<_, Infallible>(reply.await) })
    });
    let mut connection = http1().serve_connection(TokioIo::new(io), service);
    let mut limit = draining.clone();
    let ended = {
        let (mut begun, mut over) = (pin!(draining.begun()), pin!(limit.over()));
        let mut is_draining = false;
        poll_fn(|cx| {
            if !is_draining && begun.as_mut().poll(cx).is_ready() {
                is_draining = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            if is_draining && over.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            connection.poll_without_shutdown(cx).map(Some)
        })
        .await
    };
    let io = connection.into_parts().io.into_inner();
    match ended {
        Some(Ok(())) => linger(io).await,
        // The error is the client's, and hyper has answered it where there was something to answer.
        Some(Err(error)) if error.is_parse() || error.is_timeout() => {
            tracing::debug!(%address, %error, "a client sent no request that can be read");
            linger(io).await;
        }
        Some(Err(error)) => {
            tracing::debug!(%address, %error, "a connection broke off");
            return Some(io);
        }
        None => {
            tracing::debug!(%address, "a connection was cut off, since the time to drain is over");
            return Some(io);
        }
    }
    None
}

/// Closes the way that clients survive: what they still send is read for a while, since closing a
/// socket with unread bytes resets it, and a reset can overtake the reply (RFC 9112, 9.6).
pub(super) async fn linger(mut io: impl AsyncRead + AsyncWrite + Unpin) {
    let drained = async {
        io.shutdown().await?;
        let mut scratch = vec![0; 16 * 1024];
        let mut left = LINGER_BYTES_MAX;
        while left > 0 {
            match io.read(&mut scratch).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        std::io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER_MAX, drained).await;
}

fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .half_close(false);
    builder
}

/// Time for a request's head; also the longest pause between two requests.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Request line and headers together. (S3 itself takes 8 KiB of headers.)
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 200;
/// What a refused client may still send before it is cut off.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;
const LINGER_MAX: Duration = Duration::from_secs(3);
