//! One reading of every request: method, target and headers → operation, or a refusal.

use http::HeaderMap;

use super::{Action, Code, Operation, Query, Resource};

/// Base domains under which buckets are host names (`bucket.s3.example.com`); lower case, no port.
#[derive(Clone, Debug, Default)]
pub struct Domains(Vec<String>);

impl Domains {
    /// From configuration.
    pub fn new(domains: Vec<String>) -> Self {
        Self(domains)
    }
}

/// A request as S3 reads it. There is exactly one such reading, and upstream is built from it alone.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked.
    pub operation: Operation,
    /// Of what.
    pub resource: Resource,
    /// The operation's own parameters: authentication parameters, hoisted headers and `x-id` are gone.
    pub query: Query,
    /// The effective headers: those received plus those that a presigned URL hoisted into its query
    /// (hoisted checksums dropped).
    pub headers: HeaderMap,
}

impl Request {
    /// Every permission that this request needs by its head (DeleteObjects: by its body, see `xml`).
    pub fn actions(&self) -> Vec<Action> {
        todo!()
    }
    /// The path for upstream, path style, encoded afresh: `/bucket/key`.
    pub fn path(&self) -> String {
        todo!()
    }
}

/// Why a request has no single reading.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Unclassified {
    /// The S3 code that the client gets.
    pub code: Code,
    /// Names what to change.
    pub message: String,
}

/// Reads a request head.
pub fn classify(_head: &http::request::Parts, _domains: &Domains) -> Result<Request, Unclassified> {
    todo!()
}
