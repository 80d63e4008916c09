//! "Did you mean": the known word that a mistyped one is closest to. Invariant: nothing is
//! suggested that differs in more than a third of its letters.

/// The closest of `known`, where one is close.
pub(super) fn closest<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|word| (distance(typed, word), *word))
        .filter(|(distance, word)| *distance <= word.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// What to write in place of `typed`: a suggestion, or all that there is to choose from.
pub(super) fn instead(typed: &str, known: &[&str]) -> String {
    match closest(typed, known) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known here: {}", listed(known)),
    }
}

/// A value as it was written, cut to [`QUOTED_CHARS_MAX`].
pub(super) fn quoted(written: &str) -> String {
    let cut: String = written.chars().take(QUOTED_CHARS_MAX).collect();
    let ellipsis = if cut.len() < written.len() { "…" } else { "" };
    format!("{cut:?}{ellipsis}")
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Levenshtein's distance; `row` holds the distances of what was read of `a` to each prefix of `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let (mut diagonal, mut left) = (i, i + 1);
        for (to, cell) in b.chars().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            *cell = (diagonal + usize::from(from != to)).min(above + 1).min(left + 1);
            (diagonal, left) = (above, *cell);
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// What a message shows of a value at most.
const QUOTED_CHARS_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::{closest, distance, instead};

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("region", "region", 0),
            ("regoin", "region", 2),
            ("regio", "region", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn only_a_close_word_is_suggested() {
        let known = ["region", "domains"];
        assert_eq!(closest("domain", &known), Some("domains"));
        assert_eq!(closest("regions", &known), Some("region"));
        assert_eq!(closest("bucket", &known), None);
        assert_eq!(instead("bucket", &known), "known here: `region`, `domains`");
    }
}
