//! Faults of principals and limits.

use super::{Folder, check_in};

const FILE: &str = "credentials.toml";
const NAME: &str = "name = \"alice\"\naccount = \"123456789012\"";

fn check(to: &str, expected: &str) {
    check_in(FILE, NAME, to, expected);
}

#[test]
fn a_principal_is_named_in_one_way() {
    const ROLE: &str = "arn = \"arn:aws:iam::123456789012:role/R\"";
    const USER: &str = "arn = \"arn:aws:iam::123456789012:user/bob\"";
    check(
        "name = \"alice\"",
        "credentials.toml:1:1: `credential` lacks `account`; write `account = \"123456789012\"`",
    );
    check("arn = \"alice\"", "credentials.toml:4:7: this is not the ARN of a principal; write `a");
    check(&format!("{USER}\n{NAME}"), "credentials.toml:5:8: `arn` says \"bob\" here; leave one");
    check(&format!("{ROLE}\nname = \"R\""), "credentials.toml:5:8: `arn` names no user, and nob");
    check(
        &format!("{ROLE}\naccount = \"210987654321\""),
        "credentials.toml:5:11: `arn` says \"123456789012\" here; leave one",
    );
    check(&format!("{NAME}\nuser_id = \"a b\""), "credentials.toml:6:11: a unique id has 1 to 193");
}

#[test]
fn limits_are_checked() {
    check(&format!("{NAME}\nbuckets = []"), "credentials.toml:6:11: the list is empty and matches");
    check(&format!("{NAME}\nbuckets = [\"a/b\"]"), "credentials.toml:6:12: \"a/b\" can match no b");
    check(&format!("{NAME}\nread_only = 1"), "credentials.toml:6:13: `read_only` is an integer; w");
    check(&format!("{NAME}\nreadonly = true"), "credentials.toml:6:1: unknown key `readonly`; did");
}

#[test]
fn a_role_may_call() {
    let folder = Folder::sound();
    let session = "arn:aws:sts::123456789012:assumed-role/R/s";
    folder.replace(FILE, NAME, &format!("arn = \"{session}\"\nuser_id = \"AROAEXAMPLE:s\""));
    let config = folder.load().unwrap();
    assert_eq!(config.inventory.callers, [session]);
    let credential = config.gate.credentials.find("AKIDALICE").unwrap();
    assert_eq!(credential.identity.user_id(), Some("AROAEXAMPLE:s"));
    assert_eq!(credential.identity.principal_arn(), "arn:aws:iam::123456789012:role/R");
}
