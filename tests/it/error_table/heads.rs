//! Failures that the head shows: not a byte reaches the backend.

use std::time::Duration;

use super::{check, row};
use crate::support::{
    Gate, Request, Upstream,
    client::{ACCESS_KEY_ID, SECRET_ACCESS_KEY},
    documents, now,
};

const MINUTE: Duration = Duration::from_mins(1);
const GUESTS: &str = "[[credential]]\nname = \"guest\"\naccount = \"123456789012\"\n\
    access_key_id = \"AKIDGUEST\"\nsecret_access_key = \"guest\"\nsession_token = \"token\"\n\
    [[credential]]\nname = \"late\"\naccount = \"123456789012\"\naccess_key_id = \"AKIDLATE\"\n\
    secret_access_key = \"late\"\nsession_token = \"token\"\nexpires = \"2001-01-01T00:00:00Z\"\n";

fn get() -> Request {
    Request::get("/bucket/key")
}

fn put() -> Request {
    Request::put("/bucket/key", "body")
}

fn as_guest(id: &str, secret: &str, token: &str) -> Request {
    get().signed_by(id, secret).header("x-amz-security-token", token)
}

async fn check_heads(rows: Vec<super::Row>) {
    let mut upstream = Upstream::start().await;
    let denied = documents::deny("s3:*", "arn:aws:s3:::denied/*");
    let gate = Gate::builder().policy(&denied).credential(GUESTS).start(&upstream).await;
    check(&gate, &mut upstream, rows).await;
    upstream.is_untouched();
}

#[tokio::test]
async fn who_asks() {
    let header = "AuthorizationHeaderMalformed";
    check_heads(vec![
        row(
            get().signed_by("AKIDNOBODY", "any"),
            "403 Forbidden",
            "InvalidAccessKeyId",
            &[("AWSAccessKeyId", "AKIDNOBODY")],
        ),
        row(
            get().signed_by(ACCESS_KEY_ID, "a guess"),
            "403 Forbidden",
            "SignatureDoesNotMatch",
            &[
                ("AWSAccessKeyId", ACCESS_KEY_ID),
                ("StringToSign", "*"),
                ("SignatureProvided", "*"),
                ("StringToSignBytes", "*"),
                ("CanonicalRequest", "*"),
                ("CanonicalRequestBytes", "*"),
            ],
        ),
        row(
            get().signed_for_region("us-east-1"),
            "400 Bad Request",
            header,
            &[("Region", "eu-central-1")],
        ),
        row(get().altered("Credential=", "Credentials="), "400 Bad Request", header, &[]),
        row(get().altered("/s3/aws4_request", "/sqs/aws4_request"), "400 Bad Request", header, &[]),
        row(get().altered("/s3/aws4_request", "/s3/aws5_request"), "400 Bad Request", header, &[]),
        row(
            get().altered("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
            "501 Not Implemented",
            "NotImplemented",
            &[],
        ),
        row(
            get().anonymous().unsigned_header("authorization", "AWS AKIDCLIENT:c2lnbmF0dXJl"),
            "400 Bad Request",
            "InvalidRequest",
            &[],
        ),
        row(
            as_guest("AKIDGUEST", "guest", "another"),
            "400 Bad Request",
            "InvalidToken",
            &[("Token-0", "another")],
        ),
        row(
            as_guest(ACCESS_KEY_ID, SECRET_ACCESS_KEY, "token"),
            "400 Bad Request",
            "InvalidToken",
            &[("Token-0", "token")],
        ),
        row(
            as_guest("AKIDLATE", "late", "token"),
            "400 Bad Request",
            "ExpiredToken",
            &[("Token-0", "token")],
        ),
        row(
            put().unsigned_header("x-amz-acl", "private"),
            "403 Forbidden",
            "AccessDenied",
            &[("HeadersNotSigned", "x-amz-acl")],
        ),
        row(get().anonymous(), "403 Forbidden", "AccessDenied", &[]),
        row(Request::get("/denied/key"), "403 Forbidden", "AccessDenied", &[]),
    ])
    .await;
}

#[tokio::test]
async fn when() {
    let skew: &[_] =
        &[("RequestTime", "*"), ("ServerTime", "*"), ("MaxAllowedSkewMilliseconds", "900000")];
    let expired: &[_] = &[("X-Amz-Expires", "60"), ("Expires", "*"), ("ServerTime", "*")];
    let query = "AuthorizationQueryParametersError";
    check_heads(vec![
        row(get().signed_at(now() - 16 * MINUTE), "403 Forbidden", "RequestTimeTooSkewed", skew),
        row(get().signed_at(now() + 16 * MINUTE), "403 Forbidden", "RequestTimeTooSkewed", skew),
        row(get().altered("x-amz-date:", "x-not-date:"), "403 Forbidden", "AccessDenied", &[]),
        row(
            get().presigned(MINUTE).signed_at(now() - 2 * MINUTE),
            "403 Forbidden",
            "AccessDenied",
            expired,
        ),
        row(
            get().presigned(MINUTE).signed_at(now() + 16 * MINUTE),
            "403 Forbidden",
            "AccessDenied",
            &[("Message", "Request is not valid yet")],
        ),
        row(
            get().presigned(MINUTE).altered("X-Amz-Expires=60", "X-Amz-Expires=604801"),
            "400 Bad Request",
            query,
            &[],
        ),
        row(
            get().presigned(MINUTE).altered("X-Amz-Expires=60", "X-Amz-Expires=0"),
            "400 Bad Request",
            query,
            &[],
        ),
        row(
            get().presigned(MINUTE).altered("X-Amz-SignedHeaders=", "x-not="),
            "400 Bad Request",
            query,
            &[],
        ),
        row(
            get().presigned(MINUTE).unsigned_header("authorization", "AWS4-HMAC-SHA256 x"),
            "400 Bad Request",
            "InvalidArgument",
            &[],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_the_head_says_of_the_body() {
    check_heads(vec![
        row(put().without_length(), "411 Length Required", "MissingContentLength", &[]),
        row(
            put().payload_mode("STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            "411 Length Required",
            "MissingContentLength",
            &[],
        ),
        row(
            put().altered("content-length: 4\r\n", "content-length: 5368709121\r\n"),
            "400 Bad Request",
            "EntityTooLarge",
            &[("ProposedSize", "5368709121"), ("MaxSizeAllowed", "5368709120")],
        ),
        row(
            put().altered("x-amz-content-sha256:", "x-other:"),
            "400 Bad Request",
            "InvalidRequest",
            &[("Message", "Missing required header for this request: x-amz-content-sha256")],
        ),
        row(
            put().payload_mode("STREAMING-UNSIGNED-PAYLOAD"),
            "400 Bad Request",
            "InvalidArgument",
            &[
                ("ArgumentName", "x-amz-content-sha256"),
                ("ArgumentValue", "STREAMING-UNSIGNED-PAYLOAD"),
            ],
        ),
        row(
            put().payload_mode("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"),
            "501 Not Implemented",
            "NotImplemented",
            &[],
        ),
        row(
            Request::post("/bucket?delete", "x").payload_mode("STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            "400 Bad Request",
            "InvalidRequest",
            &[],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_the_head_says_of_checksums() {
    check_heads(vec![
        row(
            put().header("content-md5", "c2hvcnQ="),
            "400 Bad Request",
            "InvalidDigest",
            &[("Content-MD5", "c2hvcnQ=")],
        ),
        row(
            put().header("x-amz-checksum-crc32", "c2hvcnQ="),
            "400 Bad Request",
            "InvalidRequest",
            &[],
        ),
        row(
            put()
                .header("x-amz-checksum-crc32", "AAAAAA==")
                .header("x-amz-checksum-crc32c", "AAAAAA=="),
            "400 Bad Request",
            "InvalidRequest",
            &[],
        ),
        row(
            put().in_chunks().header("x-amz-checksum-crc32", "AAAAAA=="),
            "400 Bad Request",
            "InvalidRequest",
            &[],
        ),
        row(
            put().header("x-amz-sdk-checksum-algorithm", "CRC32"),
            "400 Bad Request",
            "InvalidRequest",
            &[],
        ),
        row(
            put()
                .header("x-amz-sdk-checksum-algorithm", "SHA1")
                .header("x-amz-checksum-crc32", "AAAAAA=="),
            "400 Bad Request",
            "InvalidRequest",
            &[("Message", "Value for x-amz-sdk-checksum-algorithm header is invalid.")],
        ),
        row(
            put().header("x-amz-checksum-blake3", "AAAA"),
            "501 Not Implemented",
            "NotImplemented",
            &[("Header", "x-amz-checksum-blake3")],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_asked() {
    let too_long = format!("/bucket/{}", "k".repeat(1025));
    check_heads(vec![
        row(Request::get("/B/key"), "400 Bad Request", "InvalidBucketName", &[]),
        row(Request::get(&too_long), "400 Bad Request", "KeyTooLongError", &[]),
        row(Request::get("/bucket/%ff"), "400 Bad Request", "InvalidURI", &[]),
        row(Request::get("/bucket/key?unknown"), "501 Not Implemented", "NotImplemented", &[]),
        row(
            put().header("x-minio-force-delete", "true"),
            "501 Not Implemented",
            "NotImplemented",
            &[("Header", "x-minio-force-delete")],
        ),
        row(
            put().altered("content-length: 4\r\n", "transfer-encoding: gzip, chunked\r\n"),
            "501 Not Implemented",
            "NotImplemented",
            &[("Header", "transfer-encoding")],
        ),
        row(Request::new("DELETE", "/"), "405 Method Not Allowed", "MethodNotAllowed", &[]),
        row(
            Request::get("/bucket/key?response-expires=x").anonymous(),
            "400 Bad Request",
            "InvalidRequest",
            &[],
        ),
        row(
            Request::put("/bucket/key?partNumber=0&uploadId=u", "x"),
            "400 Bad Request",
            "InvalidArgument",
            &[],
        ),
        row(
            Request::put("/bucket/key?partNumber=1&uploadId=made-up", "x"),
            "404 Not Found",
            "NoSuchUpload",
            &[],
        ),
        row(Request::post("/bucket?delete", "<no/>"), "400 Bad Request", "MalformedXML", &[]),
    ])
    .await;
}

/// Such an error has no body: SDKs take the status for its code.
#[tokio::test]
async fn an_answer_to_head_has_headers_alone() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::new("HEAD", "/bucket/key").anonymous()).await;
    assert_eq!((answer.status, answer.reason.as_str()), (403, "Forbidden"));
    assert!(answer.body.is_empty() && answer.header("x-amz-request-id").is_some(), "{answer:?}");
    upstream.is_untouched();
}
