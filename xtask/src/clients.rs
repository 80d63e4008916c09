//! The S3 clients of the conformance tier, set up in `.tools/` (git-ignored).
//!
//! Invariant: a client that cannot be had is told and left out; its suite skips itself by name.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Failure, root,
    server::run_quietly,
    tools::{self, apt_install, is_installed},
};

/// Sets up what `suites` need (all, if none is named). Gives the environment that tells them where.
pub(crate) fn prepare(suites: &[String], python: &Path) -> Vec<(&'static str, PathBuf)> {
    let is_wanted = |suite: &str| suites.is_empty() || suites.iter().any(|it| it == suite);
    note("clients from PyPI", packages(python));
    if ["s3fs", "rules", "customer_keys", "sealed_copies"].into_iter().any(is_wanted) {
        note("s3fs", debian("s3fs"));
    }
    if ["rules", "customer_keys"].into_iter().any(is_wanted) {
        note("restic", debian("restic"));
    }
    let mut places = Vec::new();
    if is_wanted("js") {
        places.extend(note("the SDK for JavaScript", javascript()).map(|at| ("PORTCULLIS_JS", at)));
    }
    if is_wanted("rust") {
        places.extend(note("the SDK for Rust", rust()).map(|at| ("PORTCULLIS_RUST", at)));
    }
    places
}

fn note<T>(what: &str, outcome: Result<T, Failure>) -> Option<T> {
    outcome.inspect_err(|failure| println!("{what} cannot be set up: {failure}")).ok()
}

/// One by one where they do not come together, so that one does not cost the others.
fn packages(python: &Path) -> Result<(), Failure> {
    let list = root().join(CASES).join("clients.txt");
    let done = tools::folder().join("venv/clients.txt");
    if is_same(&list, &done) {
        return Ok(());
    }
    println!("installing further S3 clients ...");
    let pip = |what: &[&str]| {
        run_quietly(
            Command::new(python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--no-deps", "--only-binary=:all:"])
                .args(what),
        )
    };
    if pip(&["-r", &list.to_string_lossy()]).is_ok() {
        fs::copy(&list, &done)?;
        return Ok(());
    }
    let text = fs::read_to_string(&list)?;
    for package in text.lines().filter(|line| !line.starts_with('#')) {
        note(package, pip(&[package]));
    }
    Ok(())
}

/// Debian's. s3fs mounts by FUSE, which the machine must allow.
fn debian(program: &'static str) -> Result<(), Failure> {
    if is_installed(program) { Ok(()) } else { apt_install(&[program]) }
}

/// The folder whose `node_modules` hold the SDK.
fn javascript() -> Result<PathBuf, Failure> {
    if !is_installed("npm") {
        return Err("Node.js and npm are not installed".into());
    }
    let from = root().join(CASES).join("js");
    let folder = tools::folder().join("js");
    let done = folder.join("node_modules/package-lock.json");
    if !is_same(&from.join("package-lock.json"), &done) {
        println!("installing the SDK for JavaScript ...");
        fs::create_dir_all(&folder)?;
        for name in ["package.json", "package-lock.json"] {
            fs::copy(from.join(name), folder.join(name))?;
        }
        let quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
        run_quietly(Command::new("npm").arg("ci").args(quiet).current_dir(&folder))?;
        fs::copy(folder.join("package-lock.json"), done)?;
    }
    Ok(folder)
}

/// The program that drives the SDK.
fn rust() -> Result<PathBuf, Failure> {
    println!("building with the SDK for Rust ...");
    let target = tools::folder().join("rust");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--locked"]).current_dir(root().join(CASES).join("rust"));
    run_quietly(build.env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("debug/driver"))
}

fn is_same(one: &Path, other: &Path) -> bool {
    fs::read(one).is_ok_and(|one| fs::read(other).is_ok_and(|other| one == other))
}

const CASES: &str = "tests/conformance";
