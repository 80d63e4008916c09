//! One line for each decision, with what an auditor asks and no secret.

use crate::support::{Gate, Request, Upstream, client::SECRET_ACCESS_KEY, documents::require_sse};

#[tokio::test]
async fn a_denial_names_who_what_and_the_statement_that_decided() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().policy(&require_sse()).start(&upstream).await;
    let answer =
        gate.send(Request::put("/bucket/a%20b", "body").header("user-agent", "tests/1")).await;
    let lines = gate.audit().await;
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    for (field, expected) in [
        ("decision", "deny"),
        ("operation", "PutObject"),
        ("bucket_name", "bucket"),
        ("key", "a b"),
        ("requester", "arn:aws:iam::123456789012:user/alice"),
        ("access_key_id", "AKIDCLIENT"),
        ("remote_ip", "127.0.0.1"),
        ("error_code", "AccessDenied"),
        ("user_agent", "tests/1"),
    ] {
        assert_eq!(line.get(field).and_then(|it| it.as_str()), Some(expected), "{field}: {line}");
    }
    assert_eq!(line.get("http_status").and_then(serde_json::Value::as_u64), Some(403));
    assert_eq!(
        line.get("request_id").and_then(|it| it.as_str()),
        answer.header("x-amz-request-id")
    );
    let policy = line.get("policy").and_then(|it| it.as_str()).unwrap();
    assert!(policy.contains("policy-0.json"), "{line}");
    assert!(line.get("statement").is_some() && line.get("reason").is_some(), "{line}");
}

#[tokio::test]
async fn every_request_has_its_line_in_order() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().policy(&require_sse()).start(&upstream).await;
    gate.send(Request::put("/bucket/key", "body").encrypted()).await.is_ok();
    gate.send(Request::put("/bucket/key", "body")).await;
    gate.send(Request::get("/bucket/key").with_tampered_signature()).await;
    let lines = gate.audit().await;
    let decisions: Vec<_> =
        lines.iter().map(|line| line.get("decision").unwrap().as_str().unwrap()).collect();
    assert_eq!(decisions, ["allow", "deny", "refused"]);
}

#[tokio::test]
async fn no_secret_or_signature_is_written() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    gate.send(Request::get("/bucket/key").presigned(std::time::Duration::from_mins(1)))
        .await
        .is_ok();
    gate.send(Request::put("/bucket/key", "body").in_chunks()).await.is_ok();
    let lines = gate.audit().await;
    assert_eq!(lines.len(), 2);
    let text = format!("{lines:?}");
    for secret in [SECRET_ACCESS_KEY, "Signature", "AWS4-HMAC-SHA256"] {
        assert!(!text.contains(secret), "{secret}");
    }
}
