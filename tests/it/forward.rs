//! Requests that go on with their callers' own signatures. That they hold behind the gate is shown by
//! another gate behind it, which verifies.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    Gate, Reply, Request, Upstream,
    documents::{deny, require_sse},
};

/// A gate that forwards, another behind it that verifies, and the backend behind both.
async fn chain() -> (Gate, Gate, Upstream) {
    let upstream = Upstream::start().await;
    let verifying = Gate::before(&upstream).await;
    let forwarding = Gate::builder().forward().behind(&verifying).start(&upstream).await;
    (forwarding, verifying, upstream)
}

async fn forwarding(policy: &serde_json::Value) -> (Gate, Upstream) {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().forward().policy(policy).start(&upstream).await;
    (gate, upstream)
}

#[tokio::test]
async fn signatures_hold_behind_the_gate() {
    let (gate, _verifying, mut upstream) = chain().await;
    let body = vec![7; 200_000];
    for request in [
        Request::get("/bucket/a%20b/~c%2Bd?versionId=1&x-id=GetObject"),
        Request::put("/bucket/key", body.clone()).header("x-amz-meta-a", "b   c"),
        Request::put("/bucket/key", body.clone()).in_chunks(),
        Request::put("/bucket/key", body.clone()).in_chunks().without_length(),
        Request::put("/bucket/key", body.clone()).expecting_continue(),
        Request::put("/bucket/key", body.clone()).presigned(Duration::from_mins(1)),
        Request::put("/bucket/key", ""),
        Request::put("/bucket/key", body.clone()).unsigned_header("x-forwarded-for", "10.0.0.1"),
        Request::new("DELETE", "/bucket/key").header("amz-sdk-request", "attempt=1"),
    ] {
        let answer = gate.send(request.clone()).await;
        assert!(matches!(answer.status, 200 | 204), "{}", answer.text());
        assert!(upstream.next().await.is_complete);
    }
    let tampered = Request::get("/bucket/key").with_tampered_signature();
    gate.send(tampered).await.is_refused_with(403, "SignatureDoesNotMatch");
    let claimed = Request::put("/bucket/key", "body").claiming_to_be(b"another");
    gate.send(claimed).await.is_refused_with(400, "XAmzContentSHA256Mismatch");
}

#[tokio::test]
async fn a_virtual_hosted_request_keeps_its_host() {
    let (gate, _verifying, mut upstream) = chain().await;
    let request = Request::get("/key");
    gate.plain().send_as("bucket.localhost:9000", &request).await.is_ok();
    assert_eq!(upstream.next().await.target, "/bucket/key");
}

#[tokio::test]
async fn target_headers_and_body_are_those_that_came() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().forward().start(&upstream).await;
    let mut upstream = upstream;
    let request = Request::put("/bucket/a%2fb%7E/?x-id=PutObject", "body")
        .in_chunks()
        .unsigned_header("cookie", "a=b")
        .unsigned_header("connection", "close");
    let (_, wire) = request.to_bytes("h");
    gate.send(request).await.is_ok();
    let seen = upstream.next().await;
    assert_eq!(seen.target, "/bucket/a%2fb%7E/?x-id=PutObject");
    assert_eq!(seen.header("host"), Some(gate.plain().address.to_string().as_str()));
    assert_eq!(seen.header("content-encoding"), Some("aws-chunked"));
    assert!(seen.header("authorization").unwrap().contains("Credential=AKIDCLIENT/"));
    assert_eq!((seen.header("cookie"), seen.header("connection")), (None, None));
    assert_eq!(seen.body, wire);
}

#[tokio::test]
async fn policy_judges_before_any_of_the_body() {
    let (gate, upstream) = forwarding(&require_sse()).await;
    let request = Request::put("/bucket/key", vec![7; 100_000]).expecting_continue();
    let answer = gate.send(request).await;
    assert!(!answer.is_refused_with(403, "AccessDenied").was_continued);
    upstream.is_untouched();
    gate.send(Request::put("/bucket/key", "body").encrypted()).await.is_ok();
}

/// Nothing of a signature is checked here: the claim alone counts, and the backend will see.
#[tokio::test]
async fn callers_are_whom_they_claim_to_be() {
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/*",
        "Condition": { "StringEquals": { "aws:username": "mallory" } }
    }]});
    let (gate, upstream) = forwarding(&policy).await;
    let mallory = Request::get("/bucket/key").signed_by("AKIDMALLORY", "not her secret");
    gate.send(mallory).await.is_refused_with(403, "AccessDenied");
    gate.send(Request::get("/bucket/key").anonymous()).await.is_refused_with(403, "AccessDenied");
    upstream.is_untouched();
    let unknown = Request::get("/bucket/key").signed_by("AKIDNOBODY", "a secret of the backend's");
    gate.send(unknown).await.is_ok();
    gate.send(Request::get("/bucket/key")).await.is_ok();
    let lines = gate.audit().await;
    let ids: Vec<_> = lines.iter().map(|line| line["access_key_id"].as_str()).collect();
    let expected = [Some("AKIDMALLORY"), None, Some("AKIDNOBODY"), Some("AKIDCLIENT")];
    assert_eq!(ids, expected);
    assert!(lines.iter().all(|line| line["auth_mode"] == "forward"), "{lines:?}");
    assert!(lines[2]["requester"].is_null(), "{}", lines[2]);
}

#[tokio::test]
async fn an_anonymous_caller_stays_anonymous() {
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/public/*"
    }]});
    let (gate, mut upstream) = forwarding(&policy).await;
    gate.send(Request::get("/bucket/public/key").anonymous()).await.is_ok();
    assert_eq!(upstream.next().await.header("authorization"), None);
}

/// Its creation was judged; its parts say nothing of it.
#[tokio::test]
async fn parts_are_judged_as_those_of_an_upload_that_passed() {
    let (gate, mut upstream) = forwarding(&require_sse()).await;
    gate.send(Request::post("/bucket/key?uploads", "")).await.is_refused_with(403, "AccessDenied");
    upstream.is_untouched();
    upstream.replies(Reply::ok().body(
        "<InitiateMultipartUploadResult><UploadId>2~id</UploadId></InitiateMultipartUploadResult>",
    ));
    let answer = gate.send(Request::post("/bucket/key?uploads", "").encrypted()).await;
    assert_eq!(answer.element("UploadId").as_deref(), Some("2~id"), "the backend's own");
    upstream.next().await;
    let part = Request::put("/bucket/key?partNumber=1&uploadId=2~id", "part");
    gate.send(part.clone()).await.is_ok();
    assert_eq!(upstream.next().await.target, "/bucket/key?partNumber=1&uploadId=2~id");
    let (denying, upstream) = forwarding(&deny("s3:PutObject", "arn:aws:s3:::bucket/*")).await;
    denying.send(part).await.is_refused_with(403, "AccessDenied");
    upstream.is_untouched();
}

/// A key cannot be taken out of a document whose hash is signed.
#[tokio::test]
async fn a_deletion_passes_whole_or_not_at_all() {
    let (gate, mut upstream) =
        forwarding(&deny("s3:DeleteObject", "arn:aws:s3:::bucket/keep*")).await;
    let deletion = |keys: &[&str]| {
        let objects: String =
            keys.iter().map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
        Request::post("/bucket?delete", format!("<Delete>{objects}</Delete>"))
    };
    gate.send(deletion(&["a", "keep"])).await.is_refused_with(403, "AccessDenied");
    upstream.is_untouched();
    gate.send(deletion(&["a", "b"])).await.is_ok();
    let seen = upstream.next().await;
    assert_eq!(seen.target, "/bucket?delete");
    let document = "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>";
    assert_eq!(String::from_utf8_lossy(&seen.body), document);
}

#[tokio::test]
async fn a_new_buckets_region_is_the_callers_affair() {
    let (gate, mut upstream) = forwarding(&require_sse()).await;
    let document = "<CreateBucketConfiguration><LocationConstraint>moon-1</LocationConstraint>\
                    </CreateBucketConfiguration>";
    gate.send(Request::put("/bucket", document)).await.is_ok();
    assert_eq!(upstream.next().await.body, document.as_bytes());
}

#[tokio::test]
async fn signatures_of_version_2_pass_and_other_schemes_do_not() {
    let (gate, mut upstream) = forwarding(&require_sse()).await;
    let version2 = "AWS AKIDCLIENT:AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let request = |value| Request::get("/bucket/key").anonymous().header("authorization", value);
    gate.send(request(version2)).await.is_ok();
    assert_eq!(upstream.next().await.header("authorization"), Some(version2));
    gate.send(request("Bearer token")).await.is_refused_with(400, "InvalidRequest");
}

#[tokio::test]
async fn a_client_that_stops_leaves_nothing_complete() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().forward().start(&upstream).await;
    let mut upstream = upstream;
    let request = Request::put("/bucket/key", vec![7; 300_000]).stopping_after(100_000);
    gate.send(request).await;
    assert!(!upstream.next().await.is_complete);
}

/// It would have to be read before it is judged, and then go on as it came.
#[tokio::test]
async fn a_form_is_refused_before_any_of_it() {
    let (gate, upstream) = forwarding(&require_sse()).await;
    let form = Request::post("/bucket", "--b\r\n")
        .header("content-type", "multipart/form-data; boundary=b")
        .expecting_continue();
    assert!(!gate.send(form).await.is_refused_with(501, "NotImplemented").was_continued);
    upstream.is_untouched();
}
