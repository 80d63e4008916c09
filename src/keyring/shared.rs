//! What a keyring shares with the calls that it has under way. Invariant: no bucket key wraps for longer,
//! or more objects, than the limits say, and each is wiped with its last user.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{
    Current, Error, Limits, Local,
    cache::{Cache, Label},
    calls::Calls,
    error::Fault,
    flights::{Flights, Lost},
    local::Version,
    ring::RENEWAL_SHARE,
    service::Wrapped,
};
use crate::{
    seal::{Broken, BucketKey, WrappedBucketKey},
    telemetry::metrics::CacheMetrics,
};

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) limits: Limits,
    pub(super) in_use: Cache<Arc<InUse>>,
    pub(super) wraps: CacheMetrics,
}

#[derive(Debug)]
pub(super) enum Source {
    Local(Local),
    Remote(Box<Remote>),
}

/// A key service and what it gave.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) calls: Calls,
    /// A wrapped key that does not open is kept, too: whoever asks for it again gets no other answer.
    pub(super) unwrapped: Cache<Unwrapped>,
    pub(super) unwraps: CacheMetrics,
    pub(super) wrapping: Flights<Result<Arc<InUse>, Error>>,
    pub(super) unwrapping: Flights<Result<Arc<BucketKey>, Error>>,
}

pub(super) type Unwrapped = Result<Arc<BucketKey>, Broken>;

/// A bucket key that wraps, and how many objects it has wrapped.
#[derive(Debug)]
pub(super) struct InUse {
    current: Arc<Current>,
    objects: AtomicU64,
}

impl Shared {
    /// The place of the key that a client asks for, or of the one that is meant otherwise.
    pub(super) fn place(&self, key_id: Option<&str>) -> Result<usize, Error> {
        let Some(key_id) = key_id else { return Ok(0) };
        let place = match &self.source {
            Source::Local(_) => None,
            Source::Remote(remote) => remote.calls.service().place(key_id),
        };
        let (ring, version) = (self.name.clone(), key_id.to_owned());
        place.ok_or(Error::UnknownKey { ring, version })
    }

    /// A bucket key that is new to who waits for it. One in use will do if no more than `passed` of
    /// its time has passed.
    pub(super) async fn wrap(
        self: &Arc<Self>,
        label: Label,
        place: usize,
        bucket: &str,
        passed: f64,
    ) -> Result<Arc<InUse>, Error> {
        let remote = match &self.source {
            Source::Remote(remote) => remote,
            Source::Local(_) => return self.keep_fresh(label, place, bucket).await,
        };
        let objects_max = self.limits.bucket_key_objects_max;
        let is_good = |(in_use, so_far): &(Arc<InUse>, f64)| {
            *so_far <= passed && in_use.objects.load(Ordering::Relaxed) < objects_max
        };
        let found = || self.in_use.find(&label).filter(is_good).map(|(in_use, _)| Ok(in_use));
        let call = || {
            let (shared, bucket) = (Arc::clone(self), bucket.to_owned());
            async move { shared.keep_fresh(label, place, &bucket).await }
        };
        let result = remote.wrapping.join(label, found, call).await;
        result.unwrap_or_else(|lost| Err(self.lost(lost)))
    }

    /// Has a successor made while there is time, so that nobody waits for it.
    pub(super) fn renew(self: &Arc<Self>, label: Label, place: usize, bucket: &str) {
        let Source::Remote(remote) = &self.source else { return };
        if remote.wrapping.has(&label) {
            return;
        }
        let (shared, bucket) = (Arc::clone(self), bucket.to_owned());
        tokio::spawn(async move {
            if let Err(error) = shared.wrap(label, place, &bucket, RENEWAL_SHARE).await {
                tracing::debug!(keyring = shared.name, %error, "no new bucket key yet");
            }
        });
    }

    async fn keep_fresh(
        &self,
        label: Label,
        place: usize,
        bucket: &str,
    ) -> Result<Arc<InUse>, Error> {
        let current = self.fresh(place, bucket).await?;
        let in_use = Arc::new(InUse { current, objects: AtomicU64::new(0) });
        self.in_use.keep(label, Arc::clone(&in_use));
        Ok(in_use)
    }

    pub(super) async fn fresh(&self, place: usize, bucket: &str) -> Result<Arc<Current>, Error> {
        let Wrapped { key, version, bytes } = match &self.source {
            Source::Local(local) => {
                let key = BucketKey::generate()?;
                let (version, bytes) = local.wrap(bucket, &key)?;
                Wrapped { key, version, bytes }
            }
            Source::Remote(remote) => {
                let wrapped = remote.calls.wrap(place, bucket).await;
                wrapped
                    .map_err(|fault| fault.of(&self.name, remote.calls.service().asked(place)))?
            }
        };
        let wrapped = WrappedBucketKey { ring: self.name.clone(), version, bytes };
        if !wrapped.fits() {
            return Err(Error::TooLong { ring: wrapped.ring, bytes: wrapped.bytes.len() });
        }
        if let Source::Remote(remote) = &self.source {
            let copy = Arc::new(BucketKey::from_bytes(key.expose()));
            remote.unwrapped.keep(unwrapped_label(bucket, &wrapped), Ok(copy));
        }
        Ok(Arc::new(Current { key, wrapped }))
    }

    pub(super) async fn unwrap(
        self: &Arc<Self>,
        remote: &Remote,
        label: Label,
        bucket: &str,
        wrapped: &WrappedBucketKey,
    ) -> Result<Arc<BucketKey>, Error> {
        let found = || remote.unwrapped.find(&label).map(|(kept, _)| kept.map_err(Error::from));
        let call = || {
            let (shared, bucket, wrapped) = (Arc::clone(self), bucket.to_owned(), wrapped.clone());
            async move {
                let result = shared.unwrap_afresh(&bucket, &wrapped).await;
                let kept = match &result {
                    Ok(key) => Some(Ok(Arc::clone(key))),
                    Err(Error::Broken(broken)) => Some(Err(*broken)),
                    Err(_) => None,
                };
                if let (Source::Remote(remote), Some(kept)) = (&shared.source, kept) {
                    remote.unwrapped.keep(label, kept);
                }
                result
            }
        };
        let result = remote.unwrapping.join(label, found, call).await;
        result.unwrap_or_else(|lost| Err(self.lost(lost)))
    }

    pub(super) async fn unwrap_afresh(
        &self,
        bucket: &str,
        wrapped: &WrappedBucketKey,
    ) -> Result<Arc<BucketKey>, Error> {
        let WrappedBucketKey { version, bytes, .. } = wrapped;
        match &self.source {
            Source::Local(local) => self.unwrap_locally(local, bucket, wrapped),
            Source::Remote(remote) => match remote.calls.unwrap(bucket, version, bytes).await {
                Ok(key) => Ok(Arc::new(key)),
                Err(fault) => Err(fault.of(&self.name, version)),
            },
        }
    }

    /// Nothing of it is kept: the file's keys are here.
    pub(super) fn unwrap_locally(
        &self,
        local: &Local,
        bucket: &str,
        wrapped: &WrappedBucketKey,
    ) -> Result<Arc<BucketKey>, Error> {
        let fault = match local.find(&wrapped.version) {
            Some(Version::Usable(kek)) => return Ok(Arc::new(kek.unwrap(bucket, &wrapped.bytes)?)),
            Some(Version::Disabled) => Fault::Disabled("disabled"),
            None => Fault::UnknownKey,
        };
        Err(fault.of(&self.name, &wrapped.version))
    }

    fn lost(&self, lost: Lost) -> Error {
        let reason = match lost {
            Lost::TooMany => "too many keys are asked for at once",
            Lost::Ended => "the call ended early",
        };
        Fault::Transient(reason.to_owned()).of(&self.name, "")
    }

    pub(super) fn sweep(&self) {
        self.in_use.sweep();
        if let Source::Remote(remote) = &self.source {
            remote.unwrapped.sweep();
        }
    }
}

impl InUse {
    /// The key, for one more object.
    pub(super) fn take(&self, objects_max: u64) -> Option<Arc<Current>> {
        let before = self.objects.fetch_add(1, Ordering::Relaxed);
        (before < objects_max).then(|| Arc::clone(&self.current))
    }
}

/// What a bucket key in use is kept by.
pub(super) fn wrapping_label(bucket: &str, place: usize) -> Label {
    Label::of(&[bucket.as_bytes(), &place.to_be_bytes()])
}

/// What an unwrapped key is kept by.
pub(super) fn unwrapped_label(bucket: &str, wrapped: &WrappedBucketKey) -> Label {
    Label::of(&[bucket.as_bytes(), wrapped.version.as_bytes(), &wrapped.bytes])
}
