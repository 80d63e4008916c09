//! A keyring in use. Invariant: what it gives out is within its limits, and its tasks end with it.

use std::sync::{Arc, OnceLock};

use tokio::{runtime::Handle, task::JoinHandle};

use super::{
    Current, Error, Local, Settings,
    cache::Cache,
    calls::{Calls, UNWRAP, WRAP},
    flights::Flights,
    service::Service,
    shared::{Remote, Shared, Source, unwrapped_label, wrapping_label},
    upkeep::{reach, sweep},
};
use crate::{
    seal::{BucketKey, WrappedBucketKey},
    telemetry::metrics::KeyringMetrics,
};

/// One keyring.
#[derive(Debug)]
pub struct Keyring {
    settings: Settings,
    pub(super) shared: Arc<Shared>,
    sweeping: Option<JoinHandle<()>>,
    reaching: OnceLock<JoinHandle<()>>,
}

impl Keyring {
    /// Opens a keyring of keys in a file.
    pub(super) fn local(settings: Settings, local: Local, metrics: &KeyringMetrics) -> Self {
        Self::start(settings, Source::Local(local), metrics)
    }

    /// Opens a keyring of a key service.
    pub(super) fn remote(
        settings: Settings,
        service: Box<dyn Service>,
        metrics: &KeyringMetrics,
    ) -> Self {
        let limits = settings.limits;
        let remote = Remote {
            calls: Calls::new(service, limits.wait, metrics.clone()),
            unwrapped: Cache::new(limits.unwrapped_keys_max, limits.unwrapped_lifetime),
            unwraps: metrics.cache(UNWRAP),
            wrapping: Flights::default(),
            unwrapping: Flights::default(),
        };
        Self::start(settings, Source::Remote(Box::new(remote)), metrics)
    }

    fn start(settings: Settings, source: Source, metrics: &KeyringMetrics) -> Self {
        let limits = settings.limits;
        let shared = Arc::new(Shared {
            name: settings.name.clone(),
            source,
            limits,
            in_use: Cache::new(BUCKETS_MAX, limits.bucket_key_lifetime),
            wraps: metrics.cache(WRAP),
        });
        // Without a runtime nothing is kept for long.
        let runtime = Handle::try_current().ok();
        let sweeping = runtime.map(|runtime| runtime.spawn(sweep(Arc::downgrade(&shared))));
        Self { settings, shared, sweeping, reaching: OnceLock::new() }
    }

    /// Asks for a key until the key service has answered, by a task of its own, for [`Self::was_reached`].
    /// To be called within a runtime.
    pub fn reach(&self) {
        if !self.was_reached() {
            self.reaching.get_or_init(|| tokio::spawn(reach(Arc::downgrade(&self.shared))));
        }
    }

    /// The name that key boxes bear.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// As it was configured.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether its keys are here, or their service has answered since the start. That one which
    /// answered once is away later does not count: what is cached goes on being read.
    pub fn was_reached(&self) -> bool {
        match &self.shared.source {
            Source::Local(_) => true,
            Source::Remote(remote) => remote.calls.was_reached(),
        }
    }

    /// A bucket key to wrap new objects of the bucket with, reused within bounds; `key_id` is the KMS
    /// key that the client asks for.
    ///
    /// # Errors
    ///
    /// Any but [`Error::UnknownRing`] and [`Error::Broken`].
    pub async fn current(&self, bucket: &str, key_id: Option<&str>) -> Result<Arc<Current>, Error> {
        let shared = &self.shared;
        let place = shared.place(key_id)?;
        let label = wrapping_label(bucket, place);
        if let Some((in_use, passed)) = shared.in_use.find(&label)
            && let Some(current) = in_use.take(shared.limits.bucket_key_objects_max)
        {
            shared.wraps.hit();
            if passed > RENEWAL_SHARE {
                shared.renew(label, place, bucket);
            }
            return Ok(current);
        }
        shared.wraps.miss();
        let in_use = shared.wrap(label, place, bucket, 1.0).await?;
        match in_use.take(shared.limits.bucket_key_objects_max) {
            Some(current) => Ok(current),
            // So many waited for it that it is used up already.
            None => shared.fresh(place, bucket).await,
        }
    }

    /// As [`Keyring::current`], and never handed out before or again.
    ///
    /// # Errors
    ///
    /// As [`Keyring::current`].
    pub async fn fresh(&self, bucket: &str, key_id: Option<&str>) -> Result<Arc<Current>, Error> {
        let place = self.shared.place(key_id)?;
        self.shared.fresh(place, bucket).await
    }

    /// The bucket key that a box of this bucket carries.
    ///
    /// # Errors
    ///
    /// Any but [`Error::UnknownRing`], [`Error::TooLong`] and [`Error::NoRandomness`].
    pub async fn unwrap(
        &self,
        bucket: &str,
        wrapped: &WrappedBucketKey,
    ) -> Result<Arc<BucketKey>, Error> {
        match &self.shared.source {
            Source::Local(local) => self.shared.unwrap_locally(local, bucket, wrapped),
            Source::Remote(remote) => {
                let label = unwrapped_label(bucket, wrapped);
                if let Some((kept, _)) = remote.unwrapped.find(&label) {
                    remote.unwraps.hit();
                    return Ok(kept?);
                }
                remote.unwraps.miss();
                self.shared.unwrap(remote, label, bucket, wrapped).await
            }
        }
    }

    /// The KMS key that replies name for objects wrapped by this version; `None`: they say `AES256`.
    pub fn kms_key_id(&self, version: &str) -> Option<&str> {
        match &self.shared.source {
            Source::Local(_) => None,
            Source::Remote(remote) => remote.calls.service().key_id(version),
        }
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        for task in self.sweeping.iter().chain(self.reaching.get()) {
            task.abort();
        }
    }
}

/// Of a bucket key's time, what passes before its successor is made.
pub(super) const RENEWAL_SHARE: f64 = 0.8;
/// Buckets whose keys are at hand, times the keys that clients ask for.
const BUCKETS_MAX: usize = 4096;
