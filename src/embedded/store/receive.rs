//! Request bodies: taken in as they stream, and held against what their head promised.
//!
//! Invariant: a [`Received`] is a body that came to its end with the promised length and digests;
//! of any other nothing stays.

use std::{io, mem, path::PathBuf, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use s3s::{
    Body, S3Error, S3Result, StdError, TrailingHeaders,
    checksum::ChecksumHasher,
    crypto::{Crc32, Crc32c, Crc64Nvme, Sha1, Sha256},
    dto::Checksum,
    s3_error,
};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    Millis, Object, ObjectRecord, PartRecord,
    content::{Content, Sink, Taken},
    failed,
};
use crate::embedded::errors::custom;

/// The largest body of one request.
pub(in crate::embedded) const BODY_BYTES_MAX: u64 = 5 << 30;

/// Bytes handed to the disk at once; a request holds two such batches at most.
const BATCH_BYTES: usize = 256 * 1024;

/// The headers by which clients promise a checksum.
const CHECKSUMS: [&str; 5] = [
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
];

/// What a request's head says of its body.
#[derive(Debug)]
pub(in crate::embedded) struct Promise {
    length: u64,
    md5: Option<[u8; 16]>,
    /// Header name, and its value unless a trailer brings it.
    checksum: Option<(&'static str, Option<String>)>,
    trailers: Option<TrailingHeaders>,
}

/// A body that kept its promise.
#[derive(Debug)]
pub(in crate::embedded) struct Received {
    content: Arc<Content>,
    size: u64,
    md5: [u8; 16],
    checksum: Option<(String, String)>,
}

impl Promise {
    /// From the head of a request. Its Content-Length is that of the decoded body.
    pub(in crate::embedded) fn new(
        headers: &HeaderMap,
        trailers: Option<TrailingHeaders>,
    ) -> S3Result<Self> {
        let length = text(headers, "content-length").and_then(|length| length.parse().ok());
        let length = length.ok_or_else(|| {
            s3_error!(MissingContentLength, "You must provide the Content-Length HTTP header.")
        })?;
        if length > BODY_BYTES_MAX {
            return Err(s3_error!(
                EntityTooLarge,
                "Your proposed upload exceeds the maximum allowed size"
            ));
        }
        let md5 = text(headers, "content-md5").map(parse_md5).transpose()?;
        Ok(Self { length, md5, checksum: promised_checksum(headers)?, trailers })
    }

    /// Of bytes that this backend sends to itself.
    pub(in crate::embedded) fn of_length(length: u64) -> Self {
        Self { length, md5: None, checksum: None, trailers: None }
    }

    fn check(&self, taken: Taken) -> S3Result<Received> {
        if taken.length != self.length {
            return Err(incomplete());
        }
        if self.md5.is_some_and(|md5| md5 != taken.md5) {
            return Err(s3_error!(
                BadDigest,
                "The Content-MD5 you specified did not match what we received."
            ));
        }
        let checksum = self.check_checksum(&taken.checksums)?;
        Ok(Received { content: taken.content, size: taken.length, md5: taken.md5, checksum })
    }

    fn check_checksum(&self, calculated: &Checksum) -> S3Result<Option<(String, String)>> {
        let Some((name, value)) = &self.checksum else { return Ok(None) };
        let trailer = || {
            let trailers = self.trailers.as_ref()?;
            trailers.read(|trailers| text(trailers, name).map(str::to_owned)).flatten()
        };
        let Some(value) = value.clone().or_else(trailer) else {
            return Err(custom(
                "MalformedTrailerError",
                http::StatusCode::BAD_REQUEST,
                "The request contained trailing data that was not well-formed or did not conform \
                 to our published schema.",
            ));
        };
        if calculated_value(calculated, name) == Some(&value) {
            return Ok(Some(((*name).to_owned(), value)));
        }
        let algorithm = name.trim_start_matches("x-amz-checksum-").to_uppercase();
        Err(s3_error!(
            BadDigest,
            "The {algorithm} you specified did not match the calculated checksum."
        ))
    }
}

impl Received {
    /// Takes in a body. Dropping the future leaves nothing behind.
    pub(super) async fn take(
        contents: PathBuf,
        mut body: Body,
        promise: &Promise,
    ) -> S3Result<Self> {
        let checksums = hasher(promise.checksum.as_ref().map(|(name, _)| *name));
        let mut sink = Writer::start(contents, checksums);
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let Ok(chunk) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
            length += chunk.len() as u64;
            if length > promise.length {
                return Err(incomplete());
            }
            sink.write(chunk).await?;
        }
        promise.check(sink.finish().await?)
    }

    /// As a part of an upload, or the only part of an object.
    pub(in crate::embedded) fn into_part(self, number: u16, modified: Millis) -> super::Part {
        let record = PartRecord {
            number,
            etag: hex::encode(self.md5),
            size: self.size,
            modified,
            checksum: self.checksum,
            content: self.content.id().to_owned(),
        };
        super::Part { record, content: self.content }
    }

    /// As an object.
    pub(in crate::embedded) fn into_object(
        self,
        key: String,
        attributes: super::Attributes,
        modified: Millis,
    ) -> Object {
        let part = self.into_part(1, modified);
        let record = ObjectRecord {
            key,
            etag: part.record.etag.clone(),
            size: part.record.size,
            modified,
            attributes,
            multipart: false,
            parts: vec![part.record],
        };
        Object::new(record, vec![part.content])
    }
}

/// Gathers chunks into batches and writes one while the next arrives.
struct Writer {
    batch: Vec<Bytes>,
    batch_bytes: usize,
    writing: JoinHandle<io::Result<Sink>>,
}

impl Writer {
    fn start(contents: PathBuf, checksums: ChecksumHasher) -> Self {
        let writing = spawn_blocking(move || Sink::create(&contents, checksums));
        Self { batch: Vec::new(), batch_bytes: 0, writing }
    }

    async fn write(&mut self, chunk: Bytes) -> S3Result<()> {
        self.batch_bytes += chunk.len();
        self.batch.push(chunk);
        if self.batch_bytes < BATCH_BYTES { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> S3Result<()> {
        let sink = joined(&mut self.writing).await?;
        let batch = mem::take(&mut self.batch);
        self.batch_bytes = 0;
        self.writing = spawn_blocking(move || sink.absorb(&batch));
        Ok(())
    }

    async fn finish(mut self) -> S3Result<Taken> {
        self.flush().await?;
        Ok(joined(&mut self.writing).await?.finish())
    }
}

async fn joined<T>(task: &mut JoinHandle<io::Result<T>>) -> S3Result<T> {
    task.await.map_err(io::Error::other).flatten().map_err(failed)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn parse_md5(text: &str) -> S3Result<[u8; 16]> {
    let bytes = BASE64_STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid."))
}

fn promised_checksum(headers: &HeaderMap) -> S3Result<Option<(&'static str, Option<String>)>> {
    let trailer = text(headers, "x-amz-trailer");
    let promised = CHECKSUMS.into_iter().filter_map(|name| {
        let value = text(headers, name).map(str::to_owned);
        (value.is_some() || trailer == Some(name)).then_some((name, value))
    });
    let mut promised = promised.collect::<Vec<_>>();
    if promised.len() > 1 {
        return Err(s3_error!(
            InvalidRequest,
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        ));
    }
    Ok(promised.pop())
}

fn hasher(name: Option<&str>) -> ChecksumHasher {
    let mut hasher = ChecksumHasher::default();
    match name {
        Some("x-amz-checksum-crc32") => hasher.crc32 = Some(Crc32::default()),
        Some("x-amz-checksum-crc32c") => hasher.crc32c = Some(Crc32c::default()),
        Some("x-amz-checksum-crc64nvme") => hasher.crc64nvme = Some(Crc64Nvme::default()),
        Some("x-amz-checksum-sha1") => hasher.sha1 = Some(Sha1::default()),
        Some("x-amz-checksum-sha256") => hasher.sha256 = Some(Sha256::default()),
        _ => {}
    }
    hasher
}

fn calculated_value<'a>(checksum: &'a Checksum, name: &str) -> Option<&'a String> {
    match name {
        "x-amz-checksum-crc32" => checksum.checksum_crc32.as_ref(),
        "x-amz-checksum-crc32c" => checksum.checksum_crc32c.as_ref(),
        "x-amz-checksum-crc64nvme" => checksum.checksum_crc64nvme.as_ref(),
        "x-amz-checksum-sha1" => checksum.checksum_sha1.as_ref(),
        "x-amz-checksum-sha256" => checksum.checksum_sha256.as_ref(),
        _ => None,
    }
}

fn incomplete() -> S3Error {
    s3_error!(
        IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header"
    )
}

/// The body broke off, or is not what was signed. `s3s` tells which only in words.
fn broken(error: &StdError) -> S3Error {
    let words = error.to_string();
    if words.contains("Sha256Mismatch") {
        return custom(
            "XAmzContentSHA256Mismatch",
            http::StatusCode::BAD_REQUEST,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        );
    }
    if words.contains("SignatureMismatch") {
        return s3_error!(
            SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided."
        );
    }
    incomplete()
}
