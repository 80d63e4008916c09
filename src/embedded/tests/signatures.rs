//! Who gets in, and which bodies hold what their signature says.

use aws_credential_types::Credentials;
use http::{Request, Uri};

use super::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Server, UNSIGNED, sign_head};

async fn list_as(server: &Server, id: &str, secret: &str, region: &str) -> super::Reply {
    let uri = format!("http://{}/bucket", server.backend.address());
    let mut request = Request::builder().uri(uri).body(()).expect("a request");
    sign_head(&mut request, Credentials::new(id, secret, None, None, "test"), region, UNSIGNED);
    server.send_unsigned(request, "".into()).await
}

#[tokio::test]
async fn only_the_credential_gets_in() {
    let server = Server::start().await;
    list_as(&server, ACCESS_KEY_ID, SECRET_ACCESS_KEY, REGION).await.expect(200);
    list_as(&server, ACCESS_KEY_ID, "guess", REGION).await.refused(403, "SignatureDoesNotMatch");
    list_as(&server, "STRANGER", SECRET_ACCESS_KEY, REGION)
        .await
        .refused(403, "InvalidAccessKeyId");
    let elsewhere = list_as(&server, ACCESS_KEY_ID, SECRET_ACCESS_KEY, "us-east-1").await;
    elsewhere.refused(400, "AuthorizationHeaderMalformed");
    let uri = format!("http://{}/bucket", server.backend.address());
    let anonymous = Request::builder().uri(uri).body(()).expect("a request");
    server.send_unsigned(anonymous, "".into()).await.refused(403, "AccessDenied");
}

#[tokio::test]
async fn another_target_than_the_signed_is_refused() {
    let server = Server::start().await;
    let mut head = server.signed("GET", "/bucket/k", &[], UNSIGNED);
    let other = format!("http://{}/bucket/other", server.backend.address());
    *head.uri_mut() = other.parse::<Uri>().expect("a target");
    server.send_unsigned(head, "".into()).await.refused(403, "SignatureDoesNotMatch");
}

#[tokio::test]
async fn another_body_than_the_hashed_is_not_kept() {
    let server = Server::start().await;
    let hash = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"signed"));
    let head = || server.signed("PUT", "/bucket/k", &[("content-length", "6")], &hash);
    let reply = server.send_unsigned(head(), "forged".into()).await;
    reply.refused(400, "XAmzContentSHA256Mismatch");
    server.get("/bucket/k").await.refused(404, "NoSuchKey");
    assert_eq!(server.contents(), 0);
    server.send_unsigned(head(), "signed".into()).await.expect(200);
    assert_eq!(server.get("/bucket/k").await.text(), "signed");
}

#[tokio::test]
async fn a_chunked_body_is_unwrapped_and_its_trailer_checked() {
    let server = Server::start().await;
    let send = async |trailer: &str| {
        let body = format!("a\r\n0123456789\r\n0\r\nx-amz-checksum-crc32:{trailer}\r\n\r\n");
        let length = body.len().to_string();
        let headers = [
            ("content-encoding", "aws-chunked"),
            ("content-length", &length),
            ("x-amz-decoded-content-length", "10"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ];
        let payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
        let head = server.signed("PUT", "/bucket/k", &headers, payload);
        server.send_unsigned(head, body.into()).await
    };
    send("AAAAAA==").await.refused(400, "BadDigest");
    server.get("/bucket/k").await.refused(404, "NoSuchKey");
    send("poTHxg==").await.expect(200);
    let object = server.get("/bucket/k").await.expect(200);
    assert_eq!(object.text(), "0123456789");
    assert_eq!(object.header("content-encoding"), None);
}

#[tokio::test]
async fn what_would_be_held_in_memory_is_refused() {
    let server = Server::start().await;
    let form = [("content-type", "multipart/form-data; boundary=x")];
    let reply = server.send("POST", "/bucket", &form, "--x\r\n\r\n--x--\r\n").await;
    assert!(reply.status.is_client_error() || reply.status.is_server_error(), "{reply:?}");
}
