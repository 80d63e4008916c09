//! A keyring before a service that does as it is told, on a clock that stands still: how often it is
//! asked, how long anybody waits, and what is kept.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;

use super::{
    Keyring, Kind, Limits, Local, Settings,
    error::Fault,
    service::{Asked, Service, Wrapped},
};
use crate::{
    seal::{BucketKey, Kek, WrappedBucketKey},
    telemetry::metrics::Metrics,
};

mod failures;
mod reuse;

/// Wraps with a key of its own. What is asked takes the next of the script, or succeeds at once.
#[derive(Clone)]
struct Scripted(Arc<Inner>);

struct Inner {
    kek: Kek,
    script: Mutex<VecDeque<Act>>,
    /// After the script.
    otherwise: Mutex<Option<Act>>,
    asked: AtomicUsize,
    /// Whether it binds what it wraps.
    binds: bool,
    /// More bytes in what it wraps.
    more: usize,
}

#[derive(Clone)]
enum Act {
    Fail(Fault),
    Wait(Duration),
}

const AWAY: fn() -> Act = || Act::Fail(Fault::Transient("away".to_owned()));

impl Scripted {
    fn new(script: impl IntoIterator<Item = Act>) -> Self {
        Self::with(script, true, 0)
    }

    fn with(script: impl IntoIterator<Item = Act>, binds: bool, more: usize) -> Self {
        Self(Arc::new(Inner {
            kek: Kek::generate().unwrap(),
            script: Mutex::new(script.into_iter().collect()),
            otherwise: Mutex::default(),
            asked: AtomicUsize::new(0),
            binds,
            more,
        }))
    }

    fn acts(&self, act: Option<Act>) {
        *self.0.otherwise.lock().unwrap() = act;
    }

    /// How often it was asked since this was asked last.
    fn asked(&self) -> usize {
        self.0.asked.swap(0, Ordering::Relaxed)
    }

    async fn act(&self) -> Result<(), Fault> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        let next = self.0.script.lock().unwrap().pop_front();
        let next = next.or_else(|| self.0.otherwise.lock().unwrap().clone());
        match next {
            Some(Act::Fail(fault)) => Err(fault),
            Some(Act::Wait(time)) => {
                sleep(time).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn bound(&self, bucket: &str) -> String {
        if self.0.binds { bucket.to_owned() } else { String::new() }
    }
}

impl Service for Scripted {
    fn wrap<'a>(&'a self, place: usize, bucket: &'a str) -> Asked<'a, Wrapped> {
        Box::pin(async move {
            self.act().await?;
            let key = BucketKey::generate()?;
            let mut bytes = self.0.kek.wrap(&self.bound(bucket), &key)?;
            bytes.resize(bytes.len() + self.0.more, 0);
            Ok(Wrapped { key, version: place.to_string(), bytes })
        })
    }

    fn unwrap<'a>(
        &'a self,
        bucket: &'a str,
        _version: &'a str,
        wrapped: &'a [u8],
    ) -> Asked<'a, BucketKey> {
        Box::pin(async move {
            self.act().await?;
            self.0.kek.unwrap(&self.bound(bucket), wrapped).map_err(|_| Fault::Broken)
        })
    }

    fn asked(&self, _place: usize) -> &'static str {
        "the key"
    }

    fn place(&self, key_id: &str) -> Option<usize> {
        key_id.parse().ok()
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted(..)")
    }
}

/// A keyring whose readiness has been found out.
async fn ring_with(service: &Scripted, limits: Limits) -> (Arc<Keyring>, Arc<Metrics>) {
    let metrics = Metrics::new().unwrap();
    let kek = || Kek::generate().unwrap();
    let kind = Kind::Local(Local::new(("1".to_owned(), kek()), Vec::new()));
    let settings = Settings { name: "ring".to_owned(), kind, limits };
    let ring = Keyring::remote(settings, Box::new(service.clone()), &metrics.keyring("ring"));
    ring.reach();
    while service.asked() == 0 {
        tokio::task::yield_now().await;
    }
    (Arc::new(ring), metrics)
}

async fn ring(service: &Scripted) -> Arc<Keyring> {
    ring_with(service, Limits::default()).await.0
}

async fn wrapped(ring: &Keyring, bucket: &str) -> WrappedBucketKey {
    ring.current(bucket, None).await.unwrap().wrapped.clone()
}

/// Another keyring before the same service, as another replica has it.
async fn replica(service: &Scripted) -> Arc<Keyring> {
    ring(service).await
}
