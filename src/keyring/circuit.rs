//! A service that keeps failing is left alone for a while, so that requests are answered at once
//! instead of waiting in a growing queue. Invariant: while it is left alone, one call at a time finds
//! out whether it is back.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// What is known of a service.
#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Until then nobody calls.
    closed_until: Option<Instant>,
}

impl Circuit {
    /// Whether a call may be made now. Who may call says how it went.
    pub(super) fn admits(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        if state.failures < FAILURES_MAX {
            return true;
        }
        if state.closed_until.is_some_and(|until| now < until) {
            return false;
        }
        // The others wait for what this one finds out, or for the time that it may take.
        state.closed_until = Some(now + PROBE);
        true
    }

    /// The service has answered, whatever it said.
    pub(super) fn answered(&self) {
        *self.state() = State::default();
    }

    /// The service has not.
    pub(super) fn failed(&self) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES_MAX {
            state.closed_until = Some(Instant::now() + PAUSE);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls in a row that fail before the service is left alone.
const FAILURES_MAX: u32 = 5;
/// How long it is left alone.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a call may take that finds out: one that was given up tells nothing.
const PROBE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::{Circuit, FAILURES_MAX, PAUSE, PROBE};

    fn failing() -> Circuit {
        let circuit = Circuit::default();
        for _ in 0..FAILURES_MAX {
            assert!(circuit.admits());
            circuit.failed();
        }
        circuit
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_service_is_left_alone_for_a_while() {
        let circuit = failing();
        assert!(!circuit.admits());
        advance(PAUSE).await;
        assert!(circuit.admits(), "one finds out");
        assert!(!circuit.admits(), "and one only");
        circuit.failed();
        assert!(!circuit.admits());
        advance(PAUSE).await;
        assert!(circuit.admits());
        circuit.answered();
        assert!(circuit.admits() && circuit.admits());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_given_up_keeps_nobody_out_for_long() {
        let circuit = failing();
        advance(PAUSE).await;
        assert!(circuit.admits());
        advance(PROBE.mul_f64(0.99)).await;
        assert!(!circuit.admits());
        advance(PROBE.mul_f64(0.01)).await;
        assert!(circuit.admits());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_forgets_failures() {
        let circuit = Circuit::default();
        for _ in 0..3 * FAILURES_MAX {
            circuit.failed();
            circuit.answered();
        }
        assert!(circuit.admits());
    }
}
