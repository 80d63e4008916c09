//! `portcullis keys`: the life of a keyring's file.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::PathBuf,
    process::Output,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{portcullis, text};

/// A keyring's file in a folder of its own.
struct Ring {
    folder: TempDir,
}

impl Ring {
    fn new() -> Self {
        let ring = Self { folder: tempfile::tempdir().unwrap() };
        ring.succeeds(&["new"]);
        ring
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("company.keyring")
    }

    /// `keys COMMAND FILE ARGUMENT...`
    fn keys(&self, words: &[&str]) -> Output {
        let path = self.path();
        let (command, rest) = words.split_first().unwrap();
        portcullis(&[&["keys", command, path.to_str().unwrap()], rest].concat())
    }

    #[track_caller]
    fn succeeds(&self, words: &[&str]) -> String {
        let output = self.keys(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    #[track_caller]
    fn is_refused(&self, words: &[&str], reason: &str) {
        let before = fs::read(self.path()).ok();
        let output = self.keys(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(text(&output.stderr).contains(reason), "{words:?}: {}", text(&output.stderr));
        assert_eq!(fs::read(self.path()).ok(), before, "{words:?} changed the file");
    }

    /// `1 active`
    fn states(&self) -> Vec<String> {
        let list = self.succeeds(&["list", "--json"]);
        let list: Value = serde_json::from_str(&list).unwrap();
        let state = |key: &Value| format!("{} {}", key["version"], key["state"].as_str().unwrap());
        list["keys"].as_array().unwrap().iter().map(state).collect()
    }

    /// In the order of the file.
    fn secrets(&self) -> Vec<String> {
        let file = fs::read_to_string(self.path()).unwrap();
        let lines = file.lines().filter_map(|line| line.strip_prefix("secret = \""));
        lines.map(|line| line.trim_end_matches('"').to_owned()).collect()
    }
}

#[test]
fn a_new_file_holds_one_key_for_its_owner_alone() {
    let ring = Ring::new();
    assert_eq!(fs::metadata(ring.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(ring.states(), ["1 active"]);
    let secrets = ring.secrets();
    assert!(secrets[0].len() == 64 && secrets[0].bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_ne!(secrets, Ring::new().secrets(), "each key is another");
    ring.is_refused(&["new"], "is there already, and whoever overwrites keys loses objects");
    let left: Vec<_> = fs::read_dir(ring.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing else is left: {left:?}");
}

#[test]
fn rotation_keeps_what_was() {
    let ring = Ring::new();
    let first = ring.secrets();
    ring.succeeds(&["rotate"]);
    assert_eq!(ring.states(), ["1 enabled", "2 active"]);
    assert_eq!(ring.secrets()[0], first[0]);
    assert_ne!(ring.secrets()[1], first[0]);
    ring.succeeds(&["disable", "1"]);
    ring.succeeds(&["rotate", "--prepare"]);
    assert_eq!(ring.states(), ["1 disabled", "2 active", "3 enabled"]);
    ring.succeeds(&["activate", "3"]);
    ring.succeeds(&["enable", "1"]);
    assert_eq!(ring.states(), ["1 enabled", "2 enabled", "3 active"]);
    assert_eq!(ring.secrets()[0], first[0]);
}

#[test]
fn what_would_stop_writes_or_names_nothing_is_refused() {
    let ring = Ring::new();
    ring.is_refused(&["disable", "1"], "version 1 is active, and without it nothing could be wri");
    ring.is_refused(&["disable", "7"], "there is no version 7; it has 1");
    ring.is_refused(&["enable", "seven"], "invalid value 'seven'");
    ring.succeeds(&["rotate"]);
    ring.succeeds(&["disable", "1"]);
    ring.is_refused(&["activate", "1"], "version 1 is disabled; enable it first");
    assert!(ring.succeeds(&["enable", "2"]).contains("nothing to do"), "it is active");
    assert_eq!(ring.states(), ["1 disabled", "2 active"]);
}

#[test]
fn the_table_shows_no_key() {
    let ring = Ring::new();
    ring.succeeds(&["rotate"]);
    let table = ring.succeeds(&["list"]);
    let rows: Vec<_> =
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(rows[0], ["version", "state", "created", "age"]);
    assert_eq!((&rows[1][..2], &rows[2][..2]), (&["1", "enabled"][..], &["2", "active"][..]));
    for secret in ring.secrets() {
        assert!(!table.contains(&secret) && !ring.succeeds(&["list", "--json"]).contains(&secret));
    }
    assert!(!table.contains('\u{1b}'), "colours are for terminals");
}

#[test]
fn a_faulty_file_is_left_as_it_is() {
    let ring = Ring::new();
    let sound = fs::read_to_string(ring.path()).unwrap();
    fs::write(ring.path(), sound.replace("\"active\"", "\"actve\"")).unwrap();
    for words in [&["rotate"][..], &["list"], &["disable", "1"]] {
        ring.is_refused(
            words,
            "company.keyring:6:9: unknown state \"actve\"; did you mean `active`?",
        );
    }
    fs::remove_file(ring.path()).unwrap();
    ring.is_refused(&["rotate"], "company.keyring: cannot be read: No such file");
    assert!(!ring.path().exists());
}

#[test]
fn a_rewritten_file_keeps_its_links_and_rights_and_references() {
    let ring = Ring::new();
    let real = ring.folder.path().join("real.keyring");
    let moved = fs::read_to_string(ring.path()).unwrap();
    let secret = ring.folder.path().join("key.secret");
    fs::write(&secret, &ring.secrets()[0]).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(ring.path()).unwrap();
    fs::write(&real, moved.replace(&fs::read_to_string(&secret).unwrap(), "file:key.secret"))
        .unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real.keyring", ring.path()).unwrap();
    let before = fs::metadata(&real).unwrap();
    ring.succeeds(&["rotate"]);
    let after = fs::metadata(&real).unwrap();
    assert!(ring.path().is_symlink());
    assert_eq!(
        (after.mode(), after.uid(), after.gid()),
        (before.mode(), before.uid(), before.gid())
    );
    assert_ne!(after.ino(), before.ino(), "it was replaced, not written into");
    assert_eq!(ring.secrets()[0], "file:key.secret");
}

#[test]
fn a_file_that_everybody_may_read_is_warned_of() {
    let ring = Ring::new();
    assert_eq!(text(&ring.keys(&["list"]).stderr), "");
    fs::set_permissions(ring.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let output = ring.keys(&["list"]);
    assert_eq!(output.status.code(), Some(0));
    let warning =
        "warning: every user of this machine may read these keys; chmod this file to 0600";
    assert!(text(&output.stderr).contains(warning), "{}", text(&output.stderr));
}

#[test]
fn two_at_once_do_not_lose_a_key() {
    let ring = Ring::new();
    let held = ring.folder.path().join(".company.keyring.new");
    fs::write(&held, "").unwrap();
    let output = ring.keys(&["rotate"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("another `portcullis keys` is at work"));
    fs::remove_file(held).unwrap();
    ring.succeeds(&["rotate"]);
}
