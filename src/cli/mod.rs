//! The command line: one file a command. Invariant: the exit code tells a script what happened, 0
//! for done, 1 for a failure at run time, 2 for a wrong call or configuration.

mod args;
mod check;
mod completions;
mod dev;
mod explain;
mod failure;
mod inspect;
mod keys;
mod migrate;
pub(crate) mod out;
mod policy;
mod report;
mod rewrap;
mod scan;
mod serve;
mod storage;
mod sweep;
mod unseal;

use std::{ffi::OsString, process::ExitCode, time::SystemTime};

use clap::Parser as _;

use self::args::{Arguments, Command};
pub(crate) use self::{
    args::{DevArgs, Treatment},
    failure::Failure,
};
use crate::{config, telemetry::log};

/// Runs the program with the arguments of a process, its own name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(answer) => return said_by_clap(&answer),
    };
    let ended = match arguments.command {
        Command::Serve(serve) => with_runtime(arguments.log_format, serve::run(serve.config)),
        Command::Dev(dev) => with_runtime(arguments.log_format, dev::run(dev)),
        Command::Check(check) => check::run(&check),
        Command::Report(report) => report::run(&report),
        Command::Explain(explain) => explain::run(&explain),
        Command::Policy(policy) => policy::run(&policy),
        Command::Keys(keys) => keys::run(&keys),
        Command::Inspect(inspect) => with_runtime(arguments.log_format, inspect::run(*inspect)),
        Command::Scan(scan) => with_runtime(arguments.log_format, scan::run(*scan)),
        Command::Migrate(it) => with_runtime(arguments.log_format, migrate::run(*it)),
        Command::Rewrap(rewrap) => with_runtime(arguments.log_format, rewrap::run(*rewrap)),
        Command::Unseal(unseal) => unseal::run(&unseal),
        Command::Completions(completions) => Ok(completions::run(&completions)),
    };
    ended.and_then(written).unwrap_or_else(Failure::report)
}

/// What could not be printed is a failure; that nobody reads on is none.
fn written(code: ExitCode) -> Result<ExitCode, Failure> {
    match out::unwritten() {
        Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::runtime(format!("standard output: {error}")))
        }
        _ => Ok(code),
    }
}

/// Today, for certificates and signatures that the commands make and judge.
pub(crate) fn now() -> SystemTime {
    config::now()
}

/// Runs a command that serves: it logs, and it needs every core.
fn with_runtime(
    format: args::LogFormat,
    command: impl Future<Output = Result<ExitCode, Failure>>,
) -> Result<ExitCode, Failure> {
    log::init(format.into(), std::env::var("RUST_LOG").ok().as_deref());
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}

/// Help and version, or a wrong call. A reader that has gone away is no failure.
fn said_by_clap(answer: &clap::Error) -> ExitCode {
    let _ = answer.print();
    if answer.use_stderr() { ExitCode::from(failure::EXIT_REFUSED) } else { ExitCode::SUCCESS }
}
