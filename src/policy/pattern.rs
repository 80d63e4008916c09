//! Globs of the language: `*`, `?`, and policy variables. Invariant: matching allocates nothing, and a
//! substituted value is text, never a pattern.

use super::{Keys, variable::Variable};

/// A compiled text of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    tokens: Box<[Token]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Literal(Box<str>),
    /// `?`
    One,
    /// `*`
    Run,
    Variable(Variable),
}

impl Pattern {
    pub(super) fn new(tokens: Vec<Token>) -> Self {
        Self { tokens: tokens.into_boxed_slice() }
    }

    /// A glob without variables.
    pub(super) fn glob(text: &str) -> Self {
        let mut tokens = Vec::new();
        wildcards(text, &mut tokens);
        Self::new(tokens)
    }

    /// Whether the whole text matches; `?` takes one Unicode scalar value. A variable without a value
    /// makes the pattern match nothing.
    pub(super) fn matches(&self, text: &str, keys: &Keys<'_>) -> bool {
        self.matcher(text, keys).matches()
    }

    /// As [`Pattern::matches`], ASCII letters compared without case (actions).
    pub(super) fn matches_ignoring_case(&self, text: &str, keys: &Keys<'_>) -> bool {
        Matcher { is_exact: false, ..self.matcher(text, keys) }.matches()
    }

    /// Matches two ARNs field by field: in the first five, a wildcard stops at the colon.
    pub(super) fn matches_arn(&self, text: &str, keys: &Keys<'_>) -> bool {
        let Some(fields_end) = arn_fields_end(text) else { return false };
        Matcher { fields_end, ..self.matcher(text, keys) }.matches()
    }

    /// Whether every text that begins with `prefix` matches.
    pub(super) fn covers_below(&self, prefix: &str, keys: &Keys<'_>) -> bool {
        // A run at the end takes whatever follows what has matched.
        self.tokens.last() == Some(&Token::Run) && self.matches(prefix, keys)
    }

    /// Whether a text that begins with `prefix` could match: false only where none can.
    pub(super) fn may_match_below(&self, prefix: &str, keys: &Keys<'_>) -> bool {
        let mut rest = prefix;
        for token in &self.tokens {
            let literal = match token {
                Token::Literal(literal) => literal,
                Token::Variable(variable) if !keys.is_open(&variable.key) => {
                    match variable.value(keys) {
                        Some(value) => value,
                        None => return true,
                    }
                }
                Token::Variable(_) | Token::One | Token::Run => return true,
            };
            match rest.strip_prefix(literal) {
                Some(after) => rest = after,
                // The text goes on where the prefix ends.
                None => return literal.starts_with(rest),
            }
        }
        rest.is_empty()
    }

    fn matcher<'m>(&'m self, text: &'m str, keys: &'m Keys<'_>) -> Matcher<'m> {
        Matcher { tokens: &self.tokens, text, fields_end: 0, keys, is_exact: true }
    }

    /// Equality without case, by Unicode's simple lower-casing. Wildcards were not compiled.
    pub(super) fn equals_ignoring_case(&self, text: &str, keys: &Keys<'_>) -> bool {
        let mut rest = text.chars().flat_map(char::to_lowercase);
        for token in &self.tokens {
            let literal = match token {
                Token::Literal(literal) => literal,
                Token::Variable(variable) => match variable.value(keys) {
                    Some(value) => value,
                    None => return false,
                },
                Token::One | Token::Run => return false,
            };
            let mut wanted = literal.chars().flat_map(char::to_lowercase);
            if !wanted.all(|letter| rest.next() == Some(letter)) {
                return false;
            }
        }
        rest.next().is_none()
    }

    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Variable(variable) => Some(variable),
            Token::Literal(_) | Token::One | Token::Run => None,
        })
    }
}

/// Appends a literal text, in which `*` and `?` stand for themselves.
pub(super) fn literal(text: &str, tokens: &mut Vec<Token>) {
    if text.is_empty() {
        return;
    }
    if let Some(Token::Literal(last)) = tokens.last_mut() {
        *last = format!("{last}{text}").into_boxed_str();
    } else {
        tokens.push(Token::Literal(text.into()));
    }
}

/// Appends a text, in which `*` and `?` are wildcards.
pub(super) fn wildcards(text: &str, tokens: &mut Vec<Token>) {
    for piece in text.split_inclusive(['*', '?']) {
        let (before, wildcard) = match piece.strip_suffix('*') {
            Some(before) => (before, Some(Token::Run)),
            None => match piece.strip_suffix('?') {
                Some(before) => (before, Some(Token::One)),
                None => (piece, None),
            },
        };
        literal(before, tokens);
        let is_repeated = wildcard == Some(Token::Run) && tokens.last() == Some(&Token::Run);
        if !is_repeated {
            tokens.extend(wildcard);
        }
    }
}

/// Where the sixth field of an ARN begins.
pub(super) fn arn_fields_end(text: &str) -> Option<usize> {
    text.bytes().enumerate().filter(|(_, byte)| *byte == b':').nth(4).map(|(at, _)| at + 1)
}

/// One match under way.
struct Matcher<'m> {
    tokens: &'m [Token],
    text: &'m str,
    /// Before this offset no wildcard takes a colon.
    fields_end: usize,
    keys: &'m Keys<'m>,
    /// Letters compare with case.
    is_exact: bool,
}

impl Matcher<'_> {
    /// Only the last run is ever widened: what stands before it matched as early as it can, and a
    /// later run can take whatever an earlier one would. This holds field by field, too.
    fn matches(&self) -> bool {
        let (mut token, mut at) = (0, 0);
        let mut last_run: Option<(usize, usize)> = None;
        loop {
            let next = match self.tokens.get(token) {
                Some(Token::Run) => {
                    last_run = Some((token + 1, at));
                    Some(at)
                }
                Some(Token::One) => self.take(at),
                Some(Token::Literal(literal)) => self.skip(at, literal),
                Some(Token::Variable(variable)) => match variable.value(self.keys) {
                    Some(value) => self.skip(at, value),
                    None => return false,
                },
                None if at == self.text.len() => return true,
                None if self.ends_in_run() && at >= self.fields_end => return true,
                None => None,
            };
            if let Some(next) = next {
                (token, at) = (token + 1, next);
                continue;
            }
            let Some((after, reached)) = last_run else { return false };
            let Some(wider) = self.widen(after, reached) else { return false };
            last_run = Some((after, wider));
            (token, at) = (after, wider);
        }
    }

    /// Where a run that reached this far may end next: after one character more, and further where the
    /// first byte of the literal behind it is further.
    fn widen(&self, after: usize, reached: usize) -> Option<usize> {
        let wider = self.take(reached)?;
        let first = match self.tokens.get(after) {
            Some(Token::Literal(literal)) if self.is_exact && wider >= self.fields_end => {
                literal.bytes().next()?
            }
            _ => return Some(wider),
        };
        let skipped = self.text.as_bytes().get(wider..)?.iter().position(|byte| *byte == first)?;
        Some(wider + skipped)
    }

    fn ends_in_run(&self) -> bool {
        matches!(self.tokens.last(), Some(Token::Run))
    }

    /// After one character, where a wildcard may take it.
    fn take(&self, at: usize) -> Option<usize> {
        let letter = self.text.get(at..)?.chars().next()?;
        let is_barred = letter == ':' && at < self.fields_end;
        (!is_barred).then_some(at + letter.len_utf8())
    }

    fn skip(&self, at: usize, literal: &str) -> Option<usize> {
        let end = at + literal.len();
        let found = self.text.as_bytes().get(at..end)?;
        let is_found = if self.is_exact {
            found == literal.as_bytes()
        } else {
            found.eq_ignore_ascii_case(literal.as_bytes())
        };
        is_found.then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::glob(pattern).matches(text, &Keys::default())
    }

    /// The definition itself: every way to split the text.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, first) => first.is_none(),
            (Some(('*', rest)), _) => (0..=text.len()).any(|taken| naive(rest, &text[taken..])),
            (Some(('?', rest)), Some((_, text))) => naive(rest, text),
            (Some((wanted, rest)), Some((found, text))) => wanted == found && naive(rest, text),
            (Some(_), None) => false,
        }
    }

    fn naive_text(pattern: &str, text: &str) -> bool {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        naive(&chars(pattern), &chars(text))
    }

    #[test]
    fn globs_match_whole_texts() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("?", "", false),
            ("a*c", "abcc", true),
            ("*a*b*", "xaxxbx", true),
            ("a*b", "a/x\ny/b", true),
            ("?", "é", true),
            ("a?b", "a\nb", true),
            ("A", "a", false),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b", false),
            ("arn:aws:s3:::b*", "arn:aws:s3:::b/k", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn arns_match_field_by_field() {
        for (pattern, text, expected) in [
            ("arn:aws:iam::1:user/*", "arn:aws:iam::1:user/a:b", true),
            ("arn:aws:*:user/a", "arn:aws:iam::1:user/a", false),
            ("*", "arn:aws:iam::1:user/a", false),
            ("*:*:*:*:*:*", "arn:aws:iam::1:user/a", true),
            ("arn:aws:iam::?:user/a", "arn:aws:iam:::user/a", false),
            ("arn:aws:iam::1:user", "user", false),
        ] {
            let found = Pattern::glob(pattern).matches_arn(text, &Keys::default());
            assert_eq!(found, expected, "{pattern:?} {text:?}");
        }
    }

    proptest! {
        #[test]
        fn globs_agree_with_their_definition(pattern in "[ab*?é]{0,8}", text in "[abé]{0,10}") {
            prop_assert_eq!(matches(&pattern, &text), naive_text(&pattern, &text));
        }

        #[test]
        fn what_is_said_of_all_that_begin_alike_holds_for_each(
            pattern in "[ab*?]{0,6}", prefix in "[ab]{0,3}", rest in "[ab]{0,4}",
        ) {
            let (glob, keys) = (Pattern::glob(&pattern), Keys::default());
            let matched = matches(&pattern, &format!("{prefix}{rest}"));
            prop_assert!(matched || !glob.covers_below(&prefix, &keys));
            prop_assert!(!matched || glob.may_match_below(&prefix, &keys));
        }

        #[test]
        fn arns_agree_with_their_definition(pattern in "[a:*?]{0,12}", text in "[ab:]{0,12}") {
            let split = |text: &str| text.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
            let (wanted, found) = (split(&pattern), split(&text));
            let expected = wanted.len() == 6
                && found.len() == 6
                && wanted.iter().zip(&found).all(|(wanted, found)| naive_text(wanted, found));
            let matched = Pattern::glob(&pattern).matches_arn(&text, &Keys::default());
            prop_assert_eq!(matched, expected);
        }
    }
}
