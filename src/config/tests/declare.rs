//! Faults of `[policies.declare]`, and what it makes of documents.

use super::Folder;

/// A sound configuration whose document asks about the endpoint, with these lines declared.
fn folder(lines: &str) -> Folder {
    let folder = Folder::sound();
    folder.write(
        "allow.json",
        r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": "arn:aws:s3:::*",
            "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}}}"#,
    );
    folder.replace(
        "portcullis.toml",
        "[[rule]]",
        &format!("[policies.declare]\n{lines}\n[[rule]]"),
    );
    folder
}

fn check(line: &str, expected: &str) {
    let faults = folder(&format!("\"aws:SourceVpce\" = \"vpce-1\"\n{line}")).faults();
    assert_eq!(faults.len(), 1, "{line} gave {faults:#?}");
    assert!(faults[0].starts_with(expected), "{line} gave {:?}, not {expected:?}", faults[0]);
}

#[test]
fn a_declared_key_may_be_asked_about() {
    let undeclared = folder("").faults();
    assert_eq!(undeclared.len(), 1, "{undeclared:#?}");
    assert!(undeclared[0].contains("[policies.declare]"), "{undeclared:?}");
    for declaration in ["\"vpce-1\"", "[\"vpce-1\", \"vpce-2\"]", "{ absent = true }"] {
        let config = folder(&format!("\"aws:SourceVpce\" = {declaration}")).load();
        let config = config.unwrap_or_else(|faults| panic!("{declaration}: {faults:#?}"));
        assert_eq!(config.gate.policies.declared().names(), ["aws:SourceVpce"]);
    }
}

#[test]
fn what_is_declared_is_a_key_of_aws() {
    let declared = |line: &str, expected: &str| check(line, &format!("portcullis.toml:{expected}"));
    declared(
        "\"aws:SourceVcp\" = \"v\"",
        "30:1: AWS has no condition key aws:SourceVcp; did you mean",
    );
    declared("\"aws:SourceIp\" = \"::1\"", "30:1: requests tell aws:SourceIp themselves; drop it");
    declared("\"AWS:sourcevpce\" = \"v\"", "29:1: aws:SourceVpce stands twice");
    declared("\"aws:SourceVpc\" = []", "30:1: the list is empty; write { absent = true }");
}

#[test]
fn what_is_declared_is_a_value_a_list_or_absent() {
    let declared = |line: &str, expected: &str| check(line, &format!("portcullis.toml:{expected}"));
    declared("\"aws:SourceVpc\" = 7", "30:19: `aws:SourceVpc` is a");
    declared("\"aws:SourceVpc\" = [\"a\", 7]", "30:25: `aws:SourceVpc` is a");
    declared("\"aws:SourceVpc\" = { absent = false }", "30:30: write the key's value, or { absent");
    declared("\"aws:SourceVpc\" = {}", "30:19: `aws:SourceVpc` lacks `absent`");
}
