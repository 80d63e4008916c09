//! Faults of a configuration, by table: what is changed in a sound one, and where the fault stands.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::SystemTime};

use tempfile::TempDir;

use super::{Config, Fault, load_with};

/// A folder with a sound configuration in it.
struct Folder(TempDir);

impl Folder {
    fn sound() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("portcullis.toml", SOUND);
        folder.write("credentials.toml", CREDENTIALS);
        folder.write("token.secret", "0123456789abcdef0123456789abcdef\n");
        folder.write("allow.json", POLICY);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Changes a file; fails where there is nothing to change.
    fn replace(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} holds no {from:?}");
        self.write(name, &text.replacen(from, to, 1));
    }

    fn load(&self) -> Result<Config, Vec<Fault>> {
        let environment = |name: &str| {
            let values = [("UPSTREAM_ID", "AKIDUPSTREAM"), ("UPSTREAM_SECRET", "upstream-secret")];
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        load_with(&self.path("portcullis.toml"), SystemTime::UNIX_EPOCH, &environment)
    }

    /// The faults, as `file:line:column: message` with the folder's path taken away.
    fn faults(&self) -> Vec<String> {
        let faults = self.load().map(|_| ()).expect_err("the configuration has a fault");
        faults.iter().map(|fault| self.shown(fault)).collect()
    }

    fn shown(&self, fault: &Fault) -> String {
        fault.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

/// Replaces `from` by `to` in a sound configuration, and expects one fault that begins so.
fn check(from: &str, to: &str, expected: &str) {
    check_in("portcullis.toml", from, to, expected);
}

fn check_in(name: &str, from: &str, to: &str, expected: &str) {
    let folder = Folder::sound();
    folder.replace(name, from, to);
    let faults = folder.faults();
    assert_eq!(faults.len(), 1, "{to:?} gave {faults:#?}");
    assert!(faults[0].starts_with(expected), "{to:?} gave {:?}, not {expected:?}", faults[0]);
}

#[test]
fn a_sound_configuration_loads() {
    let config = Folder::sound().load().unwrap();
    assert_eq!(config.listeners[0].settings.connections_max, 4096);
    assert_eq!(config.gate.token_secrets[0].expose(), b"0123456789abcdef0123456789abcdef");
    assert_eq!(config.gate.upstream.credential.access_key_id, "AKIDUPSTREAM");
    assert_eq!(config.inventory.callers, ["arn:aws:iam::123456789012:user/alice"]);
    assert_eq!(config.warnings, []);
    let names: Vec<_> = config.files.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(names, ["portcullis.toml", "credentials.toml", "allow.json", "token.secret"]);
}

#[test]
fn what_a_table_lacks_or_does_not_know() {
    for (from, to, expected) in [
        ("region = \"eu-central-1\"", "regoin = \"x\"", "portcullis.toml:4:1: `s3` lacks `region`"),
        ("explain_refusals = true", "explain = true", "portcullis.toml:2:1: unknown key `explain`"),
        (
            "[audit]",
            "[audits]",
            "portcullis.toml:12:2: unknown key `audits`; did you mean `audit`?",
        ),
        ("address = \"127.0.0.1:0\"\n", "", "portcullis.toml:8:1: `listener` lacks `address`"),
        ("[credentials]\nfile = \"credentials.toml\"", "", "portcullis.toml: the section"),
        ("file = \"credentials.toml\"", "", "portcullis.toml:15:1: `credentials` lacks `file`"),
    ] {
        let folder = Folder::sound();
        folder.replace("portcullis.toml", from, to);
        let faults = folder.faults();
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected}: {faults:#?}");
    }
}

const SOUND: &str = r#"token_secret = "file:token.secret"
explain_refusals = true

[s3]
region = "eu-central-1"
domains = ["s3.example.com"]

[[listener]]
address = "127.0.0.1:0"
proxy_protocol_from = ["10.0.0.0/8"]

[audit]
file = "audit.jsonl"

[credentials]
file = "credentials.toml"

[upstream]
endpoint = "http://127.0.0.1:9000"
region = "us-east-1"
access_key_id = "env:UPSTREAM_ID"
secret_access_key = "env:UPSTREAM_SECRET"

[[policy]]
document = "allow.json"
buckets = ["*"]

[[rule]]
buckets = ["logs-*"]
prefixes = ["raw/"]
treatment = "off"
"#;

const CREDENTIALS: &str = r#"[[credential]]
access_key_id = "AKIDALICE"
secret_access_key = "alice-secret"
name = "alice"
account = "123456789012"
"#;

const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*" }]
}
"#;
