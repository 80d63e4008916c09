//! Treatments: what the backend receives and the client gets, by treatment, operation and what was sent.

use crate::support::{Gate, Reply, Request, Upstream, documents::require_sse};

const SSE: &str = "x-amz-server-side-encryption";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const SSE_C: &str = "x-amz-server-side-encryption-customer-algorithm";

const REQUIRE: &str = "treatment = \"require\"";
const REQUIRE_KMS: &str =
    "treatment = \"require\"\naccept = [\"aws:kms\"]\nkms_key_ids = [\"key-1\"]";
const INJECT: &str = "treatment = \"inject\"\nsse = \"AES256\"";
const INJECT_KMS: &str = "treatment = \"inject\"\nsse = \"aws:kms\"\nkms_key_id = \"key-1\"\n\
                          encryption_context = { path = \"${bucket}/${key}\" }\nbucket_key = true";
const OVERRIDE: &str = "treatment = \"inject\"\nsse = \"AES256\"\noverride = true";

const CREATED: &str =
    "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";

/// Every operation that takes encryption headers, as a request without any.
fn writes() -> [Request; 3] {
    [
        Request::put("/bucket/key", "body"),
        Request::put("/bucket/key", "").header("x-amz-copy-source", "/other/source"),
        Request::post("/bucket/key?uploads", ""),
    ]
}

fn with(request: &Request, sent: &[(&str, &str)]) -> Request {
    sent.iter().fold(request.clone(), |request, (name, value)| request.header(name, value))
}

/// What the backend gets of each write with `sent`; `None`: refused.
async fn check(rule: &str, sent: &[(&str, &str)], expected: Option<&[(&str, Option<&str>)]>) {
    for write in writes() {
        let mut upstream = Upstream::start().await;
        upstream.replies(Reply::ok().body(CREATED));
        let gate = Gate::builder().rule(rule).start(&upstream).await;
        let answer = gate.send(with(&write, sent)).await;
        let Some(expected) = expected else {
            answer.is_refused_with(403, "AccessDenied");
            upstream.is_untouched();
            continue;
        };
        answer.is_ok();
        let seen = upstream.next().await;
        for (name, value) in expected {
            assert_eq!(seen.header(name), *value, "{rule} {sent:?} {}: {name}", seen.target);
        }
    }
}

#[tokio::test]
async fn off_changes_nothing() {
    check("treatment = \"off\"", &[], Some(&[(SSE, None)])).await;
    check("treatment = \"off\"", &[(SSE, "AES256")], Some(&[(SSE, Some("AES256"))])).await;
}

#[tokio::test]
async fn require_refuses_writes_without_acceptable_headers() {
    check(REQUIRE, &[], None).await;
    check(REQUIRE, &[(SSE, "AES256")], Some(&[(SSE, Some("AES256"))])).await;
    check(REQUIRE, &[(SSE, "aws:kms")], Some(&[(SSE, Some("aws:kms"))])).await;
    check(REQUIRE, &[(SSE_C, "AES256")], Some(&[(SSE_C, Some("AES256"))])).await;
    check(REQUIRE_KMS, &[(SSE, "AES256")], None).await;
    check(REQUIRE_KMS, &[(SSE, "aws:kms")], None).await;
    check(REQUIRE_KMS, &[(SSE_C, "AES256")], None).await;
    let sent = [(SSE, "aws:kms"), (KMS_KEY, "key-1")];
    check(REQUIRE_KMS, &sent, Some(&[(SSE, Some("aws:kms")), (KMS_KEY, Some("key-1"))])).await;
}

#[tokio::test]
async fn inject_adds_what_is_missing() {
    check(INJECT, &[], Some(&[(SSE, Some("AES256"))])).await;
    let expected = [
        (SSE, Some("aws:kms")),
        (KMS_KEY, Some("key-1")),
        ("x-amz-server-side-encryption-context", Some("eyJwYXRoIjoiYnVja2V0L2tleSJ9")),
        ("x-amz-server-side-encryption-bucket-key-enabled", Some("true")),
    ];
    check(INJECT_KMS, &[], Some(&expected)).await;
}

#[tokio::test]
async fn inject_leaves_what_the_client_says_unless_it_overrides() {
    let kept = [(SSE, Some("AES256")), (KMS_KEY, None)];
    check(INJECT_KMS, &[(SSE, "AES256")], Some(&kept)).await;
    check(INJECT, &[(SSE_C, "AES256")], Some(&[(SSE, None), (SSE_C, Some("AES256"))])).await;
    let replaced = [(SSE, Some("AES256")), (KMS_KEY, None)];
    check(OVERRIDE, &[(SSE, "aws:kms"), (KMS_KEY, "other")], Some(&replaced)).await;
    check(OVERRIDE, &[(SSE_C, "AES256")], Some(&[(SSE, Some("AES256")), (SSE_C, None)])).await;
}

#[tokio::test]
async fn policy_judges_what_was_injected() {
    for (rule, passes) in [(INJECT, true), (INJECT_KMS, false)] {
        let upstream = Upstream::start().await;
        let gate = Gate::builder().rule(rule).policy(&require_sse()).start(&upstream).await;
        let answer = gate.send(Request::put("/bucket/key", "body")).await;
        assert_eq!(answer.status == 200, passes, "{rule}: {}", answer.text());
    }
}

#[tokio::test]
async fn operations_that_take_no_such_header_get_none() {
    for request in [
        Request::get("/bucket/key"),
        Request::new("HEAD", "/bucket/key"),
        Request::new("DELETE", "/bucket/key"),
        Request::put("/bucket/key?tagging", "<Tagging><TagSet/></Tagging>"),
        Request::put("/bucket", ""),
    ] {
        let mut upstream = Upstream::start().await;
        let gate = Gate::builder().rule(INJECT).start(&upstream).await;
        gate.send(request).await.is_ok();
        assert_eq!(upstream.next().await.header(SSE), None);
    }
}

#[tokio::test]
async fn parts_and_completion_inherit_what_was_injected() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder().rule(INJECT).policy(&require_sse()).start(&upstream).await;
    upstream.replies(Reply::ok().body(CREATED));
    let created = gate.send(Request::post("/bucket/key?uploads", "")).await;
    let id = created.is_ok().element("UploadId").unwrap();
    assert_eq!(upstream.next().await.header(SSE), Some("AES256"));
    let part = Request::put(&format!("/bucket/key?partNumber=1&uploadId={id}"), "part");
    gate.send(part).await.is_ok();
    assert_eq!(upstream.next().await.header(SSE), None, "S3 refuses the header on a part");
    let complete = Request::post(
        &format!("/bucket/key?uploadId={id}"),
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>\
         </CompleteMultipartUpload>",
    );
    gate.send(complete).await.is_ok();
    assert_eq!(upstream.next().await.header(SSE), None);
}

#[tokio::test]
async fn the_first_rule_of_bucket_and_prefix_decides() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder()
        .rule("buckets = [\"logs-*\"]\nprefixes = [\"public/\"]\ntreatment = \"off\"")
        .rule("buckets = [\"logs-*\"]\ntreatment = \"require\"")
        .start(&upstream)
        .await;
    for (target, status) in [
        ("/logs-1/public/key", 200),
        ("/logs-1/key", 403),
        ("/logs-1/Public/key", 403),
        ("/other/key", 200),
        ("/logs-1//public/key", 400),
        ("/logs-1/public//key", 200),
    ] {
        let answer = gate.send(Request::put(target, "body")).await;
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
    }
}

#[tokio::test]
async fn what_would_undo_a_rule_is_refused() {
    const DOCUMENT: &str = "<ServerSideEncryptionConfiguration/>";
    let undoing = [
        Request::put("/bucket?encryption", DOCUMENT),
        Request::new("DELETE", "/bucket?encryption"),
        Request::put("/bucket?policy", "{}"),
        Request::new("DELETE", "/bucket?policy"),
        Request::put("/bucket?replication", "<ReplicationConfiguration/>"),
    ];
    for (rule, is_refused) in [
        (REQUIRE, true),
        (INJECT, true),
        ("treatment = \"off\"", false),
        ("treatment = \"require\"\ndanger_allow_bucket_changes = true", false),
        ("treatment = \"require\"\nprefixes = [\"secret/\"]", true),
    ] {
        for request in &undoing {
            let upstream = Upstream::start().await;
            let gate = Gate::builder().rule(rule).start(&upstream).await;
            let answer = gate.send(request.clone()).await;
            assert_eq!(answer.status == 403, is_refused, "{rule}: {}", answer.text());
            assert_eq!(upstream.requests() == 0, is_refused);
        }
    }
}

#[tokio::test]
async fn audit_mode_refuses_and_adds_nothing_and_tells_what_it_would() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder()
        .with("mode = \"audit\"")
        .rule("name = \"mend\"\nbuckets = [\"aaa\"]\ntreatment = \"inject\"\nsse = \"AES256\"")
        .rule("name = \"demand\"\nbuckets = [\"bbb\"]\ntreatment = \"require\"")
        .policy(&require_sse())
        .start(&upstream)
        .await;
    for target in ["/aaa/key", "/bbb/key", "/ccc/key"] {
        gate.send(Request::put(target, "body")).await.is_ok();
        assert_eq!(upstream.next().await.header(SSE), None, "{target}");
    }
    gate.send(Request::put("/bbb/key", "body").encrypted()).await.is_ok();
    let metrics = gate.admin().send(&Request::get("/metrics").anonymous()).await.text();
    for line in [
        r#"{arrived="would-mend",client="other",rule="mend"} 1"#,
        r#"{arrived="would-refuse",client="other",rule="demand"} 1"#,
        r#"{arrived="compliant",client="other",rule="demand"} 1"#,
        r#"{arrived="would-refuse",client="other",rule=""} 1"#,
    ] {
        let line = format!("portcullis_encryption_writes_total{line}");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    let lines = gate.audit().await;
    let told: Vec<_> = lines.iter().map(|line| (&line["decision"], &line["encryption"])).collect();
    assert_eq!(
        told,
        [
            (&"allow".into(), &"would-mend".into()),
            (&"would-deny".into(), &"absent".into()),
            (&"would-deny".into(), &"absent".into()),
            (&"allow".into(), &"compliant".into()),
        ]
    );
    assert_eq!(lines[1]["policy"], "rule demand");
    assert_eq!(lines[1]["mode"], "audit");
}

#[tokio::test]
async fn audit_mode_admits_nobody_whom_nothing_admits() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().with("mode = \"audit\"").start(&upstream).await;
    gate.send(Request::get("/bucket/key").anonymous()).await.is_refused_with(403, "AccessDenied");
    let forged = Request::get("/bucket/key").with_tampered_signature();
    gate.send(forged).await.is_refused_with(403, "SignatureDoesNotMatch");
    upstream.is_untouched();
}

#[tokio::test]
async fn a_rule_in_audit_mode_stands_beside_one_that_enforces() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder()
        .rule("buckets = [\"trial\"]\nmode = \"audit\"\ntreatment = \"require\"")
        .rule("treatment = \"require\"")
        .start(&upstream)
        .await;
    gate.send(Request::put("/trial/key", "body")).await.is_ok();
    let answer = gate.send(Request::put("/other/key", "body")).await;
    answer.is_refused_with(403, "AccessDenied");
    let message = answer.element("Message").unwrap();
    assert!(message.contains("rule #2"), "{message}");
    assert!(message.contains("x-amz-server-side-encryption"), "{message}");
}
