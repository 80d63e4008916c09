//! What a row of the table of operations says. Invariant: all that a row asks for stands in a
//! request's head.

use http::Method;

use super::{Body, Level};

/// A row of the table.
#[derive(Debug)]
pub(in crate::s3) struct Row {
    pub(in crate::s3) method: Method,
    pub(in crate::s3) level: Level,
    /// Parameters that must all be there. The row with the most of them is taken.
    pub(in crate::s3) selectors: &'static [Selector],
    /// Parameters that may be there. All others are refused.
    pub(in crate::s3) optional: &'static [&'static str],
    pub(super) body: Body,
    /// What else tells the row from others with the same selectors.
    pub(in crate::s3) mark: Option<Mark>,
    pub(in crate::s3) permissions: &'static [Permission],
}

/// A query parameter that selects an operation, and the values that it may have.
#[derive(Debug)]
pub(in crate::s3) enum Selector {
    /// None: `?acl` or `?acl=`.
    Flag(&'static str),
    /// Any but the empty one.
    Any(&'static str),
    /// Exactly this one.
    Exactly(&'static str, &'static str),
}

/// What in the headers selects an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::s3) enum Mark {
    /// `x-amz-copy-source`.
    CopySource,
    /// `Content-Type: multipart/form-data` on a bucket, or a POST there that says nothing else.
    Form,
}

/// An AWS action that an operation needs, by the request's head.
#[derive(Debug)]
pub(in crate::s3) enum Permission {
    /// On the request's resource.
    Always(&'static str),
    /// On the request's resource, where the condition holds.
    If(Condition, &'static str),
    /// On the copy source: `s3:GetObject` or, where a version is named, `s3:GetObjectVersion`.
    ReadSource,
    /// On the request's resource: the first, or the second where `versionId` is given.
    Versioned(&'static str, &'static str),
}

/// What makes a further permission necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::s3) enum Condition {
    /// `x-amz-acl` or any `x-amz-grant-…` is sent.
    Acl,
    /// `x-amz-bucket-object-lock-enabled` is sent and not `false`.
    BucketLock,
    /// `x-amz-bypass-governance-retention` is sent and not `false`.
    BypassGovernance,
    /// `x-amz-object-lock-legal-hold` is sent.
    LegalHold,
    /// `x-amz-object-ownership` is sent.
    Ownership,
    /// `x-amz-object-lock-mode` or its date is sent.
    Retention,
    /// `x-amz-tagging` is sent.
    Tags,
}

impl Selector {
    /// The parameter's name.
    pub(in crate::s3) const fn name(&self) -> &'static str {
        match self {
            Self::Flag(name) | Self::Any(name) | Self::Exactly(name, _) => name,
        }
    }
}
