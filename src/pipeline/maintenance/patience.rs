//! Trying again. Invariant: only what may have passed is tried again, and not for ever.

use std::time::Duration;

use super::Failed;
use crate::pause;

/// How long it is still worth waiting.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    left: u32,
    wait: Duration,
}

impl Patience {
    /// Waits this long at first, and three times as long each time after: behind the last of four attempts
    /// at most 13 times as much has passed.
    pub fn beginning_with(wait: Duration) -> Self {
        Self { left: ATTEMPTS_MAX - 1, wait }
    }

    /// Waits, if it may then go better and has not been tried often enough; whether it is to be tried
    /// again.
    pub async fn again(&mut self) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        tokio::time::sleep(pause::share(self.wait, (0.5, 1.0))).await;
        *self = Self { left, wait: self.wait * 3 };
        true
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::beginning_with(FIRST_WAIT)
    }
}

/// Does something until it goes well, or fails for good, or has failed often.
///
/// # Errors
///
/// Those of the last attempt.
pub async fn patiently<T, F: Future<Output = Result<T, Failed>>>(
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failed> {
    let mut patience = Patience::default();
    loop {
        match attempt().await {
            Err(failed) if failed.is_passing() && patience.again().await => {}
            ended => return ended,
        }
    }
}

const ATTEMPTS_MAX: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn attempts(failures: u32, failed: fn() -> Failed) -> (bool, u32) {
        let made = Cell::new(0);
        let ended = patiently(|| {
            made.set(made.get() + 1);
            std::future::ready(if made.get() > failures { Ok(()) } else { Err(failed()) })
        });
        (ended.await.is_ok(), made.get())
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_again_and_nothing_else() {
        let passing = || Failed::passing("busy");
        assert_eq!(attempts(0, passing).await, (true, 1));
        assert_eq!(attempts(3, passing).await, (true, 4));
        assert_eq!(attempts(9, passing).await, (false, 4));
        assert_eq!(attempts(1, || Failed::new("no")).await, (false, 1));
    }
}
