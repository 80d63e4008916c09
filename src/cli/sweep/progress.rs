//! How far it is, on a terminal. Invariant: where standard error is none, nothing is shown.

use std::{cell::Cell, time::Duration};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use super::super::out;

/// One line that is drawn over and over.
pub(in crate::cli) struct Progress {
    bar: ProgressBar,
    objects: Cell<u64>,
    bytes: Cell<u64>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self { bar, objects: Cell::new(0), bytes: Cell::new(0) }
    }

    /// It is waited for this one.
    pub(super) fn at(&self, key: &str) {
        // No escape sequence of a key reaches the terminal.
        let key = key.escape_debug();
        let (objects, bytes) = (HumanCount(self.objects.get()), HumanBytes(self.bytes.get()));
        self.bar.set_message(format!("{objects} objects, {bytes}; at {key}"));
    }

    /// Another one is done.
    pub(super) fn add(&self, bytes: u64) {
        self.objects.set(self.objects.get() + 1);
        self.bytes.set(self.bytes.get().saturating_add(bytes));
    }

    /// Tells something that stays, above the line.
    pub(in crate::cli) fn tell(&self, text: &str) {
        self.bar.suspend(|| out::stderr(&format!("{text}\n")));
    }

    /// Prints a document's lines on standard output, above the line.
    pub(in crate::cli) fn above(&self, text: &str) {
        self.bar.suspend(|| out::document(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

const TICK: Duration = Duration::from_millis(120);
