//! What commands print. Invariant: colours only where a terminal shows them, and a reader that went
//! away (`portcullis check | head`) never becomes a panic.

use std::{fmt::Write as _, io::Write as _};

use clap::builder::styling::{AnsiColor, Style};

use crate::config::Fault;

/// Prints a line on standard output.
pub(crate) fn line(text: &str) {
    stdout(&format!("{text}\n"));
}

/// Prints text on standard output.
pub(crate) fn stdout(text: &str) {
    let mut stream = anstream::stdout();
    ignore(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
}

/// A document for programs, to be printed.
pub(crate) fn json(document: &impl serde::Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

/// Prints text on standard error.
pub(crate) fn stderr(text: &str) {
    ignore(anstream::stderr().write_all(text.as_bytes()));
}

/// Emphasis.
pub(crate) fn bold(text: &str) -> String {
    styled(BOLD, text)
}

/// What went well.
pub(crate) fn green(text: &str) -> String {
    styled(GREEN, text)
}

/// What went wrong.
pub(crate) fn red(text: &str) -> String {
    styled(RED, text)
}

/// What should be looked at.
pub(crate) fn yellow(text: &str) -> String {
    styled(YELLOW, text)
}

/// Text broken between words at [`COLUMNS`], lines after the first indented.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let mut wrapped = String::new();
    let mut column = indent;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > indent && column + 1 + width > COLUMNS {
            let _ = write!(wrapped, "\n{:indent$}", "");
            column = indent;
        }
        if column > indent {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += width;
    }
    wrapped
}

/// One line for each fault, then their number.
pub(crate) fn faults(faults: &[Fault]) -> String {
    let mut text = String::new();
    for fault in faults {
        push_fault(&mut text, fault, "");
    }
    text + &red(&counted(faults.len(), "fault")) + "\n"
}

/// One line for each warning.
pub(crate) fn warnings(warnings: &[Fault]) -> String {
    let mut text = String::new();
    for warning in warnings {
        push_fault(&mut text, warning, &format!("{} ", yellow("warning:")));
    }
    text
}

/// `1 fault`, `2 faults`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn push_fault(text: &mut String, fault: &Fault, label: &str) {
    let mut place = format!("{}:", fault.path.display());
    if let Some((line, column)) = fault.place {
        let _ = write!(place, "{line}:{column}:");
    }
    let _ = writeln!(text, "{} {label}{}", bold(&place), fault.message);
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Nobody is left to be told of output that cannot be written.
fn ignore(_written: std::io::Result<()>) {}

/// Where [`wrapped`] breaks.
const COLUMNS: usize = 90;
const BOLD: Style = Style::new().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();

#[cfg(test)]
mod tests {
    use super::{counted, wrapped};

    #[test]
    fn text_is_broken_between_words() {
        let text = "word ".repeat(30);
        let wrapped = wrapped(&text, 4);
        let lines: Vec<_> = wrapped.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("    word"));
        assert!(lines.iter().all(|line| line.len() <= 90), "{lines:?}");
        assert_eq!(wrapped.split_whitespace().count(), 30);
    }

    #[test]
    fn nouns_are_counted() {
        assert_eq!(counted(1, "fault"), "1 fault");
        assert_eq!(counted(2, "fault"), "2 faults");
    }
}
