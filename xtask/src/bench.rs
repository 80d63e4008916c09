//! `cargo xtask bench`: what the README says of memory and speed, measured.
//!
//! A gate runs as a process of its own before the embedded backend of another, so that its figures
//! are its own. Invariant: a figure is printed, never asserted; only wrong bytes fail.

use std::{
    fs,
    process::{Command, ExitCode},
};

use crate::{Failure, compare, conformance, gate::Gate, root, tools};

/// Sends an object up and down and prints what it took, or compares with other proxies.
pub(crate) fn run(options: &[&str]) -> Result<ExitCode, Failure> {
    match options {
        [] => object("5368709120"),
        ["--bytes", size] => object(size),
        ["seal"] => sealing("67108864", "5"),
        ["seal", "--bytes", size] => sealing(size, "3"),
        ["compare"] => compare::run("5"),
        ["compare", "--seconds", seconds] => compare::run(seconds),
        ["rules"] => compare::rules("1"),
        ["rules", "--seconds", seconds] => compare::rules(seconds),
        _ => Err("`bench` takes --bytes N, seal [--bytes N], compare [--seconds N], or rules [--seconds N]".into()),
    }
}

fn object(size: &str) -> Result<ExitCode, Failure> {
    let python = tools::python()?;
    let program = conformance::gate_program()?;
    let folder = tools::folder().join("bench");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let behind = Gate::start(&program, &folder.join("backend"), None, &[])?;
    let front = Gate::start(&program, &folder.join("gate"), Some(&behind.embedded()?), &[])?;
    let status = Command::new("sh")
        .args(["-c", ". \"$0\" && exec \"$@\""])
        .arg(front.environment())
        .arg(&python)
        .arg(root().join("benches/transfer.py"))
        .arg(size)
        .env("PORTCULLIS_PIDS", format!("{}:{}", front.server.group(), behind.server.group()))
        .status()?;
    drop((front, behind));
    fs::remove_dir_all(&folder)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same through a gate that seals and one that does not, before one backend.
fn sealing(size: &str, rounds: &str) -> Result<ExitCode, Failure> {
    let python = tools::python()?;
    let program = conformance::gate_program()?;
    let folder = tools::folder().join("bench");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let behind = Gate::start(&program, &folder.join("backend"), None, &[])?;
    let upstream = behind.embedded()?;
    let gate = |treatment: &str| {
        let options = ["--treatment", treatment];
        Gate::start(&program, &folder.join(treatment), Some(&upstream), &options)
    };
    let (seal, off) = (gate("seal")?, gate("off")?);
    let place = |gate: &Gate| format!("{}:{}", gate.environment().display(), gate.server.group());
    let status = Command::new(&python)
        .arg(root().join("benches/sealing.py"))
        .args([size, rounds])
        .env("PORTCULLIS_GATES", format!("seal={} off={}", place(&seal), place(&off)))
        .status()?;
    drop((seal, off, behind));
    fs::remove_dir_all(&folder)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
