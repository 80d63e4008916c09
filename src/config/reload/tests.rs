//! Reload with real files: each test changes files as a tool of the field does, and waits for what
//! the reloader hands on.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::timeout;

use super::{super::load, Watcher, now};

/// A running watcher; it says each version's region, or its first fault.
struct Running(Watcher);

impl Running {
    fn start(path: &Path) -> Self {
        let running = load(path, now()).unwrap();
        Self(Watcher::start(path.to_path_buf(), &running).unwrap())
    }

    async fn next(&mut self) -> Result<String, String> {
        let version = timeout(PATIENCE, self.0.next()).await.expect("a reload in time").unwrap();
        version.map(|config| config.gate.region).map_err(|faults| faults[0].message.clone())
    }

    /// Reads on until a version has this region: a change made in steps may show in between.
    async fn until(&mut self, region: &str) {
        while self.next().await.as_deref() != Ok(region) {}
    }
}

fn write(path: impl AsRef<Path>, text: &str) {
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Writes the files of a configuration into a folder that may not exist yet.
fn fill(folder: &Path, region: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    write(folder.join("credentials.toml"), CREDENTIALS);
    write(folder.join("secret"), "0123456789abcdef0123456789abcdef");
    write(folder.join("portcullis.toml"), &configuration(region));
    folder.join("portcullis.toml")
}

#[tokio::test]
async fn a_file_written_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = fill(folder.path(), "one");
    let mut running = Running::start(&path);
    write(path, &configuration("two"));
    running.until("two").await;
}

#[tokio::test]
async fn a_file_replaced_as_editors_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = fill(folder.path(), "one");
    let mut running = Running::start(&path);
    for region in ["two", "three"] {
        write(folder.path().join("portcullis.toml~"), &configuration(region));
        fs::rename(folder.path().join("portcullis.toml~"), &path).unwrap();
        running.until(region).await;
    }
}

#[tokio::test]
async fn a_volume_swapped_as_kubernetes_does() {
    let mount = tempfile::tempdir().unwrap();
    fill(&mount.path().join("..v1"), "one");
    symlink("..v1", mount.path().join("..data")).unwrap();
    for name in ["portcullis.toml", "credentials.toml", "secret"] {
        symlink(Path::new("..data").join(name), mount.path().join(name)).unwrap();
    }
    let mut running = Running::start(&mount.path().join("portcullis.toml"));
    for (version, region, old) in [("..v2", "two", "..v1"), ("..v3", "three", "..v2")] {
        fill(&mount.path().join(version), region);
        symlink(version, mount.path().join("..data_tmp")).unwrap();
        fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).unwrap();
        fs::remove_dir_all(mount.path().join(old)).unwrap();
        assert_eq!(running.next().await.as_deref(), Ok(region));
    }
}

#[tokio::test]
async fn a_faulty_version_is_told_and_a_mended_one_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = fill(folder.path(), "one");
    let mut running = Running::start(&path);
    write(folder.path().join("secret"), "short");
    while !running.next().await.is_err_and(|fault| fault.contains("has 5 bytes")) {}
    write(folder.path().join("secret"), "fedcba9876543210fedcba9876543210");
    running.until("one").await;
}

#[tokio::test]
async fn files_that_a_new_version_names_are_watched() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = fill(folder.path(), "one");
    let mut running = Running::start(&path);
    let secret = elsewhere.path().join("secret");
    let named = format!("file:{}", secret.display());
    write(path, &configuration("two").replace("file:secret", &named));
    while running.next().await.is_ok() {}
    // The secret is still missing, so that only a watch on its folder can bring the next version.
    write(secret, "0123456789abcdef0123456789abcdef");
    running.until("two").await;
}

#[tokio::test]
async fn a_trigger_needs_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(&fill(folder.path(), "one"));
    running.0.trigger();
    assert_eq!(running.next().await.as_deref(), Ok("one"));
}

#[tokio::test]
async fn the_same_faults_are_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = fill(folder.path(), "one");
    let mut running = Running::start(&path);
    write(folder.path().join("secret"), "short");
    while !running.next().await.is_err_and(|fault| fault.contains("has 5 bytes")) {}
    write(folder.path().join("secret"), "other");
    // Had the second version's faults been handed on, they would come before the trigger's.
    running.0.trigger();
    assert!(running.next().await.is_err());
    write(folder.path().join("secret"), "fedcba9876543210fedcba9876543210");
    assert_eq!(running.next().await.as_deref(), Ok("one"));
}

#[tokio::test]
async fn a_change_from_before_the_start_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = fill(folder.path(), "one");
    let config = load(&path, now()).unwrap();
    write(path.clone(), &configuration("two"));
    let mut running = Running(Watcher::start(path, &config).unwrap());
    running.until("two").await;
}

fn configuration(region: &str) -> String {
    format!(
        r#"
token_secret = "file:secret"
[s3]
region = "{region}"
[[listener]]
address = "127.0.0.1:0"
[credentials]
file = "credentials.toml"
[upstream]
endpoint = "http://127.0.0.1:9000"
region = "us-east-1"
access_key_id = "AKIDUPSTREAM"
secret_access_key = "file:secret"
"#
    )
}

const CREDENTIALS: &str = r#"[[credential]]
access_key_id = "AKIDALICE"
secret_access_key = "alice-secret"
name = "alice"
account = "123456789012"
"#;

/// How long a reload may take on a busy machine; below [`super::COMPARE_INTERVAL`], so that only an
/// event can bring it in time.
const PATIENCE: Duration = Duration::from_secs(30);
