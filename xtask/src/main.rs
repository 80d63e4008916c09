//! The project's chores, run as `cargo xtask <chore>`.
//!
//! Invariant: whatever a chore starts has ended when the chore has, also when the chore is killed.

mod backend;
mod bench;
mod clients;
mod compare;
mod conformance;
mod differential;
mod first_tier;
mod fuzz;
mod garage;
mod gate;
mod key_services;
mod report;
mod rgw;
mod server;
mod test;
mod tools;

use std::{env, path::PathBuf, process::ExitCode};

/// Why a chore could not be done, in words for the person who ran it.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test", options @ ..] => test::run(options),
        ["bench", options @ ..] => bench::run(options),
        ["differential", options @ ..] => differential::chore(options),
        ["fuzz", options @ ..] => fuzz::run(options),
        ["garage", options @ ..] => garage::install(options),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        [chore, ..] => Err(format!("there is no chore `{chore}`\n\n{HELP}").into()),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("xtask: {failure}");
        ExitCode::FAILURE
    })
}

/// The repository's root, above this package.
fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

const HELP: &str = "\
Usage: cargo xtask <chore>

  test [--only NAME]...   every test: `cargo test`, then stock S3 clients against
                          a gate before each backend. NAME is a tier (cargo), a
                          backend (embedded, moto, rgw, garage) or a suite of
                          tests/conformance (cli, boto3, ...); without it: all.
  bench [--bytes N]       one object of 5 GiB (or N bytes) up and down through a
                          gate: CPU seconds, throughput, peak memory
  bench seal [--bytes N] [--tls]
                          what sealing costs of CPU and memory, beside a gate that does
                          not; with TLS towards the backend as well
  bench compare [--seconds N]
                          the gate beside nginx and Envoy: small requests, large
                          bodies, CPU and latency; N seconds a measurement
  bench rules [--seconds N]
                          CPU of small requests where a rule adds encryption headers,
                          beside one that adds none; N seconds a measurement
  fuzz [TARGET]... [--seconds N]
                          each target of fuzz/ (or those named) for 5 seconds (or N),
                          guided by coverage
  garage                  builds Garage, ten minutes long, for `test` to stand a gate
                          before; without it (and without GARAGE, its path) it is skipped
  differential [--seed N] [--cases N]
                          random policies, judged here and by another engine
  help                    this text";
