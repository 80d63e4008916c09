//! `[policies.declare]`: what the configuration says of condition keys that the proxy cannot know.
//! Invariant: a key is declared once, and is one of AWS's.

use super::{
    Fault,
    loading::Loading,
    reader::{Read, Record, Table, Value},
    source::At,
    written,
};
use crate::policy::{Declaration, Declared};

/// A value of `[policies.declare]`
pub(super) enum Written {
    One(At<String>),
    Many(At<Vec<At<String>>>),
    /// `{ absent = true }`
    Absent(Option<At<bool>>),
}

impl Read for Written {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        if value.is_table() {
            let absent = <Absent as Read>::read(value, faults)?;
            return Some(Self::Absent(absent.0));
        }
        if value.is_list() {
            return Read::read(value, faults).map(Self::Many);
        }
        Read::read(value, faults).map(Self::One)
    }
}

/// A key that no request has.
struct Absent(Option<At<bool>>);

impl Record for Absent {
    fn read(table: &mut Table<'_>) -> Self {
        Self(table.required("absent", "true"))
    }
}

impl Loading<'_> {
    /// The condition keys that the configuration speaks for.
    pub(super) fn declared(&mut self, section: Option<&written::Policies>) -> Declared {
        let mut declared = Declared::default();
        for (key, written) in section.map_or(&[][..], |section| &section.declare) {
            let declaration = match written {
                Written::One(value) => Declaration::One(value.value.clone()),
                Written::Many(values) => {
                    let values = values.value.iter().map(|value| value.value.clone());
                    Declaration::Many(values.collect())
                }
                Written::Absent(Some(At { value: true, .. })) => Declaration::Absent,
                Written::Absent(Some(absent)) => {
                    let message = "write the key's value, or { absent = true }";
                    self.faults.push(absent.fault(message));
                    continue;
                }
                Written::Absent(None) => continue,
            };
            if let Err(error) = declared.declare(&key.value, declaration) {
                self.faults.push(key.fault(error.to_string()));
            }
        }
        declared
    }
}
