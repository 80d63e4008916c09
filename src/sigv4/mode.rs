//! How the head speaks of its payload: the value of `x-amz-content-sha256`. Invariant: what the
//! signature covers is what the body is held to.

use std::borrow::Cow;

use http::HeaderMap;

use super::{Refused, parameters::Parameters, presented::Place};
use crate::s3::{Code, headers};

/// A payload mode, and the line of the canonical request that stands for it.
#[derive(Debug)]
pub(super) struct ContentSha256<'a> {
    pub(super) line: &'a str,
    pub(super) mode: Mode,
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, "Hashed Payload".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing is said of the content.
    Unsigned,
    /// Unsigned chunks and a trailer.
    UnsignedTrailer,
    /// Signed chunks.
    Signed,
    /// Signed chunks and a signed trailer.
    SignedTrailer,
    /// 64 hex digits.
    Hash,
}

impl<'a> ContentSha256<'a> {
    /// Reads the header, and where the signature stands in the query the parameter. `place` is `None`
    /// for anonymous callers, who need not say anything.
    pub(super) fn read(
        received: &'a HeaderMap,
        parameters: &'a Parameters<'_>,
        place: Option<Place>,
    ) -> Result<Self, Refused> {
        let header = match received.get(headers::X_AMZ_CONTENT_SHA256) {
            Some(value) => Some(value.to_str().map_err(|_| invalid(""))?),
            None => None,
        };
        let parameter = match place {
            Some(Place::Query { .. }) => parameters.content_sha256.as_ref().map(Cow::as_ref),
            Some(Place::Header | Place::Form) | None => None,
        };
        let line = match (header, parameter, place) {
            (Some(header), Some(parameter), _) if header != parameter => {
                return Err(Refused::new(
                    Code::InvalidRequest,
                    "The header x-amz-content-sha256 and the query parameter X-Amz-Content-Sha256 \
                     differ.",
                ));
            }
            (Some(line), _, _) | (None, Some(line), _) => line,
            (None, None, Some(Place::Header)) => {
                return Err(Refused::new(
                    Code::InvalidRequest,
                    "Missing required header for this request: x-amz-content-sha256",
                ));
            }
            (None, None, Some(Place::Query { .. } | Place::Form) | None) => UNSIGNED_PAYLOAD,
        };
        Ok(Self { line, mode: Mode::parse(line)? })
    }
}

impl Mode {
    /// Whether the body comes in chunks.
    pub(super) fn is_chunked(self) -> bool {
        match self {
            Self::UnsignedTrailer | Self::Signed | Self::SignedTrailer => true,
            Self::Unsigned | Self::Hash => false,
        }
    }

    /// Whether each chunk bears a signature.
    pub(super) fn is_signed(self) -> bool {
        matches!(self, Self::Signed | Self::SignedTrailer)
    }

    /// Whether a trailer may follow the last chunk.
    pub(super) fn has_trailer(self) -> bool {
        matches!(self, Self::UnsignedTrailer | Self::SignedTrailer)
    }

    fn parse(line: &str) -> Result<Self, Refused> {
        match line {
            UNSIGNED_PAYLOAD => Ok(Self::Unsigned),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::UnsignedTrailer),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Self::Signed),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Self::SignedTrailer),
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
            | "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER" => Err(Refused::new(
                Code::NotImplemented,
                format!(
                    "The payload mode {line} is not supported. Sign with AWS4-HMAC-SHA256, and send \
                     STREAMING-AWS4-HMAC-SHA256-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER."
                ),
            )),
            hash if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Ok(Self::Hash)
            }
            other => Err(invalid(other)),
        }
    }
}

fn invalid(value: &str) -> Refused {
    Refused::new(
        Code::InvalidArgument,
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
         STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid \
         sha256 value.",
    )
    .with("ArgumentName", headers::X_AMZ_CONTENT_SHA256.as_str())
    .with("ArgumentValue", value)
}

pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
