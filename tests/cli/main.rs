//! The program as a shell sees it: what it prints, where, and its exit codes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics fails")]

mod documents;
mod explain;
mod keys;
mod policy;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

#[test]
fn check_shows_what_was_loaded() {
    let folder = sound();
    let output = check(&folder, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let report = text(&output.stdout).replace(&format!("{}/", folder.path().display()), "");
    let rows = [
        "listeners     127.0.0.1:8443  TLS, client certificates",
        "              127.0.0.1:8080  plain HTTP",
        "certificates  certs/server.pem  until 20",
        "admin         127.0.0.1:9090",
        "audit         audit.jsonl",
        "auth          verify",
        "callers       arn:aws:iam::123456789012:user/alice",
        "policies      deny.json  2 statements",
        "keyrings      company  local, 2 versions, 2 writes",
        "rules         1",
        "upstream      http://127.0.0.1:9000/  region us-east-1",
        "fine",
    ];
    for (line, row) in report.lines().zip(rows) {
        assert!(line.starts_with(row), "{line:?} is not {row:?}");
    }
    assert_eq!(report.lines().count(), rows.len(), "{report}");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn report_sums_up_an_audit_log() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("audit.jsonl");
    fs::write(
        &log,
        r#"{"decision":"would-deny","bucket_name":"b","user_agent":"rclone/1","reason":"So."}"#,
    )
    .unwrap();
    let report = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        program.arg("report").args(arguments).stdin(Stdio::null()).output().unwrap()
    };
    let output = report(&[log.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("rclone on b, as anonymous\n    So.\n"));
    let output = report(&["--json", log.to_str().unwrap()]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["rows"][0]["would_refuse"], 1);
    let output = report(&["missing.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("missing.jsonl: "), "{}", text(&output.stderr));
}

#[test]
fn check_shows_every_fault() {
    let folder = sound();
    replace(&folder, "portcullis.toml", "[s3]", "[s4]");
    replace(&folder, "deny.json", "Deny", "Denie");
    let output = check(&folder, &[]);
    assert_eq!(output.status.code(), Some(2));
    let report = text(&output.stdout).replace(&format!("{}/", folder.path().display()), "");
    let lines: Vec<_> = report.lines().collect();
    assert_eq!(lines.len(), 4, "{report}");
    assert!(lines[0].starts_with("portcullis.toml: the section `[s3]` is missing"), "{report}");
    assert!(lines[1].starts_with("portcullis.toml:3:2: unknown key `s4`; did you mean `s3`?"));
    assert!(lines[2].starts_with("deny.json:4:"), "{report}");
    assert_eq!(lines[3], "3 faults");
}

#[test]
fn check_speaks_json() {
    let folder = sound();
    let document = |output: Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
    let sound = document(check(&folder, &["--json"]));
    assert_eq!(sound["ok"], json!(true));
    assert_eq!(sound["faults"], json!([]));
    assert_eq!(sound["loaded"]["listeners"][0]["client_certificates"], json!(true));
    assert_eq!(sound["loaded"]["policies"], json!([{ "name": "deny.json", "statements": 2 }]));
    assert_eq!(sound["loaded"]["upstream"]["backend"], Value::Null);
    replace(&folder, "portcullis.toml", "[upstream]", "[upstream]\nbackend = \"garage\"");
    let named = document(check(&folder, &["--json"]));
    assert_eq!(named["loaded"]["upstream"]["backend"], json!("garage"));
    let row = "upstream      http://127.0.0.1:9000/  region us-east-1  backend garage\n";
    assert!(text(&check(&folder, &[]).stdout).contains(row));
    replace(&folder, "portcullis.toml", "[s3]", "[s4]");
    let output = check(&folder, &["--json"]);
    assert_eq!(output.status.code(), Some(2));
    let faulty = document(output);
    assert_eq!(faulty["ok"], json!(false));
    assert_eq!(faulty["faults"][1]["line"], json!(3));
    assert_eq!(faulty["faults"][1]["column"], json!(2));
    assert_eq!(faulty["loaded"], Value::Null);
}

#[test]
fn check_shows_no_secret() {
    let folder = sound();
    for arguments in [&[][..], &["--json"]] {
        let output = check(&folder, arguments);
        for secret in [TOKEN_SECRET, "alice-secret", &"01".repeat(32), &"02".repeat(32)] {
            assert!(!text(&output.stdout).contains(secret));
        }
    }
}

#[test]
fn serve_refuses_a_faulty_configuration() {
    let folder = sound();
    replace(&folder, "portcullis.toml", "[s3]", "[s4]");
    let path = folder.path().join("portcullis.toml");
    let output = portcullis(&["serve", "--config", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).ends_with("2 faults\n"), "{}", text(&output.stderr));
}

#[test]
fn a_wrong_call_is_told_from_a_question() {
    for (arguments, code, expected) in [
        (&["--help"][..], 0, "Usage: portcullis"),
        (&["check", "--help"], 0, "Examples:"),
        (&["--version"], 0, concat!("portcullis ", env!("CARGO_PKG_VERSION"))),
        (&["scan", "bucket", "-c", "none.toml"], 2, "write s3://BUCKET or s3://BUCKET/PREFIX"),
        (&["migrate", "s3://bucket"], 2, "--config <FILE>"),
        (&["rewrap", "s3://bucket", "-c", "none.toml", "--jobs", "0"], 2, "--jobs"),
        (&["rewrap", "s3://bucket", "-c", "none.toml"], 2, "none.toml"),
        (&["completions", "bash"], 0, "complete -F _portcullis"),
        (&[], 2, "Usage: portcullis"),
        (&["check"], 2, "--config <FILE>"),
        (&["serve", "--confg", "x"], 2, "'--config'"),
        (&["dev", "--treatment", "lock"], 2, "off, require, inject, seal"),
    ] {
        let output = portcullis(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let said = if code == 0 { &output.stdout } else { &output.stderr };
        assert!(text(said).contains(expected), "{arguments:?}: {}", text(said));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

fn check(folder: &TempDir, arguments: &[&str]) -> Output {
    let path = folder.path().join("portcullis.toml");
    portcullis(&[&["check", "--config", path.to_str().unwrap()], arguments].concat())
}

fn portcullis(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with a sound configuration in it.
fn sound() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs/make-dev-certs.sh");
    let made =
        Command::new("sh").arg(script).arg(folder.path().join("certs")).output().unwrap().status;
    assert!(made.success());
    for (name, content) in [
        ("portcullis.toml", CONFIGURATION),
        ("credentials.toml", CREDENTIALS),
        ("deny.json", POLICY),
        ("token.secret", TOKEN_SECRET),
        ("upstream.secret", "upstream-secret"),
        ("company.keyring", KEYRING),
    ] {
        write(&folder, name, content);
    }
    folder
}

fn write(folder: &TempDir, name: &str, content: &str) {
    fs::write(folder.path().join(name), content).unwrap();
    let owner_only = fs::Permissions::from_mode(0o600);
    fs::set_permissions(folder.path().join(name), owner_only).unwrap();
}

fn replace(folder: &TempDir, name: &str, from: &str, to: &str) {
    let content = fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(content.contains(from), "{name} holds no {from:?}");
    write(folder, name, &content.replacen(from, to, 1));
}

const TOKEN_SECRET: &str = "0123456789abcdef0123456789abcdef";

const CONFIGURATION: &str = r#"token_secret = "file:token.secret"

[s3]
region = "eu-central-1"

[[listener]]
address = "127.0.0.1:8443"
tls.certificates = [{ certificate = "certs/server.pem", key = "certs/server.key" }]
tls.client_ca = "certs/ca.pem"

[[listener]]
address = "127.0.0.1:8080"

[audit]
file = "audit.jsonl"

[credentials]
file = "credentials.toml"

[upstream]
endpoint = "http://127.0.0.1:9000"
region = "us-east-1"
access_key_id = "AKIDUPSTREAM"
secret_access_key = "file:upstream.secret"

[[keyring]]
name = "company"
type = "local"
file = "company.keyring"

[[policy]]
document = "deny.json"
buckets = ["*"]

[[rule]]
buckets = ["*"]
treatment = "off"
"#;

const KEYRING: &str = r#"[[key]]
version = 1
state = "enabled"
created = "2026-01-31T12:00:00Z"
secret = "0101010101010101010101010101010101010101010101010101010101010101"

[[key]]
version = 2
state = "active"
created = "2026-02-28T12:00:00Z"
secret = "0202020202020202020202020202020202020202020202020202020202020202"
"#;

const CREDENTIALS: &str = r#"[[credential]]
access_key_id = "AKIDALICE"
secret_access_key = "alice-secret"
name = "alice"
account = "123456789012"
"#;

const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*",
      "Condition": { "Null": { "s3:x-amz-server-side-encryption": "true" } } },
    { "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
      "Condition": { "Bool": { "aws:SecureTransport": "false" } } }
  ]
}
"#;
