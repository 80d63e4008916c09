//! What passed, failed and was skipped, told at the end.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, stdout},
};

/// How the cases of one suite ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// As the last line of `cargo xtask test` has it.
    pub(crate) fn line(self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// All suites, in the order in which they ran.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    skips: Vec<String>,
}

struct Row {
    suite: String,
    backend: String,
    tally: Tally,
}

impl Report {
    /// One more suite.
    pub(crate) fn row(&mut self, suite: &str, backend: &str, tally: Tally) {
        self.rows.push(Row { suite: suite.to_owned(), backend: backend.to_owned(), tally });
    }

    /// All of another one, behind what is here.
    pub(crate) fn append(&mut self, other: Self) {
        self.rows.extend(other.rows);
        other.skips.iter().for_each(|reason| self.because(reason));
    }

    /// Something that was not run, and why; counts as one skipped.
    pub(crate) fn skip(&mut self, suite: &str, backend: &str, reason: &str) {
        self.row(suite, backend, Tally { skipped: 1, ..Tally::default() });
        self.because(&format!("{suite} on {backend}: {reason}"));
    }

    /// Why a case that a suite already counted was skipped.
    pub(crate) fn because(&mut self, reason: &str) {
        if !self.skips.iter().any(|known| known == reason) {
            self.skips.push(reason.to_owned());
        }
    }

    /// The sum over all suites.
    pub(crate) fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.rows.iter().for_each(|row| total.add(row.tally));
        total
    }

    /// Prints the table, the reasons for skips, and the sum as the very last line.
    pub(crate) fn print(&self) {
        print!("{}", self.render(stdout().is_terminal()));
    }

    fn render(&self, with_colour: bool) -> String {
        let mut text = String::new();
        let width = self.rows.iter().map(|row| row.suite.len()).max().unwrap_or(0).max(5);
        let head = format!("{:width$}  {:10}  passed  failed  skipped", "suite", "backend");
        let _ = writeln!(text, "\n{}", paint(&head, BOLD, with_colour));
        for Row { suite, backend, tally } in &self.rows {
            let passed = paint(&format!("{:6}", tally.passed), green(tally.passed), with_colour);
            let failed = paint(&format!("{:6}", tally.failed), red(tally.failed), with_colour);
            let skipped =
                paint(&format!("{:7}", tally.skipped), yellow(tally.skipped), with_colour);
            let _ = writeln!(text, "{suite:width$}  {backend:10}  {passed}  {failed}  {skipped}");
        }
        if !self.skips.is_empty() {
            let _ = writeln!(text, "\nskipped:");
            for reason in &self.skips {
                let _ = writeln!(text, "  {}", reason.trim().replace('\n', "\n    "));
            }
        }
        let total = self.total();
        let colour = if total.failed == 0 { GREEN } else { RED };
        let _ = writeln!(text, "\n{}", paint(&total.line(), colour, with_colour));
        text
    }
}

fn green(count: usize) -> &'static str {
    if count == 0 { DIM } else { GREEN }
}

fn red(count: usize) -> &'static str {
    if count == 0 { DIM } else { RED }
}

fn yellow(count: usize) -> &'static str {
    if count == 0 { DIM } else { YELLOW }
}

fn paint(text: &str, colour: &str, with_colour: bool) -> String {
    if with_colour { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
}

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";

#[cfg(test)]
mod tests {
    use super::{Report, Tally};

    #[test]
    fn the_last_line_is_the_sum() {
        let mut report = Report::default();
        report.row("cli", "moto", Tally { passed: 3, failed: 1, skipped: 2 });
        report.skip("conformance", "rgw", "no apt-get");
        let text = report.render(false);
        assert_eq!(text.lines().last(), Some("3 passed, 1 failed, 3 skipped"));
        assert!(text.contains("conformance on rgw: no apt-get"), "{text}");
    }
}
