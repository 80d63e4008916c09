//! Why something could not be done, in words for the operator.

use http::StatusCode;

use super::super::{
    rescue::Error,
    seal::{Fault, errands},
};
use crate::{keyring, s3::xml, seal::Broken, upstream};

/// Why something could not be done to an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failed {
    reason: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It may go well if it is tried again.
    Passing,
    /// The object is another one by now, or gone.
    Changed,
    /// A condition did not hold.
    Condition,
    Lasting,
}

impl Failed {
    /// For this reason, which will not pass.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind: Kind::Lasting }
    }

    /// For this reason, which may have passed soon.
    pub fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind: Kind::Passing }
    }

    /// The storage answered in this way.
    pub(super) fn answered(status: StatusCode, code: &str, message: &str) -> Self {
        let mut reason = format!("the storage answers {status}");
        for text in [code, message].into_iter().filter(|text| !text.is_empty()) {
            reason.push_str(": ");
            reason.push_str(text);
        }
        let kind = match status {
            StatusCode::PRECONDITION_FAILED => Kind::Condition,
            // A copy may begin with a 200 before the storage knows.
            _ if code == "PreconditionFailed" => Kind::Condition,
            StatusCode::CONFLICT => Kind::Changed,
            _ if GONE.contains(&code) => Kind::Changed,
            StatusCode::NOT_IMPLEMENTED => Kind::Lasting,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Kind::Passing,
            status if BUSY.contains(&code) || status.is_server_error() => Kind::Passing,
            _ => Kind::Lasting,
        };
        Self { reason, kind }
    }

    /// Whether the same request is worth to be sent again: the storage or a key service was away, or busy.
    pub(super) fn may_pass(&self) -> bool {
        self.kind == Kind::Passing
    }

    /// Whether a condition did not hold.
    pub(super) fn is_of_condition(&self) -> bool {
        self.kind == Kind::Condition
    }

    /// And this.
    pub(super) fn and(self, more: &str) -> Self {
        Self { reason: format!("{}; {more}", self.reason), ..self }
    }

    /// Whether it is worth to try again: the storage or a key service was away, or busy, or another
    /// program wrote the object meanwhile.
    pub fn is_passing(&self) -> bool {
        self.kind != Kind::Lasting
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        if let Error::Told { status, code, message } = &error {
            return Self::answered(*status, code, message);
        }
        let kind = if is_away(&error) {
            Kind::Passing
        } else if matches!(&error, Error::Seal(fault) if matches!(**fault, Fault::Changed)) {
            Kind::Changed
        } else {
            Kind::Lasting
        };
        Self { reason: told(&error), kind }
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Error::from(fault).into()
    }
}

impl From<Broken> for Failed {
    fn from(broken: Broken) -> Self {
        Fault::from(broken).into()
    }
}

impl From<upstream::Error> for Failed {
    fn from(error: upstream::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<errands::Failure> for Failed {
    fn from(failure: errands::Failure) -> Self {
        let told = match failure {
            errands::Failure::Error(error) => return error.into(),
            errands::Failure::Told(told) => told,
        };
        let text = |element| xml::find(&told.document, "Error", element).ok().flatten();
        let text = |element| text(element).map(|(text, _)| text).unwrap_or_default();
        Self::answered(told.head.status, &text("Code"), &text("Message"))
    }
}

fn is_away(error: &Error) -> bool {
    if let Error::Upstream(error) = error {
        return matches!(
            error,
            upstream::Error::Unreachable(_)
                | upstream::Error::Silent(_)
                | upstream::Error::NoCredential(_)
                | upstream::Error::Elsewhere { .. }
        );
    }
    if let Error::Seal(fault) = error {
        return matches!(**fault, Fault::Keyring(keyring::Error::Unavailable { .. }));
    }
    matches!(error, Error::Unreadable(_))
}

/// With its causes.
fn told(error: &Error) -> String {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let told = error.to_string();
        if !reason.ends_with(&told) {
            reason = format!("{reason}: {told}");
        }
        cause = error.source();
    }
    reason
}

/// Codes of S3's that come with any status.
const BUSY: [&str; 4] = ["SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout"];

/// Codes of what was deleted meanwhile.
const GONE: [&str; 2] = ["NoSuchKey", "NoSuchVersion"];

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use super::*;

    fn told(status: u16, document: &'static str) -> Failed {
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = StatusCode::from_u16(status).unwrap();
        let document = Bytes::from_static(document.as_bytes());
        errands::Failure::Told(Box::new(errands::Told { head, document })).into()
    }

    #[test]
    fn the_storages_words_are_told_and_say_what_is_worth_another_try() {
        for (status, document, passes, reason) in [
            (
                403,
                "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>",
                false,
                "the storage answers 403 Forbidden: AccessDenied: No.",
            ),
            (503, "", true, "the storage answers 503 Service Unavailable"),
            (
                200,
                "<Error><Code>InternalError</Code></Error>",
                true,
                "the storage answers 200 OK: InternalError",
            ),
            (501, "", false, "the storage answers 501 Not Implemented"),
            (412, "", true, "the storage answers 412 Precondition Failed"),
            (429, "", true, "the storage answers 429 Too Many Requests"),
            (
                404,
                "<Error><Code>NoSuchKey</Code></Error>",
                true,
                "the storage answers 404 Not Found: NoSuchKey",
            ),
            (
                404,
                "<Error><Code>NoSuchBucket</Code></Error>",
                false,
                "the storage answers 404 Not Found: NoSuchBucket",
            ),
        ] {
            let failed = told(status, document);
            assert_eq!(failed.to_string(), reason);
            assert_eq!(failed.is_passing(), passes, "{reason}");
        }
    }

    #[test]
    fn a_key_service_that_is_away_may_come_back() {
        let away = keyring::Error::Unavailable { ring: "r".to_owned(), reason: "x".to_owned() };
        assert!(Failed::from(Fault::Keyring(away)).is_passing());
        assert!(Failed::from(Fault::Changed).is_passing());
        assert!(!Failed::from(Fault::NotSealed).is_passing());
    }
}
