//! Request bodies: decoded and verified as they stream.

use crate::s3::Code;

/// A body whose hash, checksum or trailer is verified to its end. Its last bytes come only after the check;
/// if it fails, an error comes in their place, so that upstream never completes the object.
#[derive(Debug)]
pub struct VerifiedBody<B> {
    _raw: B,
}

impl<B> VerifiedBody<B> {
    /// Bytes after decoding (`x-amz-decoded-content-length` or Content-Length); known before the first byte.
    pub fn decoded_len(&self) -> u64 {
        todo!()
    }
}

/// Why a body was refused.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is not what the head promised.
    #[error("{message}")]
    Refused {
        /// Such as `XAmzContentSHA256Mismatch`.
        code: Code,
        /// AWS's words.
        message: String,
        /// Further XML elements.
        elements: Vec<(&'static str, String)>,
    },
    /// The client stopped, or its connection broke.
    #[error("the request body ended early")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}
