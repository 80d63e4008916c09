//! One line for each decision, with what an auditor asks and no secret.

use crate::support::{
    Gate, Reply, Request, Upstream, client::SECRET_ACCESS_KEY, documents::require_sse,
};

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

/// By the line alone, and the documents.
#[tokio::test]
async fn a_denial_can_be_explained_afterwards() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().policy(&require_sse()).start(&upstream).await;
    gate.send(Request::put("/bucket/key", "body").header(SSE, "aws:kms")).await;
    let lines = gate.audit().await;
    let found = &lines[0]["condition_keys"]["s3:x-amz-server-side-encryption"];
    assert_eq!(*found, serde_json::json!(["aws:kms"]), "{}", lines[0]);
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/config/policies/require-sse.json");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["explain", "--policy", policy, "--audit-line", &lines[0].to_string()])
        .output()
        .unwrap();
    let explanation = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{explanation}");
    for expected in ["as arn:aws:iam::123456789012:user/alice\n", "request: \"aws:kms\"\n"] {
        assert!(explanation.contains(expected), "{explanation}");
    }
    assert!(!explanation.contains("assumed"), "{explanation}");
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

/// A deletion that was sent on is done, whether or not its sender waits to hear of it.
#[tokio::test]
async fn a_client_that_leaves_is_told_of_all_the_same() {
    let mut upstream = Upstream::start().await;
    upstream.replies(Reply::silence());
    let gate = Gate::before(&upstream).await;
    let client = gate.plain();
    let mut connection = client.connect().await.unwrap();
    let (head, _) = Request::new("DELETE", "/bucket/key").to_bytes(&client.address.to_string());
    connection.write(&head).await;
    upstream.next().await;
    drop(connection);
    is_told_without_a_reply(&gate.audit().await);
}

#[tokio::test]
async fn a_request_that_draining_cuts_off_is_told_of() {
    let mut upstream = Upstream::start().await;
    upstream.replies(Reply::silence());
    let gate = Gate::builder().with("drain_limit_seconds = 1").start(&upstream).await;
    let client = gate.plain();
    let deletion = Request::new("DELETE", "/bucket/key");
    let waiting = tokio::spawn(async move { client.send(&deletion).await });
    upstream.next().await;
    is_told_without_a_reply(&gate.audit().await);
    assert_eq!(waiting.await.unwrap().status, 0);
}

#[track_caller]
fn is_told_without_a_reply(lines: &[serde_json::Value]) {
    let [line] = lines else { panic!("{lines:?}") };
    for (field, expected) in [("operation", "DeleteObject"), ("decision", "allow"), ("key", "key")]
    {
        assert_eq!(line.get(field).and_then(|it| it.as_str()), Some(expected), "{field}: {line}");
    }
    assert_eq!(line.get("http_status").and_then(serde_json::Value::as_u64), Some(499));
    assert!(line.get("reason").is_some(), "{line}");
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

const SSE: &str = "x-amz-server-side-encryption";
