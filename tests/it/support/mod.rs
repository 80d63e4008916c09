//! What the tests are told with: a gate, the backend behind it, the client before it.

pub(crate) mod aws;
pub(crate) mod certs;
pub(crate) mod client;
pub(crate) mod documents;
pub(crate) mod form;
pub(crate) mod gate;
pub(crate) mod key_service;
pub(crate) mod program;
pub(crate) mod store;
pub(crate) mod upstream;

use std::time::{Duration, SystemTime};

pub(crate) use client::Request;
pub(crate) use gate::Gate;
pub(crate) use upstream::{Reply, Seen, Upstream};

/// Waits for something that must come soon; a test that hangs tells what for.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("waited {} s for {what}", PATIENCE.as_secs());
    };
    value
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "a client's clock, not the gate's")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Far above what anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
