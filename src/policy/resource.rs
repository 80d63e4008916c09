//! What a resource pattern can match. Invariant: a pattern that can match no request's resource is
//! found at load.

use super::{
    action::Action,
    pattern::{Pattern, Token},
};

/// What an action acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `arn:aws:s3:::bucket`
    Bucket,
    /// `arn:aws:s3:::bucket/key`
    Object,
    /// What no request through a bucket's endpoint is about: access points, jobs.
    Other,
    /// The service itself (`ListBuckets`).
    Service,
}

impl Kind {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "bucket" => Some(Self::Bucket),
            "object" => Some(Self::Object),
            "other" => Some(Self::Other),
            "service" => Some(Self::Service),
            _ => None,
        }
    }
}

/// Whether an action can meet a resource that the pattern matches.
pub(super) fn is_applicable(action: &Action, pattern: &Pattern, written: &str) -> bool {
    let (bucket, object) = reaches(pattern);
    (bucket && action.acts_on(Kind::Bucket))
        || (object && action.acts_on(Kind::Object))
        || (matches!(written, "*" | SERVICE) && action.acts_on(Kind::Service))
}

/// Whether a pattern can match buckets, and objects: a `/` separates a bucket from a key, and a
/// wildcard or a variable may stand for one.
fn reaches(pattern: &Pattern) -> (bool, bool) {
    let mut has_slash = false;
    let mut has_wild = false;
    for token in pattern.tokens() {
        match token {
            Token::Literal(text) => has_slash |= text.contains('/'),
            Token::One | Token::Run | Token::Variable(_) => has_wild = true,
        }
    }
    (!has_slash, has_slash || has_wild)
}

/// What is wrong with a resource, for the gate: `None` where it can match.
pub(super) fn fault(written: &str) -> Option<&'static str> {
    if written == "*" {
        return None;
    }
    let rest = PREFIXES.iter().find_map(|prefix| written.strip_prefix(prefix));
    match rest {
        Some("") => Some("write a bucket after `arn:aws:s3:::`"),
        Some(rest) if rest.starts_with('/') => Some(
            "no bucket has an empty name, so this matches nothing; write `arn:aws:s3:::bucket/*`, or \
             `arn:aws:s3:::*/*` for the objects of every bucket",
        ),
        Some(_) => None,
        None => Some("write `*`, `arn:aws:s3:::bucket` or `arn:aws:s3:::bucket/key`"),
    }
}

/// Whether S3 stores a document with this resource as the policy of a bucket.
pub(super) fn is_within(written: &str, bucket: &str) -> bool {
    written
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_prefix(bucket))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The resource of requests that are about no bucket: all of them, for `*` and `arn:aws:s3:::*` alike.
pub(super) const SERVICE: &str = "arn:aws:s3:::*";

const PREFIX: &str = "arn:aws:s3:::";
const PREFIXES: [&str; 2] = [PREFIX, "arn:*:s3:::"];
