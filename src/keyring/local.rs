//! A keyring of keys that stand in a file. Invariant: exactly one version writes, and it is there;
//! the key of one that was disabled is not.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::seal::{BucketKey, Kek, NoRandomness};

/// Versions of one key. Clones share them.
#[derive(Clone)]
pub struct Local(Arc<Versions>);

struct Versions {
    current: (String, Kek),
    others: Vec<(String, Kek)>,
    disabled: Vec<String>,
}

/// What a version of a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It wraps what is new, and opens.
    Active,
    /// It opens.
    Enabled,
    /// It refuses to open.
    Disabled,
}

/// A version as it is asked for.
pub(super) enum Version<'a> {
    Usable(&'a Kek),
    Disabled,
}

impl Local {
    /// The version that writes, and those that only read.
    pub fn new(current: (String, Kek), others: Vec<(String, Kek)>) -> Self {
        Self::with_disabled(current, others, Vec::new())
    }

    /// Beside those, versions that exist and must not open anything.
    pub fn with_disabled(
        current: (String, Kek),
        others: Vec<(String, Kek)>,
        disabled: Vec<String>,
    ) -> Self {
        Self(Arc::new(Versions { current, others, disabled }))
    }

    /// The version that writes.
    pub fn active(&self) -> &str {
        &self.0.current.0
    }

    /// How many versions there are, whatever they are good for.
    pub fn versions(&self) -> usize {
        1 + self.0.others.len() + self.0.disabled.len()
    }

    pub(super) fn wrap(
        &self,
        bucket: &str,
        key: &BucketKey,
    ) -> Result<(String, Vec<u8>), NoRandomness> {
        let (version, kek) = &self.0.current;
        Ok((version.clone(), kek.wrap(bucket, key)?))
    }

    pub(super) fn find(&self, version: &str) -> Option<Version<'_>> {
        let mut all = std::iter::once(&self.0.current).chain(&self.0.others);
        match all.find(|(known, _)| known == version) {
            Some((_, kek)) => Some(Version::Usable(kek)),
            None => {
                self.0.disabled.iter().any(|known| known == version).then_some(Version::Disabled)
            }
        }
    }
}

/// In a time that tells nothing of the keys.
impl PartialEq for Local {
    fn eq(&self, other: &Self) -> bool {
        let is_same = |((a, key_a), (b, key_b)): (&(String, Kek), &(String, Kek))| {
            a == b && verify_slices_are_equal(key_a.expose(), key_b.expose()).is_ok()
        };
        let (a, b) = (&self.0, &other.0);
        is_same((&a.current, &b.current))
            && a.others.len() == b.others.len()
            && a.others.iter().zip(&b.others).all(is_same)
            && a.disabled == b.disabled
    }
}

impl State {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Active, Self::Enabled, Self::Disabled];

    /// As files and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Local(..)")
    }
}
