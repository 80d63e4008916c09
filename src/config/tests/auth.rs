//! Faults of `[auth]`.

use super::Folder;
use crate::identity::Mode;

const SECTION: &str = "[credentials]\nfile = \"credentials.toml\"\n";
const PRINCIPAL: &str = "[auth.principal]\nname = \"app\"\naccount = \"123456789012\"\n";
const BALANCED: &str = "\nproxy_protocol_from = [\"10.0.0.0/8\"]";

/// A sound configuration whose listener is on loopback and which has `sections` in place of
/// `[credentials]`.
fn folder(listener: &str, sections: &str) -> Folder {
    let folder = Folder::sound();
    folder.replace("portcullis.toml", BALANCED, listener);
    folder.replace("portcullis.toml", SECTION, sections);
    folder
}

fn check(listener: &str, sections: &str, expected: &[&str]) {
    let faults = folder(listener, sections).faults();
    assert_eq!(faults.len(), expected.len(), "{sections} gave {faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{fault}, not {expected}");
    }
}

fn ambient(more: &str) -> String {
    format!("[auth]\nmode = \"ambient\"\n{more}{PRINCIPAL}")
}

#[test]
fn a_mode_is_one_that_there_is() {
    let sections = format!("[auth]\nmode = \"ambeint\"\n{SECTION}");
    check("", &sections, &["portcullis.toml:15:8: unknown mode; did you mean `ambient`?"]);
    check(
        "",
        "[auth]\nmode = \"verify\"\n",
        &["portcullis.toml: the section `[credentials]` is mi"],
    );
}

#[test]
fn keys_of_another_mode_are_refused() {
    let unused = format!("[auth]\nbrowser_origins = []\n{PRINCIPAL}{SECTION}");
    let expected = [
        "portcullis.toml:15:19: `browser_origins` means nothing but in the mode \"ambient\"; ta",
        "portcullis.toml:16:1: `principal` means nothing but in the mode \"ambient\"; take it ou",
    ];
    check("", &unused, &expected);
    let both = format!("{}{SECTION}", ambient(""));
    check(
        "",
        &both,
        &["portcullis.toml:19:1: nobody's signature is checked in the mode \"ambient\""],
    );
}

#[test]
fn an_ambient_principal_is_whole() {
    let unnamed = "[auth]\nmode = \"ambient\"\n";
    check(
        "",
        unnamed,
        &["portcullis.toml:15:8: the mode \"ambient\" needs the section `[auth.prin"],
    );
    let bad = "[auth]\nmode = \"ambient\"\nprincipal = { arn = \"bob\" }\n";
    check("", bad, &["portcullis.toml:16:21: this is not the ARN of a principal"]);
    let origin = ambient("browser_origins = [\"console.example.com\"]\n");
    check("", &origin, &["portcullis.toml:16:20: an origin is a scheme, a host in lower case"]);
}

#[test]
fn an_ambient_gate_is_open_to_nobody_else() {
    let open = "portcullis.toml:9:11: in the mode \"ambient\" whoever reaches a listener may call";
    check(BALANCED, &ambient(""), &[open]);
    for address in ["0.0.0.0:0", "10.0.0.7:0", "[::]:0"] {
        let folder = folder("", &ambient(""));
        folder.replace("portcullis.toml", "127.0.0.1:0", address);
        let faults = folder.faults();
        assert!(faults.len() == 1 && faults[0].starts_with(open), "{address}: {faults:?}");
    }
    let folder = folder(BALANCED, &ambient("danger_ambient_on_open_listeners = true\n"));
    let config = folder.load().unwrap();
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
}

#[test]
fn an_ambient_gate_on_loopback_needs_no_credentials() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let folder = folder("", &ambient(""));
        folder.replace("portcullis.toml", "127.0.0.1:0", address);
        let config = folder.load().unwrap();
        assert_eq!(config.warnings, []);
        assert_eq!(config.inventory.callers, ["arn:aws:iam::123456789012:user/app"]);
        assert!(matches!(config.gate.mode, Mode::Ambient(ambient) if !ambient.is_open));
    }
}

const KEYS: &str =
    "access_key_id = \"env:UPSTREAM_ID\"\nsecret_access_key = \"env:UPSTREAM_SECRET\"";

#[test]
fn a_forwarding_gate_holds_no_key_and_changes_nothing() {
    let forwarding = || {
        let folder = folder("", "[auth]\nmode = \"forward\"\n");
        folder.replace("portcullis.toml", KEYS, "credentials = \"none\"");
        folder
    };
    let config = forwarding().load().unwrap();
    assert!(matches!(config.gate.mode, Mode::Forward));
    assert!(config.gate.upstream.credentials.common.is_none());
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    let without_secret = forwarding();
    without_secret.replace("portcullis.toml", "token_secret = \"file:token.secret\"\n", "");
    without_secret.load().unwrap();
    let injecting = forwarding();
    injecting.replace("portcullis.toml", "treatment = \"off\"", "treatment = \"require\"");
    let faults = injecting.faults();
    assert!(faults[0].contains("requests keep their callers' signatures"), "{faults:?}");
}

#[test]
fn only_a_forwarding_gate_needs_no_key() {
    let signs = "portcullis.toml:20:17: in the mode \"forward\" requests keep their callers'";
    check("", "[auth]\nmode = \"forward\"\n", &[signs]);
    let folder = folder("", &ambient(""));
    folder.replace("portcullis.toml", KEYS, "credentials = \"none\"");
    let faults = folder.faults();
    assert!(faults[0].contains("requests must be signed on their way"), "{faults:?}");
}
