//! `cargo xtask fuzz`: the targets of `fuzz/`, guided by coverage, with the stable toolchain.
//!
//! The coverage comes from LLVM's pass, which stable rustc lets be named; no sanitizer is needed, since
//! no code here is unsafe. Invariant: what is found stays in `.tools/fuzz`; `fuzz/corpus` is written
//! by hand.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use crate::{
    Failure, root,
    server::{run_quietly, run_to_end},
    tools,
};

/// Runs the targets that `options` name (all, if none is) for some seconds each.
pub(crate) fn run(options: &[&str]) -> Result<ExitCode, Failure> {
    let known = targets()?;
    let Selection { seconds, chosen } = Selection::parse(options, &known)?;
    let programs = build()?;
    let mut failed = Vec::new();
    for target in &chosen {
        println!("\n=== fuzz {target}, {seconds} s");
        if !fuzz(&programs.join(target), target, seconds)? {
            failed.push(target.as_str());
        }
    }
    println!("\n{} targets, {} failed {}", chosen.len(), failed.len(), failed.join(", "));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Selection {
    seconds: u32,
    chosen: Vec<String>,
}

impl Selection {
    fn parse(options: &[&str], known: &[String]) -> Result<Self, Failure> {
        let mut selection = Self { seconds: SECONDS, chosen: Vec::new() };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            if *option == "--seconds" {
                let seconds = options.next().ok_or("--seconds needs a number")?;
                selection.seconds = seconds.parse()?;
            } else if known.iter().any(|name| name == option) {
                selection.chosen.push((*option).to_owned());
            } else {
                let known = known.join(", ");
                return Err(format!("there is no target `{option}`: name one of {known}").into());
            }
        }
        if selection.chosen.is_empty() {
            selection.chosen = known.to_vec();
        }
        Ok(selection)
    }
}

/// By the names of their files.
fn targets() -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("fuzz/targets"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// Builds all targets; gives the folder of the programs.
fn build() -> Result<PathBuf, Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let version = run_quietly(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("rustc does not tell its host")?;
    let folder = tools::folder().join("fuzz/target");
    // What is fuzzed is what is shipped: the same versions of everything.
    fs::copy(root().join("Cargo.lock"), root().join("fuzz/Cargo.lock"))?;
    let mut build = Command::new(cargo);
    // With a target named, build scripts and macros are built without these flags.
    build.args(["build", "--release", "--bins", "--target", host]);
    build.current_dir(root().join("fuzz")).env("CARGO_TARGET_DIR", &folder);
    build.env("RUSTFLAGS", COVERAGE.join(" "));
    if !run_to_end(&build)?.success() {
        return Err("the targets do not build".into());
    }
    Ok(folder.join(host).join("release"))
}

/// Whether the target kept its promises.
fn fuzz(program: &Path, target: &str, seconds: u32) -> Result<bool, Failure> {
    let found = tools::folder().join("fuzz/corpus").join(target);
    let broken = tools::folder().join("fuzz/broken").join(target);
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&broken)?;
    let mut command = Command::new(program);
    command
        .args([&found, &root().join("fuzz/corpus").join(target)])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", broken.display()))
        .args(LIMITS);
    let dictionary = root().join("fuzz/dictionaries").join(target);
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let is_fine = run_to_end(&command)?.success();
    if !is_fine {
        println!("{target} broke; once mended, keep the input in fuzz/corpus/{target}");
    }
    Ok(is_fine)
}

const SECONDS: u32 = 5;
const LIMITS: [&str; 4] = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=16384", "-verbosity=0"];
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

#[cfg(test)]
mod tests {
    use super::{SECONDS, Selection, targets};

    #[test]
    fn targets_and_seconds_are_chosen() {
        let known = targets().unwrap();
        let all = Selection::parse(&[], &known).unwrap();
        assert_eq!((all.seconds, all.chosen), (SECONDS, known.clone()));
        let one = Selection::parse(&["head", "--seconds", "60"], &known).unwrap();
        assert_eq!((one.seconds, one.chosen), (60, vec!["head".to_owned()]));
        assert!(Selection::parse(&["tail"], &known).is_err());
    }
}
