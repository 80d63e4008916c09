//! Outbound signing by the `aws-sigv4` crate, with S3's settings pinned.

use std::time::SystemTime;

use super::Credential;

/// Signs requests to one backend.
#[derive(Clone, Debug)]
pub struct Signer {}

impl Signer {
    /// For a credential and region; service `s3`.
    pub fn new(_credential: &Credential, _region: &str) -> Self {
        todo!()
    }
    /// Adds `x-amz-date`, `x-amz-content-sha256: UNSIGNED-PAYLOAD` and `authorization`.
    pub fn sign(
        &self,
        _head: &mut http::request::Parts,
        _now: SystemTime,
    ) -> Result<(), SigningError> {
        todo!()
    }
}

/// The head could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the upstream request could not be signed: {0}")]
pub struct SigningError(pub String);
