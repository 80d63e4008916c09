//! What a refused client reads.

use super::*;
use crate::policy::{Attachment, Document, Glob, Keys, Otherwise, Policies, Terms};

/// The message of a Deny with these conditions, for a request with these keys.
fn message(condition: &str, found: &[(&'static str, &'static str)]) -> String {
    let text = format!(
        r#"{{"Statement": {{"Sid": "D", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
            "Resource": "*", "Condition": {condition}}}}}"#
    );
    refusal(&text, found)
}

fn refusal(text: &str, found: &[(&'static str, &'static str)]) -> String {
    let document = Document::parse(text).expect(text);
    let attachment =
        Attachment { name: "p.json".to_owned(), buckets: vec![Glob::new("*")], document };
    let policies = Policies::new(vec![attachment], Otherwise::AllowAuthenticated);
    let mut keys = Keys::default();
    for &(key, value) in found {
        keys.set(key, value);
    }
    let inquiry = Inquiry {
        principal: &Principal::Anonymous,
        action: "s3:PutObject",
        resource: "arn:aws:s3:::b/k",
        bucket: Some("b"),
        keys: &keys,
    };
    policies.decide(Terms::PLAIN, &[inquiry]).unwrap_err().message()
}

const SSE: &str = "s3:x-amz-server-side-encryption";

#[test]
fn the_seed_policy_says_what_to_send() {
    let text = include_str!("../../../config/policies/require-sse.json");
    let start = "Access Denied: statement \"DenyOtherEncryption\" of p.json denies s3:PutObject \
                 because s3:x-amz-server-side-encryption is ";
    let mend = "Send x-amz-server-side-encryption: AES256 (AWS CLI: --sse AES256).";
    assert_eq!(refusal(text, &[]), format!("{start}absent. {mend}"));
    assert_eq!(refusal(text, &[(SSE, "aws:kms")]), format!("{start}\"aws:kms\". {mend}"));
}

#[test]
fn plain_http_is_mended_by_https() {
    let found = [("aws:SecureTransport", "false")];
    let message = message(r#"{"Bool": {"aws:SecureTransport": "false"}}"#, &found);
    let expected = "denies s3:PutObject because aws:SecureTransport is \"false\". Use https.";
    assert!(message.ends_with(expected), "{message}");
}

#[test]
fn each_condition_has_its_mend() {
    for (condition, found, expected) in [
        (
            r#"{"Null": {"s3:x-amz-storage-class": true}}"#,
            &[] as &[_],
            "Send the header x-amz-storage-class (AWS CLI: --storage-class).",
        ),
        (
            r#"{"Null": {"s3:x-amz-acl": "false"}}"#,
            &[("s3:x-amz-acl", "private")],
            "Do not send the header x-amz-acl (AWS CLI: --acl).",
        ),
        (
            r#"{"StringEquals": {"s3:x-amz-acl": "public-read"}}"#,
            &[("s3:x-amz-acl", "public-read")],
            "Send x-amz-acl with another value, or not at all.",
        ),
        (
            r#"{"StringNotEquals": {"s3:object-lock-mode": ["GOVERNANCE", "COMPLIANCE"]}}"#,
            &[],
            "Send x-amz-object-lock-mode: GOVERNANCE or COMPLIANCE.",
        ),
        (
            r#"{"StringNotLike": {"s3:x-amz-server-side-encryption": "aws:*"}}"#,
            &[],
            "Send x-amz-server-side-encryption: a value like aws:* (AWS CLI: --sse).",
        ),
        (
            r#"{"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}"#,
            &[("aws:SourceIp", "192.0.2.1")],
            "aws:SourceIp must be in \"10.0.0.0/8\".",
        ),
        (
            r#"{"NumericLessThan": {"s3:TlsVersion": 1.3}}"#,
            &[("s3:TlsVersion", "1.2")],
            "s3:TlsVersion must not be below \"1.3\".",
        ),
        (
            r#"{"StringNotLike": {"aws:UserAgent": "x*"},
             "StringNotEquals": {"s3:x-amz-acl": "private"}}"#,
            &[],
            "Send x-amz-acl: private (AWS CLI: --acl private).",
        ),
    ] {
        let message = message(condition, found);
        assert!(message.ends_with(expected), "{message}\nnot {expected}");
    }
}

#[test]
fn a_statement_without_conditions_cannot_be_mended() {
    let expected = "Access Denied: statement \"D\" of p.json denies s3:PutObject.";
    assert_eq!(message("{}", &[]), expected);
}

#[test]
fn an_anonymous_caller_is_told_to_sign() {
    let text = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "*"}}"#;
    let expected = "Access Denied: no statement allows s3:PutObject to anonymous callers. Sign the \
                    request.";
    assert_eq!(refusal(text, &[]), expected);
}

#[test]
fn a_message_is_one_short_line_whatever_is_sent() {
    let long: &'static str = Box::leak("é\r\n\u{1b}[31m".repeat(500).into_boxed_str());
    let keys = [
        "aws:UserAgent",
        "aws:Referer",
        "s3:x-amz-acl",
        "s3:if-match",
        "s3:x-amz-grant-read",
        "s3:x-amz-grant-write",
        "s3:x-amz-storage-class",
        "s3:x-amz-metadata-directive",
    ];
    let conditions: Vec<_> = keys.iter().map(|key| format!(r#""{key}": "x""#)).collect();
    let condition = format!(r#"{{"StringNotEquals": {{{}}}}}"#, conditions.join(","));
    let found: Vec<_> = keys.iter().map(|&key| (key, long)).collect();
    let message = message(&condition, &found);
    assert!(message.len() <= MESSAGE_BYTES_MAX, "{}", message.len());
    assert!(message.starts_with("Access Denied"), "{message}");
    assert!(!message.contains(char::is_control), "{message:?}");
}
