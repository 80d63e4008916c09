//! What heads may promise of their bodies, and what is refused before the first byte.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
};

use super::{Framing, Payload, strip_aws_chunked};
use crate::{
    s3::{
        Code,
        Operation::{self, CompleteMultipartUpload, DeleteObjects, GetObject, PutObject},
    },
    sigv4::{Refused, chunked::EMPTY_SHA256, mode::ContentSha256, parameters::Parameters},
};

const CRC32: (&str, &str) = ("x-amz-checksum-crc32", "AAAAAA==");
const CHUNKED: (&str, &str) = ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
const TRAILER: (&str, &str) = ("x-amz-trailer", "x-amz-checksum-crc32");
const DECODED: (&str, &str) = ("x-amz-decoded-content-length", "7");

/// As for an anonymous caller.
fn read(operation: Operation, headers: &[(&str, &str)]) -> Result<Payload, Refused> {
    let mut received = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).unwrap();
        received.append(name, HeaderValue::try_from(*value).unwrap());
    }
    let parameters = Parameters::default();
    let content = ContentSha256::read(&received, &parameters, None)?;
    Payload::read(&received, operation, &content, None)
}

fn check(operation: Operation, headers: &[(&str, &str)], length: u64, promises: usize) {
    let payload = read(operation, headers).unwrap();
    assert_eq!(payload.length, Some(length));
    assert_eq!(payload.expected.len() + usize::from(payload.trailer.is_some()), promises);
}

fn check_refused(operation: Operation, headers: &[(&str, &str)], code: Code) -> Refused {
    let refused = read(operation, headers).unwrap_err();
    assert_eq!(refused.code, code, "{headers:?}: {refused:?}");
    refused
}

#[test]
fn the_length_is_known_before_the_first_byte() {
    check(GetObject, &[], 0, 0);
    check(PutObject, &[("content-length", "7")], 7, 0);
    check(PutObject, &[CHUNKED, DECODED, ("content-length", "99")], 7, 0);
    check(PutObject, &[CHUNKED, DECODED, ("transfer-encoding", "chunked")], 7, 0);
    let missing = Code::MissingContentLength;
    check_refused(PutObject, &[("transfer-encoding", "chunked")], missing);
    check_refused(PutObject, &[CHUNKED, ("content-length", "99")], missing);
    for length in ["", "+7", "-7", "7 ", "0x7", "99999999999999999999"] {
        check_refused(PutObject, &[CHUNKED, ("x-amz-decoded-content-length", length)], missing);
    }
}

#[test]
fn more_than_s3_takes_is_refused() {
    check(PutObject, &[("content-length", "5368709120")], 5_368_709_120, 0);
    let refused =
        check_refused(PutObject, &[("content-length", "5368709121")], Code::EntityTooLarge);
    let elements = [("ProposedSize", "5368709121"), ("MaxSizeAllowed", "5368709120")];
    assert_eq!(refused.elements, elements.map(|(name, text)| (name, text.to_owned())));
}

#[test]
fn chunks_go_with_object_data_only() {
    check_refused(DeleteObjects, &[CHUNKED, DECODED], Code::InvalidRequest);
    assert!(matches!(read(PutObject, &[CHUNKED, DECODED]).unwrap().framing, Framing::Chunks));
}

#[test]
fn chunks_cannot_be_signed_by_nobody() {
    for mode in ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"]
    {
        check_refused(PutObject, &[("x-amz-content-sha256", mode), DECODED], Code::InvalidRequest);
    }
    let v4a = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD";
    check_refused(PutObject, &[("x-amz-content-sha256", v4a), DECODED], Code::NotImplemented);
}

#[test]
fn each_promise_is_kept_in_mind() {
    let md5 = ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    let (hash, seven) = (("x-amz-content-sha256", EMPTY_SHA256), ("content-length", "7"));
    check(PutObject, &[md5, CRC32, hash, seven], 7, 3);
    check(PutObject, &[CHUNKED, TRAILER, DECODED], 7, 1);
    check(DeleteObjects, &[CRC32], 0, 1);
    // Not of this body, but of the object.
    check(CompleteMultipartUpload, &[CRC32], 0, 0);
    // These speak of checksums, and hold none.
    check(GetObject, &[("x-amz-checksum-mode", "ENABLED")], 0, 0);
}

#[test]
fn the_hash_of_no_bytes_is_checked_at_once() {
    let upper = EMPTY_SHA256.to_ascii_uppercase();
    for hash in [EMPTY_SHA256, &upper] {
        check(GetObject, &[("x-amz-content-sha256", hash)], 0, 0);
    }
    let other = EMPTY_SHA256.replace("e3b0", "e3b1");
    let refused = check_refused(
        GetObject,
        &[("x-amz-content-sha256", &other), ("content-length", "0")],
        Code::XAmzContentSHA256Mismatch,
    );
    let expected = [
        ("ClientComputedContentSHA256", other),
        ("S3ComputedContentSHA256", EMPTY_SHA256.to_owned()),
    ];
    assert_eq!(refused.elements, expected);
}

#[test]
fn promises_that_cannot_be_kept_are_refused() {
    for (headers, code) in [
        (&[("content-md5", "AAAA")][..], Code::InvalidDigest),
        (&[("content-md5", "no base64")], Code::InvalidDigest),
        (&[("x-amz-checksum-crc32", "AAAA")], Code::InvalidRequest),
        (&[("x-amz-checksum-sha256", "no base64")], Code::InvalidRequest),
        (&[("x-amz-checksum-blake3", "AAAA")], Code::NotImplemented),
        (&[CRC32, ("x-amz-checksum-sha1", "2jmj7l5rSw0yVb/vlWAYkK/YBwk=")], Code::InvalidRequest),
        (&[CHUNKED, TRAILER, DECODED, CRC32], Code::InvalidRequest),
        (&[CHUNKED, DECODED, ("x-amz-trailer", "x-amz-meta-a")], Code::InvalidRequest),
        (&[CHUNKED, DECODED, ("x-amz-trailer", "no name")], Code::InvalidRequest),
        (&[CHUNKED, DECODED, ("x-amz-trailer", "x-amz-checksum-mode")], Code::InvalidRequest),
        (&[TRAILER], Code::InvalidRequest),
    ] {
        check_refused(PutObject, headers, code);
    }
    let refused = check_refused(PutObject, &[("content-md5", "AAAA")], Code::InvalidDigest);
    assert_eq!(refused.elements, [("Content-MD5", "AAAA".to_owned())]);
}

#[test]
fn an_sdk_sends_the_checksum_that_it_speaks_of() {
    let said = |algorithm| ("x-amz-sdk-checksum-algorithm", algorithm);
    check(PutObject, &[CRC32, said("CRC32")], 0, 1);
    check(PutObject, &[CHUNKED, TRAILER, DECODED, said("CRC32")], 7, 1);
    check_refused(PutObject, &[CRC32, said("SHA256")], Code::InvalidRequest);
    check_refused(PutObject, &[said("CRC32")], Code::InvalidRequest);
    // Elsewhere it says what the parts will bring.
    check(Operation::CreateMultipartUpload, &[said("CRC32")], 0, 0);
}

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
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        strip_aws_chunked(&mut headers);
        let got = headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap());
        assert_eq!(got, after, "{before}");
    }
}
