//! Rules: which treatment the writes of a bucket get. First match wins. Invariant: where no rule
//! matches, nothing is changed.

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

/// What happens to the writes that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// They pass as sent (policies still apply).
    Off,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Buckets, any of which must match.
    pub buckets: Vec<Glob>,
    /// Key prefixes, any of which must match; empty: every key.
    pub prefixes: Vec<String>,
    /// What is done.
    pub treatment: Treatment,
}

/// Rules in order. Where none matches, `Off`.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// In the order of the configuration.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// The treatment of a bucket and key. A request about no bucket has none; one about no key meets
    /// only rules without prefixes.
    pub fn treatment(&self, bucket: Option<&str>, key: Option<&str>) -> Treatment {
        let Some(bucket) = bucket else { return Treatment::Off };
        let rule = self.0.iter().find(|rule| rule.matches(bucket, key));
        rule.map_or(Treatment::Off, |rule| rule.treatment)
    }
}

impl Rule {
    fn matches(&self, bucket: &str, key: Option<&str>) -> bool {
        let has_prefix = |key: &str| self.prefixes.iter().any(|prefix| key.starts_with(prefix));
        self.buckets.iter().any(|glob| glob.matches(bucket))
            && (self.prefixes.is_empty() || key.is_some_and(has_prefix))
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

    #[test]
    fn rules_match_buckets_and_prefixes() {
        let rule = |prefixes: &[&str]| Rule {
            buckets: vec![Glob::new("a"), Glob::new("b*")],
            prefixes: prefixes.iter().map(|&prefix| prefix.to_owned()).collect(),
            treatment: Treatment::Off,
        };
        assert!(rule(&[]).matches("b1", None));
        assert!(!rule(&[]).matches("c", Some("k")));
        assert!(rule(&["x/", "y/"]).matches("a", Some("y/k")));
        assert!(!rule(&["x/"]).matches("a", Some("y/k")));
        assert!(!rule(&["x/"]).matches("a", None));
    }

    #[test]
    fn without_rules_nothing_is_changed() {
        assert_eq!(Rules::default().treatment(Some("b"), Some("k")), Treatment::Off);
    }
}
