//! How a key service is called: in time, again where that may help, and never by too many at once.
//! Invariant: every call ends within the time that a request waits.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout_at},
};

use super::{
    circuit::Circuit,
    error::Fault,
    service::{Asked, Service, Wrapped},
};
use crate::{pause::share, seal::BucketKey, telemetry::metrics::KeyringMetrics};

/// A key service, called with care.
#[derive(Debug)]
pub(super) struct Calls {
    service: Box<dyn Service>,
    permits: Semaphore,
    circuit: Circuit,
    /// All attempts of a call together.
    wait: Duration,
    metrics: KeyringMetrics,
    was_reached: AtomicBool,
}

impl Calls {
    pub(super) fn new(service: Box<dyn Service>, wait: Duration, metrics: KeyringMetrics) -> Self {
        Self {
            service,
            permits: Semaphore::new(CALLS_MAX),
            circuit: Circuit::default(),
            wait,
            metrics,
            was_reached: AtomicBool::new(false),
        }
    }

    pub(super) fn service(&self) -> &dyn Service {
        self.service.as_ref()
    }

    /// Whether the service has ever answered.
    pub(super) fn was_reached(&self) -> bool {
        self.was_reached.load(Ordering::Relaxed)
    }

    /// See [`Service::wrap`].
    pub(super) async fn wrap(&self, place: usize, bucket: &str) -> Result<Wrapped, Fault> {
        self.call(WRAP, || self.service.wrap(place, bucket)).await
    }

    /// See [`Service::unwrap`].
    pub(super) async fn unwrap(
        &self,
        bucket: &str,
        version: &str,
        wrapped: &[u8],
    ) -> Result<BucketKey, Fault> {
        self.call(UNWRAP, || self.service.unwrap(bucket, version, wrapped)).await
    }

    async fn call<'a, T>(
        &self,
        operation: &'static str,
        ask: impl Fn() -> Asked<'a, T>,
    ) -> Result<T, Fault> {
        let deadline = Instant::now() + self.wait;
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(Fault::Transient(format!("{CALLS_MAX} calls are under way already")));
        };
        if !self.circuit.admits() {
            return Err(Fault::Transient("it failed several times in a row just now".to_owned()));
        }
        let result = self.attempts(operation, deadline, ask).await;
        if let Err(Fault::Transient(reason) | Fault::Refused(reason)) = &result {
            tracing::warn!(keyring = self.metrics.name(), operation, reason, "no key");
        }
        match &result {
            Err(Fault::Transient(_)) => self.circuit.failed(),
            Ok(_)
            | Err(
                Fault::Refused(_)
                | Fault::UnknownKey
                | Fault::Disabled(_)
                | Fault::Broken
                | Fault::OtherKey
                | Fault::NoRandomness,
            ) => {
                self.circuit.answered();
                self.was_reached.store(true, Ordering::Relaxed);
            }
        }
        result
    }

    async fn attempts<'a, T>(
        &self,
        operation: &'static str,
        deadline: Instant,
        ask: impl Fn() -> Asked<'a, T>,
    ) -> Result<T, Fault> {
        let limit = self.wait / ATTEMPTS_MAX;
        let mut attempt = 1;
        loop {
            let began = Instant::now();
            let answer = timeout_at(deadline.min(began + limit), ask()).await;
            let silent = |_| Err(Fault::Transient(format!("it was silent for {limit:?}")));
            let result = answer.unwrap_or_else(silent);
            let outcome = result.as_ref().err().map_or("success", Fault::outcome);
            self.metrics.asked(operation, outcome, began.elapsed());
            let pause = share(PAUSE * (1 << (attempt - 1)), PAUSE_SHARE);
            let is_last = attempt == ATTEMPTS_MAX || Instant::now() + pause >= deadline;
            if is_last || !matches!(result, Err(Fault::Transient(_))) {
                return result;
            }
            sleep(pause).await;
            attempt += 1;
        }
    }
}

/// As metrics have it.
pub(super) const WRAP: &str = "wrap";
/// As metrics have it.
pub(super) const UNWRAP: &str = "unwrap";

/// Calls of one keyring that are under way; others wait.
const CALLS_MAX: usize = 32;
/// How often a call is tried.
const ATTEMPTS_MAX: u32 = 3;
/// Before the second attempt, doubled with every other.
const PAUSE: Duration = Duration::from_millis(100);
/// See [`PAUSE`].
const PAUSE_SHARE: (f64, f64) = (0.5, 1.5);
