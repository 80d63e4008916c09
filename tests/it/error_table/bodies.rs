//! Failures that only the body shows: the backend never has the whole of one.

use super::{check, row};
use crate::support::{Gate, Request, Upstream};

/// A body in unsigned chunks, as it goes over the wire.
fn in_chunks(wire: &str, decoded_bytes: usize) -> Request {
    Request::put("/bucket/key", wire)
        .payload_mode("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", &decoded_bytes.to_string())
}

fn with_trailer(wire: &str, decoded_bytes: usize) -> Request {
    in_chunks(wire, decoded_bytes).header("x-amz-trailer", "x-amz-checksum-crc32")
}

#[tokio::test]
async fn what_the_body_is() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let put = || Request::put("/bucket/key", "hello");
    check(
        &gate,
        &mut upstream,
        vec![
            row(
                put().claiming_to_be(b"HELLO"),
                "400 Bad Request",
                "XAmzContentSHA256Mismatch",
                &[
                    (
                        "ClientComputedContentSHA256",
                        "3733cd977ff8eb18b987357e22ced99f46097f31ecb239e878ae63760e83e4d5",
                    ),
                    (
                        "S3ComputedContentSHA256",
                        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                    ),
                ],
            ),
            row(
                put().header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
                "400 Bad Request",
                "BadDigest",
                &[
                    ("ExpectedDigest", "1B2M2Y8AsgTpgAmY7PhCfg=="),
                    ("CalculatedDigest", "XUFAKrxLKna5cZ2REBfFkg=="),
                ],
            ),
            row(
                // It need not be signed, and is held to all the same.
                put().unsigned_header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
                "400 Bad Request",
                "BadDigest",
                &[("CalculatedDigest", "XUFAKrxLKna5cZ2REBfFkg==")],
            ),
            row(
                put().header("x-amz-checksum-crc32", "AAAAAA=="),
                "400 Bad Request",
                "BadDigest",
                &[("Message", "The CRC32 you specified did not match the calculated checksum.")],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn how_the_body_is_framed() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let large = "x".repeat(8192);
    let incomplete = |request| row(request, "400 Bad Request", "IncompleteBody", &[]);
    let malformed = |request| row(request, "400 Bad Request", "MalformedTrailerError", &[]);
    let small_first = format!("2000\r\n{large}\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n");
    check(
        &gate,
        &mut upstream,
        vec![
            incomplete(in_chunks("5\r\nhello\r\n0\r\n\r\n", 6)),
            incomplete(in_chunks("5\r\nhello\r\n0\r\n\r\n", 4)),
            incomplete(in_chunks("5\r\nhello\r\n", 5)),
            incomplete(in_chunks("5\r\nhello world\r\n0\r\n\r\n", 5)),
            incomplete(in_chunks("+5\r\nhello\r\n0\r\n\r\n", 5)),
            incomplete(in_chunks("5;chunk-signature=0\r\nhello\r\n0\r\n\r\n", 5)),
            incomplete(in_chunks("5\nhello\n0\n\n", 5)),
            incomplete(in_chunks("5\r\nhello\r\n0\r\n\r\nmore", 5)),
            row(
                in_chunks(&small_first, 8202),
                "400 Bad Request",
                "InvalidChunkSizeError",
                &[("Chunk", "2"), ("BadChunkSize", "5")],
            ),
            malformed(with_trailer("5\r\nhello\r\n0\r\n\r\n", 5)),
            malformed(with_trailer("5\r\nhello\r\n0\r\nx-amz-checksum-sha1:AAAA\r\n\r\n", 5)),
            malformed(with_trailer("5\r\nhello\r\n0\r\nno field\r\n\r\n", 5)),
            malformed(in_chunks("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", 5)),
        ],
    )
    .await;
}

/// Forms of the coding that clients really send.
#[tokio::test]
async fn chunks_of_every_client_arrive() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let large = "x".repeat(1_207_936);
    let crc = "\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    for (request, expected) in [
        // One chunk for all, its size in capitals, as the AWS CRT has it.
        (in_chunks(&format!("126E80\r\n{large}\r\n0\r\n\r\n"), large.len()), large.as_str()),
        (in_chunks("0\r\n\r\n", 0), ""),
        (in_chunks("00005\r\nhello\r\n0\r\n\r\n", 5), "hello"),
        (with_trailer(&format!("5\r\nhello{crc}"), 5), "hello"),
        (with_trailer("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\n\r\n", 5), "hello"),
        (with_trailer("5\r\nhello\r\n0\r\nX-Amz-Checksum-Crc32 : NhCmhg==\r\n", 5), "hello"),
    ] {
        gate.send(request).await.is_ok();
        assert!(upstream.next().await.body == expected.as_bytes(), "{} bytes", expected.len());
    }
}

#[tokio::test]
async fn the_transfers_coding_is_not_stored() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    for (sent, stored) in [
        ("aws-chunked", None),
        ("gzip,aws-chunked", Some("gzip")),
        ("gzip, aws-chunked", Some("gzip")),
        ("aws-chunked, gzip", Some("gzip")),
        ("aws-chunked,gzip", Some("gzip")),
        ("aws-chunked, aws-chunked", None),
        ("AWS-Chunked , br", Some("br")),
    ] {
        let request = Request::put("/bucket/key", "5\r\nhello\r\n0\r\n\r\n")
            .payload_mode("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("content-encoding", sent)
            .header("x-amz-decoded-content-length", "5");
        gate.send(request).await.is_ok();
        assert_eq!(upstream.next().await.header("content-encoding"), stored, "{sent}");
    }
}
