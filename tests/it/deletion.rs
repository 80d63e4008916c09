//! `DeleteObjects`: each key is judged by itself, and the backend hears of none that was denied.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::support::{Gate, Reply, Request, Upstream, client::Answer, documents::deny};

const DELETED: &str = "<?xml version=\"1.0\"?>\n<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                       <Deleted><Key>a</Key></Deleted></DeleteResult>";

/// A deletion, with a checksum of the document that leaves the client.
fn delete(document: &str) -> Request {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, document.as_bytes());
    Request::post("/bucket?delete", document)
        .header("x-amz-checksum-sha256", &STANDARD.encode(digest))
}

fn objects(keys: &[&str]) -> String {
    let objects: String =
        keys.iter().map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
    format!("<Delete><Quiet>true</Quiet>{objects}</Delete>")
}

async fn gate_that_keeps(resource: &str) -> (Gate, Upstream) {
    let upstream = Upstream::start().await;
    let policy = deny("s3:DeleteObject", &format!("arn:aws:s3:::bucket/{resource}"));
    let gate = Gate::builder().policy(&policy).start(&upstream).await;
    (gate, upstream)
}

/// The errors of an answer: key and code.
#[track_caller]
fn errors(answer: &Answer) -> Vec<(String, String)> {
    let text = answer.text();
    let inner = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>")).unwrap();
        rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
    };
    text.split("<Error>").skip(1).map(|error| (inner(error, "Key"), inner(error, "Code"))).collect()
}

#[tokio::test]
async fn denied_keys_are_taken_out_and_told_of() {
    let (gate, mut upstream) = gate_that_keeps("keep/*").await;
    upstream.replies(Reply::ok().body(DELETED));
    let document = objects(&["a", "keep/&amp;b", "c", "ke&#101;p/d"]);
    let answer = gate.send(delete(&document)).await;
    let denied = |key: &str| (key.to_owned(), "AccessDenied".to_owned());
    assert_eq!(errors(answer.is_ok()), [denied("keep/&amp;b"), denied("keep/d")]);
    assert!(answer.text().contains("<Deleted><Key>a</Key></Deleted><Error>"), "{}", answer.text());
    assert!(answer.element("Message").unwrap().contains("policy-0.json"));

    let seen = upstream.next().await;
    let left = objects(&["a", "c"]);
    assert_eq!(String::from_utf8_lossy(&seen.body), left);
    assert_eq!(seen.header("content-length"), Some(left.len().to_string().as_str()));
    assert_eq!(seen.header("x-amz-checksum-sha256"), None, "it was of another document");
    let md5 = <md5::Md5 as md5::Digest>::digest(left.as_bytes());
    assert_eq!(seen.header("content-md5"), Some(STANDARD.encode(md5).as_str()));
}

#[tokio::test]
async fn a_deletion_of_denied_keys_alone_ends_here() {
    let (gate, upstream) = gate_that_keeps("*").await;
    let answer = gate.send(delete(&objects(&["a", "b"]))).await;
    assert_eq!(errors(answer.is_ok()).len(), 2);
    assert_eq!(answer.element("Deleted"), None);
    upstream.is_untouched();
    let lines = gate.audit().await;
    let line = lines.first().unwrap();
    for (field, expected) in [
        ("decision", json!("deny")),
        ("http_status", json!(200)),
        ("denied_keys", json!(2)),
        ("denied_keys_first", json!(["a", "b"])),
    ] {
        assert_eq!(line.get(field), Some(&expected), "{field}: {line}");
    }
}

#[tokio::test]
async fn what_was_denied_is_in_the_audit_line_of_what_was_not() {
    let (gate, upstream) = gate_that_keeps("keep/*").await;
    upstream.replies(Reply::ok().body("<DeleteResult/>"));
    let keys: Vec<String> = (0..30).map(|number| format!("keep/{number}")).collect();
    let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    keys.push("a");
    let answer = gate.send(delete(&objects(&keys))).await;
    assert_eq!(errors(answer.is_ok()).len(), 30);
    let lines = gate.audit().await;
    let line = lines.first().unwrap();
    assert_eq!(line.get("decision"), Some(&json!("allow")));
    assert_eq!(line.get("denied_keys"), Some(&json!(30)));
    let shown = line.get("denied_keys_first").unwrap().as_array().unwrap();
    assert_eq!(shown.len(), 10, "the line is bounded");
}

#[tokio::test]
async fn a_version_is_judged_as_a_version() {
    let mut upstream = Upstream::start().await;
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObjectVersion",
        "Resource": "arn:aws:s3:::bucket/*",
        "Condition": { "StringNotEquals": { "s3:VersionId": "old" } }
    }]});
    let gate = Gate::builder().policy(&policy).start(&upstream).await;
    upstream.replies(Reply::ok().body(DELETED));
    let object = |version: &str| format!("<Object><Key>a</Key>{version}</Object>");
    let old = object("<VersionId>old</VersionId>");
    let new = object("<VersionId>new</VersionId>");
    let answer = gate.send(delete(&format!("<Delete>{old}{new}{}</Delete>", object("")))).await;
    assert_eq!(errors(answer.is_ok()).len(), 1);
    assert_eq!(answer.element("VersionId").as_deref(), Some("new"));
    let seen = upstream.next().await;
    let left = format!("<Delete>{old}{}</Delete>", object(""));
    assert_eq!(String::from_utf8_lossy(&seen.body), left);
}

#[tokio::test]
async fn bypassing_governance_is_judged_key_by_key() {
    let mut upstream = Upstream::start().await;
    let policy = deny("s3:BypassGovernanceRetention", "arn:aws:s3:::bucket/locked/*");
    let gate = Gate::builder().policy(&policy).start(&upstream).await;
    for (bypass, denied) in [("true", 1), ("false", 0)] {
        upstream.replies(Reply::ok().body(DELETED));
        let request = delete(&objects(&["a", "locked/b"]))
            .header("x-amz-bypass-governance-retention", bypass);
        let answer = gate.send(request).await;
        assert_eq!(errors(answer.is_ok()).len(), denied, "{bypass}");
        upstream.next().await;
    }
}

#[tokio::test]
async fn an_etag_is_what_the_object_must_match() {
    let mut upstream = Upstream::start().await;
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject",
        "Resource": "arn:aws:s3:::bucket/*", "Condition": { "Null": { "s3:if-match": "true" } }
    }]});
    let gate = Gate::builder().policy(&policy).start(&upstream).await;
    upstream.replies(Reply::ok().body(DELETED));
    let kept = "<Object><Key>a</Key><ETag>e</ETag></Object>";
    let answer =
        gate.send(delete(&format!("<Delete>{kept}<Object><Key>b</Key></Object></Delete>"))).await;
    assert_eq!(errors(answer.is_ok()).len(), 1);
    let seen = upstream.next().await;
    assert_eq!(String::from_utf8_lossy(&seen.body), format!("<Delete>{kept}</Delete>"));
}

#[tokio::test]
async fn an_answer_that_is_no_result_is_an_error() {
    let (gate, upstream) = gate_that_keeps("keep/*").await;
    upstream.replies(Reply::ok().body("<html>a captive portal</html>"));
    let answer = gate.send(delete(&objects(&["a", "keep/b"]))).await;
    answer.is_refused_with(500, "InternalError");
}

#[tokio::test]
async fn a_backends_error_stays_its_own() {
    let (gate, upstream) = gate_that_keeps("keep/*").await;
    let body = "<Error><Code>SlowDown</Code></Error>";
    upstream.replies(Reply::status("503 Slow Down").body(body));
    let answer = gate.send(delete(&objects(&["a", "keep/b"]))).await;
    assert_eq!((answer.status, answer.text()), (503, body.into()));
}
