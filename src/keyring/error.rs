//! Why a keyring gave no key, and why a key service did not. Invariant: nothing here holds key bytes.

use crate::seal::{Broken, NoRandomness};

/// Why a keyring gave no key.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The box names a keyring that is not among those which it may be opened with.
    #[error("there is no keyring {ring:?} to open this object with")]
    UnknownRing {
        /// As the box names it.
        ring: String,
    },
    /// The keyring does not know the key or version.
    #[error("the keyring {ring:?} has no key {version:?}")]
    UnknownKey {
        /// The keyring.
        ring: String,
        /// As asked for.
        version: String,
    },
    /// The key exists and must not be used for this.
    #[error("the key {version:?} of the keyring {ring:?} is {state}")]
    Disabled {
        /// The keyring.
        ring: String,
        /// The key or version.
        version: String,
        /// What it is instead of usable.
        state: &'static str,
    },
    /// The key service refused the caller that the proxy is.
    #[error("the keyring {ring:?} was refused by its key service: {reason}")]
    Refused {
        /// The keyring.
        ring: String,
        /// As the service says.
        reason: String,
    },
    /// The key service is away or too slow.
    #[error("the key service of the keyring {ring:?} does not answer: {reason}")]
    Unavailable {
        /// The keyring.
        ring: String,
        /// What was tried.
        reason: String,
    },
    /// What the key service wraps a key in leaves no room for the rest of a key box.
    #[error(
        "the keyring {ring:?} wraps a key in {bytes} bytes, more than an object's metadata has room \
         for: take a key of another type"
    )]
    TooLong {
        /// The keyring.
        ring: String,
        /// What it gave.
        bytes: usize,
    },
    /// The wrapped bucket key does not open.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The system gives no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Why a key service gave no key.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// Away, too slow or overloaded: the next time may be better.
    Transient(String),
    /// It, or what was asked, is not as it should be.
    Refused(String),
    /// It has no such key.
    UnknownKey,
    /// The key must not be used.
    Disabled(&'static str),
    /// This was not wrapped by that key, or for that bucket.
    Broken,
    /// This was wrapped, but by another key.
    OtherKey,
    /// The system gives no random bytes.
    NoRandomness,
}

impl Fault {
    /// As it concerns a key of a keyring.
    pub(super) fn of(self, ring: &str, version: &str) -> Error {
        let (ring, version) = (ring.to_owned(), version.to_owned());
        match self {
            Self::Transient(reason) => Error::Unavailable { ring, reason },
            Self::Refused(reason) => Error::Refused { ring, reason },
            Self::UnknownKey => Error::UnknownKey { ring, version },
            Self::Disabled(state) => Error::Disabled { ring, version, state },
            Self::Broken | Self::OtherKey => Broken::Box.into(),
            Self::NoRandomness => NoRandomness.into(),
        }
    }

    /// As metrics have it.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Transient(_) => "unavailable",
            Self::Refused(_) | Self::NoRandomness => "refused",
            Self::UnknownKey => "unknown",
            Self::Disabled(_) => "disabled",
            Self::Broken | Self::OtherKey => "broken",
        }
    }
}

impl From<NoRandomness> for Fault {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}
