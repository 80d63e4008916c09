//! `portcullis explain` as a shell sees it.

use std::{
    io::Write as _,
    process::{Output, Stdio},
};

use serde_json::{Value, json};

use super::{command, portcullis, replace, sound, text};

const POLICIES: [&str; 4] = [
    "--policy",
    concat!(env!("CARGO_MANIFEST_DIR"), "/config/policies/require-sse.json"),
    "--policy",
    concat!(env!("CARGO_MANIFEST_DIR"), "/config/policies/require-tls-all.json"),
];
const SSE: &str = "x-amz-server-side-encryption: AES256";

fn explain(arguments: &[&str]) -> Output {
    portcullis(&[&["explain"], &POLICIES[..], arguments].concat())
}

fn said(output: &Output, code: i32) -> String {
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[test]
fn a_denied_write_is_explained_condition_by_condition() {
    let output = explain(&["-X", "PUT", "--url", "s3://bucket/a key"]);
    let said = said(&output, 1);
    for expected in [
        "PUT s3.amazonaws.com/bucket/a%20key (PutObject)\n",
        "denied  s3:PutObject on arn:aws:s3:::bucket/a key\n",
        "Send x-amz-server-side-encryption: AES256",
        "    Deny DenyOtherEncryption: applies, and decides\n",
        "      yes  StringNotEquals s3:x-amz-server-side-encryption\n             \
         request: absent\n             policy:  \"AES256\"\n",
        "    Deny DenyPlainHttp: does not apply\n",
        "      no   Bool aws:SecureTransport\n",
        "assumed\n  the caller is arn:aws:iam::111122223333:user/anyone",
    ] {
        assert!(said.contains(expected), "{expected:?} is missing:\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "colours belong to terminals");
}

#[test]
fn what_is_asked_may_be_given_in_many_ways() {
    let allowed = "allowed  s3:PutObject on arn:aws:s3:::bucket/key\n";
    let denied = "denied  s3:PutObject on arn:aws:s3:::bucket/key\n";
    let alice = "arn:aws:iam::111122223333:user/alice";
    for (arguments, code, expected) in [
        (&["-X", "PUT", "--url", "https://h/bucket/key", "-H", SSE][..], 0, allowed),
        (&["-X", "PUT", "--url", "http://h/bucket/key", "-H", SSE], 1, "Use https."),
        (&["-X", "PUT", "--url", "s3://bucket/key", "-H", SSE, "--plain-http"], 1, "Use https."),
        (&["-X", "PUT", "--url", "s3://bucket/key", "-H", SSE, "--anonymous"], 1, "to anonymous"),
        (&["-X", "PUT", "--url", "https://bucket.s3.eu-west-1.amazonaws.com/key"], 1, denied),
        (&["-X", "PUT", "--url", "https://bucket.s3.test/key", "--domain", "s3.test"], 1, denied),
        (
            &[
                "--curl",
                "curl -T file https://h/bucket/key -H 'x-amz-server-side-encryption: AES256'",
            ],
            1,
            "nothing signs the request: the caller is anonymous",
        ),
        (&["--curl", "curl -XPUT https://h/bucket/key", "--principal", alice], 1, denied),
        (&["--action", "s3:PutObject", "--resource", "arn:aws:s3:::bucket/key"], 1, denied),
        (
            &[
                "--action",
                "s3:PutObject",
                "--resource",
                "arn:aws:s3:::bucket/key",
                "--context",
                "s3:x-amz-server-side-encryption=AES256",
            ],
            0,
            allowed,
        ),
        (&["--url", "https://h/bucket/key?acl&tagging"], 1, "refused before any policy is asked"),
        (
            &["-X", "PUT", "--url", "https://h/bucket/key?uploadId=u&partNumber=1"],
            1,
            "what the upload was created with is not known",
        ),
        (
            &[
                "-X",
                "POST",
                "--url",
                "https://h/bucket?delete",
                "-d",
                "<Delete><Object><Key>one</Key></Object><Object><Key>two</Key></Object></Delete>",
            ],
            0,
            "allowed  s3:DeleteObject on arn:aws:s3:::bucket/two\n",
        ),
        (&["--url", "s3://bucket/key", "--strict"], 1, "no statement allows s3:GetObject"),
    ] {
        let said = said(&explain(arguments), code);
        assert!(said.to_lowercase().contains(&expected.to_lowercase()), "{arguments:?}:\n{said}");
    }
}

#[test]
fn the_explanation_speaks_json() {
    let output = explain(&["-X", "PUT", "--url", "s3://bucket/key", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let question = &document["questions"][0];
    assert_eq!(document["decision"], json!("deny"));
    assert_eq!(question["decided_by"]["statement"], json!("DenyOtherEncryption"));
    assert_eq!(question["statements"][0]["conditions"][0]["found"], Value::Null);
    assert_eq!(question["statements"][2]["applies"], json!(false));
    assert_eq!(question["condition_keys"]["aws:SecureTransport"], json!(["true"]));
}

#[test]
fn who_may_not_list_is_told_of_no_absence() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("closed.json");
    let deny = r#"{"Sid": "NoList", "Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::closed"}"#;
    std::fs::write(&policy, format!(r#"{{"Statement": [{deny}]}}"#)).unwrap();
    let policy = policy.to_str().unwrap();
    for (bucket, is_told) in [("closed", false), ("opened", true)] {
        let url = format!("s3://{bucket}/key");
        let output = portcullis(&["explain", "--policy", policy, "--url", &url]);
        assert_eq!(output.status.code(), Some(0), "the object itself may be read");
        let says = text(&output.stdout).contains("denied  if there is no such object");
        assert_eq!(says, !is_told, "{}", text(&output.stdout));
        let output = portcullis(&["explain", "--policy", policy, "--url", &url, "--json"]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["if_absent"].is_null(), is_told, "{document}");
    }
}

#[test]
fn an_audit_line_is_explained_as_it_was_decided() {
    let line = r#"{"time": "2030-01-31T12:00:00.000Z", "remote_ip": "198.51.100.7",
        "tls_version": "1.3", "requester": "arn:aws:iam::123456789012:user/alice",
        "auth_type": "REST-HEADER", "operation": "PutObject", "bucket_name": "bucket",
        "key": "k", "decision": "deny", "condition_keys":
        {"aws:SecureTransport": ["true"], "s3:x-amz-server-side-encryption": ["aws:kms"]}}"#;
    let line = line.replace('\n', " ");
    let mut program = command(&[&["explain"], &POLICIES[..], &["--audit-line", "-"]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    let said = said(&program.wait_with_output().unwrap(), 1);
    assert!(said.contains("as arn:aws:iam::123456789012:user/alice\n"), "{said}");
    assert!(said.contains("request: \"aws:kms\""), "{said}");
    assert!(!said.contains("assumed"), "{said}");
}

#[test]
fn a_configuration_gives_rules_callers_and_policies() {
    let folder = sound();
    replace(&folder, "portcullis.toml", "\"off\"", "\"inject\"\nsse = \"AES256\"");
    let path = folder.path().join("portcullis.toml");
    let explain = |arguments: &[&str]| {
        let configuration = ["explain", "--config", path.to_str().unwrap()];
        portcullis(&[&configuration, arguments].concat())
    };
    let said = said(&explain(&["-X", "PUT", "--url", "https://h/bucket/key"]), 0);
    assert!(said.contains(", adds its encryption headers\n"), "{said}");
    assert!(said.contains("request: \"AES256\""), "{said}");
    assert!(said.contains("the caller is arn:aws:iam::123456789012:user/alice"), "{said}");
}

#[test]
fn a_call_that_cannot_be_explained_says_why() {
    for (arguments, expected) in [
        (&["--url", "bucket/key"][..], "is no URL; write https://HOST/BUCKET/KEY"),
        (&["--url", "https://h/a b"], "is no URL (invalid uri character)"),
        (&["--url", "s3://bucket/key", "--principal", "alice"], "is not the ARN of a principal"),
        (&["--url", "s3://bucket/key", "--context", "x"], "write KEY=VALUE"),
        (&["--url", "s3://bucket/key", "--at", "noon"], "is no time"),
        (&["--curl", "curl --frobnicate"], "`--frobnicate` of curl"),
        (&["--audit-line", "{}"], "names no operation"),
        (&["--action", "s3:PutObject"], "--resource"),
        (&[], "--url"),
    ] {
        let said = said(&explain(arguments), 2);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
