//! `portcullis completions`.

use std::process::ExitCode;

use clap::CommandFactory as _;

use super::{
    args::{Arguments, Completions},
    out,
};

pub(super) fn run(arguments: &Completions) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        env!("CARGO_PKG_NAME"),
        &mut script,
    );
    out::stdout(&String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}
