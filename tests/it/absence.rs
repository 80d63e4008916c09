//! Who may learn that an object is not there.

use serde_json::{Value, json};

use crate::support::{Gate, Reply, Request, Upstream, client::Answer, documents::deny};

const NO_SUCH_KEY: &str = "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code>\
                           <Message>The specified key does not exist.</Message></Error>";

async fn answer(policy: &Value, request: Request, body: &str) -> Answer {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::status("404 Not Found").body(body));
    let gate = Gate::builder().policy(policy).start(&upstream).await;
    let answer = gate.send(request).await;
    assert_eq!(upstream.requests(), 1);
    answer
}

fn no_listing() -> Value {
    deny("s3:ListBucket", "arn:aws:s3:::bucket")
}

#[tokio::test]
async fn who_may_list_is_told() {
    let elsewhere = deny("s3:ListBucket", "arn:aws:s3:::other");
    let told = answer(&elsewhere, Request::get("/bucket/key"), NO_SUCH_KEY).await;
    assert_eq!((told.status, told.text()), (404, NO_SUCH_KEY.into()));
    let told = answer(&elsewhere, Request::new("HEAD", "/bucket/key"), "").await;
    assert_eq!(told.status, 404);
}

#[tokio::test]
async fn who_may_not_list_is_told_that_it_is_closed() {
    for target in [
        "/bucket/key",
        "/bucket/key?versionId=v",
        "/bucket/key?acl",
        "/bucket/key?tagging",
        "/bucket/key?attributes",
    ] {
        let refused = answer(&no_listing(), Request::get(target), NO_SUCH_KEY).await;
        refused.is_refused_with(403, "AccessDenied");
    }
    let no_version = NO_SUCH_KEY.replace("NoSuchKey", "NoSuchVersion");
    let refused = answer(&no_listing(), Request::get("/bucket/key"), &no_version).await;
    refused.is_refused_with(403, "AccessDenied");
}

#[tokio::test]
async fn a_head_of_who_may_not_list_is_closed_without_a_body() {
    let refused = answer(&no_listing(), Request::new("HEAD", "/bucket/key"), "").await;
    assert_eq!((refused.status, refused.body.len(), refused.is_cut), (403, 0, false));
}

#[tokio::test]
async fn what_cannot_be_read_tells_nothing() {
    for body in ["", "not found", "<Error></Error>", &"x".repeat(100_000)] {
        let refused = answer(&no_listing(), Request::get("/bucket/key"), body).await;
        refused.is_refused_with(403, "AccessDenied");
    }
}

#[tokio::test]
async fn other_absences_are_told() {
    let no_bucket = NO_SUCH_KEY.replace("NoSuchKey", "NoSuchBucket");
    let told = answer(&no_listing(), Request::get("/bucket/key"), &no_bucket).await;
    assert_eq!((told.status, told.text()), (404, no_bucket));
    let no_upload = NO_SUCH_KEY.replace("NoSuchKey", "NoSuchUpload");
    let told = answer(&no_listing(), Request::get("/bucket/key?uploadId=u"), &no_upload).await;
    assert_eq!(told.status, 404);
}

#[tokio::test]
async fn a_copy_tells_of_its_source_only_who_may_list_there() {
    let copy = || Request::put("/bucket/key", "").header("x-amz-copy-source", "source/key");
    let told = answer(&no_listing(), copy(), NO_SUCH_KEY).await;
    assert_eq!(told.status, 404);
    let refused = answer(&deny("s3:ListBucket", "arn:aws:s3:::source"), copy(), NO_SUCH_KEY).await;
    refused.is_refused_with(403, "AccessDenied");
}

#[tokio::test]
async fn leave_to_list_a_prefix_is_leave_to_learn_of_its_keys() {
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::bucket",
        "Condition": { "StringNotLike": { "s3:prefix": "open/*" } }
    }]});
    let told = answer(&policy, Request::get("/bucket/open/key"), NO_SUCH_KEY).await;
    assert_eq!(told.status, 404);
    let refused = answer(&policy, Request::get("/bucket/closed/key"), NO_SUCH_KEY).await;
    refused.is_refused_with(403, "AccessDenied");
}

#[tokio::test]
async fn the_audit_line_names_what_kept_it_from_the_client() {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::status("404 Not Found").body(NO_SUCH_KEY));
    let gate = Gate::builder().policy(&no_listing()).start(&upstream).await;
    gate.send(Request::get("/bucket/key")).await.is_refused_with(403, "AccessDenied");
    let lines = gate.audit().await;
    let line = lines.first().unwrap();
    let reason = line.get("reason").unwrap().as_str().unwrap();
    assert!(reason.contains("s3:ListBucket"), "{line}");
    assert_eq!(line.get("statement"), Some(&json!("Denied")));
}
