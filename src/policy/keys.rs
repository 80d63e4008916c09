//! What a decision is made on: the principal and the condition keys of one request.
//!
//! Invariant: a key is in it once. Names compare without case, as in AWS, but the tag in
//! `s3:RequestObjectTag/<tag>` compares with case, as tags of objects do.

use std::{borrow::Cow, slice};

use super::{Declared, context::is_of};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// No credentials were presented.
    Anonymous,
    /// The holder of an access key that the gate does not know: the backend verifies the signature.
    Unknown,
    /// An authenticated caller.
    Aws {
        /// Such as `arn:aws:iam::123456789012:user/alice`.
        arn: String,
        /// 12 digits.
        account: String,
    },
}

/// Condition keys and their values. An absent key is not in it.
#[derive(Clone, Debug)]
pub struct Keys<'a> {
    entries: Vec<Entry<'a>>,
    open: &'a [&'a str],
    declared: Option<&'a Declared>,
}

#[derive(Clone, Debug)]
struct Entry<'a> {
    name: Cow<'a, str>,
    values: Values<'a>,
}

#[derive(Clone, Debug)]
enum Values<'a> {
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
}

impl<'a> Keys<'a> {
    /// No key at all. Allocates nothing.
    pub(super) const NONE: Self = Self { entries: Vec::new(), declared: None, open: &[] };

    /// Sets a single-valued key; the value may be empty, which is not absent.
    pub fn set(&mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        self.put(key.into(), Values::One(value.into()));
    }

    /// Has these, too, where the request itself does not.
    pub fn declare(&mut self, declared: &'a Declared) {
        self.declared = Some(declared);
    }

    /// Sets a multi-valued key. Without values it is absent.
    pub fn set_all<V: Into<Cow<'a, str>>>(
        &mut self,
        key: impl Into<Cow<'a, str>>,
        values: impl IntoIterator<Item = V>,
    ) {
        let (key, values) = (key.into(), values.into_iter().map(Into::into).collect::<Vec<_>>());
        if values.is_empty() {
            self.remove(&key);
        } else {
            self.put(key, Values::Many(values));
        }
    }

    /// Makes a key absent.
    pub fn remove(&mut self, key: &str) {
        self.entries.retain(|entry| !is_same(&entry.name, key));
    }

    /// Leaves keys (or families, by a name that ends in `/`) open, which the request has with values that nobody here knows. No Deny applies for
    /// the sake of such a key, and no Allow fails to.
    pub fn leave_open(&mut self, keys: &'a [&'a str]) {
        self.open = keys;
    }

    /// Whether any key was left open.
    pub(super) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether a key was left open.
    pub(super) fn is_open(&self, key: &str) -> bool {
        self.open.iter().any(|open| is_of(open, key))
    }

    /// The keys of the request itself and their values, without those that are declared.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Cow<'a, str>])> {
        self.entries.iter().map(|Entry { name, values }| match values {
            Values::One(value) => (&**name, slice::from_ref(value)),
            Values::Many(values) => (&**name, values.as_slice()),
        })
    }

    /// The values of a key, one or more; `None` where it is absent.
    pub fn values(&self, key: &str) -> Option<&[Cow<'a, str>]> {
        match self.entries.iter().find(|entry| is_same(&entry.name, key)) {
            Some(Entry { values: Values::One(value), .. }) => Some(slice::from_ref(value)),
            Some(Entry { values: Values::Many(values), .. }) => Some(values),
            None => self.declared?.values(key),
        }
    }

    /// The value of a single-valued key.
    pub(super) fn single(&self, key: &str) -> Option<&str> {
        match self.entries.iter().find(|entry| is_same(&entry.name, key)) {
            Some(Entry { values: Values::One(value), .. }) => Some(value),
            Some(Entry { values: Values::Many(_), .. }) => None,
            None => self.declared?.single(key),
        }
    }

    fn put(&mut self, name: Cow<'a, str>, values: Values<'a>) {
        match self.entries.iter_mut().find(|entry| is_same(&entry.name, &name)) {
            Some(entry) => entry.values = values,
            None => self.entries.push(Entry { name, values }),
        }
    }
}

impl Default for Keys<'_> {
    fn default() -> Self {
        Self { entries: Vec::with_capacity(KEYS_TYPICAL), declared: None, open: &[] }
    }
}

/// Whether two names are of one key.
pub(super) fn is_same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right) && object_tag(left) == object_tag(right)
}

fn object_tag(name: &str) -> Option<&str> {
    let (family, tag) = name.split_once('/')?;
    family.get(..S3.len())?.eq_ignore_ascii_case(S3).then_some(tag)
}

const S3: &str = "s3:";

/// Room for what a request has, so that filling allocates once.
const KEYS_TYPICAL: usize = 24;
