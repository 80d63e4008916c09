//! Each mistake is told where it is made, and nowhere else.

use serde_json::Value;

use crate::policy::{Document, Strictness};

const EXAMPLES: &str = include_str!("../../../tests/vectors/policy/examples.json");

/// The warnings of a document with these statements.
fn warnings(version: &str, statements: &str) -> Vec<String> {
    let text = format!(r#"{{"Version": "{version}", "Statement": [{statements}]}}"#);
    let document = Document::parse_as(&text, Strictness::Lenient).expect(&text);
    document.warnings().iter().map(|warning| warning.message.clone()).collect()
}

fn statement(effect: &str, action: &str, resource: &str, condition: &str) -> String {
    format!(
        r#"{{"Effect": "{effect}", "Principal": {{"AWS": "111122223333"}}, "Action": "{action}",
            "Resource": "{resource}", "Condition": {condition}}}"#
    )
}

/// One mistake makes one warning that says `words`; mended, none.
fn check(wrong: &str, words: &str, mended: &str) {
    let found = warnings("2012-10-17", wrong);
    assert_eq!(found.len(), 1, "{wrong}: {found:?}");
    assert!(found[0].contains(words), "{wrong}: {found:?}");
    assert_eq!(warnings("2012-10-17", mended), [""; 0], "{mended}");
}

/// As [`check`], for a Deny (or Allow) of writes with these conditions.
fn check_condition(effect: &str, wrong: &str, words: &str, mended: &str) {
    let of = |condition| statement(effect, "s3:PutObject", "arn:aws:s3:::b/*", condition);
    check(&of(wrong), words, &of(mended));
}

#[test]
fn mistakes_of_conditions_are_told() {
    for (effect, wrong, words, mended) in [
        (
            "Allow",
            r#"{"StringNotEquals": {"s3:x-amz-acl": ["private", "public-read"]}}"#,
            "where s3:x-amz-acl is none of these, and also where it is absent",
            r#"{"StringNotEquals": {"s3:x-amz-acl": "private"}, "Null": {"s3:x-amz-acl": "false"}}"#,
        ),
        (
            "Allow",
            r#"{"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": "a"}}"#,
            "and allows then",
            r#"{"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": "a"},
                "Null": {"s3:RequestObjectTagKeys": "false"}}"#,
        ),
        (
            "Deny",
            r#"{"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": "a"}}"#,
            "and denies then",
            r#"{"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": "a"}}"#,
        ),
        (
            "Deny",
            r#"{"StringNotLike": {"s3:x-amz-copy-source": "b/*"}}"#,
            "uploads that are no copies",
            r#"{"StringNotLike": {"s3:x-amz-copy-source": "b/*"},
                "Null": {"s3:x-amz-copy-source": "false"}}"#,
        ),
        (
            "Deny",
            r#"{"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms",
                "s3:x-amz-server-side-encryption-aws-kms-key-id": "k"}}"#,
            "are both wrong; write one statement for each",
            r#"{"StringEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "k"}}"#,
        ),
        (
            "Deny",
            r#"{"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#,
            "every IPv6 client",
            r#"{"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "fd00::/8"]}}"#,
        ),
        (
            "Deny",
            r#"{"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}"#,
            "stands for itself alone; write StringLike",
            r#"{"StringLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}"#,
        ),
        (
            "Deny",
            r#"{"StringNotEquals": {"aws:userid": "AIDA*"}}"#,
            "write StringNotLike",
            r#"{"StringNotEquals": {"aws:userid": "AIDA${*}"}}"#,
        ),
        (
            "Deny",
            r#"{"Bool": {"aws:MultiFactorAuthPresent": "false"}}"#,
            "write BoolIfExists",
            r#"{"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}"#,
        ),
        (
            "Deny",
            r#"{"Null": {"s3:x-amz-acl": ["true", "false"]}}"#,
            "is always true",
            r#"{"Null": {"s3:x-amz-acl": "true"}}"#,
        ),
        (
            "Deny",
            r#"{"Null": {"s3:x-amz-server-side-encryption": "false"}}"#,
            "denies requests that carry the header",
            r#"{"Null": {"s3:x-amz-server-side-encryption": "true"}}"#,
        ),
        (
            "Allow",
            r#"{"Null": {"s3:x-amz-server-side-encryption": "true"}}"#,
            "allows only requests without the header",
            r#"{"Null": {"s3:x-amz-server-side-encryption": "false"}}"#,
        ),
        (
            "Deny",
            r#"{"Bool": {"aws:SecureTransport": "true"}}"#,
            "denies HTTPS and lets plain HTTP pass",
            r#"{"Bool": {"aws:SecureTransport": "false"}}"#,
        ),
        (
            "Allow",
            r#"{"Bool": {"aws:SecureTransport": "false"}}"#,
            "allows plain HTTP and not HTTPS",
            r#"{"Bool": {"aws:SecureTransport": "true"}}"#,
        ),
        (
            "Deny",
            r#"{"StringNotEquals": {"s3:x-amz-server-side-encryption": "aes256"}}"#,
            "No request has s3:x-amz-server-side-encryption \"aes256\"",
            r#"{"StringNotEquals": {"s3:x-amz-server-side-encryption": ["AES256", "aws:kms"]}}"#,
        ),
        (
            "Deny",
            r#"{"NumericLessThan": {"s3:TlsVersion": "1.2"}}"#,
            "absent over plain HTTP",
            r#"{"NumericGreaterThan": {"s3:TlsVersion": "1.2"}}"#,
        ),
    ] {
        check_condition(effect, wrong, words, mended);
    }
}

#[test]
fn a_deny_for_want_of_a_key_names_actions_that_have_it() {
    for condition in [
        r#"{"Null": {"s3:x-amz-server-side-encryption": "true"}}"#,
        r#"{"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}"#,
    ] {
        let of = |action| statement("Deny", action, "arn:aws:s3:::b/*", condition);
        let words = "s3:GetObject never has s3:x-amz-server-side-encryption";
        let found = warnings("2012-10-17", &of("s3:*"));
        assert!(found.iter().any(|found| found.contains(words)), "{found:?}");
        assert_eq!(warnings("2012-10-17", &of("s3:PutObject")), [""; 0]);
    }
}

#[test]
fn mistakes_of_statements_are_told() {
    let of = |effect: &str, principal: &str, rest: &str| {
        format!(r#"{{"Effect": "{effect}", {principal}, {rest}}}"#)
    };
    let (everyone, one) = (r#""Principal": "*""#, r#""Principal": {"AWS": "111122223333"}"#);
    let read = r#""Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*""#;
    let all = r#""Action": "*", "Resource": "*""#;
    let plain_http = r#", "Condition": {"Bool": {"aws:SecureTransport": "false"}}"#;
    check(&of("Allow", everyone, read), "lets everybody in", &of("Allow", one, read));
    check(
        &of("Deny", everyone, all),
        "by which load balancers probe",
        &of("Deny", everyone, &format!("{all}{plain_http}")),
    );
    let not_one = r#""NotPrincipal": {"AWS": "111122223333"}"#;
    check(&of("Deny", not_one, read), "NotPrincipal denies", &of("Deny", one, read));
    let on = |resource: &str| format!(r#""Action": "s3:*", "Resource": {resource}{plain_http}"#);
    let both = of("Deny", everyone, &on(r#"["arn:aws:s3:::b", "arn:aws:s3:::b/*"]"#));
    let objects = of("Deny", everyone, &on(r#""arn:aws:s3:::b/*""#));
    let bucket = of("Deny", everyone, &on(r#""arn:aws:s3:::b""#));
    check(&objects, "leaves out the bucket itself", &both);
    check(&bucket, "leaves out the objects", &both);
}

#[test]
fn variables_need_the_new_version() {
    let home = statement("Deny", "s3:GetObject", "arn:aws:s3:::b/${aws:username}/*", "{}");
    assert_eq!(warnings("2012-10-17", &home), [""; 0]);
    let found = warnings("2008-10-17", &home);
    assert!(found.len() == 1 && found[0].contains("in a Resource is literal text"), "{found:?}");
}

#[test]
fn two_statements_of_one_value_each_deny_every_value() {
    let of = |value: &str| {
        let condition =
            format!(r#"{{"StringNotEquals": {{"s3:x-amz-server-side-encryption": {value}}}}}"#);
        statement("Deny", "s3:PutObject", "arn:aws:s3:::b/*", &condition)
    };
    let wrong = format!("{}, {}", of(r#""AES256""#), of(r#""aws:kms""#));
    check(&wrong, "this denies every value", &of(r#"["AES256", "aws:kms"]"#));
}

#[test]
fn examples_of_aws_deserve_no_other_warnings() {
    let examples: Vec<Value> = serde_json::from_str(EXAMPLES).unwrap();
    for example in examples {
        let text = example["policy"].to_string();
        let document = Document::parse_as(&text, Strictness::Lenient).expect(&text);
        let found: Vec<&str> =
            document.warnings().iter().map(|warning| warning.message.as_str()).collect();
        let expected = example["warns"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{}: {found:?}", example["name"]);
        for words in expected {
            let words = words.as_str().unwrap();
            assert!(found.iter().any(|found| found.contains(words)), "{text}: {found:?}");
        }
    }
}
