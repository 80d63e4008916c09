//! Who asks: signatures in headers and in the query, and each way to get them wrong.

use std::time::Duration;

use crate::support::{Gate, Request, Upstream, client::ACCESS_KEY_ID, now};

/// A refusal of a signature costs the backend nothing.
async fn is_refused(request: Request, status: u16, code: &str) {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    gate.send(request).await.is_refused_with(status, code);
    upstream.is_untouched();
}

#[tokio::test]
async fn a_correct_signature_passes() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    gate.send(Request::get("/bucket/key")).await.is_ok();
    assert_eq!(upstream.next().await.target, "/bucket/key");
}

/// Some stores give out such keys; a scope is read from its end.
#[tokio::test]
async fn an_access_key_may_hold_slashes() {
    let upstream = Upstream::start().await;
    let entry = "[[credential]]\nname = \"bob\"\naccount = \"123456789012\"\n\
                 access_key_id = \"team/a/bob\"\nsecret_access_key = \"bobs-secret\"\n";
    let gate = Gate::builder().credential(entry).start(&upstream).await;
    let get = || Request::get("/bucket/key").signed_by("team/a/bob", "bobs-secret");
    gate.send(get()).await.is_ok();
    gate.send(get().presigned(Duration::from_mins(1))).await.is_ok();
}

#[tokio::test]
async fn a_signature_of_another_secret_is_refused() {
    let request = Request::get("/bucket/key").signed_by(ACCESS_KEY_ID, "a guess");
    is_refused(request, 403, "SignatureDoesNotMatch").await;
}

#[tokio::test]
async fn a_changed_digit_is_refused() {
    let request = Request::get("/bucket/key").with_tampered_signature();
    is_refused(request, 403, "SignatureDoesNotMatch").await;
}

#[tokio::test]
async fn an_unknown_key_is_refused() {
    let request = Request::get("/bucket/key").signed_by("AKIDNOBODY", "any");
    is_refused(request, 403, "InvalidAccessKeyId").await;
}

#[tokio::test]
async fn nobody_is_refused() {
    is_refused(Request::get("/bucket/key").anonymous(), 403, "AccessDenied").await;
}

#[tokio::test]
async fn a_clock_that_is_off_is_refused() {
    for at in [now() - Duration::from_mins(16), now() + Duration::from_mins(16)] {
        is_refused(Request::get("/bucket/key").signed_at(at), 403, "RequestTimeTooSkewed").await;
    }
}

#[tokio::test]
async fn a_signature_for_another_region_names_the_right_one() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::get("/bucket/key").signed_for_region("us-east-1")).await;
    answer.is_refused_with(400, "AuthorizationHeaderMalformed");
    assert_eq!(answer.element("Region").as_deref(), Some("eu-central-1"));
    upstream.is_untouched();
}

#[tokio::test]
async fn a_security_header_that_is_not_signed_is_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let request = Request::put("/bucket/key", "body");
    let answer = gate.send(request.unsigned_header("x-amz-server-side-encryption", "AES256")).await;
    answer.is_refused_with(403, "AccessDenied");
    let named = answer.element("HeadersNotSigned");
    assert_eq!(named.as_deref(), Some("x-amz-server-side-encryption"));
    upstream.is_untouched();
}

#[tokio::test]
async fn a_presigned_url_passes_and_leaves_no_trace_upstream() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let request = Request::get("/bucket/key?versionId=3").presigned(Duration::from_mins(1));
    gate.send(request).await.is_ok();
    let seen = upstream.next().await;
    assert_eq!(seen.target, "/bucket/key?versionId=3");
    assert!(seen.header("authorization").unwrap().contains("Credential=AKIDGATE/"));
}

#[tokio::test]
async fn a_presigned_url_dies_when_it_said() {
    let request = Request::get("/bucket/key").presigned(Duration::from_mins(1));
    let request = request.signed_at(now() - Duration::from_secs(61));
    is_refused(request, 403, "AccessDenied").await;
}

#[tokio::test]
async fn a_presigned_url_cannot_be_made_for_longer_than_a_week() {
    let week = Duration::from_hours(7 * 24);
    let request = Request::get("/bucket/key").presigned(week + Duration::from_secs(1));
    is_refused(request, 400, "AuthorizationQueryParametersError").await;
}

#[tokio::test]
async fn signatures_of_version_2_are_refused() {
    let header = "AWS AKIDCLIENT:frJIUN8DYpKDtOLCwo//yllqDzg=";
    let request = Request::get("/bucket/key").anonymous().unsigned_header("authorization", header);
    is_refused(request, 400, "InvalidRequest").await;
}
