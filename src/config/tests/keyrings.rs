//! Faults of keyrings and their files, and what sound ones become.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use super::Folder;
use crate::{
    config::Config,
    keyring::{Error, Keyrings, Kind, Login},
    telemetry::metrics::Metrics,
};

const RING: &str =
    "[[keyring]]\nname = \"company\"\ntype = \"local\"\nfile = \"company.keyring\"\n";

fn key(version: u32, state: &str, digits: &str) -> String {
    format!(
        "[[key]]\nversion = {version}\nstate = \"{state}\"\ncreated = \"2026-01-31T12:00:00Z\"\n\
         secret = \"{}\"\n",
        digits.repeat(32)
    )
}

fn folder() -> Folder {
    let folder = Folder::sound();
    folder.replace("portcullis.toml", "[[rule]]", &format!("{RING}\n[[rule]]"));
    let keys = [key(1, "disabled", "01"), key(2, "enabled", "02"), key(3, "active", "03")];
    folder.write("company.keyring", &keys.concat());
    folder
}

fn open(config: &Config) -> Keyrings {
    Keyrings::open(&config.gate.keyrings, None, &Metrics::new().unwrap()).unwrap()
}

#[tokio::test]
async fn the_active_version_writes_and_the_enabled_ones_read() {
    let folder = folder();
    let config = folder.load().unwrap();
    assert!(config.files.contains(&folder.path("company.keyring")), "it is watched");
    let rings = open(&config);
    let ring = rings.only().unwrap();
    let written = ring.current("b", None).await.unwrap();
    assert_eq!((written.wrapped.ring.as_str(), written.wrapped.version.as_str()), ("company", "3"));
    let read = ring.unwrap("b", &written.wrapped).await.unwrap();
    assert_eq!(read.expose(), written.key.expose());
    // As another replica does that has taken over the next file.
    folder.replace("company.keyring", "active", "enabled");
    folder.write(
        "company.keyring",
        &(fs::read_to_string(folder.path("company.keyring")).unwrap() + &key(4, "active", "04")),
    );
    let rings = open(&folder.load().unwrap());
    let ring = rings.find("company").unwrap();
    assert_eq!(ring.unwrap("b", &written.wrapped).await.unwrap().expose(), written.key.expose());
    folder.replace(
        "company.keyring",
        "version = 3\nstate = \"enabled\"",
        "version = 3\nstate = \"disabled\"",
    );
    let rings = open(&folder.load().unwrap());
    let refused = rings.find("company").unwrap().unwrap("b", &written.wrapped).await.unwrap_err();
    assert!(matches!(refused, Error::Disabled { ref version, .. } if version == "3"), "{refused}");
}

#[test]
fn keyrings_have_names_and_types() {
    for (from, to, expected) in [
        ("\"company\"", "\"com pany\"", "portcullis.toml:29:8: \"com pany\" is no name for a key"),
        ("\"local\"", "\"lokal\"", "portcullis.toml:30:8: unknown type \"lokal\"; did you mean"),
        ("file = \"company", "path = \"company", "portcullis.toml:31:1: unknown key `path`"),
        ("company.keyring", "none", "portcullis.toml:31:8: none: cannot be read: No such file"),
        ("type = \"local\"\n", "", "portcullis.toml:28:1: `keyring` lacks `type`"),
    ] {
        let folder = folder();
        folder.replace("portcullis.toml", from, to);
        let faults = folder.faults();
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{to:?} gave {faults:#?}");
    }
    let folder = folder();
    folder.replace("portcullis.toml", "[[rule]]", &format!("{RING}\n[[rule]]"));
    let expected = "portcullis.toml:34:8: a keyring above has this name already; each may occur";
    assert!(folder.faults()[0].starts_with(expected), "{:?}", folder.faults());
}

#[test]
fn a_keyrings_file_is_read_strictly() {
    let at = "company.keyring";
    for (from, to, expected) in [
        ("version = 3", "version = 2", ":12:11: this version stands above already"),
        ("version = 3", "version = 0", ":12:11: write a number from 1 to 4294967295"),
        ("version = 3", "version = \"3\"", ":12:11: `version` is a string; write a whole number"),
        (
            "\"active\"",
            "\"retired\"",
            ":13:9: unknown state \"retired\"; known here: `active`, `en",
        ),
        ("\"active\"", "\"enabled\"", ": no version is active, so nothing could be written; write"),
        ("\"enabled\"", "\"active\"", ":13:9: another version is active already, and only one"),
        ("\"2026-01-31T12:00:00Z\"", "\"today\"", ":4:11: write a moment as RFC 3339 has it"),
        ("0303", "03", ":15:10: a key is 32 random bytes, written as 64 hexadecimal digits"),
        ("0303", "030x", ":15:10: a key is 32 random bytes, written as 64 hexadecimal digits"),
        (&"03".repeat(32), &"02".repeat(32), ":15:10: this is the key of version 2 again; a vers"),
        (&"03".repeat(32), "env:NONE", ":15:10: the environment variable \"NONE\" is not set"),
        ("secret = \"03", "key = \"03", ":11:1: `key` lacks `secret`"),
        (
            "[[key]]\nversion = 3",
            "[[keys]]\nversion = 3",
            ":11:3: unknown key `keys`; did you mean",
        ),
    ] {
        let expected = format!("{at}{expected}");
        let folder = folder();
        folder.replace(at, from, to);
        let faults = folder.faults();
        assert!(faults.iter().any(|fault| fault.starts_with(&expected)), "{to:?} gave {faults:#?}");
        assert!(!faults.concat().contains("0303"), "{faults:#?}");
    }
}

/// A configuration whose only keyring has these lines.
fn with(lines: &str) -> Folder {
    let folder = Folder::sound();
    let ring = format!("[[keyring]]\nname = \"ring\"\n{lines}\n[[rule]]");
    folder.replace("portcullis.toml", "[[rule]]", &ring);
    folder
}

/// What a keyring of these lines becomes.
fn kind(lines: &str) -> Kind {
    let mut config = with(lines).load().unwrap_or_else(|faults| panic!("{faults:#?}"));
    config.gate.keyrings.remove(0).kind
}

/// The fault of these lines, of which the last is at fault where it does not say.
fn fault(lines: &str, expected: &str) {
    let faults = with(lines).faults();
    assert_eq!(faults.len(), 1, "{lines}\ngave {faults:#?}");
    assert!(faults[0].contains(expected), "{lines}\ngave {faults:#?}");
}

const KMS: &str = "type = \"aws-kms\"\nregion = \"eu-central-1\"\nkey_id = \"alias/portcullis\"\n\
                   credentials = \"default\"\n";
const VAULT: &str = "type = \"vault\"\naddress = \"https://vault:8200\"\nkey = \"portcullis\"\n";

#[test]
fn kms_keys_are_listed_and_the_first_writes() {
    let Kind::AwsKms(kms) = kind(KMS) else { panic!() };
    assert_eq!(kms.endpoint, "https://kms.eu-central-1.amazonaws.com");
    assert_eq!(
        (kms.key_ids, kms.credential.region),
        (vec!["alias/portcullis".to_owned()], "eu-central-1".to_owned())
    );
    let arn = "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1";
    let more =
        KMS.replace("eu-central-1", "cn-north-1") + &format!("key_ids = [\"{arn}\", \"b\"]\n");
    let Kind::AwsKms(kms) = kind(&more) else { panic!() };
    assert_eq!(kms.endpoint, "https://kms.cn-north-1.amazonaws.com.cn");
    assert_eq!(kms.key_ids, ["alias/portcullis", arn, "b"]);
    let Kind::AwsKms(kms) = kind(&format!("{KMS}endpoint = \"http://127.0.0.1:4599\"\n")) else {
        panic!()
    };
    assert_eq!(kms.endpoint, "http://127.0.0.1:4599");
}

#[test]
fn kms_keys_are_told_apart() {
    let arn = "arn:aws:kms:eu-central-1:123456789012:key/1234";
    for (more, expected) in [
        ("key_ids = [\"alias/other\"]", "an alias does not say which key it stands for"),
        (&format!("key_ids = [\"1234\", \"{arn}\"]"), "this key stands in the list already"),
        ("key_ids = [\"key 1\"]", "\"key 1\" is no KMS key; write its ARN, its id, or alias/NAME"),
        ("key_ids = [\"arn:aws:s3:::bucket\"]", "this is not the ARN of a key"),
        (
            &format!("key_ids = [\"{}\"]", arn.replace("central", "west")),
            "this key is in the region eu-west-1",
        ),
        ("endpoint = \"http://kms.example.com\"", "keys would travel in the clear"),
        (
            "endpoint = \"kms.example.com\"",
            "the endpoint lacks its scheme; write such as \"https://kms",
        ),
        ("timeout_seconds = 61", "write a number from 1 to 60"),
        ("unwrapped_key_seconds = 0", "write a number from 1 to 86400"),
        ("unwrapped_keys_max = 0", "write a number from 1 to 1000000"),
        ("file = \"keys.toml\"", "unknown key `file`"),
    ] {
        fault(&format!("{KMS}{more}\n"), expected);
    }
    fault(&KMS.replace("\"default\"", "\"none\""), "KMS takes no request without a signature");
    fault(
        &KMS.replace("credentials = \"default\"", "access_key_id = \"A\""),
        "lacks `secret_access_key`",
    );
    fault(&KMS.replace("key_id =", "#"), "lacks `key_id`");
}

#[test]
fn vault_is_logged_into_in_three_ways() {
    let token = format!("{VAULT}auth = \"token\"\ntoken = \"file:token.secret\"\n");
    let Kind::Vault(vault) = kind(&token) else { panic!() };
    assert_eq!((vault.mount.as_str(), vault.namespace), ("transit", None));
    assert!(matches!(vault.login, Login::Token(_)));
    let approle = format!(
        "{VAULT}auth = \"approle\"\nrole_id = \"env:UPSTREAM_ID\"\n\
                           secret_id = \"file:token.secret\"\nmount = \"team/transit/\"\nnamespace = \"a/b\"\n"
    );
    let Kind::Vault(vault) = kind(&approle) else { panic!() };
    assert_eq!((vault.mount.as_str(), vault.namespace.as_deref()), ("team/transit", Some("a/b")));
    let Login::AppRole { mount, role_id, .. } = vault.login else { panic!() };
    assert_eq!((mount.as_str(), role_id.as_str()), ("approle", "AKIDUPSTREAM"));
    let kubernetes =
        format!("{VAULT}auth = \"kubernetes\"\nrole = \"gate\"\nauth_mount = \"k8s\"\n");
    let Kind::Vault(vault) = kind(&kubernetes) else { panic!() };
    let Login::Kubernetes { mount, token_file, .. } = vault.login else { panic!() };
    let usual = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    assert_eq!((mount.as_str(), token_file.to_str()), ("k8s", Some(usual)));
}

#[test]
fn vaults_paths_cannot_be_read_in_two_ways() {
    let token = format!("{VAULT}auth = \"token\"\ntoken = \"file:token.secret\"\n");
    for (more, expected) in [
        ("mount = \"a//b\"", "\"a//b\" is no path"),
        ("mount = \"../sys\"", "\"../sys\" is no path"),
        ("mount = \"a?b\"", "\"a?b\" is no path"),
        ("namespace = \"a\\nb\"", "\"a\\nb\" is no path"),
        ("auth_mount = \"x\"", "unknown key `auth_mount`"),
        ("role = \"x\"", "unknown key `role`"),
    ] {
        fault(&format!("{token}{more}\n"), expected);
    }
    fault(&token.replace("\"portcullis\"", "\"a/b\""), "\"a/b\" is no transit key");
    fault(&token.replace("https://", "http://"), "keys would travel in the clear");
    fault(&token.replace("file:token.secret", "s.1234"), "a secret must not stand in this file");
    fault(
        &token.replace("\"token\"", "\"tokn\""),
        "unknown way to log in \"tokn\"; did you mean `token`?",
    );
    fault(&format!("{VAULT}auth = \"approle\"\nrole_id = \"r\"\n"), "lacks `secret_id`");
}

#[test]
fn limits_are_checked() {
    let local = "type = \"local\"\nfile = \"company.keyring\"\n";
    for (more, expected) in [
        ("bucket_key_seconds = 0", "write a number from 1 to 86400"),
        ("bucket_key_objects_max = 0", "write a number from 1 to 1000000000"),
        ("timeout_seconds = 5", "unknown key `timeout_seconds`"),
    ] {
        let folder = with(&format!("{local}{more}\n"));
        folder.write("company.keyring", &key(1, "active", "01"));
        let faults = folder.faults();
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert!(faults[0].contains(expected), "{faults:#?}");
    }
    let folder = with(&format!(
        "{KMS}bucket_key_seconds = 7\nbucket_key_objects_max = 1\ntimeout_seconds = 3\n"
    ));
    let limits = folder.load().unwrap().gate.keyrings[0].limits;
    assert_eq!(limits.bucket_key_lifetime, Duration::from_secs(7));
    assert_eq!((limits.bucket_key_objects_max, limits.wait), (1, Duration::from_secs(3)));
}

#[test]
fn keys_may_stand_elsewhere() {
    let folder = folder();
    folder.replace("company.keyring", &"03".repeat(32), "file:key.secret");
    folder.write("key.secret", &("05".repeat(32) + "\n"));
    let config = folder.load().unwrap();
    assert!(config.files.contains(&folder.path("key.secret")), "it is watched");
}

#[test]
fn keys_that_everybody_may_read_are_refused() {
    let folder = folder();
    let everybody = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.path("company.keyring"), everybody).unwrap();
    let expected = "company.keyring: every user of this machine may read these keys; chmod this";
    assert!(folder.faults()[0].starts_with(expected), "{:?}", folder.faults());
}

#[test]
fn what_a_rule_says_of_sealing_is_known() {
    for (line, expected) in [
        ("irregular = \"rebuilt\"", "unknown `irregular`; did you mean `rebuild`?"),
        ("binding = \"name\"", "unknown `binding`; known here: `key`, `bucket`, `nothing`"),
        ("plaintext = \"passes\"", "unknown `plaintext`; did you mean `pass`?"),
    ] {
        let folder = folder();
        let rule = format!("treatment = \"seal\"\n{line}");
        folder.replace("portcullis.toml", "treatment = \"off\"", &rule);
        let faults = folder.faults();
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{line} gave {faults:#?}");
    }
    let folder = folder();
    folder.replace(
        "portcullis.toml",
        "treatment = \"off\"",
        "treatment = \"off\"\nirregular = \"refuse\"",
    );
    let faults = folder.faults();
    let expected = "`irregular` belongs to the treatment \"seal\"";
    assert!(faults.iter().any(|fault| fault.contains(expected)), "{faults:#?}");
}
