//! Head verification: who asks, and what their signature covers.

use std::{sync::Arc, time::SystemTime};

use super::{Credential, Credentials, VerifiedBody};
use crate::s3::{Code, Operation};

/// What verification needs to know of this gate.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region that callers must sign for.
    pub region: String,
}

/// How a request was authenticated (`s3:authType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthType {
    /// `REST-HEADER`.
    Header,
    /// `REST-QUERY-STRING`.
    Query,
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Caller {
    /// No credentials at all.
    Anonymous,
    /// The holder of a credential.
    Authenticated {
        /// Which.
        credential: Arc<Credential>,
        /// How.
        auth_type: AuthType,
        /// When it was signed.
        signed_at: SystemTime,
    },
}

/// Proof that the head's signature holds (or that there is none and none was claimed). Private: made by [`verify`] alone.
#[derive(Debug)]
pub struct Verified {
    caller: Caller,
}

impl Verified {
    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
    /// Binds the body to what the head promised: decoded, checked as it streams, its last bytes held back
    /// until the check has passed.
    pub fn body<B>(&self, _raw: B) -> VerifiedBody<B> {
        todo!()
    }
}

/// Verifies a request head against the untouched received headers and target.
pub fn verify(
    _head: &http::request::Parts,
    _operation: Operation,
    _credentials: &Credentials,
    _settings: &Settings,
    _now: SystemTime,
) -> Result<Verified, Refused> {
    todo!()
}

/// Why a signature was refused, with the XML elements that AWS adds.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// S3's code.
    pub code: Code,
    /// AWS's words where they are known.
    pub message: String,
    /// Such as `("HeadersNotSigned", "x-amz-acl")`.
    pub elements: Vec<(&'static str, String)>,
}
