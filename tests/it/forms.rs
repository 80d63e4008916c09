//! Forms of browsers: one upload like any other, and nothing stored where one is refused.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Gate, Reply, Request, Upstream,
    client::Answer,
    documents::require_sse,
    form::{BOUNDARY, Form},
    now,
};

/// What the backend gets of a form that is taken.
async fn stored(form: Form) -> (Answer, crate::support::upstream::Seen) {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(form.post()).await;
    assert!(answer.status < 400, "{answer:?}\n{}", answer.text());
    (answer, upstream.next().await)
}

/// A refusal costs the backend nothing.
async fn refused(request: Request, status: u16, code: &str) -> Answer {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(request).await;
    answer.is_refused_with(status, code);
    upstream.is_untouched();
    answer
}

/// Refused, and if anything reached the backend, it never had the whole.
async fn never_completed(request: Request, code: &str) {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    gate.send(request).await.is_refused_with(400, code);
    if upstream.requests() > 0 {
        let seen = upstream.next().await;
        assert!(!seen.is_complete, "the backend had all {} bytes", seen.body.len());
    }
}

#[tokio::test]
async fn a_form_is_stored_as_a_plain_upload() {
    let tagging =
        "<Tagging><TagSet><Tag><Key>a b</Key><Value>1&amp;2</Value></Tag></TagSet></Tagging>";
    let form = Form::new("photos/${filename}", vec![7; 200_000])
        .file_named("C:\\fakepath\\ü +1.jpg")
        .field("Content-Type", "image/jpeg")
        .field("Cache-Control", "max-age=60")
        .field("acl", "private")
        .field("tagging", tagging)
        .field("X-Amz-Meta-Who", "me")
        .field("x-amz-storage-class", "STANDARD")
        .field("x-amz-server-side-encryption", "AES256")
        .field("submit", "Upload")
        .free("x-ignore-me", "anything");
    let (answer, seen) = stored(form).await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("PUT", "/bucket/photos/%C3%BC%20%2B1.jpg")
    );
    assert_eq!(seen.header("content-length"), Some("200000"));
    assert!(seen.is_complete && seen.body == vec![7; 200_000]);
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("cache-control", "max-age=60"),
        ("x-amz-acl", "private"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-meta-who", "me"),
        ("x-amz-storage-class", "STANDARD"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-tagging", "a%20b=1%262"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    for gone in ["acl", "policy", "tagging", "submit", "x-amz-signature", "x-amz-credential"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    assert!(seen.header("authorization").unwrap().contains("Credential=AKIDGATE/"));
}

#[tokio::test]
async fn files_of_every_size_arrive_as_they_were() {
    for size in [0, 1, 65_536, 1_000_000] {
        let lines = b"\r\n--\r\n------WebKit".repeat(size / 18 + 1);
        let file = lines.get(..size).unwrap();
        let (_, seen) = stored(Form::new("key", file)).await;
        assert!(seen.is_complete && seen.body == file, "{size}: {}", seen.body.len());
    }
}

#[tokio::test]
async fn the_answer_is_the_one_that_the_form_asks_for() {
    for (name, value, status) in [
        ("success_action_status", "200", 200),
        ("success_action_status", "204", 204),
        ("success_action_status", "404", 204),
        ("success_action_redirect", "javascript:alert(1)", 204),
    ] {
        let (answer, _) = stored(Form::new("a/b c", "x").field(name, value)).await;
        assert_eq!((answer.status, answer.text()), (status, String::new()), "{value}");
        let location = answer.header("location").unwrap();
        assert!(location.starts_with("http://127.0.0.1:"), "{location}");
        assert!(location.ends_with("/bucket/a%2Fb%20c"), "{location}");
        assert!(answer.header("etag").is_some());
    }
}

#[tokio::test]
async fn a_201_names_the_object_as_its_sender_knows_it() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let form = Form::new("a&b", "x").field("success_action_status", "201");
    let answer = gate.plain().send_as("bucket.localhost:99", &form.post_to("/")).await;
    assert_eq!((answer.status, answer.header("content-type")), (201, Some("application/xml")));
    assert_eq!(answer.element("Location").as_deref(), Some("http://bucket.localhost:99/a%26b"));
    assert_eq!(answer.element("Bucket").as_deref(), Some("bucket"));
    assert_eq!(answer.element("Key").as_deref(), Some("a&amp;b"));
    let etag = "&quot;5d41402abc4b2a76b9719d911017c592&quot;";
    assert_eq!(answer.element("ETag").as_deref(), Some(etag));
    assert_eq!(upstream.next().await.target, "/bucket/a%26b");
}

#[tokio::test]
async fn a_redirect_leads_where_the_form_says() {
    for (name, url) in [
        ("success_action_redirect", "https://example.com/done?page=1#top"),
        ("redirect", "https://example.com/done?page=1#top"),
    ] {
        let (answer, _) = stored(Form::new("a/b", "x").field(name, url)).await;
        assert_eq!(answer.status, 303);
        let expected = "https://example.com/done?page=1&bucket=bucket&key=a%2Fb&\
                        etag=%225d41402abc4b2a76b9719d911017c592%22#top";
        assert_eq!(answer.header("location"), Some(expected));
    }
}

#[tokio::test]
async fn what_the_backend_refuses_is_told_as_it_is() {
    let upstream = Upstream::start().await;
    upstream
        .replies(Reply::status("404 Not Found").body("<Error><Code>NoSuchBucket</Code></Error>"));
    let gate = Gate::before(&upstream).await;
    let form = Form::new("key", "x").field("success_action_redirect", "https://example.com/");
    let answer = gate.send(form.post()).await;
    assert_eq!((answer.status, answer.element("Code").as_deref()), (404, Some("NoSuchBucket")));
}

#[tokio::test]
async fn a_signature_must_hold() {
    refused(Form::new("key", "x").with_tampered_policy().post(), 403, "SignatureDoesNotMatch")
        .await;
    refused(Form::new("key", "x").signed_by("AKIDNOBODY").post(), 403, "InvalidAccessKeyId").await;
    let early = Form::new("key", "x").signed_at(now() + Duration::from_mins(16));
    refused(early.post(), 403, "AccessDenied").await;
    let token = Form::new("key", "x").field("x-amz-security-token", "t");
    refused(token.post(), 400, "InvalidToken").await;
    let elsewhere = Form::new("key", "x").signed_for_region("us-east-1");
    let answer = refused(elsewhere.post(), 400, "AuthorizationQueryParametersError").await;
    assert_eq!(answer.element("Region").as_deref(), Some("eu-central-1"));
}

#[tokio::test]
async fn a_signature_is_whole_or_is_refused() {
    for (name, field) in [
        ("Policy", "policy"),
        ("X-Amz-Algorithm", "x-amz-algorithm"),
        ("X-Amz-Credential", "x-amz-credential"),
        ("X-Amz-Date", "x-amz-date"),
        ("X-Amz-Signature", "x-amz-signature"),
    ] {
        let answer =
            refused(Form::new("key", "x").without(name).post(), 400, "InvalidArgument").await;
        assert_eq!(answer.element("ArgumentName").as_deref(), Some(field));
    }
}

#[tokio::test]
async fn version_2_is_taken_where_it_is_accepted() {
    let form = || Form::new("key", "x").signed_with_v2();
    let answer = refused(form().post(), 400, "InvalidRequest").await;
    assert!(answer.text().contains("accept_sigv2"), "{}", answer.text());
    let mut upstream = Upstream::start().await;
    let auth = "[auth]\naccept_sigv2 = true\n[credentials]\nfile = \"credentials.toml\"\n";
    let gate = Gate::builder().auth(auth).start(&upstream).await;
    assert_eq!(gate.send(form().post()).await.status, 204);
    assert_eq!(upstream.next().await.body, b"x");
    let refusals = [
        (form().with_tampered_policy(), 403, "SignatureDoesNotMatch"),
        (form().signed_by("AKIDNOBODY"), 403, "InvalidAccessKeyId"),
        (form().without("signature"), 400, "InvalidArgument"),
        (form().without("AWSAccessKeyId"), 400, "InvalidArgument"),
        (form().without("Policy"), 400, "InvalidArgument"),
        (form().free("x-amz-algorithm", "AWS4-HMAC-SHA256"), 400, "InvalidArgument"),
        (form().free("acl", "private"), 403, "AccessDenied"),
        (form().expired(), 403, "AccessDenied"),
    ];
    for (form, status, code) in refusals {
        gate.send(form.post()).await.is_refused_with(status, code);
    }
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn a_policy_holds_in_every_condition() {
    let key = |condition: Value| Form::new("a/b", "12345").condition(condition).post();
    for (condition, status, code) in [
        (json!(["eq", "$key", "a/c"]), 403, "AccessDenied"),
        (json!(["starts-with", "$key", "b/"]), 403, "AccessDenied"),
        (json!({"acl": "private"}), 403, "AccessDenied"),
        (json!({"bucket": "another"}), 403, "AccessDenied"),
        (json!(["content-length-range", 0, 4]), 400, "EntityTooLarge"),
        (json!(["content-length-range", 6, 9]), 400, "EntityTooSmall"),
        (json!(["ends-with", "$key", "b"]), 400, "InvalidPolicyDocument"),
    ] {
        refused(key(condition), status, code).await;
    }
    refused(Form::new("key", "x").expired().post(), 403, "AccessDenied").await;
    let extra =
        refused(Form::new("key", "x").free("acl", "private").post(), 403, "AccessDenied").await;
    let message = "Invalid according to Policy: Extra input fields: acl";
    assert_eq!(extra.element("Message").as_deref(), Some(message));
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let exact = key(json!(["content-length-range", 5, 5]));
    assert_eq!(gate.send(exact).await.status, 204);
}

#[tokio::test]
async fn a_request_that_is_no_form_is_told_so() {
    for request in [
        Request::post("/bucket", "key=k").anonymous(),
        Request::post("/bucket", "key=k")
            .anonymous()
            .header("content-type", "application/x-www-form-urlencoded"),
    ] {
        let answer = refused(request, 412, "PreconditionFailed").await;
        let condition = "Bucket POST must be of the enclosure-type multipart/form-data";
        assert_eq!(answer.element("Condition").as_deref(), Some(condition));
    }
}

#[tokio::test]
async fn a_form_of_unknown_length_is_refused() {
    refused(Form::new("key", "x").post().without_length(), 411, "MissingContentLength").await;
}

#[tokio::test]
async fn a_form_has_one_reading() {
    let twice = Form::new("key", "x").free("Key", "other");
    refused(twice.post(), 400, "InvalidArgument").await;
    for name in ["x-amz-tagging", "x-amz-copy-source", "x-amz-decoded-content-length", "x-amz-new"]
    {
        refused(Form::new("key", "x").field(name, "a").post(), 400, "InvalidArgument").await;
    }
    let twice = Form::new("key", "x").field("acl", "private").field("x-amz-acl", "public-read");
    refused(twice.post(), 400, "InvalidArgument").await;
    let unpacked = Form::new("key", "x").field("x-amz-meta-snowball-auto-extract", "true");
    refused(unpacked.post(), 501, "NotImplemented").await;
    let outside = Form::new("key", "x").post().header("x-amz-acl", "private");
    refused(outside, 400, "InvalidArgument").await;
    let named = Form::new("key", "x").free("bucket", "another").post();
    refused(named, 400, "InvalidArgument").await;
    refused(Form::new("key", "x").post_to("/bucket?x-id=PostObject"), 400, "InvalidArgument").await;
    let header = Form::new("key", "x").post().header("authorization", "AWS4-HMAC-SHA256 x");
    refused(header, 400, "InvalidArgument").await;
}

#[tokio::test]
async fn fields_have_limits() {
    let large = Form::new("key", "x").free("x-ignore-a", &"a".repeat(20_480));
    refused(large.post(), 400, "MaxPostPreDataLengthExceededError").await;
}

#[tokio::test]
async fn what_follows_the_file_is_the_end_of_the_form() {
    let field = "Content-Disposition: form-data; name=\"acl\"\r\n\r\nprivate";
    for tail in [
        String::new(),
        "\r\n".to_owned(),
        format!("\r\n--{BOUNDARY}"),
        format!("\r\n--{BOUNDARY}--"),
        format!("\r\n--{BOUNDARY}--\r\n\r\n"),
        format!("\r\n--{BOUNDARY}x--\r\n"),
        format!("\r\n--{BOUNDARY}\r\n{field}\r\n--{BOUNDARY}--\r\n"),
    ] {
        for size in [1, 300_000] {
            let form = Form::new("key", vec![7; size]).ending_in(&tail);
            never_completed(form.post(), "MalformedPOSTRequest").await;
        }
    }
}

#[tokio::test]
async fn a_file_of_no_bytes_is_checked_before_it_is_stored() {
    let field = "Content-Disposition: form-data; name=\"acl\"\r\n\r\nprivate";
    let tail = format!("\r\n--{BOUNDARY}\r\n{field}\r\n--{BOUNDARY}--\r\n");
    let form = Form::new("key", "").ending_in(&tail).post();
    never_completed(form, "MalformedPOSTRequest").await;
    let tail = format!("\r\n--{BOUNDARY}xx\r\n");
    refused(Form::new("key", "").ending_in(&tail).post(), 400, "MalformedPOSTRequest").await;
}

#[tokio::test]
async fn a_file_that_its_checksum_belies_is_never_completed() {
    for size in [1, 300_000] {
        let form = Form::new("key", vec![7; size]).field("x-amz-checksum-crc32", "AAAAAA==");
        never_completed(form.post(), "BadDigest").await;
    }
}

#[tokio::test]
async fn a_sender_who_stops_half_way_completes_nothing() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let request = Form::new("key", vec![7; 1_000_000]).post();
    gate.send(request.stopping_after(500_000)).await;
    assert!(!upstream.next().await.is_complete);
}

#[tokio::test]
async fn a_sender_who_waits_is_let_send_so_that_the_fields_can_be_read() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Form::new("key", "x").post().expecting_continue()).await;
    assert!(answer.was_continued);
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn bucket_policies_see_an_upload() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().policy(&require_sse()).start(&upstream).await;
    gate.send(Form::new("key", "x").post()).await.is_refused_with(403, "AccessDenied");
    upstream.is_untouched();
    let form = Form::new("key", "x").field("x-amz-server-side-encryption", "AES256");
    assert_eq!(gate.send(form.post()).await.status, 204);
}

/// A policy that lets everybody upload, but not with this value of a condition key.
fn deny_when(key: &str, value: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
         "Resource": "arn:aws:s3:::bucket/*", "Condition": {"StringEquals": {key: value}}},
    ]})
}

#[tokio::test]
async fn bucket_policies_tell_forms_by_how_they_are_signed() {
    for (key, value) in [
        ("s3:authType", "POST"),
        ("s3:signatureversion", "AWS4-HMAC-SHA256"),
        ("s3:ObjectCreationOperation", "true"),
    ] {
        let upstream = Upstream::start().await;
        let gate = Gate::builder().policy(&deny_when(key, value)).start(&upstream).await;
        gate.send(Form::new("key", "x").post()).await.is_refused_with(403, "AccessDenied");
        upstream.is_untouched();
    }
}

#[tokio::test]
async fn an_anonymous_form_is_an_anonymous_upload() {
    refused(Form::new("key", "x").anonymous().post(), 403, "AccessDenied").await;
    let mut upstream = Upstream::start().await;
    let policy = deny_when("s3:authType", "POST");
    let gate = Gate::builder().policy(&policy).start(&upstream).await;
    let form = Form::new("key", "x").anonymous().free("anything", "goes");
    assert_eq!(gate.send(form.post()).await.status, 204);
    assert_eq!(upstream.next().await.body, b"x");
}

#[tokio::test]
async fn a_form_is_audited_as_one() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    gate.send(Form::new("a/b", "x").post()).await;
    let line = gate.audit().await.pop().unwrap();
    for (name, value) in
        [("operation", "PostObject"), ("key", "a/b"), ("auth_type", "POST"), ("decision", "allow")]
    {
        assert_eq!(line.get(name).and_then(Value::as_str), Some(value), "{line}");
    }
}
