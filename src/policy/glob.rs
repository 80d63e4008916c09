//! Globs over bucket names. Invariant: a glob is matched against the whole name.

use super::{Keys, pattern::Pattern};

/// A glob over bucket names: `*` and `?`.
#[derive(Clone, Debug)]
pub struct Glob {
    pattern: Pattern,
    is_any: bool,
}

impl Glob {
    /// Any text is a glob.
    pub fn new(pattern: impl Into<String>) -> Self {
        let text = pattern.into();
        let is_any = !text.is_empty() && text.bytes().all(|byte| byte == b'*');
        Self { pattern: Pattern::glob(&text), is_any }
    }

    /// Whether the whole name matches.
    pub fn matches(&self, name: &str) -> bool {
        self.is_any || self.pattern.matches(name, &Keys::NONE)
    }

    /// Whether it is `*`: every bucket, and requests that are about none.
    pub fn is_any(&self) -> bool {
        self.is_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_buckets() {
        for (glob, name, expected) in [
            ("*", "b", true),
            ("logs-*", "logs-2024", true),
            ("logs-*", "log", false),
            ("b?", "b1", true),
            ("", "b", false),
        ] {
            assert_eq!(Glob::new(glob).matches(name), expected, "{glob} {name}");
        }
    }
}
