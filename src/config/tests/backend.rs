//! What a rule relies on, held against what the backend is known to do.

use super::Folder;

const REGION: &str = "region = \"us-east-1\"\n";
const SSE_C: &str = "inject\"\nsse = \"SSE-C\"\ncustomer_key = \"file:token.secret";
const DANGER: &str = "danger_allow_unencrypted_storage = true";

/// A configuration with lines in `[upstream]` and a rule of this treatment.
fn folder(upstream: &str, treatment: &str) -> Folder {
    let folder = Folder::sound();
    folder.replace("portcullis.toml", REGION, &format!("{REGION}{upstream}\n"));
    folder.replace("portcullis.toml", "\"off\"", &format!("\"{treatment}"));
    folder
}

fn inject(sse: &str) -> String {
    if sse == "SSE-C" { format!("{SSE_C}\"") } else { format!("inject\"\nsse = \"{sse}\"") }
}

/// What is wrong with a rule before a backend: its faults, else its warnings.
fn told(backend: &str, treatment: &str) -> (Vec<String>, Vec<String>) {
    let folder = folder(&format!("backend = \"{backend}\""), treatment);
    match folder.load() {
        Ok(config) => (vec![], config.warnings.iter().map(|one| folder.shown(one)).collect()),
        Err(faults) => (faults.iter().map(|one| folder.shown(one)).collect(), vec![]),
    }
}

fn check(backend: &str, treatment: &str, fault: Option<&str>, warning: Option<&str>) {
    let (faults, warnings) = told(backend, treatment);
    for (list, expected) in [(&faults, fault), (&warnings, warning)] {
        let is_told = match (list.as_slice(), expected) {
            ([], None) => true,
            ([one], Some(expected)) => one.contains(expected),
            _ => false,
        };
        assert!(is_told, "{backend} {treatment}: {list:#?}, not {expected:?}");
    }
}

#[test]
fn an_injection_that_comes_to_nothing_is_a_fault() {
    let (ignores, refuses) = ("and ignores it", "no write under this rule would succeed");
    let with_key = |sse: &str| inject(sse) + "\nkms_key_id = \"k\"";
    for (backend, verdicts) in [
        ("aws", [None, None, None, Some(refuses)]),
        ("ceph", [Some(ignores), Some(refuses), Some(refuses), None]),
        ("garage", [Some(ignores), Some(ignores), Some(ignores), None]),
        ("minio", [Some(refuses), Some(refuses), Some(refuses), None]),
        ("moto", [Some(ignores); 4]),
    ] {
        check(backend, &inject("AES256"), verdicts[0], None);
        check(backend, &with_key("aws:kms"), verdicts[1], None);
        check(backend, &with_key("aws:kms:dsse"), verdicts[2], None);
        let copies = (backend == "ceph").then_some("answers 501 to every copy");
        check(backend, &inject("SSE-C"), verdicts[3], copies);
    }
}

#[test]
fn a_fault_says_where_it_is_and_what_to_write() {
    let (faults, _) = told("ceph", &inject("AES256"));
    assert_eq!(
        faults,
        [
            "portcullis.toml:33:7: ceph takes \"AES256\" and ignores it: objects are stored unencrypted; \
          it encrypts with \"SSE-C\", and with \"AES256\" where SSE-S3 is set up, from Ceph 17 on: \
          then write encryption_set_up = [\"AES256\"] in `[upstream]`; where the header alone is \
          wanted, write `danger_allow_unencrypted_storage = true` in this rule"
        ]
    );
}

#[test]
fn a_requirement_is_held_against_the_backend_too() {
    let accept = |list: &str| format!("require\"\naccept = [{list}]");
    check("garage", "require\"", Some("32:13: garage takes \"AES256\", \"aws:kms\", \"aws"), None);
    check("garage", &accept("\"SSE-C\""), None, None);
    check("garage", &accept("\"SSE-C\", \"AES256\""), Some("33:20: garage takes \"AES256\""), None);
    check("ceph", &accept("\"aws:kms\", \"SSE-C\""), None, Some("33:11: ceph refuses \"aws:kms\""));
    check("minio", "require\"", None, None);
    check("aws", "require\"", None, None);
    check("moto", "off\"", None, None);
}

#[test]
fn who_wants_the_header_alone_is_told_what_it_is_worth() {
    let unencrypted =
        Some("garage takes \"AES256\" and ignores it: objects are stored unencrypted");
    check("garage", &format!("{}\n{DANGER}", inject("AES256")), None, unencrypted);
    check("minio", &format!("{}\n{DANGER}", inject("AES256")), Some("minio refuses"), None);
    let everything = Some("moto takes \"AES256\", \"aws:kms\", \"aws:kms:dsse\", \"SSE-C\" and");
    check("moto", &format!("require\"\n{DANGER}"), None, everything);
}

#[test]
fn what_was_set_up_is_believed() {
    for (backend, encryption) in
        [("ceph", "AES256"), ("ceph", "aws:kms"), ("minio", "AES256"), ("aws", "SSE-C")]
    {
        let upstream = format!("backend = \"{backend}\"\nencryption_set_up = [\"{encryption}\"]");
        let key = if encryption == "aws:kms" { "\nkms_key_id = \"k\"" } else { "" };
        let config = folder(&upstream, &(inject(encryption) + key)).load();
        assert_eq!(config.unwrap().warnings, [], "{backend} {encryption}");
    }
    let keyless = "backend = \"ceph\"\nencryption_set_up = [\"aws:kms\"]";
    let faults = folder(keyless, &inject("aws:kms")).faults();
    assert!(faults[0].contains("ceph has no default KMS key"), "{faults:?}");
}

#[test]
fn only_what_can_be_set_up_is() {
    for (upstream, expected) in [
        ("encryption_set_up = [\"AES256\"]", "21:21: `encryption_set_up` adds to what is known"),
        (
            "backend = \"cehp\"",
            "21:11: nothing is known of a backend \"cehp\"; did you mean `ceph`?",
        ),
        (
            "backend = \"garage\"\nencryption_set_up = [\"AES256\"]",
            "22:22: \"AES256\" cannot be set up at garage; remove it",
        ),
        (
            "backend = \"ceph\"\nencryption_set_up = [\"SSE-C\"]",
            "22:22: \"SSE-C\" needs no setting up at ceph; remove it",
        ),
        (
            "backend = \"ceph\"\nencryption_set_up = [\"AES\"]",
            "22:22: unknown encryption \"AES\"; known here: `AES256`",
        ),
    ] {
        let faults = folder(upstream, "off\"").faults();
        let is_told = faults.len() == 1 && faults[0].contains(expected);
        assert!(is_told, "{upstream}: {faults:#?}, not {expected}");
    }
}

#[test]
fn a_document_that_asks_for_what_the_backend_ignores_is_a_warning() {
    for (backend, is_told) in [("garage", true), ("ceph", true), ("minio", false), ("aws", false)] {
        let folder = folder(&format!("backend = \"{backend}\""), "off\"");
        folder.write("allow.json", include_str!("../../../config/policies/require-sse.json"));
        let warnings = folder.load().unwrap().warnings;
        assert_eq!(warnings.len(), usize::from(is_told), "{backend}: {warnings:#?}");
        assert!(warnings.iter().all(|one| one.message.starts_with("it accepts \"AES256\", which")));
    }
}

#[test]
fn of_a_backend_that_is_not_named_nothing_is_assumed() {
    for sse in ["AES256", "aws:kms", "aws:kms:dsse", "SSE-C"] {
        assert_eq!(folder("", &inject(sse)).load().unwrap().warnings, [], "{sse}");
    }
}
