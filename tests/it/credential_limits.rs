//! What a credential may do at most, and who its holder is to policy.

use serde_json::{Value, json};

use crate::support::{Gate, Reply, Request, Upstream, client::Answer};

const LIMITED: &str = "[[credential]]\naccess_key_id = \"AKIDLIMITED\"\n\
                       secret_access_key = \"the-limited-secret\"\nname = \"limited\"\n\
                       account = \"123456789012\"\n";

async fn gate_with(limits: &str) -> (Gate, Upstream) {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().credential(&format!("{LIMITED}{limits}\n")).start(&upstream).await;
    (gate, upstream)
}

fn limited(request: Request) -> Request {
    request.signed_by("AKIDLIMITED", "the-limited-secret")
}

fn message(answer: &Answer) -> String {
    answer.is_refused_with(403, "AccessDenied").element("Message").unwrap()
}

#[tokio::test]
async fn buckets_beyond_the_credentials_own_are_refused() {
    let (gate, upstream) = gate_with("buckets = [\"logs-*\", \"own\"]").await;
    for (request, named) in [
        (Request::get("/other/key"), "other"),
        (Request::put("/other", ""), "other"),
        (Request::get("/"), "ListBuckets"),
        (Request::put("/own/key", "").header("x-amz-copy-source", "other/key"), "other"),
        (Request::post("/other?delete", "<Delete/>"), "other"),
    ] {
        let answer = gate.send(limited(request)).await;
        let message = message(&answer);
        assert!(message.contains(named) && message.contains("limited to"), "{message}");
    }
    upstream.is_untouched();
    for request in [Request::get("/logs-2024/key"), Request::put("/own/key", "body")] {
        gate.send(limited(request)).await.is_ok();
    }
}

#[tokio::test]
async fn a_write_beyond_the_limits_is_refused_before_any_of_its_body() {
    let (gate, upstream) = gate_with("read_only = true").await;
    let request = Request::put("/bucket/key", vec![7; 1_000_000]).expecting_continue();
    let answer = gate.send(limited(request)).await;
    assert!(message(&answer).contains("read_only"), "{}", answer.text());
    assert!(!answer.was_continued);
    let deletion = Request::post("/bucket?delete", vec![b' '; 100_000]).expecting_continue();
    let answer = gate.send(limited(deletion)).await;
    assert!(message(&answer).contains("DeleteObjects") && !answer.was_continued);
    upstream.is_untouched();
    gate.send(limited(Request::get("/bucket/key"))).await.is_ok();
}

#[tokio::test]
async fn other_credentials_and_their_holders_are_not_limited() {
    let (gate, _upstream) = gate_with("buckets = [\"own\"]\nread_only = true").await;
    gate.send(Request::put("/other/key", "body")).await.is_ok();
    gate.send(Request::get("/")).await.is_ok();
}

#[tokio::test]
async fn a_limit_is_told_only_if_told_to_and_is_audited_and_counted() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder()
        .with("explain_refusals = false")
        .credential(&format!("{LIMITED}read_only = true\n"))
        .start(&upstream)
        .await;
    let answer = gate.send(limited(Request::put("/bucket/key", "body"))).await;
    assert_eq!(message(&answer), "Access Denied");
    let metrics = gate.admin().send(&Request::get("/metrics").anonymous()).await.text();
    let counted = "portcullis_auth_failures_total{reason=\"CredentialReadOnly\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    let lines = gate.audit().await;
    let line = lines.first().unwrap();
    assert_eq!(
        (line["decision"].as_str(), line["error_code"].as_str()),
        (Some("deny"), Some("AccessDenied"))
    );
    assert_eq!(line["requester"].as_str(), Some("arn:aws:iam::123456789012:user/limited"));
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.contains("limited to reading"), "{reason}");
}

fn deny_when(operator: &str, key: &str, value: &str) -> Value {
    let condition = json!({ operator: { key: value } });
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::*/*", "Condition": condition
    }]})
}

const SESSION: &str = "[[credential]]\naccess_key_id = \"AKIDLIMITED\"\n\
                       secret_access_key = \"the-limited-secret\"\n\
                       arn = \"arn:aws:sts::123456789012:assumed-role/App/pod-1\"\n\
                       user_id = \"AROAEXAMPLE:pod-1\"\n";

#[tokio::test]
async fn a_session_has_the_keys_of_its_role() {
    for (operator, key, value) in [
        ("StringEquals", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/App"),
        ("StringEquals", "aws:PrincipalType", "AssumedRole"),
        ("StringEquals", "aws:userid", "AROAEXAMPLE:pod-1"),
        ("Null", "aws:username", "true"),
    ] {
        let upstream = Upstream::start().await;
        let policy = deny_when(operator, key, value);
        let gate = Gate::builder().policy(&policy).credential(SESSION).start(&upstream).await;
        let answer = gate.send(limited(Request::get("/bucket/key"))).await;
        answer.is_refused_with(403, "AccessDenied");
        gate.send(Request::get("/bucket/key")).await.is_ok();
    }
}

#[tokio::test]
async fn an_allow_for_a_role_is_for_its_sessions() {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::ok());
    let allow = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:role/App" },
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"
    }]});
    let gate = Gate::builder()
        .with("policies.otherwise = \"strict\"")
        .policy(&allow)
        .credential(SESSION)
        .start(&upstream)
        .await;
    gate.send(limited(Request::get("/bucket/key"))).await.is_ok();
    gate.send(Request::get("/bucket/key")).await.is_refused_with(403, "AccessDenied");
}
