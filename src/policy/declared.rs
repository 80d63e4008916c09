//! Condition keys that the configuration speaks for, since the gate cannot know them. Invariant: each
//! is a key of AWS, and none that the gate takes from requests.

use std::borrow::Cow;

use super::{
    context::{self, Standing},
    keys::is_same,
};

/// Condition keys with the values that every request has, or that no request has.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    entries: Vec<Entry>,
}

/// What is declared of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declaration {
    /// No request has it.
    Absent,
    /// Every request has this value.
    One(String),
    /// Every request has these values, one or more, of a key that can have several.
    Many(Vec<String>),
}

/// Why a key cannot be declared; what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Undeclarable(String);

#[derive(Clone, Debug)]
struct Entry {
    name: Box<str>,
    values: Vec<Cow<'static, str>>,
    is_multivalued: bool,
}

impl Declared {
    /// Declares a key by its whole name, such as `aws:SourceVpce` or `s3:ExistingObjectTag/team`.
    ///
    /// # Errors
    ///
    /// Keys that AWS does not have, that requests themselves tell, or that are declared already; an
    /// empty list.
    pub fn declare(&mut self, key: &str, declaration: Declaration) -> Result<(), Undeclarable> {
        match context::standing(key) {
            Standing::Unknowable(_) => {}
            Standing::Known(known) => {
                let message = format!("requests tell {} themselves; drop it", known.name);
                return Err(Undeclarable(message));
            }
            Standing::Unknown => {
                let instead = match context::declarable(key) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "write a key that AWS documents".to_owned(),
                };
                return Err(Undeclarable(format!("AWS has no condition key {key}; {instead}")));
            }
        }
        if self.entries.iter().any(|entry| is_same(&entry.name, key)) {
            return Err(Undeclarable(format!("{key} stands twice, in one case or another")));
        }
        let is_multivalued = matches!(declaration, Declaration::Many(_));
        let values = match declaration {
            Declaration::Absent => Vec::new(),
            Declaration::One(value) => vec![Cow::Owned(value)],
            Declaration::Many(values) if values.is_empty() => {
                let advice = "write { absent = true } where no request has it";
                return Err(Undeclarable(format!("the list is empty; {advice}")));
            }
            Declaration::Many(values) => values.into_iter().map(Cow::Owned).collect(),
        };
        self.entries.push(Entry { name: key.into(), values, is_multivalued });
        Ok(())
    }

    /// The names of the keys declared.
    pub fn names(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| &*entry.name).collect()
    }

    /// The values of a key; `None` where it is absent, or not declared.
    pub(super) fn values(&self, key: &str) -> Option<&[Cow<'static, str>]> {
        let entry = self.entries.iter().find(|entry| is_same(&entry.name, key))?;
        Some(entry.values.as_slice()).filter(|values| !values.is_empty())
    }

    /// The value of a key that has one.
    pub(super) fn single(&self, key: &str) -> Option<&str> {
        let entry = self.entries.iter().find(|entry| is_same(&entry.name, key))?;
        entry.values.first().filter(|_| !entry.is_multivalued).map(|value| &**value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Keys;

    fn declared(key: &str, declaration: Declaration) -> Result<Declared, String> {
        let mut declared = Declared::default();
        declared.declare(key, declaration).map_err(|error| error.to_string())?;
        Ok(declared)
    }

    #[test]
    fn declared_values_are_those_of_every_request() {
        let one = declared("aws:SourceVpce", Declaration::One("vpce-1".to_owned())).unwrap();
        let mut keys = Keys::default();
        keys.declare(&one);
        assert_eq!(keys.values("AWS:sourcevpce"), Some(&["vpce-1".into()][..]));
        assert_eq!(keys.single("aws:SourceVpce"), Some("vpce-1"));

        let many = Declaration::Many(vec!["a".to_owned(), "b".to_owned()]);
        let many = declared("aws:PrincipalOrgPaths", many).unwrap();
        let mut keys = Keys::default();
        keys.declare(&many);
        assert_eq!(keys.values("aws:PrincipalOrgPaths"), Some(&["a".into(), "b".into()][..]));
        assert_eq!(keys.single("aws:PrincipalOrgPaths"), None, "no variable has several values");

        let none = declared("s3:ExistingObjectTag/x", Declaration::Absent).unwrap();
        let mut keys = Keys::default();
        keys.declare(&none);
        assert_eq!(keys.values("s3:ExistingObjectTag/x"), None);
        assert_eq!(none.names(), ["s3:ExistingObjectTag/x"]);
    }

    #[test]
    fn what_cannot_be_declared_says_why() {
        for (key, reason) in [
            ("aws:SecureTransport", "requests tell aws:SecureTransport themselves"),
            ("aws:sourceVPCEE", "did you mean aws:SourceVpce?"),
            ("s3:ExistingObjectTag/", "did you mean s3:ExistingObjectTag/"),
            ("nonsense", "AWS has no condition key nonsense"),
        ] {
            let error = declared(key, Declaration::Absent).unwrap_err();
            assert!(error.contains(reason), "{key}: {error}");
        }
        let empty = declared("aws:SourceVpce", Declaration::Many(Vec::new())).unwrap_err();
        assert!(empty.contains("absent = true"), "{empty}");
    }

    #[test]
    fn a_key_is_declared_once() {
        let mut one = declared("aws:SourceVpce", Declaration::Absent).unwrap();
        assert!(one.declare("aws:sourcevpce", Declaration::Absent).is_err());
    }
}
