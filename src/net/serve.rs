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
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{
    Draining, Limits, Peer,
    pace::{Late, Pace, Paced, Reply, Watch},
};

/// Serves requests until the client leaves, a limit is hit, or draining lets the last one finish.
///
/// Gives the connection back where it must be reset: a reply broke off, or the time to drain is over.
pub(super) async fn connection<I, S, F, B>(
    io: I,
    peer: Peer,
    service: S,
    limits: Limits,
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
    let pace = Pace::new();
    let service = service_fn(|request| {
        let under_way = pace.request();
        let reply = service(peer.clone(), request);
        // Boxed, since hyper can be stopped short of its own shutdown only with futures that move.
        Box::pin(async move { Ok::<_, Infallible>(reply.await.map(|body| until(body, under_way))) })
    });
    let io = TokioIo::new(Paced::new(io, pace.clone()));
    let mut connection = http1(limits).serve_connection(io, service);
    let mut watch = Watch::new(pace.clone(), limits);
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
            match connection.poll_without_shutdown(cx) {
                Poll::Ready(ended) => Poll::Ready(Some(Ended::Itself(ended))),
                Poll::Pending => watch.poll(cx).map(|late| Some(Ended::Late(late))),
            }
        })
        .await
    };
    let io = connection.into_parts().io.into_inner().into_inner();
    match ended {
        Some(Ended::Itself(Ok(())) | Ended::Late(Late::NextRequest)) => linger(io).await,
        Some(Ended::Late(Late::Head)) => {
            tracing::debug!(%address, "a client did not finish the head of a request in time");
            linger(io).await;
        }
        // The error is the client's, and hyper has answered it where there was something to answer.
        Some(Ended::Itself(Err(error))) if error.is_parse() => {
            tracing::debug!(%address, %error, "a client sent no request that can be read");
            linger(io).await;
        }
        Some(Ended::Itself(Err(error))) => {
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

/// Why a connection is served no longer.
enum Ended {
    Itself(hyper::Result<()>),
    Late(Late),
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

/// A reply's body that is under way for as long as something of it may still come.
fn until<B: Body>(body: B, under_way: Reply) -> impl Body<Data = B::Data, Error = B::Error> {
    body.map_err(move |error| {
        let _ = &under_way;
        error
    })
}

fn http1(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes_max.max(Limits::HEAD_BYTES_LEAST))
        .max_headers(HEADERS_MAX)
        .half_close(false);
    builder
}

const HEADERS_MAX: usize = 200;
/// What a refused client may still send before it is cut off.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;
const LINGER_MAX: Duration = Duration::from_secs(3);
