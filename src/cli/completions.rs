//! `portcullis completions`.

use clap::CommandFactory as _;

use super::{
    Failure,
    args::{Arguments, Completions},
    output,
};

pub(super) fn run(arguments: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        env!("CARGO_PKG_NAME"),
        &mut script,
    );
    output::to_stdout(&String::from_utf8_lossy(&script));
    Ok(())
}
