//! URLs presigned with Signature Version 2: taken where the configuration says so, and judged as what
//! they are.

use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::support::{
    Gate, Request, Upstream,
    client::{ACCESS_KEY_ID, SECRET_ACCESS_KEY},
    now,
};

const ACCEPTED: &str = "[auth]\naccept_sigv2 = true\n[credentials]\nfile = \"credentials.toml\"\n";

/// A URL for the text that Version 2 signs of this method and resource.
fn url(method: &str, target: &str, ends: SystemTime) -> String {
    let expires = ends.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let text = format!("{method}\n\n\n{expires}\n{target}");
    let signature = signature(SECRET_ACCESS_KEY, &text);
    let separator = if target.contains('?') { '&' } else { '?' };
    format!(
        "{target}{separator}AWSAccessKeyId={ACCESS_KEY_ID}&Expires={expires}&Signature={signature}"
    )
}

/// As it stands in a URL.
fn signature(secret: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    utf8_percent_encode(&signature, NON_ALPHANUMERIC).to_string()
}

fn soon() -> SystemTime {
    now() + Duration::from_mins(1)
}

#[tokio::test]
async fn a_url_passes_and_leaves_no_trace_upstream() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder().auth(ACCEPTED).start(&upstream).await;
    let target = url("GET", "/bucket/key?versionId=3", soon());
    gate.send(Request::get(&target).anonymous()).await.is_ok();
    let seen = upstream.next().await;
    assert_eq!(seen.target, "/bucket/key?versionId=3");
    assert!(seen.header("authorization").unwrap().contains("Credential=AKIDGATE/"));
}

#[tokio::test]
async fn a_body_goes_unsigned() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder().auth(ACCEPTED).start(&upstream).await;
    let target = url("PUT", "/bucket/key", soon());
    let put = || Request::put(&target, "body").anonymous().header("x-none", "1");
    gate.send(put()).await.is_ok();
    assert_eq!(upstream.next().await.body, b"body");
    let added = put().unsigned_header("x-amz-acl", "public-read");
    gate.send(added).await.is_refused_with(403, "SignatureDoesNotMatch");
    assert_eq!(upstream.requests(), 1);
}

/// As botocore has it, which hoists these too.
#[tokio::test]
async fn type_digest_and_token_may_stand_in_the_url() {
    let mut upstream = Upstream::start().await;
    let entry = "[[credential]]\nname = \"guest\"\naccount = \"123456789012\"\n\
                 access_key_id = \"AKIAIOSFODNN7EXAMPLE\"\nsession_token = \"a/token\"\n\
                 secret_access_key = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"\n";
    let gate = Gate::builder().auth(ACCEPTED).credential(entry).start(&upstream).await;
    // Signed until the year 2100.
    let target = "/bucket/key?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=SIGNATURE\
                  &content-type=text%2Fplain&content-md5=XUFAKrxLKna5cZ2REBfFkg%3D%3D\
                  &x-amz-security-token=a%2Ftoken&Expires=4102444800";
    let text = "PUT\nXUFAKrxLKna5cZ2REBfFkg==\ntext/plain\n4102444800\n\
                x-amz-security-token:a/token\n/bucket/key";
    let signature = signature("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", text);
    let target = target.replace("SIGNATURE", &signature);
    gate.send(Request::put(&target, "hello").anonymous()).await.is_ok();
    let seen = upstream.next().await;
    assert_eq!((seen.target.as_str(), seen.body.as_slice()), ("/bucket/key", &b"hello"[..]));
    assert_eq!(seen.header("content-type"), Some("text/plain"));
    assert_eq!(seen.header("x-amz-security-token"), None);
    let other = Request::put(&target, "HELLO").anonymous();
    gate.send(other).await.is_refused_with(400, "BadDigest");
    let other = Request::put(&target, "hello").anonymous();
    let other = other.header("content-type", "text/html");
    gate.send(other).await.is_refused_with(400, "InvalidRequest");
}

#[tokio::test]
async fn it_dies_when_it_said_and_serves_no_other_end() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().auth(ACCEPTED).start(&upstream).await;
    let dead = url("GET", "/bucket/key", now() - Duration::from_secs(1));
    let answer = gate.send(Request::get(&dead).anonymous()).await;
    answer.is_refused_with(403, "AccessDenied");
    assert!(answer.element("Expires").is_some() && answer.element("ServerTime").is_some());
    let target = url("GET", "/bucket/key", soon());
    let attributes = target.replace("key?", "key?attributes&");
    let request = Request::get(&attributes).anonymous();
    let request = request.unsigned_header("x-amz-object-attributes", "ETag");
    gate.send(request).await.is_refused_with(403, "AccessDenied");
    let put = Request::put(&target, "body").anonymous();
    gate.send(put).await.is_refused_with(403, "SignatureDoesNotMatch");
    upstream.is_untouched();
}

#[tokio::test]
async fn policy_tells_the_versions_apart_and_knows_no_age() {
    for condition in [
        json!({ "StringNotEquals": { "s3:signatureversion": "AWS4-HMAC-SHA256" } }),
        json!({ "NumericGreaterThan": { "s3:signatureAge": "600000" } }),
        json!({ "StringEquals": {
            "s3:authType": "REST-QUERY-STRING", "s3:signatureversion": "AWS"
        } }),
    ] {
        let upstream = Upstream::start().await;
        let deny = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": "arn:aws:s3:::*", "Condition": condition
        }]});
        let gate = Gate::builder().auth(ACCEPTED).policy(&deny).start(&upstream).await;
        let old = Request::get(&url("GET", "/bucket/key", soon())).anonymous();
        gate.send(old).await.is_refused_with(403, "AccessDenied");
        upstream.is_untouched();
        let new = Request::get("/bucket/key").presigned(Duration::from_mins(1));
        gate.send(new).await.is_ok();
    }
}

#[tokio::test]
async fn it_is_refused_where_nobody_switched_it_on() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let target = url("GET", "/bucket/key", soon());
    let answer = gate.send(Request::get(&target).anonymous()).await;
    answer.is_refused_with(400, "InvalidRequest");
    assert!(answer.text().contains("accept_sigv2"), "{}", answer.text());
    upstream.is_untouched();
}

#[tokio::test]
async fn the_header_of_version_2_is_refused_wherever() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().auth(ACCEPTED).start(&upstream).await;
    let header = "AWS AKIDCLIENT:frJIUN8DYpKDtOLCwo//yllqDzg=";
    let request = Request::get("/bucket/key").anonymous().unsigned_header("authorization", header);
    gate.send(request).await.is_refused_with(400, "InvalidRequest");
    upstream.is_untouched();
}
