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
