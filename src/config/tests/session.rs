//! Temporary credentials, and whether Version 2 may presign.

use super::{Folder, check_in};

const ENTRY: &str = "[[credential]]\n";

#[test]
fn tokens_and_ends_are_checked() {
    for (line, expected) in [
        ("session_token = \"a b\"", "credentials.toml:2:17: a session token is visible ASCII"),
        ("session_token = \"\"", "credentials.toml:2:17: the secret is empty"),
        ("expires = \"tomorrow\"", "credentials.toml:2:11: write a moment as RFC 3339 has it"),
        ("expires = \"2030-01-31\"", "credentials.toml:2:11: write a moment as RFC 3339 has it"),
        ("expires = 7", "credentials.toml:2:11: "),
    ] {
        check_in("credentials.toml", ENTRY, &format!("{ENTRY}{line}\n"), expected);
    }
}

#[test]
fn what_has_expired_already_is_warned_of() {
    for (expires, warnings) in [("1970-01-01T02:00:00+02:00", 1), ("2030-01-31T12:00:00Z", 0)] {
        let folder = Folder::sound();
        let line = format!("{ENTRY}session_token = \"token\"\nexpires = \"{expires}\"\n");
        folder.replace("credentials.toml", ENTRY, &line);
        assert_eq!(folder.load().unwrap().warnings.len(), warnings, "{expires}");
    }
}

#[test]
fn version_2_is_accepted_where_boto3_presigns_with_it_or_where_the_file_says_so() {
    for (region, written, expected) in [
        ("eu-central-1", "", false),
        ("us-east-1", "", true),
        ("us-east-1", "[auth]\naccept_sigv2 = false\n", false),
        ("eu-central-1", "[auth]\naccept_sigv2 = true\n", true),
    ] {
        let folder = Folder::sound();
        let (from, to) = ("\"eu-central-1\"", format!("{region:?}"));
        folder.replace("portcullis.toml", from, &to);
        folder.replace("portcullis.toml", "[credentials]", &format!("{written}[credentials]"));
        assert_eq!(folder.load().unwrap().gate.accept_sigv2, expected, "{region} {written}");
    }
}
