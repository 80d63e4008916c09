//! What the operator has done to objects at rest: looking at them, wrapping their keys anew, sealing
//! what is not sealed. Invariant: nothing is written but sealed objects, each in the place of what was
//! looked at, and as a whole.
//!
//! ```text
//! list ─▶ look ─▶ rewrap: a new key box; the records stay on the backend
//!            └──▶ seal:   the object itself, read, sealed and written back
//! ```
//!
//! No policy is asked: whoever does this holds the configuration, and the credential in it.

mod belongings;
mod failed;
mod grants;
mod list;
mod locks;
mod look;
mod patience;
mod probe;
mod rewrap;
mod seal;
mod tried;
mod upload;

use std::sync::Arc;

pub use self::{
    failed::Failed,
    list::{Listing, Page, Versioning},
    look::{Found, Look},
    patience::{Patience, patiently},
    probe::{Conditions, CopyConditions, Probed},
    rewrap::{RewrapOptions, Rewrapped},
    seal::{SealOptions, Sealed},
    tried::Tried,
};
use super::{
    Settings,
    receive::Context,
    rescue::Error,
    room::Room,
    seal::{Courier, Endings, Looks, Sender},
};
use crate::{
    s3::{BucketName, ObjectKey},
    telemetry::metrics::Metrics,
};

/// An object, or a version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// `None`: the current version.
    pub version_id: Option<String>,
}

/// Why an object is left as it is, though there would be something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// It is in an archive, or would be, before it was read again.
    Archived,
    /// It is sealed under a key of a client's (SSE-C), which is not here.
    CustomerKey,
    /// It is locked, or held: what took its place would not be.
    Locked,
    /// No rule seals there.
    NoRule,
}

/// Does it, with the way to the backend and the keyrings of a configuration.
#[derive(Clone, Debug)]
pub struct Maintenance {
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    endings: Endings,
    request_bytes_max: u64,
    patience: Patience,
}

impl Maintenance {
    /// By these settings.
    pub fn new(settings: Settings, metrics: Arc<Metrics>) -> Self {
        let endings = Endings::default();
        let settings = Arc::new(settings);
        let patience = Patience::default();
        Self { settings, metrics, endings, request_bytes_max: REQUEST_BYTES_MAX, patience }
    }

    /// Writes what has more stored bytes than this as a multipart upload; at most, and else, those that
    /// one request to S3 can carry: 5 GiB.
    #[must_use]
    pub fn in_requests_of(self, bytes_max: u64) -> Self {
        Self { request_bytes_max: bytes_max.min(REQUEST_BYTES_MAX), ..self }
    }

    /// Has this patience with each part of an upload.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Those that it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// With the credential as it is now: what the operator does can outlast one.
    async fn sender(&self) -> Result<Sender, Error> {
        let shared = (Room::empty(), self.endings.clone(), Looks::default());
        let context = Context::of_operator(Arc::clone(&self.settings), shared);
        let signer = self.settings.upstream.signer(None, context.time()).await?;
        Ok(Sender::of_operator((signer, context), Arc::clone(&self.metrics)))
    }

    async fn courier(&self, target: &Target) -> Result<Courier, Error> {
        let object = (target.bucket.clone(), target.key.clone());
        Ok(self.sender().await?.about(object, target.version_id.clone()))
    }
}

impl Left {
    /// In a few words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Archived => "in an archive",
            Self::CustomerKey => "under a customer's key",
            Self::Locked => "locked or held",
            Self::NoRule => "where no rule seals",
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket.as_str(), self.key.as_str())?;
        match &self.version_id {
            Some(version_id) => write!(f, " (version {version_id})"),
            None => Ok(()),
        }
    }
}

/// S3's limit for one request.
const REQUEST_BYTES_MAX: u64 = 5 << 30;
