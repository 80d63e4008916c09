//! What `[[rule]]` may say.

use super::{Folder, check};

/// A rule of these lines in place of the sound one's treatment, and how its one fault begins.
fn check_rule(lines: &str, expected: &str) {
    check("treatment = \"off\"", lines, &format!("portcullis.toml:{expected}"));
}

#[test]
fn treatments() {
    let folder = Folder::sound();
    folder.replace(
        "portcullis.toml",
        "treatment = \"off\"",
        "treatment = \"inject\"\nname = \"mend\"\nmode = \"audit\"\nsse = \"aws:kms\"\n\
         kms_key_id = \"alias/a\"\nencryption_context = { key = \"${key}\" }\n\
         bucket_key = true\noverride = true",
    );
    assert_eq!(folder.load().unwrap().warnings, []);
    check_rule("treatment = \"inject\"", "31:13: the treatment \"inject\" lacks `sse`");
    check_rule(
        "treatment = \"inject\"\nsse = \"AES256\"\naccept = [\"AES256\"]",
        "33:10: `accept` belongs to the treatment \"require\"",
    );
    check_rule("treatment = \"off\"\nsse = \"AES256\"", "32:7: `sse` belongs to the treatment");
    check_rule("treatment = \"inject\"\nsse = \"kms\"", "32:7: unknown encryption \"kms\"; known");
    check_rule("treatment = \"require\"\naccept = []", "32:10: the list is empty and accepts");
    check_rule("treatment = \"require\"\naccept = [\"x\"]", "32:11: unknown encryption \"x\"");
    check_rule(
        "treatment = \"require\"\naccept = [\"AES256\"]\nkms_key_ids = [\"a\"]",
        "33:15: no key could ever be used",
    );
    check_rule("treatment = \"off\"\nmode = \"on\"", "32:8: unknown `mode`");
    check_rule("treatment = \"off\"\nname = \"a b\"", "32:8: \"a b\" is no name for a rule");
    let inject = |line: &str| format!("treatment = \"inject\"\nsse = \"aws:kms:dsse\"\n{line}");
    check_rule(&inject("bucket_key = true"), "33:14: S3 has no bucket keys for");
    check_rule(&inject("kms_key_id = \"a b\""), "33:14: \"a b\" is no KMS key; write its ARN");
    check_rule(
        &inject("encryption_context = { a = \"${x}\" }"),
        "33:28: there is no variable ${x}; write ${bucket}",
    );
    check_rule("treatment = \"inject\"\nsse = \"SSE-C\"", "32:7: \"SSE-C\" lacks `customer_key`");
    let customers = "treatment = \"inject\"\nsse = \"SSE-C\"\ncustomer_key = \"file:token.secret\"";
    check_rule(&customers.replace("SSE-C", "AES256"), "33:16: `customer_key` is about SSE-C");
    folder.replace("portcullis.toml", "http://127.0.0.1:9000", "http://storage:9000");
    folder.replace("portcullis.toml", "override = true", "override = true\n\n[[rule]]\nbuckets = [\"c\"]\ntreatment = \"inject\"\nsse = \"SSE-C\"\ncustomer_key = \"file:token.secret\"");
    let faults = folder.faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("SSE-C sends keys to the backend"), "{faults:?}");
    folder.replace("portcullis.toml", "http://storage:9000", "https://storage:9000");
    assert!(folder.load().is_ok());
    check_rule(
        "treatment = \"inject\"\nsse = \"AES256\"\nkms_key_id = \"a\"",
        "33:14: `kms_key_id` is about KMS",
    );
}

#[test]
fn a_rule_that_is_never_reached() {
    let folder = Folder::sound();
    folder.replace(
        "portcullis.toml",
        "[[rule]]",
        "[[rule]]\nbuckets = [\"*\"]\ntreatment = \"require\"\n\n[[rule]]",
    );
    let config = folder.load().unwrap();
    let [warning] = config.warnings.as_slice() else { panic!("{:?}", config.warnings) };
    assert!(warning.message.starts_with("this rule is never reached: rule 1 before it"));
}
