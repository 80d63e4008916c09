//! Conditional requests, by S3's precedence.
//!
//! Pure. Sources: the AWS pages of GetObject, `CopyObject` and PutObject; RFC 9110, section 13.

use http::{HeaderMap, StatusCode};
use s3s::{
    S3Error, S3Result,
    dto::{ETagCondition, Timestamp},
    s3_error,
};

use super::{
    clock::to_the_second,
    errors::custom,
    store::{Object, ObjectRecord},
};

/// The conditions of a read, or those that a copy sets to its source.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_field_names, reason = "the headers' names")]
pub(super) struct ReadConditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

/// What conditions say of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Answer.
    Hold,
    /// The client has it already.
    NotModified,
    /// Refuse.
    Failed,
}

/// The conditions of a write, upon what it replaces.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteConditions {
    if_match: Option<ETagCondition>,
    none_there: bool,
}

impl ReadConditions {
    /// If-Match outranks If-Unmodified-Since, and If-None-Match outranks If-Modified-Since.
    pub(super) fn judge(&self, object: &ObjectRecord) -> Verdict {
        let modified = to_the_second(object.modified);
        let demanded = match (&self.if_match, &self.if_unmodified_since) {
            (Some(etag), _) => matches(etag, &object.etag),
            (None, Some(since)) => modified <= *since,
            (None, None) => true,
        };
        if !demanded {
            return Verdict::Failed;
        }
        let known = match (&self.if_none_match, &self.if_modified_since) {
            (Some(etag), _) => matches(etag, &object.etag),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        };
        if known { Verdict::NotModified } else { Verdict::Hold }
    }

    /// For a copy's source, where 304 would make no sense.
    pub(super) fn check_source(&self, object: &ObjectRecord) -> S3Result<()> {
        match self.judge(object) {
            Verdict::Hold => Ok(()),
            Verdict::NotModified | Verdict::Failed => Err(failed()),
        }
    }
}

impl WriteConditions {
    /// From If-Match and If-None-Match, the latter only as `*`.
    pub(super) fn new(headers: &HeaderMap) -> S3Result<Self> {
        let condition = |name| {
            let value = headers.get(name);
            let parsed = value
                .map(|value| ETagCondition::parse_http_header(http::HeaderValue::as_bytes(value)));
            parsed
                .transpose()
                .map_err(|error| s3_error!(error, InvalidArgument, "This entity tag is malformed."))
        };
        let if_none_match = condition("if-none-match")?;
        if if_none_match.as_ref().is_some_and(|condition| !condition.is_any()) {
            return Err(custom(
                "NotImplemented",
                StatusCode::NOT_IMPLEMENTED,
                "A header you provided implies functionality that is not implemented.",
            ));
        }
        Ok(Self { if_match: condition("if-match")?, none_there: if_none_match.is_some() })
    }

    /// Whether the write may replace what is there.
    pub(super) fn check(&self, existing: Option<&Object>) -> S3Result<()> {
        if self.none_there && existing.is_some() {
            return Err(failed());
        }
        match (&self.if_match, existing) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
            (Some(etag), Some(object)) if matches(etag, &object.record.etag) => Ok(()),
            (Some(_), Some(_)) => Err(failed()),
        }
    }
}

/// 412.
pub(super) fn failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

fn matches(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}
