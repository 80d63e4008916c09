//! What a head promises of its body: how it is framed, how long it is, what it must hash to.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use http::{HeaderMap, HeaderName, header};

use super::{
    Refused,
    checksum::{Algorithm, Expected},
    mode::{ContentSha256, Mode},
};
use crate::s3::{Code, Operation, headers};

/// The promise. A [`super::VerifiedBody`] holds the body to it.
#[derive(Debug)]
pub(super) struct Payload {
    /// Bytes after decoding.
    pub(super) length: u64,
    /// Framed in aws-chunked.
    pub(super) chunked: bool,
    /// Known before the body.
    pub(super) expected: Vec<Expected>,
    /// To be found in the trailer: the header's name and its algorithm.
    pub(super) trailer: Option<(HeaderName, Algorithm)>,
}

impl Payload {
    /// Reads the promise that goes with a payload mode.
    pub(super) fn read(
        received: &HeaderMap,
        operation: Operation,
        content: &ContentSha256<'_>,
    ) -> Result<Self, Refused> {
        let chunked = content.mode == Mode::UnsignedTrailer;
        if chunked && !operation.accepts_streaming_payload() {
            return Err(Refused::new(
                Code::InvalidRequest,
                "The value of x-amz-content-sha256 header is invalid.",
            ));
        }
        let length = length(received, chunked)?;
        let mut payload = Self { length, chunked, expected: Vec::new(), trailer: None };
        if content.mode == Mode::Hash {
            payload.expected.push(Expected::payload_hash(content.line)?);
        }
        payload.checksums(received, operation)?;
        Ok(payload)
    }

    fn checksums(&mut self, received: &HeaderMap, operation: Operation) -> Result<(), Refused> {
        if let Some(value) = text(received, &HeaderName::from_static("content-md5"))? {
            self.expected.push(Expected::content_md5(value)?);
        }
        // Here the header speaks of the whole object, not of this request's body.
        if operation == Operation::CompleteMultipartUpload {
            return Ok(());
        }
        let mut named = 0;
        for name in received.keys() {
            let Some(algorithm) = headers::checksum_algorithm(name) else { continue };
            let algorithm = Algorithm::parse(algorithm)
                .ok_or_else(|| unknown_checksum(Code::NotImplemented, name.as_str()))?;
            let value = text(received, name)?.unwrap_or_default();
            self.expected.push(Expected::checksum(name, algorithm, value)?);
            named += 1;
        }
        if let Some(trailer) = text(received, &headers::X_AMZ_TRAILER)? {
            let trailer = trailer.trim().to_ascii_lowercase();
            let name = HeaderName::try_from(&trailer).ok();
            let algorithm =
                name.as_ref().and_then(headers::checksum_algorithm).and_then(Algorithm::parse);
            let (Some(name), Some(algorithm)) = (name, algorithm) else {
                return Err(unknown_checksum(Code::InvalidRequest, &trailer));
            };
            if !self.chunked {
                return Err(Refused::new(
                    Code::InvalidRequest,
                    "x-amz-trailer needs a payload with a trailer: send x-amz-content-sha256: \
                     STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                ));
            }
            self.trailer = Some((name, algorithm));
            named += 1;
        }
        if named > 1 {
            return Err(Refused::new(
                Code::InvalidRequest,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        Ok(())
    }
}

/// The length after decoding; known before the first byte or refused.
fn length(received: &HeaderMap, chunked: bool) -> Result<u64, Refused> {
    let name = if chunked { headers::X_AMZ_DECODED_CONTENT_LENGTH } else { header::CONTENT_LENGTH };
    let length = match text(received, &name)? {
        // The parser would take a sign, too.
        Some(value) if value.bytes().all(|byte| byte.is_ascii_digit()) => value.parse().ok(),
        Some(_) => None,
        None => (!chunked && !received.contains_key(header::TRANSFER_ENCODING)).then_some(0),
    };
    let length: u64 = length.ok_or_else(|| {
        Refused::new(Code::MissingContentLength, "You must provide the Content-Length HTTP header.")
    })?;
    if length > OBJECT_BYTES_MAX {
        return Err(Refused::new(
            Code::EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed size",
        )
        .with("ProposedSize", length.to_string())
        .with("MaxSizeAllowed", OBJECT_BYTES_MAX.to_string()));
    }
    Ok(length)
}

fn unknown_checksum(code: Code, name: &str) -> Refused {
    Refused::new(
        code,
        format!(
            "Portcullis cannot verify {name}. Use x-amz-checksum-crc32, -crc32c, -crc64nvme, -sha1 or \
             -sha256."
        ),
    )
}

fn text<'a>(received: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refused> {
    received.get(name).map(|value| value.to_str()).transpose().map_err(|_| {
        Refused::new(Code::InvalidArgument, format!("The header {name} is not visible ASCII."))
    })
}

/// Takes the transfer's own coding out of a Content-Encoding, in whatever place it stands: what is
/// stored is what was encoded by the others.
pub fn strip_aws_chunked(received: &mut HeaderMap) {
    let codings: Vec<String> = received
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|coding| coding.trim().to_owned())
        .collect();
    if !codings.iter().any(|coding| coding.eq_ignore_ascii_case("aws-chunked")) {
        return;
    }
    let rest: Vec<&str> = codings
        .iter()
        .map(String::as_str)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    received.remove(header::CONTENT_ENCODING);
    if let (false, Ok(value)) = (rest.is_empty(), rest.join(",").try_into()) {
        received.insert(header::CONTENT_ENCODING, value);
    }
}

/// S3 takes 5 GiB in one PUT or part (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>).
const OBJECT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};

    use super::strip_aws_chunked;

    #[test]
    fn aws_chunked_goes_and_the_other_codings_stay() {
        for (before, after) in [
            ("aws-chunked", None),
            ("gzip,aws-chunked", Some("gzip")),
            ("aws-chunked, gzip", Some("gzip")),
            ("AWS-CHUNKED, aws-chunked", None),
            ("gzip, br", Some("gzip, br")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(before));
            strip_aws_chunked(&mut headers);
            let got = headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap());
            assert_eq!(got, after, "{before}");
        }
    }
}
