//! Deciding allocates nothing, nor does a key that is at hand. A binary of its own, since it counts what
//! the allocator is asked for.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by failing")]

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use portcullis::{
    keyring::{Current, Keyring, Kind, Limits, Local, Settings},
    policy::{Attachment, Document, Glob, Inquiry, Keys, Otherwise, Policies, Principal, Terms},
    seal::Kek,
    telemetry::metrics::Metrics,
};

fn policies(documents: &[&str]) -> Policies {
    let attached = |text: &&str| Attachment {
        name: "policy.json".to_owned(),
        buckets: vec![Glob::new("logs-*"), Glob::new("*")],
        document: Document::parse(text).unwrap(),
    };
    Policies::new(documents.iter().map(attached).collect(), Otherwise::AllowAuthenticated)
}

fn check(policies: &Policies) {
    let principal = Principal::Aws {
        arn: "arn:aws:sts::123456789012:assumed-role/reports/nightly".to_owned(),
        account: "123456789012".to_owned(),
    };
    let mut keys = Keys::default();
    keys.set("aws:SecureTransport", "true");
    keys.set("aws:SourceIp", "192.0.2.7");
    keys.set("aws:username", "alice");
    keys.set("aws:CurrentTime", "2026-01-01T00:00:00Z");
    keys.set("s3:x-amz-server-side-encryption", "AES256");
    keys.set("s3:TlsVersion", "1.3");
    keys.set_all("s3:RequestObjectTagKeys", ["a", "b"]);
    let inquiry = |action, resource| Inquiry {
        principal: &principal,
        action,
        resource,
        bucket: Some("bucket"),
        keys: &keys,
    };
    let inquiries = [
        inquiry("s3:PutObject", "arn:aws:s3:::bucket/home/alice/key"),
        inquiry("s3:GetObject", "arn:aws:s3:::bucket/home/alice/key"),
        inquiry("s3:ListBucket", "arn:aws:s3:::bucket"),
    ];
    // What is made at the first use of the program's life is not counted.
    policies.decide(Terms::PLAIN, &inquiries).unwrap();
    let counted = allocation_counter::measure(|| {
        policies.decide(Terms::PLAIN, &inquiries).unwrap();
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(counted.count_total, 1);
}

/// What is at hand is there at the first poll.
fn current(ring: &Keyring) -> Arc<Current> {
    let mut current = pin!(ring.current("bucket", None));
    match current.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(current) => current.unwrap(),
        Poll::Pending => unreachable!("a file's keys are here"),
    }
}

#[test]
fn a_bucket_key_at_hand_allocates_nothing() {
    let local = Local::new(("1".to_owned(), Kek::generate().unwrap()), Vec::new());
    let settings =
        Settings { name: "ring".to_owned(), kind: Kind::Local(local), limits: Limits::default() };
    let ring = Keyring::open(&settings, &Metrics::new().unwrap()).unwrap();
    current(&ring);
    let counted = allocation_counter::measure(|| drop(current(&ring)));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn what_passes_the_seed_policy_allocates_nothing() {
    check(&policies(&[
        include_str!("../config/policies/require-sse.json"),
        include_str!("../config/policies/require-tls-all.json"),
    ]));
}

#[test]
fn no_operator_and_no_variable_allocates() {
    let conditions = [
        r#""StringNotEqualsIgnoreCase": {"s3:x-amz-server-side-encryption": "aes256"}"#,
        r#""StringNotLike": {"s3:x-amz-server-side-encryption": "A*6"}"#,
        r#""NumericLessThan": {"s3:TlsVersion": "1.2"}"#,
        r#""DateLessThan": {"aws:CurrentTime": "2025-01-01T00:00:00Z"}"#,
        r#""NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#,
        r#""Bool": {"aws:SecureTransport": "false"}"#,
        r#""ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": ["c", "d"]}"#,
        r#""Null": {"aws:SourceIp": "true"}"#,
        r#""StringEquals": {"aws:username": "${aws:SourceIp}"}"#,
    ];
    let deny = |condition: &&str| {
        format!(
            r#"{{"Effect": "Deny", "Principal": {{"AWS": "arn:aws:iam::123456789012:role/reports"}},
                "Action": "s3:*", "Resource": "*", "Condition": {{{condition}}}}}"#
        )
    };
    let allow = r#"{"Effect": "Allow", "Principal": "*", "Action": "s3:*Object",
                    "Resource": "arn:aws:s3:::*/home/${aws:username}/*"}"#;
    let mut statements: Vec<String> = conditions.iter().map(deny).collect();
    statements.push(allow.to_owned());
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(","));
    check(&policies(&[&text.replace("s3:*\", \"Resource", "s3:PutObject\", \"Resource")]));
}
