//! Faults of a configuration, by table: what is changed in a sound one, and where the fault stands.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::{Config, Fault, load_with};
use crate::credential::Origin;

mod auth;
mod backend;
mod declare;
mod identity;
mod keyrings;
mod rules;
mod session;
mod upstream;

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
        self.load_at(SystemTime::UNIX_EPOCH)
    }

    fn load_at(&self, now: SystemTime) -> Result<Config, Vec<Fault>> {
        let environment = |name: &str| {
            let values = [("UPSTREAM_ID", "AKIDUPSTREAM"), ("UPSTREAM_SECRET", "upstream-secret")];
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        load_with(&self.path("portcullis.toml"), now, &environment)
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
    let common = config.gate.upstream.credentials.common.unwrap();
    let Origin::Static(access_key) = &common.origin else { panic!("{common:?}") };
    assert_eq!(access_key.id, "AKIDUPSTREAM");
    assert_eq!(config.inventory.callers, ["arn:aws:iam::123456789012:user/alice"]);
    assert_eq!(config.warnings, []);
    let names: Vec<_> = config.files.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(names, ["portcullis.toml", "credentials.toml", "allow.json", "token.secret"]);
}

#[test]
fn all_faults_are_reported_in_the_order_of_the_file() {
    let folder = Folder::sound();
    folder.replace("portcullis.toml", "region = \"eu-central-1\"", "regoin = 7");
    folder.replace("portcullis.toml", "127.0.0.1:0", "localhost:0");
    folder.replace("portcullis.toml", "treatment = \"off\"", "treatment = \"seals\"");
    folder.replace("credentials.toml", "alice\"\naccount", "a b\"\naccount");
    folder.replace("credentials.toml", "123456789012", "12");
    let starts = [
        "portcullis.toml:4:1: `s3` lacks `region`; write `region = \"eu-central-1\"`",
        "portcullis.toml:5:1: unknown key `regoin`; did you mean `region`?",
        "portcullis.toml:9:11: \"localhost:0\" is not an IP address and port; write such as",
        "portcullis.toml:31:13: unknown treatment \"seals\"; did you mean `seal`?",
        "credentials.toml:4:8: a name has 1 to 64 letters",
        "credentials.toml:5:11: an account is 12 digits in quotes",
    ];
    let faults = folder.faults();
    assert_eq!(faults.len(), starts.len(), "{faults:#?}");
    for (fault, start) in faults.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}, not {start}");
    }
}

#[test]
fn keys_and_sections() {
    check("explain_refusals", "explain_refusal", "portcullis.toml:2:1: unknown key `explain_refus");
    check("explain_refusals", "verbose", "portcullis.toml:2:1: unknown key `verbose`; known here");
    check("[audit]", "[audits]", "portcullis.toml:12:2: unknown key `audits`; did you mean `aud");
    check("address = \"127.0.0.1:0\"\n", "", "portcullis.toml:8:1: `listener` lacks `address`");
    check("file = \"credentials.toml\"", "", "portcullis.toml:15:1: `credentials` lacks `file`");
    check("[credentials]\nfile = \"credentials.toml\"", "", "portcullis.toml: the section `[cred");
    check("token_secret =", "#", "portcullis.toml: the file lacks `token_secret`; write `token_s");
    check(LISTENER, "", "portcullis.toml: no `[[listener]]` stands here");
}

#[test]
fn types() {
    check(
        "= true",
        "= \"yes\"",
        "portcullis.toml:2:20: `explain_refusals` is a string; write true",
    );
    check(
        "[\"s3.example.com\"]",
        "\"s3\"",
        "portcullis.toml:6:11: `domains` is a string; write a l",
    );
    check(
        "[\"s3.example.com\"]",
        "[3]",
        "portcullis.toml:6:12: `domains` is an integer; write a s",
    );
    check(
        "[audit]\nfile = \"audit.jsonl\"",
        "[[audit]]",
        "portcullis.toml:12:1: `audit` is a list",
    );
    check("[s3]", "drain_limit_seconds = -1\n[s3]", "portcullis.toml:4:23: `drain_limit_seconds`");
    check("[s3]", "drain_limit_seconds = 9999\n[s3]", "portcullis.toml:4:23: write a number from");
}

#[test]
fn broken_syntax_is_reported_alone() {
    check("[s3]", "[s3", "portcullis.toml:4:4: this is not TOML:");
    check("[audit]", "[s3]", "portcullis.toml:12:2: this is not TOML: duplicate key");
}

#[test]
fn secrets() {
    let literal = "a secret must not stand in this file; write \"file:PATH\" or \"env:NAME\"";
    check("env:UPSTREAM_SECRET", "hunter2", &format!("portcullis.toml:22:21: {literal}"));
    check("\"file:token.secret\"", "[\"hunter2\"]", &format!("portcullis.toml:1:17: {literal}"));
    check("\"file:token.secret\"", "[]", "portcullis.toml:1:16: the list is empty");
    check("env:UPSTREAM_SECRET", "env:NONE", "portcullis.toml:22:21: the environment variable");
    check("file:token.secret", "env:UPSTREAM_ID", "portcullis.toml:1:16: this secret has 12 bytes");
    check("file:token.secret", "file:none", "portcullis.toml:1:16: none: cannot be read: No such");
    check_in(
        "token.secret",
        "0123456789abcdef0123456789abcdef\n",
        "\n",
        "portcullis.toml:1:16: wh",
    );
    check_in("credentials.toml", "alice-secret", "", "credentials.toml:3:21: the secret is empty");
}

#[test]
fn no_fault_shows_a_secret() {
    let folder = Folder::sound();
    folder.replace("portcullis.toml", "\"env:UPSTREAM_SECRET\"", "\"hunter2\"");
    folder.replace("portcullis.toml", "http://", "https://root:hunter2@");
    folder.replace("credentials.toml", "\"alice-secret\"", "[\"hunter2\"]");
    folder.replace("token.secret", "0123456789abcdef0123456789abcdef", "hunter2");
    let faults = folder.faults();
    assert_eq!(faults.len(), 4, "{faults:#?}");
    assert!(!faults.concat().contains("hunter2"), "{faults:#?}");
}

#[test]
fn callers() {
    let id = "AKIDALICE";
    check_in("credentials.toml", id, "a,b", "credentials.toml:2:17: an access key id has 1 to 128");
    let twice = format!("{CREDENTIALS}{CREDENTIALS}");
    let expected = "credentials.toml:7:17: the access key id `AKIDALICE` stands in line 2 already";
    check_in("credentials.toml", CREDENTIALS, &twice, expected);
}

#[test]
fn a_file_of_secrets_that_everybody_may_read_is_refused() {
    let folder = Folder::sound();
    let everybody = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.path("credentials.toml"), everybody.clone()).unwrap();
    assert!(folder.faults()[0].starts_with("credentials.toml: every user of this machine may"));
    folder.replace("credentials.toml", "alice-secret", "env:UPSTREAM_SECRET");
    fs::set_permissions(folder.path("credentials.toml"), everybody).unwrap();
    assert!(folder.load().is_ok(), "a reference is no secret");
}

#[test]
fn listeners() {
    let twice = "[[listener]]\naddress = \"127.0.0.1:80\"\n".repeat(2);
    check(LISTENER, &twice, "portcullis.toml:11:11: another listener has 127.0.0.1:80 already");
    let every =
        "[[listener]]\naddress = \"127.0.0.1:80\"\n[[listener]]\naddress = \"0.0.0.0:80\"\n";
    check(LISTENER, every, "portcullis.toml:11:11: another listener has 127.0.0.1:80 already");
    let admin = "[[listener]]\naddress = \"127.0.0.1:80\"\n[admin]\naddress = \"127.0.0.1:80\"\n";
    check(LISTENER, admin, "portcullis.toml:11:11: another listener has 127.0.0.1:80 already");
    let folder = Folder::sound();
    folder.replace("portcullis.toml", "[[listener]]", "[listener]");
    let single =
        "portcullis.toml:8:1: `listener` is a table; write double brackets: `[[listener]]`";
    assert_eq!(folder.faults()[1], single);
    check("10.0.0.0/8", "10.0.0.0", "portcullis.toml:10:24: \"10.0.0.0\" is not a network");
    let none = "127.0.0.1:0\"\nconnections_max = 0 #";
    check("127.0.0.1:0\"", none, "portcullis.toml:10:19: write a number from 1 to 1000000");
    for (limit, range) in [
        ("head_bytes_max = 8191", "8192 to 1048576"),
        ("head_bytes_max = 1048577", "8192 to 1048576"),
        ("header_timeout_seconds = 0", "1 to 3600"),
        ("idle_timeout_seconds = 3601", "1 to 3600"),
    ] {
        let column = limit.find('=').unwrap() + 3;
        let fault = format!("portcullis.toml:10:{column}: write a number from {range}");
        check("127.0.0.1:0\"", &format!("127.0.0.1:0\"\n{limit} #"), &fault);
    }
    let empty = "127.0.0.1:0\"\ntls.certificates = [] #";
    check("127.0.0.1:0\"", empty, "portcullis.toml:10:20: the list is empty; name a certificate");
}

#[test]
fn upstreams() {
    for (endpoint, expected) in [
        ("127.0.0.1:9000", "the endpoint lacks its scheme"),
        ("ftp://127.0.0.1", "the endpoint's scheme must be http or https"),
        ("http://h/path", "the endpoint must have no path or query; write \"http://h\""),
        ("http://h/?q", "the endpoint must have no path or query; write \"http://h\""),
        ("http://h h", "the endpoint is no URL"),
    ] {
        check("http://127.0.0.1:9000", endpoint, &format!("portcullis.toml:19:12: {expected}"));
    }
    check("\"us-east-1\"", "\"\"", "portcullis.toml:20:10: a region has letters, digits and `-`");
    check(
        "s3.example.com",
        "*.example.com",
        "portcullis.toml:6:12: \"*.example.com\" is not a dom",
    );
    check("region = \"us", "ca = \"token.secret\"\nregion = \"us", "portcullis.toml:20:6: ");
}

#[test]
fn certificates() {
    let days = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_hours(24 * (20_000 + days));
    let folder = Folder::sound();
    let (certificate, key) = self_signed(time::OffsetDateTime::from(days(100)));
    folder.write("tls.pem", &certificate);
    folder.write("tls.key", &key);
    let tls = "tls.certificates = [{ certificate = \"tls.pem\", key = \"tls.key\" }]\n";
    folder.replace("portcullis.toml", "proxy_protocol_from", &format!("{tls}proxy_protocol_from"));
    let expiry = folder.load_at(days(80)).unwrap().listeners[0].certificates[0].not_after;
    assert_eq!(expiry, days(100));
    let warnings = folder.load_at(days(87)).unwrap().warnings;
    assert_eq!(
        folder.shown(&warnings[0]),
        "tls.pem: this certificate ends in 13 days; put a new one in its place"
    );
    let faults = folder.load_at(days(101)).unwrap_err();
    assert_eq!(
        folder.shown(&faults[0]),
        "tls.pem: this certificate has ended; put a new one in its place"
    );
}

fn self_signed(ends: time::OffsetDateTime) -> (String, String) {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = ends;
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn audit_logs() {
    let expected = "portcullis.toml:13:8: the folder none does not exist; make it";
    check("audit.jsonl", "none/audit.jsonl", expected);
}

#[test]
fn rules_and_policies() {
    check(
        "\"off\"",
        "\"of\"",
        "portcullis.toml:31:13: unknown treatment \"of\"; did you mean `off`?",
    );
    check("[\"logs-*\"]", "[]", "portcullis.toml:29:11: the list is empty and matches no bucket");
    check("logs-*", "logs/*", "portcullis.toml:29:12: \"logs/*\" can match no bucket; write");
    check(
        "[[rule]]",
        "[policies]\notherwise = \"deny\"\n[[rule]]",
        "portcullis.toml:29:13: unknown",
    );
    check("allow.json", "none.json", "portcullis.toml:25:12: none.json: cannot be read");
}

#[test]
fn what_works_but_should_be_mended_is_a_warning() {
    let folder = Folder::sound();
    folder.replace("portcullis.toml", "http://127.0.0.1:9000", "http://minio:9000");
    folder.replace("portcullis.toml", "[audit]", "[admin]\naddress = \"0.0.0.0:9090\"\n[audit]");
    let everybody = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.path("token.secret"), everybody).unwrap();
    let config = folder.load().unwrap();
    let warnings: Vec<_> = config.warnings.iter().map(|warning| folder.shown(warning)).collect();
    let starts = [
        "portcullis.toml:1:16: every user of this machine may read this secret's file",
        "portcullis.toml:13:11: the admin listener is not on loopback",
        "portcullis.toml:21:12: the backend is spoken to over plain HTTP",
    ];
    assert_eq!(warnings.len(), starts.len(), "{warnings:#?}");
    for (warning, start) in warnings.iter().zip(starts) {
        assert!(warning.starts_with(start), "{warning}, not {start}");
    }
}

const LISTENER: &str =
    "[[listener]]\naddress = \"127.0.0.1:0\"\nproxy_protocol_from = [\"10.0.0.0/8\"]\n";

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
  "Statement": [{
    "Effect": "Allow", "Principal": { "AWS": "123456789012" }, "Action": "s3:*", "Resource": "*"
  }]
}
"#;
