//! Requests with no single reading, or none that is carried: refused, and nothing reaches the backend.

use crate::support::{Gate, Request, Upstream};

async fn is_refused(request: Request, status: u16, code: &str) {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    gate.send(request).await.is_refused_with(status, code);
    upstream.is_untouched();
}

/// For shapes of which only the refusal is promised, not its code.
async fn does_not_pass(request: Request) {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(request).await;
    assert!((400..=501).contains(&answer.status), "{answer:?}\n{}", answer.text());
    upstream.is_untouched();
}

#[tokio::test]
async fn an_unknown_sub_resource_is_not_implemented() {
    is_refused(Request::get("/bucket/key?frobnicate"), 501, "NotImplemented").await;
    is_refused(Request::put("/bucket?frobnicate=1", "x"), 501, "NotImplemented").await;
}

#[tokio::test]
async fn two_sub_resources_are_refused() {
    does_not_pass(Request::get("/bucket/key?acl&tagging")).await;
    does_not_pass(Request::put("/bucket/key?tagging&acl", "x")).await;
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused() {
    does_not_pass(Request::get("/bucket/key?versionId=1&versionId=2")).await;
}

#[tokio::test]
async fn an_unknown_method_is_refused() {
    does_not_pass(Request::new("PATCH", "/bucket/key")).await;
    does_not_pass(Request::new("TRACE", "/bucket/key")).await;
    does_not_pass(Request::new("CONNECT", "/bucket/key")).await;
}

#[tokio::test]
async fn a_target_that_is_not_utf_8_is_refused() {
    does_not_pass(Request::get("/bucket/%ff%fe")).await;
    does_not_pass(Request::get("/bucket/key%zz")).await;
    does_not_pass(Request::get("/bucket/nul%00")).await;
}

#[tokio::test]
async fn a_bucket_that_cannot_be_is_refused() {
    is_refused(Request::get("/B/key"), 400, "InvalidBucketName").await;
    does_not_pass(Request::get("/..%2fbucket/key")).await;
}

#[tokio::test]
async fn a_key_above_1024_bytes_is_refused() {
    let target = format!("/bucket/{}", "k".repeat(1025));
    is_refused(Request::get(&target), 400, "KeyTooLongError").await;
}

#[tokio::test]
async fn two_lengths_are_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    for framing in [
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "content-length: +4\r\n",
    ] {
        let head = format!("PUT /bucket/key HTTP/1.1\r\nhost: localhost\r\n{framing}\r\nbody");
        let answer = gate.plain().send_raw(head.as_bytes()).await;
        assert!((400..=501).contains(&answer.status), "{framing}: {answer:?}");
    }
    upstream.is_untouched();
}

/// Nobody signs a preflight and no policy judges it, so it carries its question alone.
#[tokio::test]
async fn a_preflight_takes_nothing_else_along() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let request = Request::new("OPTIONS", "/bucket/key?acl")
        .anonymous()
        .header("origin", "http://example.com")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "x-amz-acl")
        .header("x-amz-copy-source", "/bucket/other")
        .header("content-type", "application/xml");
    gate.send(request).await.is_ok();
    let seen = upstream.next().await;
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("OPTIONS", "/bucket/key"));
    assert_eq!(seen.header("access-control-request-headers"), Some("x-amz-acl"));
    for gone in ["x-amz-copy-source", "content-type"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn slashes_in_a_key_are_the_keys_own() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    gate.send(Request::get("/bucket/a//b/")).await.is_ok();
    assert_eq!(upstream.next().await.target, "/bucket/a//b/");
}

#[tokio::test]
async fn a_key_that_backends_could_resolve_to_another_is_refused() {
    is_refused(Request::get("/bucket/a/../b"), 400, "InvalidURI").await;
    is_refused(Request::get("/bucket/a/."), 400, "InvalidURI").await;
}

#[tokio::test]
async fn a_virtual_hosted_bucket_is_sent_on_in_path_style() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    gate.plain().send_as("bucket.localhost", &Request::get("/key")).await.is_ok();
    assert_eq!(upstream.next().await.target, "/bucket/key");
}

#[tokio::test]
async fn an_error_shows_nothing_of_the_backend() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let address = upstream.address().to_string();
    upstream.replies(crate::support::Reply::hang_up());
    let answer = gate.send(Request::get("/bucket/key")).await;
    answer.is_refused_with(503, "ServiceUnavailable");
    assert!(!answer.text().contains(&address), "{}", answer.text());
}

#[tokio::test]
async fn what_a_client_sent_is_escaped_in_the_error() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let request = Request::get("/bucket/%3C%2FResource%3E%3Cx%3E?acl").signed_by("A<b>&c", "any");
    let answer = gate.send(request).await;
    assert!(!answer.text().contains("<b>") && !answer.text().contains("<x>"), "{}", answer.text());
}
