//! The modes of authentication: who calls where nobody signs, and who does not.

use std::time::Duration;

use serde_json::json;

use crate::support::{Gate, Request, Upstream, documents::require_sse, gate::UPSTREAM_KEY_ID};

async fn ambient() -> (Gate, Upstream) {
    let upstream = Upstream::start().await;
    (Gate::builder().ambient().start(&upstream).await, upstream)
}

#[tokio::test]
async fn whatever_signature_there_is_the_request_leaves_with_the_gates_own() {
    let (gate, mut upstream) = ambient().await;
    for request in [
        Request::put("/bucket/key", "body").anonymous(),
        Request::put("/bucket/key", "body").signed_by("AKIDNOBODY", "no-secret-at-all"),
        Request::put("/bucket/key", "body").signed_for_region("elsewhere-1"),
        Request::put("/bucket/key", "body").with_tampered_signature(),
        Request::put("/bucket/key", "body").presigned(Duration::from_mins(1)),
        Request::put("/bucket/key", "body").unsigned_header("x-amz-acl", "private"),
        Request::put("/bucket/key", "body")
            .anonymous()
            .unsigned_header("authorization", "AWS AKID:c2ln"),
    ] {
        gate.send(request).await.is_ok();
        let seen = upstream.next().await;
        let authorization = seen.header("authorization").unwrap();
        assert!(authorization.contains(UPSTREAM_KEY_ID), "{authorization}");
        assert_eq!((seen.target.as_str(), seen.body.as_slice()), ("/bucket/key", &b"body"[..]));
    }
}

#[tokio::test]
async fn a_body_is_still_held_to_what_its_head_promises() {
    let (gate, mut upstream) = ambient().await;
    let body = vec![7; 200_000];
    gate.send(Request::put("/bucket/key", body.clone()).in_chunks()).await.is_ok();
    assert_eq!(upstream.next().await.body, body);
    let request = Request::put("/bucket/key", body.clone()).in_chunks_claiming_to_be(b"another");
    gate.send(request).await.is_refused_with(400, "BadDigest");
    assert!(!upstream.next().await.is_complete);
    let request = Request::put("/bucket/key", body).claiming_to_be(b"another");
    gate.send(request).await.is_refused_with(400, "XAmzContentSHA256Mismatch");
    assert!(!upstream.next().await.is_complete);
}

/// The chunks' signatures cannot be checked without a key; their data arrives all the same.
#[tokio::test]
async fn signed_chunks_are_decoded() {
    let (gate, mut upstream) = ambient().await;
    let signature = "0".repeat(64);
    let wire =
        format!("4;chunk-signature={signature}\r\nbody\r\n0;chunk-signature={signature}\r\n\r\n");
    let request = Request::put("/bucket/key", wire)
        .anonymous()
        .header("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
        .header("x-amz-decoded-content-length", "4");
    gate.send(request).await.is_ok();
    assert_eq!(upstream.next().await.body, b"body");
}

#[tokio::test]
async fn callers_are_the_principal_that_the_configuration_names() {
    let upstream = Upstream::start().await;
    let deny = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": { "AWS": "arn:aws:iam::123456789012:user/app" },
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/${aws:username}/*",
        "Condition": { "Null": { "s3:authType": "true" } }
    }]});
    let gate = Gate::builder().ambient().policy(&deny).start(&upstream).await;
    gate.send(Request::get("/bucket/app/key").anonymous())
        .await
        .is_refused_with(403, "AccessDenied");
    upstream.is_untouched();
    gate.send(Request::get("/bucket/other/key").anonymous()).await.is_ok();
    let lines = gate.audit().await;
    for line in &lines {
        assert_eq!(line["requester"].as_str(), Some("arn:aws:iam::123456789012:user/app"));
        assert_eq!(line["auth_mode"].as_str(), Some("ambient"));
        assert!(line["access_key_id"].is_null() && line["auth_type"].is_null(), "{line}");
    }
}

#[tokio::test]
async fn policy_judges_as_ever() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().ambient().policy(&require_sse()).start(&upstream).await;
    let request = Request::put("/bucket/key", vec![7; 100_000]).anonymous().expecting_continue();
    let answer = gate.send(request).await;
    assert!(!answer.is_refused_with(403, "AccessDenied").was_continued);
    upstream.is_untouched();
    gate.send(Request::put("/bucket/key", "x").anonymous().encrypted()).await.is_ok();
}

/// A page on the same machine reaches loopback as any program does.
#[tokio::test]
async fn pages_in_a_browser_do_not_ask() {
    let (gate, upstream) = ambient().await;
    let get = || Request::get("/bucket/key").anonymous();
    for request in [
        get().header("origin", "https://evil.example"),
        get().header("sec-fetch-site", "cross-site"),
        Request::new("OPTIONS", "/bucket/key")
            .anonymous()
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "PUT"),
    ] {
        gate.send(request).await.is_refused_with(403, "AccessDenied");
    }
    let rebound = gate.plain().send_as("evil.example:8080", &get()).await;
    rebound.is_refused_with(403, "AccessDenied");
    upstream.is_untouched();
    let metrics = gate.admin().send(&Request::get("/metrics").anonymous()).await.text();
    let counted = "portcullis_auth_failures_total{reason=\"AmbientBrowser\"} 3";
    assert!(metrics.contains(counted), "{metrics}");
    gate.plain().send_as("localhost:8080", &get()).await.is_ok();
}

#[tokio::test]
async fn pages_of_a_named_origin_ask() {
    let upstream = Upstream::start().await;
    let sections = "[auth]\nmode = \"ambient\"\nbrowser_origins = [\"https://ours.example\"]\n\
                    principal = { name = \"app\", account = \"123456789012\" }\n";
    let gate = Gate::builder().auth(sections).start(&upstream).await;
    let page = |origin| Request::get("/bucket/key").anonymous().header("origin", origin);
    gate.send(page("https://ours.example")).await.is_ok();
    gate.send(page("https://theirs.example")).await.is_refused_with(403, "AccessDenied");
}

#[tokio::test]
async fn a_client_certificate_is_as_good_as_loopback() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().ambient().mutual_tls_listener().start(&upstream).await;
    let leaf = gate.authority().client("app");
    gate.tls_as(&leaf).send(&Request::get("/bucket/key").anonymous()).await.is_ok();
}
