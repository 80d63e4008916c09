//! Whether a keyring does what it is there for. Invariant: nothing that a probe makes is kept for objects.

use super::{Error, Keyring};

/// What makes a keyring unfit for use.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It gave no key.
    #[error(transparent)]
    Failed(#[from] Error),
    /// It unwrapped another key than it had wrapped.
    #[error("the keyring {ring:?} unwraps another key than it wrapped")]
    Wrong {
        /// The keyring.
        ring: String,
    },
    /// It unwrapped a key for another bucket than it had wrapped it for.
    #[error(
        "the keyring {ring:?} unwraps keys for other buckets than it wrapped them for: its key \
         service ignores what keys are bound to; take a key of a type that binds (AEAD)"
    )]
    Unbound {
        /// The keyring.
        ring: String,
    },
}

impl Keyring {
    /// Wraps and unwraps a key for [`PROBE_BUCKET`], past every cache.
    pub async fn probe(&self) -> Result<(), Unfit> {
        let made = self.fresh(PROBE_BUCKET, None).await?;
        let ring = || self.name().to_owned();
        let opened = self.shared.unwrap_afresh(PROBE_BUCKET, &made.wrapped).await?;
        if opened.expose() != made.key.expose() {
            return Err(Unfit::Wrong { ring: ring() });
        }
        match self.shared.unwrap_afresh(OTHER_PROBE_BUCKET, &made.wrapped).await {
            Ok(_) => Err(Unfit::Unbound { ring: ring() }),
            // Whether it says that it is broken or that it must not be asked: it does not open.
            Err(Error::Broken(_) | Error::Refused { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The bucket that a keyring's readiness is tried with; a policy of the key service that names buckets
/// may leave it out.
pub const PROBE_BUCKET: &str = "portcullis-probe";
/// Another.
const OTHER_PROBE_BUCKET: &str = "portcullis-other-probe";
