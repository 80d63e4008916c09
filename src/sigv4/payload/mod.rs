//! What a head promises of its body: how it is framed, how long it is, what it must hash to.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use http::{HeaderMap, HeaderName, header};

use super::{
    Refused,
    checksum::{Algorithm, Expected, What},
    chunked::{EMPTY_SHA256, Signatures},
    mode::{ContentSha256, Mode, UNSIGNED_PAYLOAD},
};
use crate::s3::{Code, Operation, form::FileReader, headers};

/// The promise. A [`super::VerifiedBody`] holds the body to it.
#[derive(Debug)]
pub(super) struct Payload {
    /// Bytes after decoding; `None`: only the end will tell.
    pub(super) length: Option<u64>,
    pub(super) framing: Framing,
    /// Known before the body.
    pub(super) expected: Vec<Expected>,
    /// To be found in the trailer.
    pub(super) trailer: Option<Trailer>,
}

/// What the payload is wrapped in.
#[derive(Debug)]
pub(super) enum Framing {
    Plain,
    Chunks,
    SignedChunks(Signatures),
    /// Signed chunks, of a caller who needs no signature.
    UncheckedChunks,
    /// The file of a form, and the form's end.
    Form(Box<FileReader>),
}

/// A checksum that follows the body.
#[derive(Clone, Debug)]
pub(super) struct Trailer {
    pub(super) name: HeaderName,
    pub(super) algorithm: Algorithm,
}

impl Payload {
    /// Reads the promise that goes with a payload mode. `signatures` is `None` where chunks cannot be
    /// signed, since the head is not, or not in its Authorization header.
    pub(super) fn read(
        received: &HeaderMap,
        operation: Operation,
        content: &ContentSha256<'_>,
        signatures: Option<Signatures>,
    ) -> Result<Self, Refused> {
        let framing = match (content.mode, signatures) {
            (Mode::Unsigned | Mode::Hash, _) => Framing::Plain,
            (mode, _) if !operation.accepts_streaming_payload() => {
                return Err(misplaced(mode));
            }
            (Mode::UnsignedTrailer, _) => Framing::Chunks,
            (Mode::Signed | Mode::SignedTrailer, Some(signatures)) => {
                Framing::SignedChunks(signatures)
            }
            (mode @ (Mode::Signed | Mode::SignedTrailer), None) => return Err(misplaced(mode)),
        };
        Self::framed(received, operation, content, framing)
    }

    /// Reads the promise of a request whose signatures nobody checks.
    pub(super) fn unsigned(
        received: &HeaderMap,
        operation: Operation,
        content: &ContentSha256<'_>,
    ) -> Result<Self, Refused> {
        let framing = match content.mode {
            Mode::Unsigned | Mode::Hash => Framing::Plain,
            mode if !operation.accepts_streaming_payload() => return Err(misplaced(mode)),
            Mode::UnsignedTrailer => Framing::Chunks,
            Mode::Signed | Mode::SignedTrailer => Framing::UncheckedChunks,
        };
        Self::framed(received, operation, content, framing)
    }

    /// What a form promises of its file; `effective` are the headers that its fields make.
    pub(super) fn form(effective: &HeaderMap, file: FileReader) -> Result<Self, Refused> {
        let content = ContentSha256 { line: UNSIGNED_PAYLOAD, mode: Mode::Unsigned };
        Self::framed(effective, Operation::PutObject, &content, Framing::Form(Box::new(file)))
    }

    /// Promises nothing but the length on the wire; chunks stay as they are. Without a length S3 takes
    /// nothing else.
    pub(super) fn raw(received: &HeaderMap, is_chunked: bool) -> Result<Self, Refused> {
        let is_told = received.contains_key(header::CONTENT_LENGTH)
            || !received.contains_key(header::TRANSFER_ENCODING);
        let length = if is_told || !is_chunked { Some(content_length(received)?) } else { None };
        Ok(Self { length, framing: Framing::Plain, expected: Vec::new(), trailer: None })
    }

    fn framed(
        received: &HeaderMap,
        operation: Operation,
        content: &ContentSha256<'_>,
        framing: Framing,
    ) -> Result<Self, Refused> {
        let length = Some(length(received, content.mode.is_chunked())?);
        let mut payload = Self { length, framing, expected: Vec::new(), trailer: None };
        if content.mode == Mode::Hash {
            payload.hash(content.line)?;
        }
        payload.checksums(received, operation)?;
        payload.trailer(received, content.mode)?;
        payload.check_sdk_algorithm(received, operation)?;
        Ok(payload)
    }

    /// That of no bytes is checked at once, since most operations read no body that would be.
    fn hash(&mut self, line: &str) -> Result<(), Refused> {
        if self.length == Some(0) && line.eq_ignore_ascii_case(EMPTY_SHA256) {
            return Ok(());
        }
        let expected = Expected::payload_hash(line)?;
        if self.length == Some(0) {
            return expected.check(&expected.algorithm.hasher().finish());
        }
        self.expected.push(expected);
        Ok(())
    }

    fn checksums(&mut self, received: &HeaderMap, operation: Operation) -> Result<(), Refused> {
        if let Some(value) = text(received, &headers::CONTENT_MD5)? {
            self.expected.push(Expected::content_md5(value)?);
        }
        // Here the header speaks of the whole object, not of this request's body.
        if operation == Operation::CompleteMultipartUpload {
            return Ok(());
        }
        for name in received.keys() {
            let Some(algorithm) = headers::checksum_algorithm(name) else { continue };
            let algorithm = Algorithm::parse(algorithm).ok_or_else(|| {
                let refused = unknown_checksum(Code::NotImplemented, name.as_str());
                refused.with("Header", name.as_str())
            })?;
            let value = text(received, name)?.unwrap_or_default();
            self.expected.push(Expected::checksum(name, algorithm, value)?);
        }
        Ok(())
    }

    fn trailer(&mut self, received: &HeaderMap, mode: Mode) -> Result<(), Refused> {
        if let Some(announced) = text(received, &headers::X_AMZ_TRAILER)? {
            if !mode.has_trailer() {
                return Err(Refused::new(
                    Code::InvalidRequest,
                    "x-amz-trailer needs a payload with a trailer: send x-amz-content-sha256: \
                     STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                ));
            }
            let name = HeaderName::try_from(announced.trim_ascii()).ok();
            let trailer = name.and_then(|name| {
                let algorithm = Algorithm::parse(headers::checksum_algorithm(&name)?)?;
                Some(Trailer { name, algorithm })
            });
            self.trailer =
                Some(trailer.ok_or_else(|| unknown_checksum(Code::InvalidRequest, announced))?);
        }
        if self.checksum_algorithms().count() > 1 {
            return Err(Refused::new(
                Code::InvalidRequest,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        Ok(())
    }

    /// An SDK that says which checksum it sends must send it. (Presigned URLs hoist this header, and
    /// S3 ignores it there: it is a parameter then.)
    fn check_sdk_algorithm(
        &self,
        received: &HeaderMap,
        operation: Operation,
    ) -> Result<(), Refused> {
        let said = text(received, &headers::X_AMZ_SDK_CHECKSUM_ALGORITHM)?;
        let Some(said) = said.filter(|_| operation.accepts_streaming_payload()) else {
            return Ok(());
        };
        match self.checksum_algorithms().next() {
            Some(algorithm) if said.eq_ignore_ascii_case(algorithm.name()) => Ok(()),
            Some(_) => Err(Refused::new(
                Code::InvalidRequest,
                "Value for x-amz-sdk-checksum-algorithm header is invalid.",
            )),
            None => Err(Refused::new(
                Code::InvalidRequest,
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or \
                 x-amz-trailer headers were found.",
            )),
        }
    }

    /// Of the checksums in `x-amz-checksum-…`, as a header or as a trailer.
    fn checksum_algorithms(&self) -> impl Iterator<Item = Algorithm> {
        let in_headers = self.expected.iter().filter_map(|expected| match expected.what {
            What::Checksum => Some(expected.algorithm),
            What::PayloadHash | What::ContentMd5 => None,
        });
        in_headers.chain(self.trailer.iter().map(|trailer| trailer.algorithm))
    }
}

/// A mode that cannot go with the operation, or with the way in which the head is signed.
fn misplaced(mode: Mode) -> Refused {
    let reason = if mode.is_signed() {
        "The value of x-amz-content-sha256 header is invalid: signed chunks go with PutObject and \
         UploadPart, signed in the Authorization header."
    } else {
        "The value of x-amz-content-sha256 header is invalid: chunks go with PutObject and UploadPart."
    };
    Refused::new(Code::InvalidRequest, reason)
}

/// The length after decoding; known before the first byte or refused.
fn length(received: &HeaderMap, chunked: bool) -> Result<u64, Refused> {
    let length = if chunked {
        let value = text(received, &headers::X_AMZ_DECODED_CONTENT_LENGTH)?;
        value.and_then(number).ok_or_else(missing_length)?
    } else {
        content_length(received)?
    };
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

fn content_length(received: &HeaderMap) -> Result<u64, Refused> {
    let length = match text(received, &header::CONTENT_LENGTH)? {
        Some(value) => number(value),
        None => (!received.contains_key(header::TRANSFER_ENCODING)).then_some(0),
    };
    length.ok_or_else(missing_length)
}

/// The parser would take a sign, too.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn missing_length() -> Refused {
    Refused::new(Code::MissingContentLength, "You must provide the Content-Length HTTP header.")
}

fn unknown_checksum(code: Code, name: &str) -> Refused {
    Refused::new(
        code,
        format!(
            "Portcullis cannot verify {name}. Use x-amz-checksum-crc32, -crc32c, -crc64nvme, -md5, \
             -sha1, -sha256, -sha512, -xxhash64, -xxhash3 or -xxhash128."
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
mod tests;
