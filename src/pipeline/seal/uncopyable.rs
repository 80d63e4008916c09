//! Why an object cannot be copied. Invariant: what the storage says of a source is told under a code of
//! S3's own, or not as its word.

use http::StatusCode;

use super::{super::rescue::Error, fault::Fault};
use crate::{
    s3::Code,
    seal::PLAIN_BYTES_MAX,
    transform::{copies::UnknownDirective, range::InvalidCopyRange, seal::Unopened},
    upstream::CopyError,
};

/// Why a copy failed, besides what concerns the objects themselves.
#[derive(Debug, thiserror::Error)]
pub enum Uncopyable {
    /// A condition on the source.
    #[error("a condition on the source of the copy does not hold")]
    Condition,
    /// The storage does not hand it out.
    #[error("the source of the copy cannot be read: {}: {message}", code.as_str())]
    Source {
        /// As the storage says.
        code: Code,
        /// As the storage says.
        message: String,
    },
    /// More than one request can carry.
    #[error("the source of the copy has {bytes} bytes")]
    TooLarge {
        /// As they would be stored.
        bytes: u64,
    },
    /// A sealed object where no rule opens it.
    #[error("the source of the copy is sealed, and no rule opens it there")]
    SealedElsewhere,
    /// A copy onto its own source that changes nothing.
    #[error("the copy would change nothing of the object that it is onto")]
    OntoItself,
    /// What it shall take along.
    #[error(transparent)]
    Directive(#[from] UnknownDirective),
    /// The range of the source has no single reading.
    #[error(transparent)]
    Range(#[from] InvalidCopyRange),
    /// The range ends behind the source.
    #[error("the range ends behind the {size} bytes of the copy's source")]
    Beyond {
        /// Of the source's plaintext.
        size: u64,
    },
}

impl Uncopyable {
    /// What the storage says of a source that it refuses, by its document where it sent one.
    pub(super) fn source(status: StatusCode, said: Option<(String, String)>) -> Self {
        let known = said.and_then(|(code, message)| Some((Code::named(&code)?, message)));
        let (code, message) = known.unwrap_or_else(|| {
            let (code, message) = match status {
                StatusCode::NOT_FOUND => (Code::NoSuchKey, "The specified key does not exist."),
                StatusCode::FORBIDDEN => (Code::AccessDenied, "Access Denied"),
                status if status.is_client_error() => (Code::InvalidRequest, REFUSED),
                _ => (Code::ServiceUnavailable, REFUSED),
            };
            (code, message.to_owned())
        });
        Self::Source { code, message }
    }

    /// What the client is told.
    pub(super) fn code_and_message(&self) -> (Code, String) {
        match self {
            Self::Condition => (Code::PreconditionFailed, CONDITION.to_owned()),
            Self::Source { code, message } => (*code, message.clone()),
            Self::TooLarge { .. } => {
                (Code::InvalidRequest, format!("{TOO_LARGE} {PLAIN_BYTES_MAX}"))
            }
            Self::SealedElsewhere => (Code::InvalidRequest, SEALED_ELSEWHERE.to_owned()),
            Self::OntoItself => (Code::InvalidRequest, ONTO_ITSELF.to_owned()),
            Self::Directive(_) | Self::Range(_) => (Code::InvalidArgument, format!("{self}.")),
            Self::Beyond { size } => (Code::InvalidArgument, format!("{BEYOND} {size}")),
        }
    }
}

impl From<Uncopyable> for Error {
    fn from(error: Uncopyable) -> Self {
        Fault::from(error).into()
    }
}

impl From<CopyError> for Error {
    fn from(error: CopyError) -> Self {
        if let CopyError::Unopened(unopened) = &error
            && let Unopened::Broken(broken) = **unopened
        {
            return Fault::Broken(broken).into();
        }
        Self::Unreadable(format!("what could not be copied: {error}"))
    }
}

// S3's own words.
const BEYOND: &str = "Range specified is not valid for source object of size:";
const CONDITION: &str = "At least one of the pre-conditions you specified did not hold";
const ONTO_ITSELF: &str = "This copy request is illegal because it is trying to copy an object to itself \
     without changing the object's metadata, storage class, website redirect location or encryption \
     attributes.";
const TOO_LARGE: &str =
    "The specified copy source is larger than the maximum allowable size for a copy source:";

const REFUSED: &str = "The storage behind this proxy does not hand out the source of the copy.";
const SEALED_ELSEWHERE: &str = "The source of the copy is sealed, and no rule opens the objects of its \
     bucket. Add the bucket to a rule with treatment = \"seal\".";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_storage_says_is_told_where_s3_could_say_it() {
        let said = |code: &str| Some((code.to_owned(), "its words".to_owned()));
        for (status, said, code, message) in [
            (404, said("NoSuchBucket"), Code::NoSuchBucket, "its words"),
            (400, said("XMinioOdd"), Code::InvalidRequest, REFUSED),
            (404, None, Code::NoSuchKey, "The specified key does not exist."),
            (403, None, Code::AccessDenied, "Access Denied"),
            (503, said("Odd"), Code::ServiceUnavailable, REFUSED),
        ] {
            let told = Uncopyable::source(StatusCode::from_u16(status).unwrap(), said);
            assert_eq!(told.code_and_message(), (code, message.to_owned()));
        }
    }
}
