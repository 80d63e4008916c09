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
        ["seal", options @ ..] => sealing(&Sealing::parse(options)?),
        ["compare"] => compare::run("5"),
        ["compare", "--seconds", seconds] => compare::run(seconds),
        ["rules"] => compare::rules("1"),
        ["rules", "--seconds", seconds] => compare::rules(seconds),
        _ => Err("`bench` takes --bytes N, seal [--bytes N] [--tls], compare [--seconds N], or rules [--seconds N]".into()),
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

/// What `bench seal` is to send, and how.
struct Sealing<'a> {
    bytes: &'a str,
    rounds: &'static str,
    /// Whether the two gates speak TLS to the backend, as they do where it is not on their machine.
    tls: bool,
}

impl<'a> Sealing<'a> {
    fn parse(options: &[&'a str]) -> Result<Self, Failure> {
        let mut sealing = Self { bytes: "67108864", rounds: "5", tls: false };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            match *option {
                "--tls" => sealing.tls = true,
                "--bytes" => {
                    sealing.bytes = options.next().ok_or("--bytes needs a number")?;
                    sealing.rounds = "3";
                }
                other => return Err(format!("`{other}` is not an option of `bench seal`").into()),
            }
        }
        Ok(sealing)
    }
}

/// The same through a gate that seals and one that does not, before one backend.
fn sealing(sealing: &Sealing) -> Result<ExitCode, Failure> {
    let python = tools::python()?;
    let program = conformance::gate_program()?;
    let folder = tools::folder().join("bench");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    // What comes sealed says nothing of encryption any more, so the gate behind asks for TLS alone.
    let policy = root().join("config/policies/require-tls-all.json");
    let policy = ["--policy", &policy.to_string_lossy()];
    let behind = Gate::start(&program, &folder.join("backend"), None, &policy)?;
    let (upstream, ca) = if sealing.tls {
        (behind.itself()?, Some(behind.exported("AWS_CA_BUNDLE")?))
    } else {
        (behind.embedded()?, None)
    };
    let gate = |treatment: &str| {
        let mut options = vec!["--treatment", treatment];
        options.extend(ca.iter().flat_map(|ca| ["--upstream-ca", ca]));
        Gate::start(&program, &folder.join(treatment), Some(&upstream), &options)
    };
    let (seal, off) = (gate("seal")?, gate("off")?);
    let place = |gate: &Gate| format!("{}:{}", gate.environment().display(), gate.server.group());
    let mut bench = Command::new(&python);
    bench
        .arg(root().join("benches/sealing.py"))
        .args([sealing.bytes, sealing.rounds])
        .env("PORTCULLIS_GATES", format!("seal={} off={}", place(&seal), place(&off)));
    if sealing.tls {
        bench.env("PORTCULLIS_TLS", "1");
    }
    let status = bench.status()?;
    drop((seal, off, behind));
    fs::remove_dir_all(&folder)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
