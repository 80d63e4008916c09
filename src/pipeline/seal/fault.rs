//! What can go wrong where the proxy seals. Invariant: a check of the format that failed before a byte
//! has left becomes an error that names it.

use http::{HeaderName, StatusCode};

use super::uncopyable::Uncopyable;
use crate::{
    keyring,
    s3::{Code, ErrorDocument, Operation, headers},
    seal::{BoxTooLong, Broken, NoRandomness, PLAIN_BYTES_MAX, PartNumber, Unsealable},
    telemetry::metrics::Outcome,
    transform::{
        attributes::InvalidAttributes,
        etag::{self, Tagged},
        seal::{InvalidEncryption, METADATA_BYTES_MAX, Unassembled},
    },
};

/// Why a request about sealed objects failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A check of the format.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// An object that was not sealed, where the rule hands out no other.
    #[error("the object is not sealed, and its rule hands out sealed objects alone")]
    NotSealed,
    /// The keyring.
    #[error(transparent)]
    Keyring(#[from] keyring::Error),
    /// The encryption that the client asks for.
    #[error(transparent)]
    Encryption(#[from] InvalidEncryption),
    /// KMS, where the keyring has none.
    #[error("objects are sealed under a key of the proxy's own here, not of KMS; ask for AES256")]
    NoKms,
    /// `x-amz-object-attributes`.
    #[error(transparent)]
    Attributes(#[from] InvalidAttributes),
    /// Too much plaintext.
    #[error("{bytes} bytes are more than one request can bring when they are sealed")]
    TooLarge {
        /// As announced.
        bytes: u64,
    },
    /// The key box does not fit.
    #[error(transparent)]
    BoxTooLong(#[from] BoxTooLong),
    /// No random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Metadata that the proxy keeps for itself.
    #[error("the metadata {0} is the proxy's own")]
    Reserved(HeaderName),
    /// Too much metadata.
    #[error("the user metadata has {bytes} bytes")]
    MetadataTooLarge {
        /// Of the client's.
        bytes: usize,
    },
    /// An operation that would hand out or alter what is stored.
    #[error("{} is not possible where objects are sealed: {why}", operation.name())]
    Impossible {
        /// Which.
        operation: Operation,
        /// Why not.
        why: &'static str,
    },
    /// A read without the key that the object was written with.
    #[error("the object was written with a key of its client's, which the request does not bring")]
    CustomerKeyMissing,
    /// A read with a key, of an object without.
    #[error("the request brings a key, and the object was written without one")]
    CustomerKeyUnneeded,
    /// Another key.
    #[error("the key is not the one that the object was written with")]
    CustomerKeyWrong,
    /// Keys travel over TLS alone.
    #[error("a key of the client's came over plain HTTP")]
    CustomerKeyInTheClear,
    /// A range outside the object.
    #[error("the range {asked} lies outside the object")]
    Range {
        /// As asked for.
        asked: String,
        /// Of the plaintext, where the stored size tells it.
        bytes: Option<u64>,
    },
    /// The storage's answer to a question about an object's head, which is not the client's question.
    #[error("the storage answered {0} for the head of the object")]
    Head(StatusCode),
    /// A part that there is not.
    #[error("the object has no part {0}")]
    PartNumber(u64),
    /// A part, or a completion, without the key that its upload was created with.
    #[error("the upload was created with a key of its client's, which the request does not bring")]
    PartKeyMissing,
    /// Another key, or one where the upload was created with none.
    #[error("the key is not the one that the upload was created with")]
    PartKeyOther,
    /// No number of a part.
    #[error("the part's number is none from 1 to 10000")]
    InvalidPartNumber,
    /// Parts that make no object.
    #[error(transparent)]
    Unassembled(#[from] Unassembled),
    /// There is no room for a footer behind the parts.
    #[error("every number behind the last part is taken")]
    NoPartNumber,
    /// Parts that are uneven or have gaps, of which the last is small, where that is not possible.
    #[error("parts of uneven sizes, or with gaps in their numbers, whose last is below 5 MiB: {0}")]
    Irregular(&'static str),
    /// The size that the client promised is not that of the parts.
    #[error("the object has {actual} bytes, and {promised} were promised")]
    OtherSize {
        /// As the client says.
        promised: String,
        /// That of the parts.
        actual: u64,
    },
    /// A copy.
    #[error(transparent)]
    Uncopyable(#[from] Uncopyable),
    /// The object was replaced between two looks at it.
    #[error("the object was replaced while it was read")]
    Changed,
}

impl Fault {
    /// What the client is told, and how the request counts.
    pub(in crate::pipeline) fn told(&self) -> (ErrorDocument, Outcome) {
        let (code, message) = self.code_and_message();
        let is_failure = code.status().is_server_error() && code != Code::NotImplemented;
        let outcome = if is_failure { Outcome::Failed } else { Outcome::Refused };
        (ErrorDocument { code, message, elements: self.elements() }, outcome)
    }

    fn code_and_message(&self) -> (Code, String) {
        let (code, message) = match self {
            Self::Broken(broken) => {
                let check = broken.check();
                return (Code::InternalError, format!("The check `{check}` failed: {broken}."));
            }
            Self::Keyring(error) => return keyring(error),
            Self::Encryption(InvalidEncryption { code, message }) => {
                return (*code, message.clone());
            }
            Self::NotSealed => (Code::InvalidObjectState, NOT_SEALED),
            Self::NoKms => (Code::InvalidArgument, NO_KMS),
            Self::Attributes(_) => (Code::InvalidArgument, "Invalid attribute name specified."),
            Self::TooLarge { .. } => (Code::EntityTooLarge, TOO_LARGE),
            Self::MetadataTooLarge { .. } => (Code::MetadataTooLarge, METADATA_TOO_LARGE),
            Self::CustomerKeyMissing => (Code::InvalidRequest, CUSTOMER_KEY_MISSING),
            Self::CustomerKeyUnneeded => (Code::InvalidRequest, CUSTOMER_KEY_UNNEEDED),
            Self::CustomerKeyWrong => (Code::AccessDenied, CUSTOMER_KEY_WRONG),
            Self::CustomerKeyInTheClear => (Code::InvalidRequest, CUSTOMER_KEY_IN_THE_CLEAR),
            Self::Range { .. } => (Code::InvalidRange, "The requested range is not satisfiable"),
            Self::PartNumber(_) => {
                (Code::InvalidPartNumber, "The requested partnumber is not satisfiable")
            }
            Self::Changed => (Code::ServiceUnavailable, CHANGED),
            Self::Head(StatusCode::NOT_FOUND) => {
                (Code::NoSuchKey, "The specified key does not exist.")
            }
            Self::Head(StatusCode::FORBIDDEN) => (Code::AccessDenied, "Access Denied"),
            Self::Head(StatusCode::PRECONDITION_FAILED) => (
                Code::PreconditionFailed,
                "At least one of the pre-conditions you specified did not hold",
            ),
            Self::PartKeyMissing => (Code::InvalidRequest, PART_KEY_MISSING),
            Self::PartKeyOther => (Code::InvalidRequest, PART_KEY_OTHER),
            Self::InvalidPartNumber => (Code::InvalidArgument, INVALID_PART_NUMBER),
            Self::NoPartNumber => (Code::InvalidRequest, NO_PART_NUMBER),
            Self::Unassembled(unassembled) => return self::unassembled(unassembled),
            Self::Uncopyable(uncopyable) => return uncopyable.code_and_message(),
            Self::Irregular(why) => {
                let message = format!("The parts make no object that can be sealed: {why}. {EVEN}");
                return (Code::InvalidRequest, message);
            }
            Self::OtherSize { promised, actual } => {
                let message = format!(
                    "The provided 'x-amz-mp-object-size' header value {promised} does not match \
                     what was computed: {actual}"
                );
                return (Code::InvalidRequest, message);
            }
            Self::Impossible { .. } => return (Code::NotImplemented, format!("{self}.")),
            Self::Reserved(name) => {
                let prefix = headers::META_SEALED_PREFIX;
                let message = format!(
                    "{name} cannot be set: metadata that begins with {prefix} is the proxy's."
                );
                return (Code::InvalidArgument, message);
            }
            Self::BoxTooLong(_) | Self::NoRandomness(_) | Self::Head(_) => {
                (Code::InternalError, INTERNAL)
            }
        };
        (code, message.to_owned())
    }

    fn elements(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TooLarge { bytes } => vec![
                ("ProposedSize", bytes.to_string()),
                ("MaxSizeAllowed", PLAIN_BYTES_MAX.to_string()),
            ],
            Self::MetadataTooLarge { bytes } => vec![
                ("Size", bytes.to_string()),
                ("MaxSizeAllowed", METADATA_BYTES_MAX.to_string()),
            ],
            Self::Range { asked, bytes } => {
                let size = bytes.map(|bytes| ("ActualObjectSize", bytes.to_string()));
                std::iter::once(("RangeRequested", asked.clone())).chain(size).collect()
            }
            Self::PartNumber(number) => vec![("PartNumberRequested", number.to_string())],
            Self::Unassembled(unassembled) => part_elements(unassembled),
            Self::Broken(_)
            | Self::NotSealed
            | Self::Keyring(_)
            | Self::Encryption(_)
            | Self::NoKms
            | Self::Attributes(_)
            | Self::BoxTooLong(_)
            | Self::NoRandomness(_)
            | Self::Reserved(_)
            | Self::Impossible { .. }
            | Self::CustomerKeyMissing
            | Self::CustomerKeyUnneeded
            | Self::CustomerKeyWrong
            | Self::CustomerKeyInTheClear
            | Self::Head(_)
            | Self::PartKeyMissing
            | Self::PartKeyOther
            | Self::InvalidPartNumber
            | Self::NoPartNumber
            | Self::Irregular(_)
            | Self::Uncopyable(_)
            | Self::OtherSize { .. }
            | Self::Changed => Vec::new(),
        }
    }

    /// The same of the key of an upload, for which S3 has other words.
    pub(super) fn of_upload(self) -> Self {
        if matches!(self, Self::CustomerKeyMissing) {
            Self::PartKeyMissing
        } else if matches!(self, Self::CustomerKeyUnneeded | Self::CustomerKeyWrong) {
            Self::PartKeyOther
        } else {
            self
        }
    }

    /// The name of the check that failed, for metrics and the audit log.
    pub(in crate::pipeline) fn check(&self) -> Option<&'static str> {
        if let Self::Broken(broken) | Self::Keyring(keyring::Error::Broken(broken)) = self {
            return Some(broken.check());
        }
        matches!(self, Self::NotSealed).then_some("metadata")
    }
}

fn keyring(error: &keyring::Error) -> (Code, String) {
    match error {
        keyring::Error::Unavailable { .. } => (Code::SlowDown, KEYS_AWAY.to_owned()),
        keyring::Error::UnknownKey { .. } | keyring::Error::UnknownRing { .. } => {
            (Code::KmsNotFoundException, format!("{error}."))
        }
        keyring::Error::Disabled { .. } => (Code::KmsDisabledException, format!("{error}.")),
        keyring::Error::Refused { .. } => (Code::AccessDenied, KEYS_REFUSED.to_owned()),
        keyring::Error::Broken(broken) => Fault::Broken(*broken).code_and_message(),
        keyring::Error::TooLong { .. } | keyring::Error::NoRandomness(_) => {
            (Code::InternalError, INTERNAL.to_owned())
        }
    }
}

fn unassembled(unassembled: &Unassembled) -> (Code, String) {
    let (code, message) = match unassembled {
        Unassembled::Empty => (Code::MalformedXML, NO_PARTS),
        Unassembled::Order => (Code::InvalidPartOrder, PART_ORDER),
        Unassembled::Missing { .. } => (Code::InvalidPart, PART_MISSING),
        Unassembled::Foreign { .. } => (Code::InvalidPart, PART_FOREIGN),
        Unassembled::TooSmall { .. } => (Code::EntityTooSmall, PART_TOO_SMALL),
    };
    (code, message.to_owned())
}

fn part_elements(unassembled: &Unassembled) -> Vec<(&'static str, String)> {
    let number = |number: &PartNumber| ("PartNumber", number.value().to_string());
    match unassembled {
        Unassembled::Empty | Unassembled::Order => Vec::new(),
        Unassembled::Foreign { number: of, .. } => vec![number(of)],
        Unassembled::Missing { number: of, etag } => {
            vec![number(of), ("ETag", etag::shown(etag, Tagged::Sealed).into_owned())]
        }
        Unassembled::TooSmall { number: of, bytes, etag } => vec![
            ("ProposedSize", bytes.to_string()),
            ("MinSizeAllowed", PART_BYTES_MIN.to_string()),
            number(of),
            ("ETag", etag::shown(etag, Tagged::Sealed).into_owned()),
        ],
    }
}

impl From<Unsealable> for Fault {
    /// The length is known before the first byte, so that nothing but its size can be wrong.
    fn from(_: Unsealable) -> Self {
        Self::TooLarge { bytes: u64::MAX }
    }
}

const CHANGED: &str = "The object was replaced while it was read. Try again.";
// S3's own words.
const CUSTOMER_KEY_IN_THE_CLEAR: &str = "Requests specifying Server Side Encryption with Customer \
     provided keys must be made over a secure connection.";
const CUSTOMER_KEY_MISSING: &str = "The object was stored using a form of Server Side Encryption. The \
     correct parameters must be provided to retrieve the object.";
const CUSTOMER_KEY_UNNEEDED: &str = "The encryption parameters are not applicable to this object.";
const CUSTOMER_KEY_WRONG: &str =
    "Access Denied: the customer provided key is not the one that the object was written with.";
const EVEN: &str = "Upload parts of one size, a multiple of 64 KiB, that are numbered from 1; the last may \
     be of any size.";
const INTERNAL: &str =
    "We encountered an internal error. The proxy's log names its cause under this request id.";
const KEYS_AWAY: &str = "The key service does not answer. Reduce your request rate and try again.";
const KEYS_REFUSED: &str =
    "Access Denied: the key service refuses this key to the proxy, whose log has its words.";
const METADATA_TOO_LARGE: &str = "Your metadata headers exceed the maximum allowed metadata size: of \
     S3's 2048 bytes sealed objects need 640 themselves.";
const NOT_SEALED: &str = "The object is not sealed, and sealed objects alone are handed out here, since \
     the storage could give its own bytes for ours. Migrate it, or set plaintext = \"pass\" in the rule.";
const NO_KMS: &str = "Objects are sealed under a key of the proxy's own here, and not one of KMS: ask for \
     AES256, or leave the encryption headers out.";
const INVALID_PART_NUMBER: &str = "Part number must be an integer between 1 and 10000, inclusive";
const NO_PART_NUMBER: &str = "Behind the parts of a sealed object a footer has to be added, and every part \
     number behind the last listed part is taken. List all parts, or begin a new upload.";
const NO_PARTS: &str = "The XML you provided was not well-formed or did not validate against our \
     published schema";
const PART_BYTES_MIN: u64 = 5 << 20;
const PART_FOREIGN: &str = "One or more of the specified parts were not uploaded through this proxy, and \
     are not sealed. Upload them again.";
const PART_KEY_MISSING: &str = "The multipart upload initiate requested encryption. Subsequent part \
     requests, and the request to complete, must include the appropriate encryption parameters.";
const PART_KEY_OTHER: &str =
    "The provided encryption parameters did not match the ones used originally.";
const PART_MISSING: &str = "One or more of the specified parts could not be found. The part may not have \
     been uploaded, or the specified entity tag may not match the part's entity tag.";
const PART_ORDER: &str = "The list of parts was not in ascending order. Parts must be ordered by part \
     number.";
const PART_TOO_SMALL: &str = "Your proposed upload is smaller than the minimum allowed size";
const TOO_LARGE: &str = "Your proposed upload exceeds the maximum allowed object size: sealed, one \
     request brings a little less than 5 GiB. Use a multipart upload.";
