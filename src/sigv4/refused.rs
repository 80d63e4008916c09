//! Why a request, or its body, is refused: in AWS's terms, with nothing in it that is secret.

use crate::s3::{Code, form::InvalidForm};

/// Why a signature was refused, with the XML elements that AWS adds.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// S3's code.
    pub code: Code,
    /// AWS's words where they are known.
    pub message: String,
    /// Such as `("HeadersNotSigned", "x-amz-acl")`.
    pub elements: Vec<(&'static str, String)>,
}

impl Refused {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), elements: Vec::new() }
    }

    pub(super) fn with(mut self, element: &'static str, text: impl Into<String>) -> Self {
        self.elements.push((element, text.into()));
        self
    }
}

impl From<InvalidForm> for Refused {
    fn from(InvalidForm { code, message, elements }: InvalidForm) -> Self {
        Self { code, message, elements }
    }
}

/// A signature of other texts than these, or by another secret. The texts show what was received,
/// and so the first bytes of them suffice: a head can be far longer than an error should be.
pub(super) fn mismatch(
    access_key_id: &str,
    signature: &str,
    string_to_sign: &[u8],
    canonical: Option<&[u8]>,
) -> Refused {
    let refused = Refused::new(
        Code::SignatureDoesNotMatch,
        "The request signature we calculated does not match the signature you provided. Check your \
         key and signing method.",
    )
    .with("AWSAccessKeyId", access_key_id)
    .with("StringToSign", shown(string_to_sign))
    .with("SignatureProvided", signature)
    .with("StringToSignBytes", spaced_hex(string_to_sign));
    match canonical {
        Some(canonical) => refused
            .with("CanonicalRequest", shown(canonical))
            .with("CanonicalRequestBytes", spaced_hex(canonical)),
        None => refused,
    }
}

/// The beginning of what was received.
pub(super) fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..SHOWN_BYTES_MAX).unwrap_or(text)).into_owned()
}

fn spaced_hex(text: &[u8]) -> String {
    let shown = text.get(..SHOWN_BYTES_MAX).unwrap_or(text);
    let bytes: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

/// Bytes of each text that an error tells of: usual requests have a tenth of it.
const SHOWN_BYTES_MAX: usize = 8192;
