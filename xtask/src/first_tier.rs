//! The first tier: `cargo test --workspace`, with its results counted.

use std::{
    io::{BufRead as _, BufReader, pipe},
    process::{Command, Stdio},
};

use crate::{
    Failure,
    report::{Report, Tally},
    root,
};

/// Runs the tier; everything but the names of passed tests is shown as it comes.
pub(crate) fn run(report: &mut Report) -> Result<(), Failure> {
    let (reader, writer) = pipe()?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["test", "--workspace", "--no-fail-fast"])
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let mut child = cargo.spawn()?;
    // The command keeps the pipe's other end open as long as it lives.
    drop(cargo);
    let mut results = Results::default();
    for line in BufReader::new(reader).lines() {
        let line = line?;
        if !is_noise(&line) {
            println!("{line}");
        }
        results.read(&line);
    }
    let status = child.wait()?;
    let has_failures = results.suites.iter().any(|(_, tally)| tally.failed > 0);
    for (suite, tally) in results.suites {
        if tally != Tally::default() {
            report.row(&suite, "-", tally);
        }
    }
    if !status.success() && !has_failures {
        println!("`cargo test` ended with {status}");
        report.row("cargo test", "-", Tally { failed: 1, ..Tally::default() });
    }
    Ok(())
}

fn is_noise(line: &str) -> bool {
    line.is_empty()
        || (line.starts_with("test ") && line.ends_with(" ok"))
        || (line.starts_with("running ") && line.contains(" test"))
        || line.starts_with("successes:")
}

/// The results read so far, a suite for each test binary.
#[derive(Default)]
struct Results {
    suites: Vec<(String, Tally)>,
}

impl Results {
    fn read(&mut self, line: &str) {
        if let Some(suite) = suite(line) {
            self.suites.push((suite, Tally::default()));
        } else if let (Some(found), Some((_, tally))) = (tally(line), self.suites.last_mut()) {
            tally.add(found);
        }
    }
}

/// From cargo's `Running tests/it/main.rs (target/…)` and `Doc-tests portcullis`.
fn suite(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(package) = line.strip_prefix("Doc-tests ") {
        return Some(format!("doc tests of {package}"));
    }
    let (source, binary) = line.strip_prefix("Running ")?.split_once(" (")?;
    let source = source.strip_prefix("unittests ").unwrap_or(source);
    let binary = binary.rsplit('/').next()?.split('-').next()?;
    Some(format!("{binary}: {source}"))
}

/// From libtest's `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn tally(line: &str) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?;
    let count = |what: &str| -> usize {
        let before = counts.split(what).next().unwrap_or_default();
        before.trim_end().rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    Some(Tally { passed: count(" passed"), failed: count(" failed"), skipped: count(" ignored") })
}

#[cfg(test)]
mod tests {
    use super::{Results, Tally};

    #[test]
    fn cargos_output_becomes_a_tally_for_each_suite() {
        let mut results = Results::default();
        for line in [
            "     Running unittests src/lib.rs (target/debug/deps/portcullis-0a1b)",
            "test result: FAILED. 41 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; 0.1s",
            "   Doc-tests portcullis",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
            "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            results.read(line);
        }
        let expected = [
            ("portcullis: src/lib.rs", Tally { passed: 41, failed: 2, skipped: 1 }),
            ("doc tests of portcullis", Tally { passed: 4, failed: 0, skipped: 0 }),
        ];
        assert_eq!(results.suites, expected.map(|(suite, tally)| (suite.to_owned(), tally)));
    }
}
