//! `portcullis report`: whom enforcement would break, summed up from the audit log. Invariant: the log
//! is read line by line, and what it names is kept for [`tally::ROWS_MAX`] programs and buckets at most.

mod tally;

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
    process::ExitCode,
};

use self::tally::{Period, Row, Tally};
use super::{
    Failure,
    args::Report,
    out::{self, counted},
};

pub(super) fn run(arguments: &Report) -> Result<ExitCode, Failure> {
    let mut tally = Tally::default();
    for path in &arguments.files {
        read(path, &mut tally).map_err(|error| Failure::file(path, &error))?;
    }
    let text = if arguments.json {
        let mut text = serde_json::to_string_pretty(&tally.report())?;
        text.push('\n');
        text
    } else {
        table(&tally)
    };
    out::stdout(&text);
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path, tally: &mut Tally) -> io::Result<()> {
    if path == Path::new("-") {
        return lines(io::stdin().lock(), tally);
    }
    lines(BufReader::new(File::open(path)?), tally)
}

/// Lines are as long as the gate writes them; what is longer is not one of them.
fn lines(mut log: impl BufRead, tally: &mut Tally) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = log.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') && u64::try_from(read).unwrap_or(u64::MAX) == LINE_BYTES_MAX
        {
            log.skip_until(b'\n')?;
        }
        if !line.trim_ascii().is_empty() {
            tally.add(&line);
        }
    }
}

fn table(tally: &Tally) -> String {
    let mut text = String::new();
    let rows = tally.rows();
    if !rows.is_empty() {
        let cells: Vec<[String; COLUMNS]> = rows.iter().map(|row| cells(row)).collect();
        let mut widths = HEAD.map(str::len);
        for row in &cells {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let head = HEAD.map(str::to_owned);
        let _ = writeln!(text, "{}", out::bold(&aligned(&head, &widths)));
        for (row, cells) in rows.iter().zip(&cells) {
            let line = aligned(cells, &widths);
            let line = match row {
                row if row.counts.breaks() => out::red(&line),
                row if row.counts.is_mended() => out::yellow(&line),
                _ => line,
            };
            let _ = writeln!(text, "{line}");
        }
        for row in rows.iter().filter(|row| row.counts.breaks()) {
            let _ = write!(text, "\n{} on {}", out::bold(row.program), out::bold(row.bucket));
            let _ = write!(text, ", as {}", row.requesters());
            if let Some(reason) = row.reason() {
                let _ = write!(text, "\n    {}", out::wrapped(reason, 4));
            }
            text.push('\n');
        }
        text.push('\n');
    }
    text + &summary(tally) + "\n"
}

fn summary(tally: &Tally) -> String {
    let broken = tally.rows().iter().filter(|row| row.counts.breaks()).count();
    let mut text = format!("{} read", counted(tally.lines(), "line"));
    if tally.unreadable() > 0 {
        let _ = write!(text, ", {} of them no audit line", tally.unreadable());
    }
    if let Some(Period { from, to }) = tally.period() {
        let _ = write!(text, ", from {from} to {to}");
    }
    let verdict = match broken {
        0 => out::green("nobody is or would be refused"),
        1 => out::red("1 program and bucket is or would be refused"),
        _ => out::red(&format!("{broken} programs and buckets are or would be refused")),
    };
    let _ = write!(text, "; {verdict}");
    text
}

fn cells(row: &Row<'_>) -> [String; COLUMNS] {
    let counts = row.counts;
    [
        row.program.to_owned(),
        row.bucket.to_owned(),
        counts.compliant.to_string(),
        counts.mended.to_string(),
        counts.would_mend.to_string(),
        counts.absent.to_string(),
        counts.would_refuse.to_string(),
        counts.refused.to_string(),
    ]
}

/// Names to the left, numbers to the right.
fn aligned(cells: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let mut text = String::new();
    for (place, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let _ = match place {
            0 => write!(text, "{cell:<width$}"),
            1 => write!(text, "  {cell:<width$}"),
            _ => write!(text, "  {cell:>width$}"),
        };
    }
    text
}

const COLUMNS: usize = 8;
const HEAD: [&str; COLUMNS] = [
    "program",
    "bucket",
    "compliant",
    "mended",
    "would mend",
    "unencrypted",
    "would refuse",
    "refused",
];
/// Longer than any line that the gate writes: a key has 1024 bytes and may be escaped six-fold.
const LINE_BYTES_MAX: u64 = 64 * 1024;

#[cfg(test)]
mod tests;
