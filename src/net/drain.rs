//! Graceful end: stop accepting, let requests finish, then close.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

/// The side that ends.
#[derive(Debug)]
pub struct Drain {
    phase: watch::Sender<Phase>,
    ended: mpsc::Receiver<()>,
}

/// The side that is told; cloned into every connection. Draining lasts until all are dropped.
#[derive(Clone, Debug)]
pub struct Draining {
    phase: watch::Receiver<Phase>,
    // Never sent on: its drop is the message.
    _open: mpsc::Sender<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Draining,
    Over,
}

impl Drain {
    /// A pair.
    pub fn new() -> (Self, Draining) {
        let (begin, phase) = watch::channel(Phase::Serving);
        let (open, ended) = mpsc::channel(1);
        (Self { phase: begin, ended }, Draining { phase, _open: open })
    }

    /// Signals, then waits until every [`Draining`] is dropped or `limit` has passed; true if all
    /// ended by themselves. Whatever has not is told that its time is over.
    pub async fn drain(mut self, limit: Duration) -> bool {
        self.phase.send_replace(Phase::Draining);
        let ended = tokio::time::timeout(limit, self.ended.recv()).await.is_ok();
        self.phase.send_replace(Phase::Over);
        if !ended {
            // What is cut off still has to be told of.
            let _ = tokio::time::timeout(CUT_OFF_MAX, self.ended.recv()).await;
        }
        ended
    }
}

impl Draining {
    /// Resolves once draining has begun (or its [`Drain`] is gone).
    pub async fn begun(&mut self) {
        let _ = self.phase.wait_for(|phase| *phase >= Phase::Draining).await;
    }

    /// Resolves once the time to drain is over (or its [`Drain`] is gone).
    pub async fn over(&mut self) {
        let _ = self.phase.wait_for(|phase| *phase == Phase::Over).await;
    }
}

/// Time for connections to be let go once they are told to.
const CUT_OFF_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Drain;

    #[tokio::test(start_paused = true)]
    async fn draining_ends_when_the_last_holder_has_gone() {
        let (drain, mut draining) = Drain::new();
        let holder = tokio::spawn(async move {
            draining.begun().await;
            tokio::time::sleep(Duration::from_secs(3)).await;
        });
        assert!(drain.drain(Duration::from_secs(10)).await);
        holder.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn draining_gives_up_after_its_limit() {
        let (drain, _draining) = Drain::new();
        assert!(!drain.drain(Duration::from_secs(10)).await);
    }
}
