//! What commands print. Invariant: colours only where a terminal shows them, and a reader that went
//! away (`portcullis check | head`) never becomes a panic.

use std::{fmt::Write as _, io::Write as _};

use clap::builder::styling::{AnsiColor, Style};

use crate::config::Fault;

pub(crate) fn to_stdout(text: &str) {
    written(anstream::stdout().write_all(text.as_bytes()));
}

pub(crate) fn to_stderr(text: &str) {
    written(anstream::stderr().write_all(text.as_bytes()));
}

/// Nobody is left to be told of output that cannot be written.
fn written(_result: std::io::Result<()>) {}

/// The reason for which a command ended.
pub(crate) fn failure(reason: &str) -> String {
    format!("{ERROR}error:{ERROR:#} {reason}\n")
}

/// One line for each fault, then their number.
pub(crate) fn faults(faults: &[Fault]) -> String {
    let mut text = String::new();
    for fault in faults {
        push_line(&mut text, fault, "");
    }
    let _ = writeln!(text, "{ERROR}{}{ERROR:#}", counted(faults.len(), "fault"));
    text
}

/// One line for each warning.
pub(crate) fn warnings(warnings: &[Fault]) -> String {
    let mut text = String::new();
    let label = format!("{WARNING}warning:{WARNING:#} ");
    for warning in warnings {
        push_line(&mut text, warning, &label);
    }
    text
}

/// `1 fault`, `2 faults`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn push_line(text: &mut String, fault: &Fault, label: &str) {
    let _ = write!(text, "{PLACE}{}:", fault.path.display());
    if let Some((line, column)) = fault.place {
        let _ = write!(text, "{line}:{column}:");
    }
    let _ = writeln!(text, "{PLACE:#} {label}{}", fault.message);
}

/// What went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const PLACE: Style = Style::new().bold();
