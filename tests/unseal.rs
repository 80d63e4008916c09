//! `portcullis unseal` on objects that another implementation sealed: what comes out, where, and what
//! is said when a check fails.

#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use portcullis::seal::{Committed, Dek, Salt, Sealer};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn each_sound_object_comes_out_whole() {
    for vector in vectors().iter().filter(|vector| vector["expect"] == "ok") {
        let folder = TempDir::new().unwrap();
        let output = unseal(vector, &[stored(vector, folder.path())], &[]);
        assert_eq!(output.status.code(), Some(0), "{vector}: {}", text(&output.stderr));
        is_plaintext(vector, &output.stdout);
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn each_bad_object_names_its_check_and_leaves_nothing() {
    for vector in vectors().iter().filter(|vector| vector["expect"] == "fail") {
        let folder = TempDir::new().unwrap();
        let stored = stored(vector, folder.path());
        let out = folder.path().join("out").join("plain.bin");
        fs::create_dir(out.parent().unwrap()).unwrap();
        let output = unseal(vector, &[stored], &["--output", out.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{vector}");
        let said = text(&output.stderr);
        assert!(said.contains(": the check `"), "{said}");
        assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 0, "{vector}");
    }
}

#[test]
fn the_failed_check_has_the_name_of_the_format() {
    for (name, check) in [
        ("bad-drop-record", "footer"),
        ("bad-flip-tag", "record"),
        ("bad-footer-kind-9", "footer"),
        ("bad-no-footer", "footer"),
        ("bad-swap-records", "order"),
        ("bad-tail-table", "tail"),
        ("bad-uneven-regular", "footer"),
    ] {
        let folder = TempDir::new().unwrap();
        let vector = vector(name);
        let output = unseal(&vector, &[stored(&vector, folder.path())], &[]);
        let expected = format!("the check `{check}` failed: ");
        assert!(text(&output.stderr).contains(&expected), "{name}: {}", text(&output.stderr));
    }
}

#[test]
fn an_output_file_is_replaced_at_once() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("plain.bin");
    fs::write(&out, "before").unwrap();
    let to = ["--output", out.to_str().unwrap()];
    let bad = vector("bad-flip-tag");
    unseal(&bad, &[stored(&bad, folder.path())], &to);
    assert_eq!(fs::read(&out).unwrap(), b"before");
    let sound = vector("irregular-uneven");
    let output = unseal(&sound, &[stored(&sound, folder.path())], &to);
    assert_eq!(text(&output.stdout), "");
    is_plaintext(&sound, &fs::read(&out).unwrap());
}

#[test]
fn what_is_no_file_is_written_to_as_it_is() {
    let folder = TempDir::new().unwrap();
    let sound = vector("irregular-uneven");
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let unsealed = |out: &str| {
        let output = unseal(&sound, &[stored(&sound, folder.path())], &["--output", out]);
        (output.status.code(), output.stdout, text(&output.stderr))
    };
    let (code, plaintext, _) = unsealed("-");
    assert_eq!(code, Some(0));
    is_plaintext(&sound, &plaintext);
    fs::write(place("target"), "before").unwrap();
    std::os::unix::fs::symlink("target", place("link")).unwrap();
    assert_eq!(unsealed(&place("link")).0, Some(0));
    assert!(fs::symlink_metadata(place("link")).unwrap().is_symlink());
    is_plaintext(&sound, &fs::read(place("target")).unwrap());
    let pipe = place("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    assert_eq!(unsealed(&pipe).0, Some(0));
    is_plaintext(&sound, &reader.join().unwrap());
    assert!(!fs::metadata(&pipe).unwrap().is_file(), "it is still a pipe");
    std::os::unix::fs::symlink("nowhere", place("dangling")).unwrap();
    for (out, expected) in [("dangling", "a link that leads nowhere"), (".", "it is a folder")] {
        let (code, _, said) = unsealed(&place(out));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_signal_leaves_no_plaintext_behind() {
    let (inputs, outputs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let case = bound_box();
    let large = inputs.path().join("stored.bin");
    fs::write(&large, sealed_under(&case, &vec![7; 32 << 20])).unwrap();
    let out = outputs.path().join("plain.bin");
    let bucket = case["bucket"].as_str().unwrap();
    let mut command = keyring_command(&case, &large, inputs.path(), bucket);
    let mut running = command.arg("--output").arg(&out).spawn().unwrap();
    while fs::read_dir(outputs.path()).unwrap().next().is_none() {
        std::thread::yield_now();
    }
    let killed = Command::new("kill").arg(running.id().to_string()).status().unwrap();
    assert!(killed.success());
    match running.wait().unwrap().code() {
        // It was done before the signal came.
        Some(0) => assert_eq!(fs::metadata(out).unwrap().len(), 32 << 20),
        code => {
            assert_eq!(code, Some(1));
            assert_eq!(fs::read_dir(outputs.path()).unwrap().count(), 0);
        }
    }
}

#[test]
fn pieces_of_an_object_are_opened_as_one() {
    for name in ["multi-complete", "irregular-uneven", "single-200000"] {
        let folder = TempDir::new().unwrap();
        let vector = vector(name);
        let whole = fs::read(stored(&vector, folder.path())).unwrap();
        // The second cut goes through the tail or footer.
        let cuts = [0, 70_000, whole.len() - 20, whole.len()];
        let pieces: Vec<PathBuf> = cuts
            .windows(2)
            .map(|cut| {
                let path = folder.path().join(cut[0].to_string());
                fs::write(&path, &whole[cut[0]..cut[1]]).unwrap();
                path
            })
            .collect();
        let output = unseal(&vector, &pieces, &[]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
        is_plaintext(&vector, &output.stdout);
    }
}

#[test]
fn another_key_gives_nothing() {
    let folder = TempDir::new().unwrap();
    let mut vector = vector("single-1000");
    vector["dek"] = "00".repeat(32).into();
    let output = unseal(&vector, &[stored(&vector, folder.path())], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the check `commitment` failed"));
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_key_can_stand_in_a_file_or_the_environment() {
    let folder = TempDir::new().unwrap();
    let mut vector = vector("single-1000");
    let stored = stored(&vector, folder.path());
    let key = vector["dek"].as_str().unwrap().to_owned();
    let file = folder.path().join("dek.hex");
    fs::write(&file, format!("{key}\n")).unwrap();
    for (reference, variable) in
        [(format!("file:{}", file.display()), ""), ("env:PORTCULLIS_TEST_DEK".to_owned(), &*key)]
    {
        vector["dek"] = reference.into();
        let output = command(&vector, std::slice::from_ref(&stored), &[])
            .env("PORTCULLIS_TEST_DEK", variable)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        is_plaintext(&vector, &output.stdout);
    }
}

#[test]
fn wrong_calls_and_missing_files_are_told() {
    let folder = TempDir::new().unwrap();
    let mut vector = vector("single-1000");
    let missing = [folder.path().join("missing")];
    let output = unseal(&vector, &missing, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("missing: No such file"), "{}", text(&output.stderr));
    let output = unseal(&vector, &[folder.path().to_owned()], &[]);
    assert!(text(&output.stderr).contains("not a file"), "{}", text(&output.stderr));
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    let output = unseal(&vector, &[empty], &[]);
    assert!(text(&output.stderr).contains("the check `size` failed"), "{}", text(&output.stderr));
    vector["dek"] = "0b4b".into();
    let output = unseal(&vector, &missing, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("64 hexadecimal digits"));
    assert!(!text(&output.stderr).contains("0b4b"), "no key is repeated");
}

#[test]
fn a_keyring_opens_what_its_boxes_name() {
    let boxes = boxes();
    // A keyring's file numbers its versions; key services name them as they like.
    let is_numbered = |case: &&Value| case["version"].as_str().unwrap().parse::<u32>().is_ok();
    let numbered: Vec<&Value> = boxes.iter().filter(is_numbered).collect();
    assert!(numbered.len() > 2);
    for case in numbered {
        let folder = TempDir::new().unwrap();
        let stored = folder.path().join("stored.bin");
        fs::write(&stored, sealed_under(case, b"plaintext")).unwrap();
        let bucket = case["bucket"].as_str().unwrap();
        let output = with_keyring(case, &stored, folder.path(), bucket);
        assert_eq!(output.status.code(), Some(0), "{case}: {}", said(&output));
        assert_eq!(output.stdout, b"plaintext", "{case}");
    }
    let bound = bound_box();
    let folder = TempDir::new().unwrap();
    let stored = folder.path().join("stored.bin");
    fs::write(&stored, sealed_under(&bound, b"plaintext")).unwrap();
    let output = with_keyring(&bound, &stored, folder.path(), "other");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("the check `box` failed"), "{}", said(&output));
}

fn boxes() -> Vec<Value> {
    let text = fs::read_to_string(vectors_folder().join("boxes.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Bound to nothing but its bucket.
fn bound_box() -> Value {
    boxes().into_iter().find(|case| case["name"] == "bound to the bucket").unwrap()
}

/// An object of a single PUT under the key of a box.
fn sealed_under(case: &Value, plaintext: &[u8]) -> Vec<u8> {
    let dek = hex::decode(case["dek"].as_str().unwrap()).unwrap();
    let committed = Committed::decode(case["pcl_c"].as_str().unwrap()).unwrap();
    let keys = committed.unlock(&Dek::from_bytes(&dek.try_into().unwrap())).unwrap();
    let length = plaintext.len() as u64;
    let mut sealer = Sealer::single(&keys, Salt::from_bytes([7; 7]), length).unwrap();
    let (mut stored, mut input) = (Vec::new(), plaintext);
    while let Some(record) = sealer.seal(&mut input).unwrap() {
        stored.extend_from_slice(&record);
    }
    stored.extend_from_slice(&sealer.finish().unwrap().unwrap());
    stored
}

/// Asked for in this bucket.
fn with_keyring(case: &Value, stored: &Path, folder: &Path, bucket: &str) -> Output {
    keyring_command(case, stored, folder, bucket).output().unwrap()
}

fn keyring_command(case: &Value, stored: &Path, folder: &Path, bucket: &str) -> Command {
    let field = |name: &str| case[name].as_str().unwrap();
    let keyring = folder.join("company.keyring");
    let text = format!(
        "[[key]]\nversion = {}\nstate = \"active\"\ncreated = \"2026-01-31T12:00:00Z\"\n\
         secret = \"{}\"\n",
        field("version"),
        field("kek")
    );
    fs::write(&keyring, text).unwrap();
    fs::set_permissions(&keyring, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("unseal").arg(stored).arg("--keyring").arg(&keyring).stdin(Stdio::null());
    let name = format!("s3://{bucket}/{}", field("key"));
    command.args(["--name", &name, "--pcl-c", field("pcl_c"), "--pcl-k", field("pcl_k")]);
    if let Some(customer) = case["customer_key"].as_str() {
        command.args(["--customer-key", customer]);
    }
    command
}

fn said(output: &Output) -> String {
    text(&output.stderr)
}

fn unseal(vector: &Value, files: &[PathBuf], arguments: &[&str]) -> Output {
    command(vector, files, arguments).output().unwrap()
}

fn command(vector: &Value, files: &[PathBuf], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("unseal").args(files).args(arguments).stdin(Stdio::null());
    for (option, field) in
        [("--dek", "dek"), ("--object-id", "object_id"), ("--commitment", "commitment")]
    {
        command.arg(option).arg(vector[field].as_str().unwrap());
    }
    command
}

/// The stored bytes of a vector, as a file.
fn stored(vector: &Value, folder: &Path) -> PathBuf {
    if let Some(name) = vector["stored_file"].as_str() {
        return vectors_folder().join(name);
    }
    let path = folder.join("stored.bin");
    fs::write(&path, hex::decode(vector["stored_hex"].as_str().unwrap()).unwrap()).unwrap();
    path
}

#[track_caller]
fn is_plaintext(vector: &Value, bytes: &[u8]) {
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    assert_eq!(hex::encode(sum), vector["plaintext_sha256"].as_str().unwrap(), "{vector}");
}

fn vector(name: &str) -> Value {
    vectors().into_iter().find(|vector| vector["name"] == name).unwrap()
}

fn vectors() -> Vec<Value> {
    let mut vectors = Vec::new();
    for entry in fs::read_dir(vectors_folder()).unwrap() {
        let path = entry.unwrap().path();
        let is_vector = path.extension().is_some_and(|it| it == "json");
        if is_vector && !path.ends_with("boxes.json") {
            vectors.push(serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap());
        }
    }
    assert!(vectors.len() > 20);
    vectors
}

fn vectors_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/format")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
