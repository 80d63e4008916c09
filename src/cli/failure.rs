//! Why a command ended otherwise than well, and what the process then says. Invariant: a wrong call
//! or configuration, which would fail again, never shares an exit code with a failure at run time.

use std::{io, path::Path, process::ExitCode};

use super::out;
use crate::config::Fault;

/// Why a command ended otherwise than well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It went wrong at run time, for this reason.
    Runtime(String),
    /// It was called in a way that cannot work.
    Usage(String),
    /// The configuration cannot be used.
    Faults(Vec<Fault>),
}

impl Failure {
    /// It went wrong at run time.
    pub(crate) fn runtime(reason: impl Into<String>) -> Self {
        Self::Runtime(reason.into())
    }

    /// It was called in a way that cannot work; the reason says what to write instead.
    pub(crate) fn usage(reason: impl Into<String>) -> Self {
        Self::Usage(reason.into())
    }

    /// The configuration cannot be used.
    pub(crate) fn faults(faults: Vec<Fault>) -> Self {
        Self::Faults(faults)
    }

    /// A file or folder of the command's own could not be read or written.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::Runtime(format!("{}: {error}", path.display()))
    }

    /// Tells a person, and gives the code for a script.
    pub(super) fn report(self) -> ExitCode {
        let (text, code) = match self {
            Self::Runtime(reason) => (error(&reason), EXIT_FAILED),
            Self::Usage(reason) => (error(&reason), EXIT_REFUSED),
            Self::Faults(faults) => (out::faults(&faults), EXIT_REFUSED),
        };
        out::stderr(&text);
        ExitCode::from(code)
    }
}

/// Whatever else goes wrong, goes wrong at run time; the causes are told with it.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let told = error.to_string();
            // Many errors repeat their cause in their own words.
            if !reason.ends_with(&told) {
                reason = format!("{reason}: {told}");
            }
            cause = error.source();
        }
        Self::Runtime(reason)
    }
}

fn error(reason: &str) -> String {
    // Lines are the command's own; the rest may be a key's, or the storage's.
    let lines: Vec<String> = reason.lines().map(out::shown).collect();
    format!("{} {}\n", out::red("error:"), lines.join("\n"))
}

/// Something failed at run time.
pub(super) const EXIT_FAILED: u8 = 1;
/// The call or the configuration is wrong; the same call will fail again.
pub(super) const EXIT_REFUSED: u8 = 2;
