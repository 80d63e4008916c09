//! Rules: which treatment the writes of a bucket get. First match wins. Invariant: where no rule
//! matches, nothing is demanded and nothing is changed.

use std::sync::Arc;

use http::HeaderMap;

use super::{
    seal::Sealing,
    sse::{CustomerKey, CustomerKeys, Encryption, Family, Injection, NoKey},
};
use crate::policy::{BodyForm, Glob, Guard, Mode, Terms};

/// What happens to the writes that a rule matches.
#[derive(Clone, Debug)]
pub enum Treatment {
    /// They pass as sent (policies still apply).
    Off,
    /// They must meet these demands, besides the policies.
    Require(Vec<Guard>),
    /// Encryption headers are added to those that bring none.
    Inject(Injection),
    /// The proxy seals them, and opens what is read.
    Seal(Arc<Sealing>),
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// In audit lines, metrics and refusals.
    pub name: Arc<str>,
    /// Buckets, any of which must match.
    pub buckets: Vec<Glob>,
    /// Key prefixes, any of which must match; empty: every key.
    pub prefixes: Vec<String>,
    /// What is done.
    pub treatment: Treatment,
    /// `None`: as the whole gate.
    pub mode: Option<Mode>,
    /// Refuses changes of the bucket itself that would undo what the rule enforces.
    pub protection: Vec<Guard>,
}

/// What a request is about, as far as terms differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A bucket as a whole.
    Bucket,
    /// The bytes of an object, which it brings or has copied.
    Data,
    /// Anything else of an object.
    Object,
}

/// Rules in order.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    mode: Mode,
}

impl Rules {
    /// In the order of the configuration; `mode` is that of requests without a rule of another.
    pub fn new(rules: Vec<Rule>, mode: Mode) -> Self {
        Self { rules, mode }
    }

    /// The rule of a bucket and key.
    ///
    /// A request about no key is about the bucket as a whole: it meets the first rule of the bucket
    /// that protects it, whatever its prefixes.
    pub fn find(&self, bucket: &str, key: Option<&str>) -> Option<&Rule> {
        self.rules.iter().find(|rule| match key {
            Some(key) => rule.matches(bucket, key),
            None => rule.matches_bucket(bucket) && !rule.protection.is_empty(),
        })
    }

    /// Whether refusals of requests under `rule` count.
    pub fn mode(&self, rule: Option<&Rule>) -> Mode {
        rule.and_then(|rule| rule.mode).unwrap_or(self.mode)
    }

    /// The terms under which policy decides about requests under `rule`.
    pub fn terms<'a>(&'a self, rule: Option<&'a Rule>, about: About) -> Terms<'a> {
        let guards = match rule.map(|rule| (about, &rule.treatment, &rule.protection)) {
            Some((About::Bucket, _, protection)) => protection.as_slice(),
            Some((_, Treatment::Require(demands), _)) => demands.as_slice(),
            Some((_, Treatment::Off | Treatment::Inject(_) | Treatment::Seal(_), _)) | None => &[],
        };
        let mode = self.mode(rule);
        let seals = about == About::Data && mode == Mode::Enforce;
        let sealing = rule.and_then(Rule::sealing).filter(|_| seals);
        let form = if sealing.is_some() { BodyForm::Sealed } else { BodyForm::Plain };
        Terms { form, guards, mode }
    }

    /// Whether any object of the bucket may be sealed.
    pub fn seal_in(&self, bucket: &str) -> bool {
        self.rules.iter().any(|rule| rule.matches_bucket(bucket) && rule.sealing().is_some())
    }
}

impl Rule {
    fn matches(&self, bucket: &str, key: &str) -> bool {
        self.matches_bucket(bucket)
            && (self.prefixes.is_empty()
                || self.prefixes.iter().any(|prefix| key.starts_with(prefix)))
    }

    fn matches_bucket(&self, bucket: &str) -> bool {
        self.buckets.iter().any(|glob| glob.matches(bucket))
    }

    /// What is added, where this rule adds anything.
    pub fn injection(&self) -> Option<&Injection> {
        match &self.treatment {
            Treatment::Inject(injection) => Some(injection),
            Treatment::Off | Treatment::Require(_) | Treatment::Seal(_) => None,
        }
    }

    /// How objects are sealed, where this rule seals them.
    pub fn sealing(&self) -> Option<&Arc<Sealing>> {
        match &self.treatment {
            Treatment::Seal(sealing) => Some(sealing),
            Treatment::Off | Treatment::Require(_) | Treatment::Inject(_) => None,
        }
    }

    /// Whether it decides which customer's key a request goes on with: where the client brings none it
    /// may have one, and where it overrides, what the client brings need not be what was written with.
    pub fn has_say(&self, received: &HeaderMap, family: Family) -> bool {
        let Some(Injection { encryption, overrides }) = self.injection() else { return false };
        let has_keys = matches!(encryption, Encryption::Customer(_));
        if family.is_in(received) { *overrides } else { has_keys }
    }

    /// An object's keys, the one to write with first; none where it has no keys of its own (SSE-C).
    ///
    /// # Errors
    ///
    /// As [`CustomerKeys::of`].
    pub fn keys(&self, bucket: &str, key: &str) -> Result<Vec<CustomerKey>, NoKey> {
        self.customer_keys().map_or_else(|| Ok(Vec::new()), |keys| keys.of(bucket, key))
    }

    fn customer_keys(&self) -> Option<&CustomerKeys> {
        match &self.injection()?.encryption {
            Encryption::Customer(keys) => Some(keys),
            Encryption::S3 | Encryption::Kms(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::demand;

    fn rule(name: &str, buckets: &[&str], prefixes: &[&str]) -> Rule {
        Rule {
            name: name.into(),
            buckets: buckets.iter().copied().map(Glob::new).collect(),
            prefixes: prefixes.iter().map(|&prefix| prefix.to_owned()).collect(),
            treatment: Treatment::Off,
            mode: None,
            protection: Vec::new(),
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = Rules::new(
            vec![rule("1", &["a", "b*"], &["x/", "y/"]), rule("2", &["a"], &[])],
            Mode::Enforce,
        );
        for (bucket, key, expected) in [
            ("a", Some("y/k"), Some("1")),
            ("b1", Some("x/"), Some("1")),
            ("a", Some("k"), Some("2")),
            ("b1", Some("k"), None),
            ("c", Some("x/k"), None),
            ("a", None, None),
        ] {
            let found = rules.find(bucket, key).map(|rule| &*rule.name);
            assert_eq!(found, expected, "{bucket:?} {key:?}");
        }
    }

    #[test]
    fn a_whole_bucket_is_protected_by_a_rule_of_any_prefix() {
        let protecting =
            Rule { protection: vec![demand::protection("2")], ..rule("2", &["b"], &["x/"]) };
        let rules = Rules::new(vec![rule("1", &["b"], &[]), protecting], Mode::Enforce);
        let found = rules.find("b", None);
        assert_eq!(found.map(|rule| &*rule.name), Some("2"));
        assert_eq!(rules.terms(found, About::Bucket).guards.len(), 1);
        let guards = rules.terms(found, About::Object).guards;
        assert!(guards.is_empty(), "it is not about an object");
    }

    #[test]
    fn a_rules_mode_comes_before_the_gates() {
        let enforcing = Rule { mode: Some(Mode::Enforce), ..rule("1", &["a"], &[]) };
        let rules = Rules::new(vec![enforcing, rule("2", &["*"], &[])], Mode::Audit);
        assert_eq!(rules.mode(rules.find("a", Some("k"))), Mode::Enforce);
        assert_eq!(rules.mode(rules.find("b", Some("k"))), Mode::Audit);
        assert_eq!(rules.mode(None), Mode::Audit);
    }

    #[test]
    fn only_data_under_a_rule_that_seals_leaves_sealed() {
        let sealing = Sealing {
            keyrings: vec!["main".to_owned()],
            binding: crate::seal::Binding::default(),
            aliases: Vec::new(),
            unsealed: crate::transform::seal::UnsealedObjects::Refuse,
            irregular: crate::transform::seal::Irregular::Rebuild,
            kms_key_id: None,
        };
        let sealed =
            Rule { treatment: Treatment::Seal(Arc::new(sealing)), ..rule("1", &["s"], &[]) };
        let audited = Rule { mode: Some(Mode::Audit), ..sealed.clone() };
        let rules = Rules::new(vec![sealed.clone(), rule("2", &["*"], &[])], Mode::Enforce);
        for (rule, about, expected) in [
            (&sealed, About::Data, BodyForm::Sealed),
            (&sealed, About::Object, BodyForm::Plain),
            (&sealed, About::Bucket, BodyForm::Plain),
            (&audited, About::Data, BodyForm::Plain),
        ] {
            assert_eq!(rules.terms(Some(rule), about).form, expected, "{about:?}");
        }
        assert_eq!(rules.terms(rules.find("b", Some("k")), About::Data).form, BodyForm::Plain);
        assert!(rules.seal_in("s") && !rules.seal_in("b"));
    }
}
