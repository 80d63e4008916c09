//! `portcullis policy`: documents by themselves, without a proxy. Invariant: a document is read by the
//! code that reads it for the proxy.

mod args;
mod check;
mod generate;
mod test;

use std::{fs, path::Path, process::ExitCode};

pub(crate) use self::args::Policy;
use self::args::PolicyCommand;
use super::Failure;

pub(super) fn run(arguments: &Policy) -> Result<ExitCode, Failure> {
    match &arguments.command {
        PolicyCommand::Check(check) => check::run(check),
        PolicyCommand::Test(test) => test::run(test),
        PolicyCommand::Generate(generate) => generate::run(generate),
    }
}

/// A file that was named: where it cannot be read, the call is wrong.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let cannot = |error| Failure::usage(format!("{}: {error}", path.display()));
    fs::read_to_string(path).map_err(cannot)
}
