//! What goes on beside requests. Invariant: a task holds its keyring only while it does something, so
//! that it never keeps one alive.

use std::{sync::Weak, time::Duration};

use tokio::time::sleep;

use super::{
    probe::PROBE_BUCKET,
    shared::{Shared, Source},
};
use crate::pause::share;

/// Wipes keys that have had their time, also where nobody asks for others.
pub(super) async fn sweep(shared: Weak<Shared>) {
    loop {
        sleep(SWEEP_INTERVAL).await;
        let Some(shared) = shared.upgrade() else { return };
        shared.sweep();
    }
}

/// Asks for a key until the service has answered.
pub(super) async fn reach(shared: Weak<Shared>) {
    for attempt in 0_u32.. {
        let Some(shared) = shared.upgrade() else { return };
        let Source::Remote(remote) = &shared.source else { return };
        if remote.calls.was_reached() || shared.fresh(0, PROBE_BUCKET).await.is_ok() {
            return;
        }
        let pause = REACH_PAUSE_MAX.min(REACH_PAUSE * (1 << attempt.min(10)));
        drop(shared);
        sleep(share(pause, REACH_SHARE)).await;
    }
}

/// How long a key may stay in memory after its time.
const SWEEP_INTERVAL: Duration = Duration::from_secs(15);
/// After the first failure, doubled with every other.
const REACH_PAUSE: Duration = Duration::from_secs(1);
/// See [`REACH_PAUSE`].
const REACH_PAUSE_MAX: Duration = Duration::from_secs(30);
/// See [`REACH_PAUSE`].
const REACH_SHARE: (f64, f64) = (0.5, 1.0);
