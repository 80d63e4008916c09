//! Faults of a document, gathered so that all are reported at once. Invariant: each has a place in
//! the text and says what to write instead.

/// What is wrong with a document, where (1-based), and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// A sentence.
    pub message: String,
}

/// Faults and warnings of one text, while it is read.
#[derive(Debug)]
pub(super) struct Faults<'t> {
    text: &'t str,
    found: Vec<(usize, String)>,
    warnings: Vec<(usize, String)>,
}

impl<'t> Faults<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new(), warnings: Vec::new() }
    }

    /// Adds a fault at a byte offset.
    pub(super) fn push(&mut self, at: usize, message: impl Into<String>) {
        self.found.push((at, message.into()));
    }

    /// Adds a fault that S3 reports too: its message, by which operators search, then the advice.
    pub(super) fn s3(&mut self, at: usize, message: &str, advice: &str) {
        let colon = if message.ends_with(['.', '!']) { "" } else { ":" };
        self.push(at, format!("{message}{colon} {advice}."));
    }

    /// Adds what is allowed and probably not meant.
    pub(super) fn warn(&mut self, at: usize, message: impl Into<String>) {
        self.warnings.push((at, message.into()));
    }

    /// The warnings, or the faults where there are any; in the order of the text.
    pub(super) fn finish(self) -> Result<Vec<Fault>, Vec<Fault>> {
        if self.found.is_empty() {
            Ok(placed(self.text, self.warnings))
        } else {
            Err(placed(self.text, self.found))
        }
    }
}

fn placed(text: &str, mut found: Vec<(usize, String)>) -> Vec<Fault> {
    found.sort_by_key(|(at, _)| *at);
    let fault = |(at, message)| {
        let before = text.get(..text.floor_char_boundary(at)).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        Fault { line, column, message }
    };
    found.into_iter().map(fault).collect()
}

/// The nearest of `known` to a misspelt word, where one is near.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let far = word.len().min(SUGGEST_BYTES_MAX) / 3 + 1;
    known
        .into_iter()
        .map(|known| (distance(word, known), known))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Levenshtein's distance, by ASCII letters without case; texts above the limit are infinitely far.
fn distance(left: &str, right: &str) -> usize {
    if left.len().max(right.len()) > SUGGEST_BYTES_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, a) in left.bytes().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(right.bytes()) {
            let changed = diagonal + usize::from(!a.eq_ignore_ascii_case(&b));
            diagonal = *cell;
            *cell = changed.min(diagonal + 1).min(before + 1);
            before = *cell;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// The longest name that AWS has is half as long.
const SUGGEST_BYTES_MAX: usize = 100;
