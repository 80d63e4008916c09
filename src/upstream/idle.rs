//! A body that may be slow but not silent.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::watch::Exchange;

/// A body that fails when no byte has come for `limit` while someone waited for one.
///
/// Time in which nobody asks does not count: a slow reader is not a silent writer.
#[derive(Debug)]
pub struct Idle<B> {
    body: B,
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    // Never read: its drop is its use.
    _exchange: Option<Exchange>,
}

/// Why an [`Idle`] body failed.
#[derive(Debug, thiserror::Error)]
pub enum IdleError {
    /// Nothing came for this long.
    #[error("no byte came for {} seconds", .0.as_secs())]
    Silent(Duration),
    /// The connection failed.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

impl<B> Idle<B> {
    /// Watches a body.
    pub fn new(body: B, limit: Duration) -> Self {
        Self { body, limit, sleep: None, waiting: false, _exchange: None }
    }

    /// Watches an answer's body, whose drop ends the exchange.
    pub(super) fn answer(body: B, limit: Duration, exchange: Exchange) -> Self {
        Self { _exchange: Some(exchange), ..Self::new(body, limit) }
    }
}

impl<B> Body for Idle<B>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    type Data = Bytes;
    type Error = IdleError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IdleError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(IdleError::Broken)));
        }
        let limit = this.limit;
        let sleep = this.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if !this.waiting {
            sleep.as_mut().reset(Instant::now() + limit);
            this.waiting = true;
        }
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err(IdleError::Silent(limit)))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
