//! The house rules, as tests. Each failure says where, which rule, and what to do instead.
//!
//! Invariant: a rule that is not here is not a rule; an exception stands in a table with its reason.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails the test that called it"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Which modules each module of `src` may import. `*` means all.
///
/// From the pure vocabulary at the top to what wires everything at the bottom.
const MAY_IMPORT: [(&str, &[&str]); 21] = [
    ("s3", &[]),
    ("seal", &[]),
    ("secret", &[]),
    ("trust", &[]),
    ("pause", &[]),
    ("policy", &["s3"]),
    ("identity", &["s3", "policy"]),
    ("sigv4", &["s3", "secret", "identity"]),
    ("telemetry", &["s3", "policy"]),
    ("credential", &["secret", "pause", "sigv4", "telemetry"]),
    ("keyring", &["seal", "secret", "trust", "pause", "sigv4", "telemetry", "credential"]),
    ("transform", &["seal", "s3", "secret", "policy", "keyring"]),
    (
        "upstream",
        &[
            "s3",
            "secret",
            "trust",
            "policy",
            "identity",
            "sigv4",
            "telemetry",
            "credential",
            "transform",
        ],
    ),
    ("net", &["telemetry"]),
    // `net` only for `Peer`: who is at the other end is a fact of the connection and of the request.
    (
        "pipeline",
        &[
            "seal",
            "s3",
            "secret",
            "pause",
            "policy",
            "identity",
            "sigv4",
            "telemetry",
            "keyring",
            "transform",
            "upstream",
            "net",
        ],
    ),
    // `net` only for `Draining`: probes end with the gate.
    ("admin", &["net", "pipeline", "telemetry"]),
    // The settings types of everything that can be configured.
    (
        "config",
        &[
            "seal",
            "s3",
            "secret",
            "policy",
            "identity",
            "sigv4",
            "telemetry",
            "credential",
            "keyring",
            "transform",
            "upstream",
            "net",
            "trust",
        ],
    ),
    // A backend of its own: it must not read requests with the gate's eyes.
    ("embedded", &["s3", "secret"]),
    ("app", &["*"]),
    ("cli", &["*"]),
    ("main", &["*"]),
];

/// The wall clock is read here and handed down.
const MAY_READ_THE_CLOCK: [&str; 5] = [
    // A program of its own behind the gate.
    "src/embedded/clock.rs",
    // Once a request.
    "src/pipeline/receive.rs",
    // When a source answers: no request is at hand, and credentials expire at a time of day.
    "src/credential/rotation/mod.rs",
    // Once a call: it is made for all requests that wait for it, or for none yet.
    "src/keyring/kms/mod.rs",
    // Once a load, for the validity of certificates.
    "src/config/mod.rs",
];

/// Files that may speak to standard output and error.
const MAY_PRINT: [&str; 3] = ["benches/", "src/cli/", "xtask/src/"];

/// Files that may spell header names of S3.
const MAY_SPELL_HEADERS: [&str; 6] = [
    "src/s3/headers.rs",
    // Requests as clients send them.
    "benches/",
    // What it tells people to add is text, not a header.
    "src/policy/mend.rs",
    // A client of its own: what it sends must not be the gate's idea of it.
    "src/cli/dev/tour.rs",
    // Of KMS, which S3 does not know.
    "src/keyring/kms/",
    // A backend of its own, see above.
    "src/embedded/",
];

/// Words that announce unfinished work or a test that does not run.
const UNFINISHED: [&str; 7] =
    ["TODO", "FIXME", "XXX", "dbg!(", "todo!(", "unimplemented!(", "#[ignore"];

const PRODUCTION_LINES_MAX: usize = 400;
const README_LINES_MAX: usize = 200;

#[test]
fn each_file_opens_by_saying_what_it_holds() {
    for source in sources() {
        let opens = source.text.starts_with("//! ");
        assert!(
            opens,
            "{}: begin the file with `//!`: what it holds, and its one invariant",
            source.name
        );
    }
}

#[test]
fn a_file_fits_in_a_readers_head() {
    for source in sources() {
        let lines = source.production().lines().count();
        assert!(
            lines <= PRODUCTION_LINES_MAX,
            "{}: {lines} lines before its tests; split it along a seam, below {PRODUCTION_LINES_MAX}",
            source.name
        );
    }
}

#[test]
fn imports_point_in_one_direction() {
    let mut breaches = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else { continue };
        let (_, allowed) = MAY_IMPORT
            .iter()
            .find(|(known, _)| *known == module)
            .unwrap_or_else(|| panic!("{module}: give the new module its row in MAY_IMPORT"));
        for imported in source.imports() {
            let is_allowed = imported == module
                || allowed.contains(&imported.as_str())
                || allowed.contains(&"*");
            if !is_allowed {
                breaches.push(format!(
                    "{}: `{module}` may not import `{imported}`, only {allowed:?}: move what is \
                     shared down, or hand it in as a parameter",
                    source.name
                ));
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn nothing_unfinished_is_left() {
    each_line(
        |source| source.name != "tests/tidy.rs",
        |line| UNFINISHED.iter().find(|word| line.contains(**word)).copied(),
        "do it now, or open an issue and delete the mark",
    );
}

#[test]
fn only_programs_print() {
    each_production_line(
        &MAY_PRINT,
        |line| ["println!(", "print!("].into_iter().find(|word| line.contains(word)),
        "log with `tracing`, or return what is to be said to `cli`",
    );
}

#[test]
fn the_wall_clock_is_read_where_it_is_handed_down() {
    each_production_line(
        &MAY_READ_THE_CLOCK,
        |line| {
            ["SystemTime::now(", "OffsetDateTime::now_utc(", "Utc::now("]
                .into_iter()
                .find(|word| line.contains(word))
        },
        "take the time as a parameter, so that a test can choose it",
    );
}

#[test]
fn s3s_headers_are_spelled_in_one_place() {
    each_production_line(
        &MAY_SPELL_HEADERS,
        |line| line.split('"').skip(1).step_by(2).any(is_s3_header).then_some("x-amz-"),
        "name the header in `s3::headers` and use the name",
    );
}

#[test]
fn no_module_is_imported_whole() {
    each_production_line(
        &[],
        |line| {
            let is_glob = line.trim_start().starts_with("use ") && line.contains("::*");
            is_glob.then_some("::*")
        },
        "import by name, so that a reader can see where each comes from",
    );
}

#[test]
fn no_test_sleeps() {
    each_line(
        |source| source.name.starts_with("tests/") && source.name != "tests/tidy.rs",
        |line| line.contains("sleep(").then_some("sleep("),
        "wait for what is to happen (`within`), not for time to pass",
    );
}

#[test]
fn the_readme_stays_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines: move detail to docs/");
}

#[test]
fn the_architecture_names_each_module_and_no_other() {
    let text = read("ARCHITECTURE.md");
    let named: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `src/"))
        .filter_map(|row| Some(row.split_once('`')?.0.trim_end_matches('/').to_owned()))
        .collect();
    let there: BTreeSet<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(named, there, "left: the table in ARCHITECTURE.md; right: the folders of src/");
}

#[test]
fn links_between_documents_lead_somewhere() {
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        for target in links(&text) {
            let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
            let file = target.split('#').next().unwrap_or_default();
            if is_elsewhere || file.is_empty() {
                continue;
            }
            let resolved = path.parent().unwrap().join(file);
            assert!(resolved.exists(), "{}: the link to {target} leads nowhere", path.display());
        }
    }
}

#[test]
fn each_sample_configuration_is_told_of() {
    let told: String = documents().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for path in files(&root().join("config"), &["toml", "json"]) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            told.contains(&name),
            "config/: {name} is named in no document: tell what it is for, or delete it"
        );
    }
}

#[test]
fn each_configuration_that_is_told_of_exists() {
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        for word in text.split(|c: char| c.is_whitespace() || "`'\"()[],".contains(c)) {
            let is_sample = word.starts_with("config/") && word.contains('.');
            let word = word.trim_end_matches(['.', ':', ';']);
            assert!(
                !is_sample || root().join(word).exists(),
                "{}: {word} does not exist",
                path.display()
            );
        }
    }
}

#[test]
fn conformance_cases_know_no_backend_by_name() {
    for path in files(&root().join("tests/conformance"), &["py"]) {
        let text = fs::read_to_string(&path).unwrap().to_lowercase();
        // MinIO is a client's name, too.
        for name in ["moto", "ceph", "radosgw", "rgw", "embedded", "garage"] {
            assert!(
                !text.split(|c: char| !c.is_alphanumeric()).any(|word| word == name),
                "{}: it names {name}: ask for a capability (`needs`) instead",
                path.display()
            );
        }
    }
}

/// A file of Rust.
struct Source {
    /// From the root, with `/`.
    name: String,
    text: String,
}

impl Source {
    /// The module of `src` that it belongs to.
    fn module(&self) -> Option<&str> {
        let path = self.name.strip_prefix("src/")?;
        let module = path.split('/').next()?;
        let module = module.strip_suffix(".rs").unwrap_or(module);
        (module != "lib").then_some(module)
    }

    fn is_test(&self) -> bool {
        self.name.starts_with("tests/")
            || self.name.ends_with("/tests.rs")
            || self.name.contains("/tests/")
    }

    /// What comes before the tests; nothing of a file of tests.
    fn production(&self) -> &str {
        if self.is_test() {
            return "";
        }
        self.text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default()
    }

    /// The modules that it imports, from `crate::x` and from `crate::{x, y::z}`.
    fn imports(&self) -> BTreeSet<String> {
        let code: String = self
            .production()
            .lines()
            .filter(|line| !is_comment(line))
            .collect::<Vec<_>>()
            .join("\n");
        let mut imports = BTreeSet::new();
        for after in code.split("crate::").skip(1) {
            match after.strip_prefix('{') {
                Some(group) => imports.extend(top_level_names(group)),
                None => imports.extend(name_at(after)),
            }
        }
        imports
    }
}

/// The first names of a `{…}` group whose opening brace has been read.
fn top_level_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 1;
    let mut is_start = true;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => is_start = true,
            _ if depth == 1 && is_start && !character.is_whitespace() => {
                names.extend(name_at(group.get(at..).unwrap()));
                is_start = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn name_at(text: &str) -> Option<String> {
    let name: String = text
        .chars()
        .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// The whole of a string literal is such a name; a message that mentions one is none.
fn is_s3_header(literal: &str) -> bool {
    literal.strip_prefix("x-amz-").is_some_and(|rest| {
        rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    })
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// Fails for each production line in which `find` finds something, outside the excepted paths.
#[track_caller]
fn each_production_line(
    excepted: &[&str],
    find: impl Fn(&str) -> Option<&'static str>,
    advice: &str,
) {
    let mut breaches = Vec::new();
    for source in sources() {
        if excepted.iter().any(|path| source.name.starts_with(path)) {
            continue;
        }
        for (number, line) in source.production().lines().enumerate() {
            if let Some(found) = find(line).filter(|_| !is_comment(line)) {
                breaches.push(format!("{}:{}: `{found}`: {advice}", source.name, number + 1));
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

/// Fails for each line of the chosen files, comments and tests included, in which `find` finds.
#[track_caller]
fn each_line(
    choose: impl Fn(&Source) -> bool,
    find: impl Fn(&str) -> Option<&'static str>,
    advice: &str,
) {
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|source| choose(source)) {
        for (number, line) in source.text.lines().enumerate() {
            if let Some(found) = find(line) {
                breaches.push(format!("{}:{}: `{found}`: {advice}", source.name, number + 1));
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

/// Every file of Rust in the repository.
fn sources() -> Vec<Source> {
    ["src", "tests", "benches", "xtask/src"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), &["rs"]))
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            Source { name, text: fs::read_to_string(&path).unwrap() }
        })
        .collect()
}

/// Every document for people.
fn documents() -> Vec<PathBuf> {
    let mut documents: Vec<PathBuf> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    for folder in ["docs", "config", "deploy", "tests"] {
        documents.extend(files(&root().join(folder), &["md"]));
    }
    documents
}

/// The targets of Markdown's inline links.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|after| after.split(')').next()).collect()
}

/// Files below a folder with one of these extensions; none if there is no folder.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|it| extensions.iter().any(|wanted| it == *wanted)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
