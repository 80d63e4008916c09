//! What wakes the reloader's thread. Invariant: signals of a kind that come before they are read
//! count once, so nothing queues up.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Why the thread wakes, the most urgent last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wake {
    /// A file may have changed.
    Changed,
    /// Somebody asked for a reload.
    Triggered,
    /// The reloader was dropped.
    Stopped,
}

/// The most urgent signal that was raised and not yet read.
#[derive(Debug, Default)]
pub(super) struct Signals {
    raised: Mutex<Option<Wake>>,
    changed: Condvar,
}

impl Signals {
    pub(super) fn raise(&self, wake: Wake) {
        let mut raised = self.lock();
        *raised = (*raised).max(Some(wake));
        self.changed.notify_all();
    }

    /// The most urgent signal; [`Wake::Changed`] after `limit` without any.
    pub(super) fn wait(&self, limit: Duration) -> Wake {
        self.take(limit).unwrap_or(Wake::Changed)
    }

    /// Swallows changes until none came for `quiet`, for `limit` at most. Other signals stay
    /// raised.
    pub(super) fn settle(&self, quiet: Duration, limit: Duration) {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            match self.take(quiet) {
                Some(Wake::Changed) => {}
                Some(urgent @ (Wake::Triggered | Wake::Stopped)) => return self.raise(urgent),
                None => return,
            }
        }
    }

    fn take(&self, limit: Duration) -> Option<Wake> {
        let raised = self.lock();
        let waited = self.changed.wait_timeout_while(raised, limit, |raised| raised.is_none());
        let (mut raised, _) = waited.unwrap_or_else(PoisonError::into_inner);
        raised.take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Wake>> {
        // A signal is written in one piece, so that a panic elsewhere leaves it whole.
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Signals, Wake};

    #[test]
    fn the_most_urgent_signal_is_read_and_then_none() {
        let signals = Signals::default();
        for wake in [Wake::Changed, Wake::Stopped, Wake::Triggered] {
            signals.raise(wake);
        }
        assert_eq!(signals.wait(Duration::ZERO), Wake::Stopped);
        assert_eq!(signals.take(Duration::ZERO), None);
    }

    #[test]
    fn settling_swallows_changes_alone() {
        let signals = Signals::default();
        signals.raise(Wake::Changed);
        signals.settle(Duration::ZERO, Duration::from_secs(1));
        assert_eq!(signals.take(Duration::ZERO), None);
        signals.raise(Wake::Triggered);
        signals.settle(Duration::ZERO, Duration::from_secs(1));
        assert_eq!(signals.take(Duration::ZERO), Some(Wake::Triggered));
    }
}
