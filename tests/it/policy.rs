//! What policy decides, from the request line to the backend.

use crate::support::{
    Gate, Reply, Request, Upstream,
    documents::{deny, require_sse, require_tls},
};

const SSE: &str = "x-amz-server-side-encryption";

async fn gate_with(policy: serde_json::Value) -> (Gate, Upstream) {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().policy(&policy).start(&upstream).await;
    (gate, upstream)
}

#[tokio::test]
async fn a_write_without_sse_is_refused_before_any_of_its_body() {
    let (gate, upstream) = gate_with(require_sse()).await;
    let request = Request::put("/bucket/key", vec![7; 1_000_000]).expecting_continue();
    let answer = gate.send(request).await;
    answer.is_refused_with(403, "AccessDenied");
    assert!(!answer.was_continued);
    upstream.is_untouched();
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_does_not_wait() {
    let (gate, upstream) = gate_with(require_sse()).await;
    let answer = gate.send(Request::put("/bucket/key", vec![7; 3_000_000])).await;
    answer.is_refused_with(403, "AccessDenied");
    upstream.is_untouched();
}

#[tokio::test]
async fn a_write_with_sse_is_let_through_with_its_header() {
    let (gate, mut upstream) = gate_with(require_sse()).await;
    let request = Request::put("/bucket/key", "body").encrypted().expecting_continue();
    let answer = gate.send(request).await;
    assert!(answer.is_ok().was_continued);
    let seen = upstream.next().await;
    assert_eq!((seen.body.as_slice(), seen.header(SSE)), (&b"body"[..], Some("AES256")));
}

#[tokio::test]
async fn a_write_with_another_kind_of_sse_is_refused() {
    let (gate, upstream) = gate_with(require_sse()).await;
    for value in ["aws:kms", "aes256", "AES256 AES256", ""] {
        let answer = gate.send(Request::put("/bucket/key", "body").header(SSE, value)).await;
        assert!(matches!(answer.status, 400 | 403), "{value:?}: {answer:?}");
    }
    upstream.is_untouched();
}

#[tokio::test]
async fn two_values_of_a_security_header_are_refused() {
    let (gate, upstream) = gate_with(require_sse()).await;
    let request = Request::put("/bucket/key", "body").header(SSE, "AES256").header(SSE, "aws:kms");
    let answer = gate.send(request).await;
    assert_eq!((answer.status, answer.was_continued), (400, false), "{}", answer.text());
    upstream.is_untouched();
}

#[tokio::test]
async fn over_plain_http_everything_is_refused_and_over_tls_it_passes() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder()
        .plain_listener()
        .tls_listener()
        .policy(&require_tls())
        .start(&upstream)
        .await;
    for request in [Request::get("/bucket/key"), Request::put("/bucket/key", "x").encrypted()] {
        gate.plain().send(&request).await.is_refused_with(403, "AccessDenied");
        upstream.is_untouched();
    }
    gate.tls().send(&Request::get("/bucket/key")).await.is_ok();
}

#[tokio::test]
async fn a_key_is_judged_decoded_however_it_is_written() {
    let (gate, upstream) = gate_with(deny("s3:PutObject", "arn:aws:s3:::bucket/secret/*")).await;
    for target in
        ["/bucket/secret/a", "/bucket/%73ecret/a", "/bucket/secret%2Fa", "/bucket/%73%65cret%2fa"]
    {
        let answer = gate.send(Request::put(target, "body")).await;
        answer.is_refused_with(403, "AccessDenied");
    }
    upstream.is_untouched();
}

#[tokio::test]
async fn a_copy_needs_leave_to_read_its_source() {
    let (gate, upstream) = gate_with(deny("s3:GetObject", "arn:aws:s3:::bucket/secret/*")).await;
    for source in
        ["/bucket/secret/a", "bucket/secret/a", "bucket/%73ecret/a", "bucket%2Fsecret%2Fa"]
    {
        let request = Request::put("/bucket/copy", "").header("x-amz-copy-source", source);
        gate.send(request).await.is_refused_with(403, "AccessDenied");
    }
    upstream.is_untouched();
}

#[tokio::test]
async fn an_upload_without_sse_is_refused_at_its_creation() {
    let (gate, upstream) = gate_with(require_sse()).await;
    gate.send(Request::post("/bucket/key?uploads", "")).await.is_refused_with(403, "AccessDenied");
    upstream.is_untouched();
}

#[tokio::test]
async fn a_refusal_names_its_statement_only_if_told_to() {
    let upstream = Upstream::start().await;
    let silent = Gate::builder().policy(&require_sse()).with("explain_refusals = false");
    let silent = silent.start(&upstream).await;
    let answer = silent.send(Request::put("/bucket/key", "body")).await;
    assert_eq!(answer.element("Message").as_deref(), Some("Access Denied"));
    let telling = Gate::builder().policy(&require_sse()).with("explain_refusals = true");
    let telling = telling.start(&upstream).await;
    let message =
        telling.send(Request::put("/bucket/key", "body")).await.element("Message").unwrap();
    for named in ["policy-0.json", "Sse", SSE] {
        assert!(message.contains(named), "{named} is missing in: {message}");
    }
}

#[tokio::test]
async fn a_refused_head_has_no_body() {
    let (gate, upstream) = gate_with(deny("s3:GetObject", "arn:aws:s3:::bucket/*")).await;
    let answer = gate.send(Request::new("HEAD", "/bucket/key")).await;
    assert_eq!((answer.status, answer.body.len(), answer.is_cut), (403, 0, false));
    upstream.is_untouched();
}

#[tokio::test]
async fn a_head_is_let_through_and_answered_without_a_body() {
    let (gate, upstream) = gate_with(require_sse()).await;
    upstream.replies(Reply::ok().body("12345"));
    let answer = gate.send(Request::new("HEAD", "/bucket/key")).await;
    assert_eq!(answer.is_ok().header("content-length"), Some("5"));
}
