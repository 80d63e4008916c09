//! Faults of upstream credentials, and what sound ones become.

use super::{Folder, check, check_in};
use crate::credential::{Origin, Source};

const KEYS: &str =
    "access_key_id = \"env:UPSTREAM_ID\"\nsecret_access_key = \"env:UPSTREAM_SECRET\"";
const TEAM: &str = "[[upstream.credential]]\nname = \"team-a\"\ncredentials = \"container\"\n";

fn common(keys: &str) -> Source {
    let folder = Folder::sound();
    folder.replace("portcullis.toml", KEYS, keys);
    folder
        .load()
        .unwrap_or_else(|faults| panic!("{faults:?}"))
        .gate
        .upstream
        .credentials
        .common
        .unwrap()
}

#[test]
fn each_source_has_its_name() {
    for (kind, expected) in [
        ("default", Origin::Chain { profile: None }),
        ("environment", Origin::Environment),
        ("profile", Origin::Profile { profile: None }),
        ("web-identity", Origin::WebIdentity),
        ("container", Origin::Container),
        ("instance", Origin::Instance),
    ] {
        let source = common(&format!("credentials = \"{kind}\""));
        assert_eq!((source.origin, source.role), (expected, None), "{kind}");
    }
    let source = common("credentials = \"profile\"\nprofile = \"gate\"");
    assert_eq!(source.origin, Origin::Profile { profile: Some("gate".to_owned()) });
}

#[test]
fn an_endpoint_may_leave_the_regions_place_open() {
    let folder = Folder::sound();
    let endpoint = "endpoint = \"https://s3.{region}.amazonaws.com\"";
    folder.replace("portcullis.toml", "endpoint = \"http://127.0.0.1:9000\"", endpoint);
    let upstream = folder.load().unwrap().gate.upstream;
    assert_eq!(upstream.endpoint, "https://s3.us-east-1.amazonaws.com");
    let template = upstream.endpoint_of_regions.as_deref();
    assert_eq!(template, Some("https://s3.{region}.amazonaws.com"));
}

#[test]
fn a_role_goes_on_top_of_any_source() {
    let role = "role_arn = \"arn:aws:iam::123456789012:role/p/R\"\nexternal_id = \"x\"";
    for keys in ["credentials = \"web-identity\"", KEYS] {
        let role = common(&format!("{keys}\n{role}")).role.unwrap();
        assert_eq!(role.arn, "arn:aws:iam::123456789012:role/p/R");
        assert_eq!(role.external_id.as_deref(), Some("x"));
    }
}

#[test]
fn a_source_has_what_it_needs_and_no_more() {
    let at = "portcullis.toml";
    for (to, expected) in [
        ("credentials = \"defualt\"", "\"defualt\" gives no credentials; did you mean `default`?"),
        (
            "credentials = \"instance\"\nprofile = \"p\"",
            "`credentials = \"instance\"` reads no pro",
        ),
        (
            "credentials = \"default\"\naccess_key_id = \"A\"",
            "`access_key_id` is for `credentials = \"static\"`; leave one of the two out",
        ),
        ("credentials = \"default\"\nexternal_id = \"x\"", "`external_id` is for a role that is a"),
        ("credentials = \"default\"\nrole_arn = \"R\"", "this is not the ARN of a role; write `a"),
    ] {
        let folder = Folder::sound();
        folder.replace(at, KEYS, to);
        let faults = folder.faults();
        assert_eq!(faults.len(), 1, "{to:?} gave {faults:#?}");
        assert!(faults[0].contains(expected), "{to:?} gave {:?}", faults[0]);
    }
    check(
        KEYS,
        "access_key_id = \"env:UPSTREAM_ID\"\ncredentials = \"static\"",
        "portcullis.toml:18:1: `upstream` lacks `secret_access_key`",
    );
}

/// In `credentials.toml`, whose first and only caller is mapped to `name`.
fn mapped(name: &str) -> Folder {
    let folder = Folder::sound();
    folder.replace("portcullis.toml", KEYS, &format!("{KEYS}\n{TEAM}"));
    folder.replace("credentials.toml", "account =", &format!("upstream = \"{name}\"\naccount ="));
    folder
}

#[test]
fn a_caller_is_mapped_to_a_credential_that_is_there() {
    let config = mapped("team-a").load().unwrap();
    assert_eq!(config.gate.upstream.credentials.named["team-a"].origin, Origin::Container);
    let faults = mapped("team-b").faults();
    assert_eq!(
        faults,
        ["credentials.toml:5:12: no `[[upstream.credential]]` is named \"team-b\"; did you mean \
          `team-a`?"]
    );
    check_in(
        "credentials.toml",
        "account =",
        "upstream = \"team-a\"\naccount =",
        "credentials.toml:5:12: no `[[upstream.credential]]` is named \"team-a\"; there is none",
    );
}

#[test]
fn names_are_told_apart() {
    for (to, expected) in [
        (format!("{TEAM}{TEAM}"), "this name stands above already; each may occur once"),
        (TEAM.replace("team-a", "default"), "`default` is what `[upstream]` itself holds; take an"),
        (TEAM.replace("team-a", "team a"), "a name has 1 to 64 letters, digits, `_`, `-` and `.`"),
    ] {
        let folder = Folder::sound();
        folder.replace("portcullis.toml", KEYS, &format!("{KEYS}\n{to}"));
        let faults = folder.faults();
        assert_eq!(faults.len(), 1, "{to:?} gave {faults:#?}");
        assert!(faults[0].contains(expected), "{to:?} gave {:?}", faults[0]);
    }
}
