//! What the repository ships besides the program is true: samples load, certificates serve, and
//! what is deployed names files, keys and metrics that exist.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics fails"
)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use portcullis::config::{self, Config};
use tempfile::TempDir;
use yaml_rust2::{Yaml, YamlLoader};

#[test]
fn the_sample_configurations_load() {
    let folder = samples();
    for (name, warnings) in [("portcullis.toml", 0), ("sidecar.toml", 1)] {
        let config = load(&folder.path().join("config").join(name));
        assert_eq!(config.warnings.len(), warnings, "{name}: {:?}", config.warnings);
    }
}

#[test]
fn the_keyrings_of_the_documentation_load() {
    let text = text("docs/keys.md");
    let blocks: Vec<_> = text.split("```toml\n").skip(1).collect();
    let blocks: Vec<_> = blocks.iter().map(|block| block.split("```").next().unwrap()).collect();
    let (keyrings, logins): (Vec<_>, Vec<_>) =
        blocks.into_iter().partition(|block| block.contains("[[keyring]]"));
    // Other ways to log in take the place of the last keyring's.
    let (common, _) = keyrings.last().unwrap().split_once("\nauth = ").unwrap();
    let logins = logins.iter().map(|login| format!("{common}\n{login}"));
    let all: Vec<_> = keyrings.iter().map(|keyring| (*keyring).to_owned()).chain(logins).collect();
    assert_eq!(all.len(), 5);
    let folder = samples();
    let path = folder.path().join("config/portcullis.toml");
    for (name, content) in [
        ("company.keyring", KEYRING),
        ("role-id", "role"),
        ("secret-id", "secret"),
        ("vault.token", "token"),
    ] {
        let path = folder.path().join("config").join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let sample = fs::read_to_string(&path).unwrap();
    for keyring in all {
        fs::write(&path, format!("{sample}\n{keyring}")).unwrap();
        assert_eq!(load(&path).gate.keyrings.len(), 1, "{keyring}");
    }
}

/// What is commented out is sound, too.
#[test]
fn the_keyrings_of_the_sample_load() {
    let folder = samples();
    let path = folder.path().join("config/portcullis.toml");
    let sample = fs::read_to_string(&path).unwrap();
    let (_, keyrings) = sample.split_once("\n# [[keyring]]\n").unwrap();
    let (keyrings, _) = keyrings.split_once("\n# What happens to writes").unwrap();
    let is_prose = |line: &&str| line.chars().next().is_some_and(char::is_uppercase);
    let lines = keyrings.lines().filter_map(|line| line.strip_prefix("# "));
    let lines: Vec<_> =
        lines.filter(|line| line.starts_with("[[") || line.contains(" = ")).collect();
    let lines: Vec<_> = lines.into_iter().filter(|line| !is_prose(line)).collect();
    fs::write(&path, format!("{sample}\n[[keyring]]\n{}\n", lines.join("\n"))).unwrap();
    for (name, content) in
        [("company.keyring", KEYRING), ("vault-role-id", "role"), ("vault-secret-id", "secret")]
    {
        let path = folder.path().join("config").join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::copy(folder.path().join("certs/ca.pem"), folder.path().join("config/kms-ca.pem")).unwrap();
    assert_eq!(load(&path).gate.keyrings.len(), 3);
}

#[test]
fn the_compose_configuration_loads() {
    let folder = samples();
    for (source, target) in mounts(&yaml("deploy/compose.yaml")[0]["services"]["portcullis"]) {
        let target = folder.path().join("mounted").join(target.trim_start_matches('/'));
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        // Paths of a compose file start at its folder.
        let source = match source.as_str() {
            "../certs" => folder.path().join("certs"),
            other => repository().join("deploy").join(other),
        };
        copy(&source, &target);
    }
    let config = load(&folder.path().join("mounted/etc/portcullis/portcullis.toml"));
    assert_eq!(config.listeners.len(), 2);
}

#[test]
fn the_sidecar_manifest_holds_a_configuration_that_loads() {
    let folder = tempfile::tempdir().unwrap();
    let documents = yaml("deploy/kubernetes/sidecar.yaml");
    write_files(&documents[0]["data"], &folder.path().join("config"));
    write_files(&documents[1]["stringData"], &folder.path().join("secrets"));
    let config = load(&folder.path().join("config/portcullis.toml"));
    let probed = sidecar(&documents)["ports"][0]["containerPort"].as_i64();
    assert_eq!(probed, Some(i64::from(config.admin.port())));
    let program = &documents[2]["spec"]["template"]["spec"]["containers"][0];
    let endpoint = format!("http://{}", config.listeners[0].settings.address);
    assert_eq!(program["env"][0]["value"].as_str(), Some(endpoint.as_str()));
}

#[test]
fn the_sidecar_has_no_rights_that_it_does_not_need() {
    let documents = yaml("deploy/kubernetes/sidecar.yaml");
    let sidecar = sidecar(&documents);
    let context = &sidecar["securityContext"];
    assert_eq!(sidecar["restartPolicy"].as_str(), Some("Always"), "a native sidecar");
    assert_eq!(context["readOnlyRootFilesystem"].as_bool(), Some(true));
    assert_eq!(context["allowPrivilegeEscalation"].as_bool(), Some(false));
    assert_eq!(context["capabilities"]["drop"][0].as_str(), Some("ALL"));
    let pod = &documents[2]["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"].as_bool(), Some(true));
}

#[test]
fn the_image_is_built_from_files_that_exist() {
    let dockerfile = text("deploy/Dockerfile");
    let kept = text("deploy/Dockerfile.dockerignore");
    let copies = dockerfile.lines().filter_map(|line| line.strip_prefix("COPY "));
    let of_context: Vec<_> = copies.filter(|copy| !copy.starts_with("--from")).collect();
    assert!(!of_context.is_empty());
    for copy in of_context {
        let words: Vec<_> = copy.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(repository().join(source).exists(), "COPY {source}");
            assert!(kept.lines().any(|line| line == format!("!{source}")), "{source} is ignored");
        }
    }
    let toolchain = format!("FROM rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(dockerfile.contains(&toolchain), "the image's toolchain is not {toolchain}");
}

#[test]
fn alerts_speak_of_metrics_that_exist() {
    let known = text("src/telemetry/metrics.rs");
    let groups = &yaml("deploy/prometheus/alerts.yaml")[0]["groups"];
    let rules = groups[0]["rules"].as_vec().unwrap();
    assert!(!rules.is_empty());
    for rule in rules {
        let alert = rule["alert"].as_str().unwrap();
        for metric in metrics(rule["expr"].as_str().unwrap()) {
            let name = metric.trim_end_matches("_bucket");
            assert!(known.contains(name), "{alert}: there is no {name}");
        }
        assert!(rule["annotations"]["summary"].as_str().is_some(), "{alert} has no summary");
    }
}

const KEYRING: &str = "[[key]]\nversion = 1\nstate = \"active\"\ncreated = \"2026-01-31T12:00:00Z\"\n\
                       secret = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\n";

/// `config/` and freshly made `certs/` in a folder of the test's own.
fn samples() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&repository().join("config"), &folder.path().join("config"));
    let made = Command::new("sh")
        .arg(repository().join("certs/make-dev-certs.sh"))
        .arg(folder.path().join("certs"))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    folder
}

fn load(path: &Path) -> Config {
    let environment = |name: &str| {
        let known = [
            "PORTCULLIS_TOKEN_SECRET",
            "PORTCULLIS_CALLER_SECRET",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
        ];
        known.contains(&name).then(|| "0123456789abcdef0123456789abcdef".to_owned())
    };
    config::load_with(path, config::now(), &environment).unwrap_or_else(|faults| {
        let shown: Vec<_> = faults.iter().map(ToString::to_string).collect();
        panic!("{}", shown.join("\n"))
    })
}

/// The sidecar's container.
fn sidecar(documents: &[Yaml]) -> &Yaml {
    &documents[2]["spec"]["template"]["spec"]["initContainers"][0]
}

/// Writes each entry of a `ConfigMap` or `Secret` as a file, as a volume of mode 0440 shows it.
fn write_files(entries: &Yaml, folder: &Path) {
    fs::create_dir(folder).unwrap();
    for (name, content) in entries.as_hash().unwrap() {
        let path = folder.join(name.as_str().unwrap());
        fs::write(&path, content.as_str().unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
    }
}

/// `SOURCE:TARGET:ro` of a compose service.
fn mounts(service: &Yaml) -> Vec<(String, String)> {
    let volumes = service["volumes"].as_vec().unwrap().iter().map(|volume| {
        let volume = volume.as_str().unwrap().trim_end_matches(":ro");
        let (source, target) = volume.split_once(':').unwrap();
        (source.to_owned(), target.to_owned())
    });
    volumes.collect()
}

/// The names in a `PromQL` expression that begin with `portcullis_`.
fn metrics(expression: &str) -> Vec<&str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics: Vec<_> = words.filter(|word| word.starts_with("portcullis_")).collect();
    assert!(!metrics.is_empty(), "{expression}");
    metrics
}

fn yaml(path: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&text(path)).unwrap()
}

fn text(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

fn copy(source: &Path, target: &Path) {
    if !source.is_dir() {
        fs::copy(source, target).unwrap();
        return;
    }
    fs::create_dir_all(target).unwrap();
    for entry in fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &target.join(entry.file_name()));
    }
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
