//! The actions of S3, and what each acts on. Invariant: an action outside the table does not exist.

use std::sync::LazyLock;

use super::{Keys, context::is_of, pattern::Pattern, resource::Kind};

/// A row of the table.
#[derive(Debug)]
pub(super) struct Action {
    /// Such as `s3:PutObject`.
    pub(super) name: &'static str,
    kinds: Vec<Kind>,
    keys: Vec<&'static str>,
}

impl Action {
    pub(super) fn acts_on(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether requests of this action can have the condition key. Keys of other services, and those
    /// of every request, always.
    pub(super) fn has_key(&self, key: &str) -> bool {
        let is_s3 = key.get(..3).is_some_and(|service| service.eq_ignore_ascii_case("s3:"));
        !is_s3
            || UNIVERSAL.iter().any(|known| is_of(known, key))
            || self.keys.iter().any(|known| key.get(3..).is_some_and(|name| is_of(known, name)))
    }
}

/// The actions that a pattern (`s3:Get*`, `*`) names.
pub(super) fn named_by(pattern: &Pattern) -> impl Iterator<Item = &'static Action> {
    ACTIONS.iter().filter(move |action| pattern.matches_ignoring_case(action.name, &Keys::NONE))
}

/// All of them, by name.
pub(super) fn all() -> &'static [Action] {
    &ACTIONS
}

/// The number of an action, its place in [`all`]; `None` where S3 has none that is spelt so.
pub(super) fn number(name: &str) -> Option<usize> {
    let mut slot = hash(name);
    loop {
        let number = usize::from(*NUMBERS.get(slot % SLOTS)?).checked_sub(1)?;
        if ACTIONS.get(number).is_some_and(|action| action.name == name) {
            return Some(number);
        }
        slot += 1;
    }
}

/// FNV-1a, over few bytes faster than any hash that resists an attacker; the names are ours.
fn hash(name: &str) -> usize {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = name.bytes().fold(0x811c_9dc5, mix);
    usize::try_from(hash ^ (hash >> 16)).unwrap_or_default()
}

/// By hash, numbers of actions counted from 1; 0 where there is none.
static NUMBERS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut numbers = vec![0; SLOTS];
    for (action, number) in ACTIONS.iter().zip(1..=u8::MAX) {
        let mut slot = hash(action.name);
        while let Some(taken) = numbers.get_mut(slot % SLOTS) {
            if *taken == 0 {
                *taken = number;
                break;
            }
            slot += 1;
        }
    }
    numbers
});

/// Four times as many as actions, so that most are found at the first look.
const SLOTS: usize = 1024;

static ACTIONS: LazyLock<Vec<Action>> = LazyLock::new(|| {
    include_str!("actions.txt").lines().filter(|line| !line.starts_with('#')).map(row).collect()
});

fn row(line: &'static str) -> Action {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default();
    let kinds = words.next().unwrap_or_default().split(',').filter_map(Kind::named).collect();
    Action { name, kinds, keys: words.collect() }
}

/// Keys that every action has.
const UNIVERSAL: [&str; 6] = [
    "s3:authType",
    "s3:ResourceAccount",
    "s3:signatureAge",
    "s3:signatureversion",
    "s3:TlsVersion",
    "s3:x-amz-content-sha256",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::context::{KNOWN_KEYS, Standing, standing};

    fn named(pattern: &str) -> Vec<&'static str> {
        named_by(&Pattern::glob(pattern)).map(|action| action.name).collect()
    }

    #[test]
    fn patterns_name_actions_without_case() {
        assert_eq!(named("s3:putobject"), ["s3:PutObject"]);
        assert_eq!(
            named("s3:GetObject*Tagging"),
            ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
        );
        assert_eq!(named("s3:NoSuchAction"), [""; 0]);
        assert_eq!(named("*").len(), all().len());
    }

    #[test]
    fn every_action_has_its_number() {
        assert!(all().len() < usize::from(u8::MAX), "numbers are bytes");
        for (place, action) in all().iter().enumerate() {
            assert_eq!(number(action.name), Some(place), "{}", action.name);
        }
        for name in ["", "s3:putobject", "s3:PutObjects", "iam:PassRole"] {
            assert_eq!(number(name), None, "{name}");
        }
    }

    #[test]
    fn every_row_is_whole() {
        for action in all() {
            assert!(action.name.starts_with("s3:") && action.name.len() > 3, "{action:?}");
            let written = !action.kinds.is_empty();
            assert!(written, "{action:?}");
            for key in &action.keys {
                let found =
                    standing(&format!("s3:{key}{}", if key.ends_with('/') { "x" } else { "" }));
                assert_ne!(found, Standing::Unknown, "{} {key}", action.name);
            }
        }
    }

    #[test]
    fn every_known_key_is_of_some_action() {
        for known in KNOWN_KEYS {
            let name = format!("{}x", known.name);
            let name = if known.name.ends_with('/') { &name } else { known.name };
            assert!(all().iter().any(|action| action.has_key(name)), "{name}");
        }
    }
}
