//! The command line: one file a command. Invariant: the exit code tells a script what happened, 0
//! for done, 1 for a failure at run time, 2 for a wrong call or configuration.

mod args;
mod check;
mod completions;
mod dev;
mod output;
mod serve;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;

use self::args::{Arguments, Command};
use crate::{config::Fault, telemetry::log};

/// Runs the program with the arguments of a process, its own name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(answer) => return said_by_clap(&answer),
    };
    log::init(arguments.log_format.into(), std::env::var("RUST_LOG").ok().as_deref());
    let ended = match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Dev(arguments) => dev::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Why a command ended otherwise than well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It went wrong at run time, for this reason.
    Runtime(String),
    /// The configuration cannot be used.
    Configuration(Vec<Fault>),
    /// The configuration cannot be used, and its faults were printed already.
    Reported,
}

impl Failure {
    fn report(self) -> ExitCode {
        match self {
            Self::Runtime(reason) => {
                output::to_stderr(&output::failure(&reason));
                ExitCode::from(EXIT_FAILED)
            }
            Self::Configuration(faults) => {
                output::to_stderr(&output::faults(&faults));
                ExitCode::from(EXIT_REFUSED)
            }
            Self::Reported => ExitCode::from(EXIT_REFUSED),
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Runtime(error.to_string())
    }
}

/// Help and version, or a wrong call. A reader that has gone away is no failure.
fn said_by_clap(answer: &clap::Error) -> ExitCode {
    let _ = answer.print();
    if answer.use_stderr() { ExitCode::from(EXIT_REFUSED) } else { ExitCode::SUCCESS }
}

/// Something failed at run time.
const EXIT_FAILED: u8 = 1;
/// The call or the configuration is wrong; the same call will fail again.
const EXIT_REFUSED: u8 = 2;
