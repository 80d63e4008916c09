//! Trying again. Invariant: only what may have passed is tried again, and not for ever.

use std::time::Duration;

use crate::{pause, pipeline::maintenance::Failed};

/// Does something until it goes well, or fails for good, or has failed often.
pub(super) async fn patiently<T, F: Future<Output = Result<T, Failed>>>(
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failed> {
    let mut wait = FIRST_WAIT;
    for _ in 1..ATTEMPTS_MAX {
        match attempt().await {
            Err(failed) if failed.is_passing() => {}
            ended => return ended,
        }
        tokio::time::sleep(pause::share(wait, (0.5, 1.0))).await;
        wait *= 3;
    }
    attempt().await
}

/// Behind the last one at most 13 seconds have passed.
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
