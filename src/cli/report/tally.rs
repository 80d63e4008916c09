//! Audit lines, summed up by program and bucket. Invariant: a line counts once.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};

use crate::telemetry::client;

/// The sums so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: BTreeMap<(&'static str, String), Entry>,
    lines: usize,
    unreadable: usize,
    period: Option<Period>,
}

/// When the first and the last line of the log were written, RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Period {
    pub(super) from: String,
    pub(super) to: String,
}

/// How writes arrived, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// With encryption headers, and passed.
    pub(super) compliant: u64,
    /// Without, and got a rule's.
    pub(super) mended: u64,
    /// Without, and would have got a rule's.
    pub(super) would_mend: u64,
    /// Without, and passed as they were.
    pub(super) absent: u64,
    /// Passed in audit mode only.
    pub(super) would_refuse: u64,
    /// Denied by a policy or rule.
    pub(super) refused: u64,
}

#[derive(Debug, Default)]
struct Entry {
    counts: Counts,
    requesters: BTreeSet<String>,
    has_more_requesters: bool,
    reason: Option<String>,
}

/// The sums of one program and bucket.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Row<'a> {
    pub(super) program: &'a str,
    pub(super) bucket: &'a str,
    #[serde(flatten)]
    pub(super) counts: Counts,
    requesters: &'a BTreeSet<String>,
    has_more_requesters: bool,
    /// Why the last one was, or would be, refused.
    reason: Option<&'a str>,
}

/// The document of `--json`. Names are kept from version to version; new ones may come.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    lines: usize,
    unreadable: usize,
    period: Option<&'a Period>,
    rows: Vec<Row<'a>>,
}

/// What is read of a line.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    decision: Cow<'l, str>,
    #[serde(borrow, default)]
    time: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    encryption: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    bucket_name: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    user_agent: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    requester: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    reason: Option<Cow<'l, str>>,
}

impl Tally {
    /// Adds a line of the audit log; anything else is counted as unreadable.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.lines += 1;
        let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else {
            self.unreadable += 1;
            return;
        };
        if let Some(time) = &line.time {
            Period::include(&mut self.period, time);
        }
        let is_denied = ["deny", "would-deny"].contains(&&*line.decision);
        if !is_denied && (line.encryption.is_none() || line.decision != "allow") {
            return;
        }
        let program = client::family(line.user_agent.as_deref().unwrap_or_default());
        let bucket = line.bucket_name.as_deref().unwrap_or(NO_BUCKET);
        let mut place = (program, bucket.to_owned());
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&place) {
            place = (client::OTHER, OTHER_BUCKETS.to_owned());
        }
        self.rows.entry(place).or_default().add(&line);
    }

    /// Lines so far, empty ones not counted.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// Lines that were no audit lines.
    pub(super) fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// Of all lines, in whatever order they came.
    pub(super) fn period(&self) -> Option<&Period> {
        self.period.as_ref()
    }

    /// Those that enforcement breaks most come first.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = self.rows.iter().map(Row::of).collect();
        rows.sort_by_key(|row| {
            let Counts { would_refuse, refused, would_mend, mended, .. } = row.counts;
            Reverse((would_refuse + refused, would_mend + mended))
        });
        rows
    }

    /// Everything, for machines.
    pub(super) fn report(&self) -> Document<'_> {
        let Self { lines, unreadable, .. } = *self;
        Document { lines, unreadable, period: self.period(), rows: self.rows() }
    }
}

impl Period {
    /// The gate writes all times in one form, so that text orders as time does.
    fn include(period: &mut Option<Self>, time: &str) {
        let period = period.get_or_insert_with(|| Self { from: time.into(), to: time.into() });
        if time < period.from.as_str() {
            time.clone_into(&mut period.from);
        }
        if time > period.to.as_str() {
            time.clone_into(&mut period.to);
        }
    }
}

impl Counts {
    /// Whether something was, or would be, refused.
    pub(super) fn breaks(&self) -> bool {
        self.refused + self.would_refuse > 0
    }

    /// Whether a rule added headers, or would have.
    pub(super) fn is_mended(&self) -> bool {
        self.mended + self.would_mend > 0
    }
}

impl Entry {
    fn add(&mut self, line: &Line<'_>) {
        let Counts { compliant, mended, would_mend, absent, would_refuse, refused } =
            &mut self.counts;
        let count = match (&*line.decision, line.encryption.as_deref()) {
            ("deny", _) => refused,
            ("would-deny", _) => would_refuse,
            (_, Some("compliant")) => compliant,
            (_, Some("mended")) => mended,
            (_, Some("would-mend")) => would_mend,
            _ => absent,
        };
        *count += 1;
        if self.counts.breaks()
            && let Some(reason) = &line.reason
        {
            self.reason = Some(reason.clone().into_owned());
        }
        let requester = line.requester.as_deref().unwrap_or("anonymous");
        if self.requesters.len() < REQUESTERS_MAX {
            self.requesters.insert(requester.to_owned());
        } else if !self.requesters.contains(requester) {
            self.has_more_requesters = true;
        }
    }
}

impl<'a> Row<'a> {
    fn of(((program, bucket), entry): (&'a (&'static str, String), &'a Entry)) -> Self {
        Self {
            program,
            bucket,
            counts: entry.counts,
            requesters: &entry.requesters,
            has_more_requesters: entry.has_more_requesters,
            reason: entry.reason.as_deref(),
        }
    }

    /// Who it was.
    pub(super) fn requesters(&self) -> String {
        let named: Vec<&str> = self.requesters.iter().map(String::as_str).collect();
        let more = if self.has_more_requesters { ", and others" } else { "" };
        named.join(", ") + more
    }

    /// Why the last one was, or would be, refused.
    pub(super) fn reason(&self) -> Option<&'a str> {
        self.reason
    }
}

const NO_BUCKET: &str = "-";
const OTHER_BUCKETS: &str = "(others)";
/// Programs and buckets that are told apart.
pub(super) const ROWS_MAX: usize = 10_000;
/// Callers that are named of each.
const REQUESTERS_MAX: usize = 5;
