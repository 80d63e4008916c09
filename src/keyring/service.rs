//! What a key service does for a keyring. Invariant: which key of the service is asked is decided by
//! the configuration, never by what is unwrapped.

use std::{fmt, pin::Pin};

use super::error::Fault;
use crate::seal::BucketKey;

/// Wraps and unwraps bucket keys.
pub(super) trait Service: fmt::Debug + Send + Sync {
    /// A fresh bucket key, wrapped for a bucket by the key at a place among those configured.
    fn wrap<'a>(&'a self, place: usize, bucket: &'a str) -> Asked<'a, Wrapped>;

    /// The key that was wrapped for a bucket.
    fn unwrap<'a>(
        &'a self,
        bucket: &'a str,
        version: &'a str,
        wrapped: &'a [u8],
    ) -> Asked<'a, BucketKey>;

    /// The key at a place, as configured.
    fn asked(&self, place: usize) -> &str;

    /// The place of the key that clients ask for by this id.
    fn place(&self, _key_id: &str) -> Option<usize> {
        None
    }

    /// The id that clients know this version by.
    fn key_id(&self, _version: &str) -> Option<&str> {
        None
    }
}

/// An answer to come.
pub(super) type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// A bucket key and its wrapped form.
#[derive(Debug)]
pub(super) struct Wrapped {
    pub(super) key: BucketKey,
    /// Tells [`Service::unwrap`] which key wrapped it.
    pub(super) version: String,
    pub(super) bytes: Vec<u8>,
}
