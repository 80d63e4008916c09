//! `portcullis policy check`. Invariant: what is fine here loads, with the keys that were declared.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use serde::Serialize;

use super::{
    super::{
        Failure,
        failure::EXIT_REFUSED,
        out::{self, counted},
    },
    args::PolicyCheck,
    read,
};
use crate::{
    config,
    policy::{Document, Fault, Strictness},
};

pub(super) fn run(arguments: &PolicyCheck) -> Result<ExitCode, Failure> {
    let declared: Vec<&str> = arguments.declare.iter().map(String::as_str).collect();
    let strictness = match &arguments.bucket {
        Some(bucket) => Strictness::S3 { bucket },
        None => Strictness::Gate { declared: &declared },
    };
    let mut checked = Vec::with_capacity(arguments.files.len());
    for path in &arguments.files {
        let text = read(path)?;
        checked.push(Checked::of(path, &Document::parse_as(&text, strictness)));
    }
    let text = if arguments.json { out::json(&checked)? } else { report(&checked) };
    out::stdout(&text);
    let is_fine = checked.iter().all(|one| one.faults.is_empty());
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}

/// A document as it was found to be. `--json` prints a list of them.
#[derive(Serialize)]
struct Checked<'p> {
    #[serde(serialize_with = "shown")]
    path: &'p Path,
    ok: bool,
    statements: usize,
    faults: Vec<Placed>,
    warnings: Vec<Placed>,
}

#[derive(Serialize)]
struct Placed {
    line: usize,
    column: usize,
    message: String,
}

impl<'p> Checked<'p> {
    fn of(path: &'p Path, document: &Result<Document, Vec<Fault>>) -> Self {
        let (statements, faults, warnings) = match document {
            Ok(document) => (document.len(), &[][..], document.warnings()),
            Err(faults) => (0, faults.as_slice(), &[][..]),
        };
        let placed = |faults: &[Fault]| faults.iter().map(Placed::of).collect();
        let (faults, warnings) = (placed(faults), placed(warnings));
        Self { path, ok: document.is_ok(), statements, faults, warnings }
    }
}

impl Placed {
    fn of(fault: &Fault) -> Self {
        Self { line: fault.line, column: fault.column, message: fault.message.clone() }
    }

    fn of_file(&self, path: &Path) -> config::Fault {
        config::Fault {
            path: path.to_path_buf(),
            place: Some((self.line, self.column)),
            message: self.message.clone(),
        }
    }
}

fn report(checked: &[Checked<'_>]) -> String {
    let mut text = String::new();
    for one in checked {
        let of_file = |placed: &[Placed]| -> Vec<_> {
            placed.iter().map(|placed| placed.of_file(one.path)).collect()
        };
        text.push_str(&out::warnings(&of_file(&one.warnings)));
        if !one.faults.is_empty() {
            text.push_str(&out::faults(&of_file(&one.faults)));
            continue;
        }
        let path = out::bold(&format!("{}:", one.path.display()));
        let statements = counted(one.statements, "statement");
        let warned = match one.warnings.len() {
            0 => String::new(),
            warnings => format!(", {}", counted(warnings, "warning")),
        };
        let _ = writeln!(text, "{path} {}, {statements}{warned}", out::green("fine"));
    }
    text
}

fn shown<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
