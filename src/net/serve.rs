//! One connection: hyper, its limits, lingering close.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Draining, Peer};

/// Serves requests until the client leaves, a limit is hit, or draining lets the last one finish.
pub(super) async fn connection<I, S, F, B>(io: I, peer: Peer, service: S, mut draining: Draining)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Fn(Peer, Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let address = peer.address;
    let service = Arc::new(service);
    let service = service_fn(move |request| {
        let reply = service(peer.clone(), request);
        // Boxed, since hyper can be stopped short of its own shutdown only with futures that move.
        Box::pin(async move { Ok::<_, std::convert::Infallible>(reply.await) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .half_close(false)
        .serve_connection(TokioIo::new(io), service);
    let served = {
        let mut drained = pin!(draining.begun());
        let mut told = false;
        poll_fn(|cx| {
            if !told && drained.as_mut().poll(cx).is_ready() {
                told = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
            connection.poll_without_shutdown(cx)
        })
        .await
    };
    match served {
        Ok(()) => linger(connection.into_parts().io.into_inner()).await,
        Err(error) => tracing::debug!(%address, %error, "a connection ended in an error"),
    }
}

/// Closes the way that clients survive: what they still send is read for a while, since closing a
/// socket with unread bytes resets it, and a reset can overtake the reply (RFC 9112, 9.6).
async fn linger(mut io: impl AsyncRead + AsyncWrite + Unpin) {
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

/// Time for a request's head; also the longest pause between two requests.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Request line and headers together. (S3 itself takes 8 KiB of headers.)
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 200;
/// What a refused client may still send before it is cut off.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;
const LINGER_MAX: Duration = Duration::from_secs(3);
