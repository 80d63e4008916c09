//! What commands print. Invariant: colours only where a terminal shows them, nothing of anybody else's that
//! a terminal would obey, and a reader that went away (`portcullis check | head`) never becomes a panic.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    sync::OnceLock,
    time::SystemTime,
};

use clap::builder::styling::{AnsiColor, Style};
use time::{OffsetDateTime, macros::format_description};

use crate::config::Fault;

/// Prints a line on standard output.
pub(crate) fn line(text: &str) {
    stdout(&format!("{text}\n"));
}

/// Prints text on standard output.
pub(crate) fn stdout(text: &str) {
    let mut stream = anstream::stdout();
    note(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
}

/// Prints a document for programs on standard output, as it is: no byte of it is taken for a style.
pub(crate) fn document(text: &str) {
    let mut stream = io::stdout();
    note(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
}

/// Why standard output could not be written, if ever.
pub(crate) fn unwritten() -> Option<&'static io::Error> {
    UNWRITTEN.get()
}

/// Text of somebody else's, for a terminal: what that would obey, or what would make it show something
/// else, is written as an escape.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for it in text.chars() {
        if is_plain(it) { shown.push(it) } else { shown.extend(it.escape_default()) }
    }
    shown
}

/// Text as an argument of a shell. Where a terminal could not show it as it is, it is written as `$'…'`,
/// which bash, zsh and POSIX's newest sh read.
pub(crate) fn shell_quoted(text: &str) -> String {
    if text.chars().all(is_plain) {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let mut quoted = "$'".to_owned();
    for it in text.chars() {
        match it {
            '\'' | '\\' => quoted.extend(['\\', it]),
            it if is_plain(it) => quoted.push(it),
            it => {
                let mut bytes = [0; 4];
                for byte in it.encode_utf8(&mut bytes).bytes() {
                    // Infallible: writing into a String.
                    let _ = write!(quoted, "\\{byte:03o}");
                }
            }
        }
    }
    quoted + "'"
}

/// Neither a control character nor one that is not seen, or turns the direction of others.
fn is_plain(it: char) -> bool {
    !it.is_control() && !HIDDEN.iter().any(|range| range.contains(&it))
}

/// A document for programs, to be printed: what a terminal would obey stands in it as an escape of JSON's.
pub(crate) fn json(document: &impl serde::Serialize) -> serde_json::Result<String> {
    let mut escaped = String::new();
    for it in serde_json::to_string_pretty(document)?.chars() {
        if is_plain(it) || it == '\n' {
            escaped.push(it);
            continue;
        }
        let mut units = [0; 2];
        for unit in it.encode_utf16(&mut units) {
            // Infallible: writing into a String.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    Ok(escaped + "\n")
}

/// Prints text on standard error.
pub(crate) fn stderr(text: &str) {
    // Nobody is left to be told.
    let _ = anstream::stderr().write_all(text.as_bytes());
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

/// `1 byte`, `2048 bytes (2.0 KiB)`.
pub(crate) fn counted_bytes(bytes: u64) -> String {
    let exact = format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" });
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, 0);
    while tenths >= 10 * 1024 && unit < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    match unit.checked_sub(1).and_then(|unit| UNITS.get(unit)) {
        Some(unit) => format!("{exact} ({}.{} {unit})", tenths / 10, tenths % 10),
        None => exact,
    }
}

/// RFC 3339 in UTC, to the second.
pub(crate) fn date(at: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    OffsetDateTime::from(at).format(format).unwrap_or_default()
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

/// The first failure counts: what comes behind it is not complete.
fn note(written: io::Result<()>) {
    if let Err(error) = written {
        let _ = UNWRITTEN.set(error);
    }
}

static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();
/// Format characters and separators of Unicode (`Cf`, `Zl`, `Zp`).
const HIDDEN: [std::ops::RangeInclusive<char>; 9] = [
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{e0000}'..='\u{e007f}',
];
const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
/// Where [`wrapped`] breaks.
const COLUMNS: usize = 90;
const BOLD: Style = Style::new().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();

#[cfg(test)]
mod tests {
    use super::{counted, counted_bytes, json, shell_quoted, shown, wrapped};

    #[test]
    fn no_control_character_reaches_a_terminal() {
        for (text, expected) in [
            ("it's", "'it'\\''s'"),
            ("a\\b", "'a\\b'"),
            ("a\u{1b}[31m'\\", "$'a\\033[31m\\'\\\\'"),
            ("\u{85}\n", "$'\\302\\205\\012'"),
            ("a\u{202e}b", "$'a\\342\\200\\256b'"),
            ("ümlaut e\u{301}", "'ümlaut e\u{301}'"),
        ] {
            assert_eq!(shell_quoted(text), expected);
        }
        assert_eq!(shown("it's a\u{1b}[31m\u{2028}\n"), "it's a\\u{1b}[31m\\u{2028}\\n");
    }

    #[test]
    fn json_is_the_same_document_without_them() {
        let document = "a\u{9b}b\u{202e}\u{e0041}\n\"ü";
        let written = json(&document).unwrap();
        assert_eq!(written, "\"a\\u009bb\\u202e\\udb40\\udc41\\n\\\"ü\"\n");
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), document);
    }

    #[test]
    fn sizes_are_told_exactly_and_at_a_glance() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1024 bytes (1.0 KiB)"),
            (1_572_864, "1572864 bytes (1.5 MiB)"),
            (u64::MAX, "18446744073709551615 bytes (16383.9 PiB)"),
        ] {
            assert_eq!(counted_bytes(bytes), expected);
        }
    }

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
