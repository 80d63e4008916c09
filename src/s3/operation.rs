//! The closed set of S3 operations.

use super::Resource;

/// Every S3 operation (the 118 rows of the operations table, deprecated twins folded into their successors).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `PUT /bucket/key`.
    PutObject,
}

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `/`
    Service,
    /// `/bucket`
    Bucket,
    /// `/bucket/key`
    Object,
}

/// One permission that a request needs: all of a request's actions must pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// As AWS spells it, such as `s3:PutObject`.
    pub name: &'static str,
    /// What it acts on: the request's own resource, or the copy source.
    pub resource: Resource,
}

impl Operation {
    /// AWS's name, such as `PutObject`.
    pub fn name(self) -> &'static str {
        todo!()
    }
}
