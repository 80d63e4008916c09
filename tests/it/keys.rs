//! Every condition key that a document may name is really there in a request that brings it: a key
//! that the pipeline forgot to fill would make a Deny on it never fire.

use std::time::Duration;

use portcullis::policy::KNOWN_KEYS;
use serde_json::json;

use crate::support::{Gate, Request, Upstream};

/// A request that brings the key, the action that it needs, and what the action is on.
fn request(key: &str) -> (Request, &'static str, &'static str) {
    let object = "arn:aws:s3:::bucket/*";
    match key {
        "s3:prefix" | "s3:delimiter" | "s3:max-keys" => {
            let list = Request::get("/bucket?list-type=2&prefix=a&delimiter=%2F");
            (list, "s3:ListBucket", "arn:aws:s3:::bucket")
        }
        "s3:VersionId" => (Request::get("/bucket/key?versionId=1"), "s3:GetObjectVersion", object),
        "s3:signatureAge" => {
            (Request::get("/bucket/key").presigned(Duration::from_mins(1)), "s3:GetObject", object)
        }
        "s3:x-amz-object-ownership" => {
            let create =
                Request::put("/bucket", "").header("x-amz-object-ownership", "ObjectWriter");
            (create, "s3:CreateBucket", "arn:aws:s3:::bucket")
        }
        "s3:x-amz-copy-source" | "s3:x-amz-metadata-directive" => {
            let copy = Request::put("/bucket/key", "")
                .header("x-amz-copy-source", "/bucket/other")
                .header("x-amz-metadata-directive", "REPLACE");
            (copy, "s3:PutObject", object)
        }
        _ => (upload(), "s3:PutObject", object),
    }
}

/// An upload with every header that policy may speak of.
fn upload() -> Request {
    [
        ("if-match", "\"a\""),
        ("if-none-match", "*"),
        ("referer", "https://example.com/"),
        ("user-agent", "test"),
        ("x-amz-acl", "private"),
        ("x-amz-grant-full-control", "id=1"),
        ("x-amz-grant-read", "id=1"),
        ("x-amz-grant-read-acp", "id=1"),
        ("x-amz-grant-write", "id=1"),
        ("x-amz-grant-write-acp", "id=1"),
        ("x-amz-object-lock-legal-hold", "ON"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00Z"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "key"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-storage-class", "STANDARD"),
        ("x-amz-tagging", "team=blue"),
        ("x-amz-website-redirect-location", "/elsewhere"),
    ]
    .into_iter()
    .fold(Request::put("/bucket/key", "body"), |request, (name, value)| request.header(name, value))
}

#[tokio::test]
async fn every_known_key_is_there_where_a_request_brings_it() {
    for known in &KNOWN_KEYS {
        // A name that ends in a slash is a family, one key a tag.
        let key = if known.name.ends_with('/') {
            format!("{}team", known.name)
        } else {
            known.name.to_owned()
        };
        let (request, action, resource) = request(&key);
        let null = if known.is_multivalued { "ForAnyValue:StringLike" } else { "Null" };
        let present = if known.is_multivalued { json!("*") } else { json!("false") };
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "Present", "Effect": "Deny", "Principal": "*", "Action": action,
            "Resource": resource, "Condition": {null: {&key: present}},
        }]});
        let upstream = Upstream::start().await;
        let gate = Gate::builder().policy(&policy).tls_listener().start(&upstream).await;
        let answer = gate.tls().send(&request).await;
        assert!(
            answer.status == 403 && answer.text().contains("Present"),
            "{key}: {}",
            answer.text()
        );
    }
}
