//! What is fuzzed (`fuzz/`), over the inputs that are kept: those that open up a format, and those
//! that once broke something. Invariant: every target has some.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails the test that called it")]

#[allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "a target that panics has found something"
)]
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::{fs, path::Path};

use targets::TARGETS;

#[test]
fn what_is_kept_of_fuzzing_breaks_nothing() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in TARGETS {
        let inputs = fs::read_dir(corpora.join(name)).unwrap();
        let paths: Vec<_> = inputs.map(|input| input.unwrap().path()).collect();
        assert!(!paths.is_empty(), "fuzz/corpus/{name}: keep an input that opens up the format");
        for path in paths {
            println!("{}", path.display());
            target(&fs::read(&path).unwrap());
        }
    }
}

#[test]
fn each_target_is_a_program_and_has_a_corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(root.join(folder)).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| {
            let path = entry.unwrap().path();
            path.file_stem().unwrap().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort_unstable();
        names
    };
    let known = TARGETS.map(|(name, _)| name.to_owned());
    assert_eq!(names("targets"), known);
    assert_eq!(names("corpus"), known);
}
