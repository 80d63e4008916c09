//! Notices a backend that stands still: neither reads what it is sent, nor answers. Invariant: a body
//! that is still on its way when its exchange is over is cut off, and never completed.

use std::{
    future::Future as _,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::{sync::oneshot, time::Instant};

use super::Outbound;

/// When the exchange last moved, and whose turn it has been since.
#[derive(Debug)]
pub(super) struct Watch {
    began: Instant,
    moved_ms: AtomicU64,
    clients_turn: AtomicBool,
}

/// An outbound body that tells its [`Watch`] when it moves.
#[derive(Debug)]
pub(super) struct Watched {
    body: Shared,
    watch: Arc<Watch>,
    /// Never sent on: that the other end is dropped is the message.
    over: oneshot::Receiver<()>,
}

/// Held by whoever waits for the answer, and then by the answer's body: dropped, it cuts off what is
/// still being sent. The connection's own task would go on with it, or, where the backend takes no
/// more bytes, hold the client's body for ever.
#[derive(Debug)]
pub(super) struct Exchange {
    body: Shared,
    /// Its drop wakes the connection's task.
    _over: oneshot::Sender<()>,
}

/// `None`: the exchange is over.
type Shared = Arc<Mutex<Option<Outbound>>>;

/// The answer was refused, or has been relayed, before all of the request was sent.
#[derive(Debug, thiserror::Error)]
#[error("the exchange was over before its request had been sent")]
struct Over;

impl Watch {
    /// Wraps a body; time counts from now.
    pub(super) fn over(body: Outbound) -> (Watched, Arc<Self>, Exchange) {
        let (exchange, over) = oneshot::channel();
        let watch = Arc::new(Self {
            began: Instant::now(),
            moved_ms: AtomicU64::new(0),
            clients_turn: AtomicBool::new(false),
        });
        let body = Arc::new(Mutex::new(Some(body)));
        let watched = Watched { body: Arc::clone(&body), watch: Arc::clone(&watch), over };
        (watched, watch, Exchange { body, _over: exchange })
    }

    /// Resolves once it has been the backend's turn for `limit` and nothing moved.
    ///
    /// While the client owes bytes the time does not count: its silence is [`super::Idle`]'s affair.
    pub(super) async fn silent_for(&self, limit: Duration) {
        let mut counted_from = self.moved();
        loop {
            tokio::time::sleep_until(counted_from + limit).await;
            let moved = self.moved();
            if self.clients_turn.load(Ordering::Relaxed) {
                counted_from = Instant::now();
            } else if moved > counted_from {
                counted_from = moved;
            } else {
                return;
            }
        }
    }

    fn moved(&self) -> Instant {
        self.began + Duration::from_millis(self.moved_ms.load(Ordering::Relaxed))
    }

    fn note(&self, clients_turn: bool) {
        let elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(elapsed_ms, Ordering::Relaxed);
        self.clients_turn.store(clients_turn, Ordering::Relaxed);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let body = lock(&self.body).take();
        drop(body);
    }
}

fn lock(body: &Shared) -> MutexGuard<'_, Option<Outbound>> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if !self.over.is_terminated() && Pin::new(&mut self.over).poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Over.into())));
        }
        let polled = match &mut *lock(&self.body) {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => return Poll::Ready(Some(Err(Over.into()))),
        };
        self.watch.note(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.body).as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.body).as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Outbound, Watch};

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_last_move() {
        let (_body, watch, _exchange) = Watch::over(Outbound::empty());
        let began = Instant::now();
        tokio::time::advance(Duration::from_secs(3)).await;
        watch.note(false);
        watch.silent_for(Duration::from_secs(5)).await;
        assert_eq!(began.elapsed().as_secs(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_is_not_a_silent_backend() {
        let (_body, watch, _exchange) = Watch::over(Outbound::empty());
        watch.note(true);
        let silent = watch.silent_for(Duration::from_secs(5));
        assert!(tokio::time::timeout(Duration::from_mins(1), silent).await.is_err());
    }
}
