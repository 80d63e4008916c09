//! `portcullis policy` as a shell sees it.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{portcullis, text};

const CASE: &str = r#"{"id": "one", "policy": {"Statement": [
    {"Sid": "Read", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
     "Resource": "arn:aws:s3:::b/*"}]},
    "request": {"action": "s3:GetObject", "resource": "arn:aws:s3:::b/k", "principal": "*"},
    "expected": "Allowed"}"#;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// Exit code and standard output, in which the folder's own path is left out.
fn policy(command: &str, folder: &TempDir, arguments: &[&str]) -> (i32, String) {
    let paths: Vec<_> = arguments
        .iter()
        .map(|argument| match argument.strip_prefix('@') {
            Some(name) => folder.path().join(name).to_str().unwrap().to_owned(),
            None => (*argument).to_owned(),
        })
        .collect();
    let arguments: Vec<&str> = paths.iter().map(String::as_str).collect();
    let output = portcullis(&[&["policy", command], arguments.as_slice()].concat());
    let said = text(&output.stdout) + &text(&output.stderr);
    let said = said.replace(&format!("{}/", folder.path().display()), "");
    (output.status.code().unwrap(), said)
}

#[test]
fn the_repositorys_cases_agree() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policy");
    let output = portcullis(&["policy", "test", vectors.to_str().unwrap()]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("malformed.json: skipped, it holds no cases\n"), "{said}");
    let closing = said.lines().last().unwrap();
    let (agree, rest) = closing.split_once(' ').unwrap();
    assert!(agree.parse::<usize>().unwrap() >= 491, "{closing}");
    assert_eq!(rest, "agree, 0 disagree, 0 not loaded");
}

#[test]
fn each_disagreement_is_told() {
    let wrong = CASE.replace("\"Allowed\"", "\"ImplicitlyDenied\"").replace("one", "two");
    let faulty = CASE.replace("\"Read\"", "3").replace("one", "three");
    let cases = format!("{CASE}\n{wrong}\n{faulty}\n");
    let folder = folder(&[("sub/cases.jsonl", &cases), ("list.json", &format!("[{CASE}]"))]);
    let (code, said) = policy("test", &folder, &["@"]);
    let expected = [
        "sub/cases.jsonl: three: its policy is no document: line 2, column 13: Invalid policy syntax.",
        "sub/cases.jsonl: two: Allowed by statement Read, expected ImplicitlyDenied",
        "2 agree, 1 disagree, 1 not loaded",
    ];
    assert_eq!(code, 1, "{said}");
    for (line, expected) in said.lines().zip(expected) {
        assert!(line.starts_with(expected), "{said}");
    }
    let (code, said) = policy("test", &folder, &["@sub/cases.jsonl", "--json"]);
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(code, 1);
    assert_eq!(document["disagreements"][0]["found"], json!("Allowed"));
    assert_eq!(document["not_loaded"], json!(1));
}

#[test]
fn what_holds_no_cases_is_a_wrong_call() {
    let folder = folder(&[("none/policy.json", "{}")]);
    for (path, expected) in [
        ("@none/policy.json", "none/policy.json: no cases: missing field `policy`"),
        ("@none", "these hold no case"),
        ("@missing.json", "missing.json: No such file"),
    ] {
        let (code, said) = policy("test", &folder, &[path]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn check_tells_faults_and_traps() {
    let folder = folder(&[
        ("fine.json", &document("Deny", "s3:GetObject", "arn:aws:s3:::b/*", "{}")),
        ("faulty.json", &document("Denied", "s3:GetObjekt", "arn:aws:s3:::b/*", "{}")),
        ("vpce.json", &document("Deny", "s3:*", "*", r#"{"Null": {"aws:SourceVpce": "true"}}"#)),
        (
            "trap.json",
            &document("Deny", "s3:*", "*", r#"{"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#),
        ),
    ]);
    let (code, said) = policy("check", &folder, &["@fine.json", "@faulty.json", "@trap.json"]);
    assert_eq!(code, 2, "{said}");
    for expected in [
        "fine.json: fine, 1 statement\n",
        "faulty.json:1:27: Invalid effect: Denied; write",
        "Policy has invalid action: no action of S3 is s3:GetObjekt; write s3:GetObject, perhaps",
        "2 faults\n",
        "warning: This denies every IPv6 client",
        "trap.json: fine, 1 statement, 1 warning\n",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(policy("check", &folder, &["@fine.json"]).0, 0);
    assert_eq!(policy("check", &folder, &["@vpce.json"]).0, 2);
    assert_eq!(policy("check", &folder, &["--declare", "aws:SourceVpce", "@vpce.json"]).0, 0);
    assert_eq!(policy("check", &folder, &["--bucket", "b", "@fine.json"]).0, 0);
    let (code, said) = policy("check", &folder, &["--bucket", "c", "@fine.json", "--json"]);
    let checked: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &checked[0]["ok"]), (2, &json!(false)));
    let message = checked[0]["faults"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("Policy has invalid resource: "), "{message}");
}

fn document(effect: &str, action: &str, resource: &str, condition: &str) -> String {
    format!(
        r#"{{"Statement": [{{"Effect": "{effect}", "Principal": "*", "Action": "{action}", "Resource": "{resource}", "Condition": {condition}}}]}}"#
    )
}
