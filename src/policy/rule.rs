//! Rules: which treatment the writes of a bucket get. First match wins.

/// A glob over bucket names: `*` and `?`.
#[derive(Clone, Debug)]
pub struct Glob(String);

impl Glob {
    /// Any text is a glob.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }
    /// Whether the whole name matches.
    pub fn matches(&self, _name: &str) -> bool {
        todo!()
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
    /// The treatment of a bucket and key.
    pub fn treatment(&self, _bucket: Option<&str>, _key: Option<&str>) -> Treatment {
        todo!()
    }
}
