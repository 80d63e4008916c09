//! AWS's vocabulary: operations, targets, headers, error codes, XML. Pure: no I/O, no clock.

mod classify;
mod code;
mod copy_source;
mod encoding;
pub mod form;
pub mod headers;
mod name;
mod operation;
mod query;
mod told;
pub mod xml;

pub use classify::{Domains, PermissionsInBody, Request, Unclassified, classify, host};
pub use code::{Code, ErrorDocument};
pub use copy_source::CopySource;
pub use encoding::{Undecodable, decode_listed};
pub use name::{BucketName, InvalidName, ObjectKey, Resource};
pub use operation::{Action, Body, Level, Operation};
pub use query::{InvalidQuery, Query};
pub use told::Told;

/// Whether a switch such as `x-amz-bypass-governance-retention` is on: sent, and not `false`.
/// Backends differ in which spellings of `true` they take, so any is taken for it.
fn is_requested(headers: &http::HeaderMap, name: &http::HeaderName) -> bool {
    headers.get(name).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"false"))
}
