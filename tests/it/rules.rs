//! Rules: which one decides, what else it refuses, and audit mode. Treatments have tables of their own.

use crate::support::{Gate, Request, Upstream, documents::require_sse};

const SSE: &str = "x-amz-server-side-encryption";

const REQUIRE: &str = "treatment = \"require\"";
const INJECT: &str = "treatment = \"inject\"\nsse = \"AES256\"";

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
