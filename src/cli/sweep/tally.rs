//! What became of all objects together. Invariant: each object is counted once, and each failure is
//! counted, though only the first are kept.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use super::{Became, Named, Over, Swept};
use crate::cli::out;

/// Counts of a command that changes objects. Names are kept from version to version; new ones may come.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tally {
    url: String,
    dry_run: bool,
    objects: u64,
    /// What the command is there for.
    done: u64,
    /// Stored bytes of those.
    done_bytes: u64,
    /// What needed nothing.
    already: u64,
    /// What the command is not there for.
    other: u64,
    /// Gone since it was listed.
    gone: u64,
    left: BTreeMap<&'static str, u64>,
    /// Older versions, which cannot be changed.
    old_versions: OldVersions,
    failed: u64,
    failures: Vec<Failing>,
    /// Where to go on, if it did not come to the end.
    start_after: Option<String>,
    broke_off: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct OldVersions {
    /// Of those that were listed, who need nothing.
    already: u64,
    /// Of those that were listed, who would need it.
    listed: u64,
    /// What was replaced, and would need it.
    made: u64,
}

/// One that failed.
#[derive(Debug, Serialize)]
struct Failing {
    #[serde(flatten)]
    named: Named,
    reason: String,
}

/// What the counts are called.
pub(in crate::cli) struct Words {
    pub(in crate::cli) done: &'static str,
    pub(in crate::cli) would_be_done: &'static str,
    pub(in crate::cli) already: &'static str,
    pub(in crate::cli) other: &'static str,
    pub(in crate::cli) old_versions: &'static str,
}

impl Tally {
    pub(super) fn new(over: &Over, dry_run: bool) -> Self {
        Self { url: over.place.to_string(), dry_run, ..Self::default() }
    }

    pub(super) fn add(&mut self, became: &Became) {
        match became {
            Became::Done { bytes, .. } => {
                self.done += 1;
                self.done_bytes = self.done_bytes.saturating_add(*bytes);
            }
            Became::Already => self.already += 1,
            Became::Other => self.other += 1,
            Became::Gone => self.gone += 1,
            Became::Left(left) => *self.left.entry(left.as_str()).or_default() += 1,
            Became::OldVersion { needs_it: false } => self.old_versions.already += 1,
            Became::OldVersion { needs_it: true } => self.old_versions.listed += 1,
        }
    }

    /// Counts an older version that would need it, and that the command makes.
    pub(super) fn makes_old(&mut self) {
        self.old_versions.made += 1;
    }

    /// Counts a failure; the line that tells of it.
    pub(super) fn failed(&mut self, named: Named, reason: String) -> String {
        let told = format!("{} {}: {}", out::red("failed:"), named.shown(), out::shown(&reason));
        self.failed += 1;
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(Failing { named, reason });
        }
        told
    }

    pub(super) fn end(&mut self, swept: Swept) {
        self.objects = swept.objects;
        if self.failed > 0 || swept.broke_off.is_some() {
            self.start_after = swept.until;
        }
        self.broke_off = swept.broke_off;
    }

    /// Whether all was gone over, and nothing failed.
    pub(super) fn is_good(&self) -> bool {
        self.failed == 0 && self.broke_off.is_none()
    }

    pub(super) fn table(&self, words: &Words) -> String {
        let mut text = out::bold(&out::shown(&self.url)) + "\n";
        let mut row = |name: &str, count: u64, told: &str| {
            // Infallible: writing into a String.
            let _ = writeln!(text, "  {name:<26}{count:>12}{told}");
        };
        row("objects", self.objects, "");
        let done = if self.dry_run { words.would_be_done } else { words.done };
        row(done, self.done, &format!("  {}", out::counted_bytes(self.done_bytes)));
        row(words.already, self.already, "");
        for (name, count) in [(words.other, self.other), ("gone meanwhile", self.gone)] {
            if count > 0 {
                row(name, count, "");
            }
        }
        for (why, count) in &self.left {
            row(&format!("left, {why}"), *count, "");
        }
        let OldVersions { already, listed, made } = self.old_versions;
        if already > 0 {
            row("older versions, good", already, "");
        }
        for (count, why) in [(listed, "  older versions stay"), (made, "  what was replaced stays")]
        {
            if count > 0 {
                row(words.old_versions, count, &out::yellow(why));
            }
        }
        if self.failed > 0 {
            row("failed", self.failed, &format!("  {}", out::red("see above")));
        }
        text + &ending(self.broke_off.as_deref(), self.start_after.as_deref())
    }
}

/// Why a command did not come to its end, and where it is to go on.
pub(in crate::cli) fn ending(broke_off: Option<&str>, start_after: Option<&str>) -> String {
    let mut text = String::new();
    // Infallible: writing into a String.
    if let Some(why) = broke_off {
        let why = format!("it did not come to the end: {}", out::shown(why));
        let _ = writeln!(text, "{}", out::red(&why));
    }
    if let Some(key) = start_after {
        let _ = writeln!(text, "go on with --start-after {}", out::shell_quoted(key));
    }
    text
}

const FAILURES_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::xml::ListedObject;

    const WORDS: Words = Words {
        done: "done",
        would_be_done: "would be done",
        already: "already",
        other: "other",
        old_versions: "old",
    };

    fn named() -> Named {
        "s3://bucket/".parse::<super::super::args::Place>().unwrap().named(&ListedObject::default())
    }

    #[test]
    fn where_to_go_on_is_told_only_where_there_is_something_left() {
        let swept = Swept { objects: 3, until: Some("it's".to_owned()), ..Swept::default() };
        let mut tally = Tally::default();
        tally.end(swept.clone());
        assert!(tally.is_good() && !tally.table(&WORDS).contains("--start-after"));
        tally.failed(named(), "x".to_owned());
        tally.end(swept);
        assert!(!tally.is_good());
        assert!(tally.table(&WORDS).contains("--start-after 'it'\\''s'"));
    }

    #[test]
    fn failures_are_counted_beyond_those_that_are_kept() {
        let mut tally = Tally::default();
        for _ in 0..=FAILURES_MAX {
            tally.failed(named(), "r".to_owned());
        }
        assert_eq!((tally.failed, tally.failures.len()), (101, FAILURES_MAX));
    }
}
