//! JSON with the place of every value. Invariant: what is returned holds each member as written, in
//! order, duplicates included, and is at most [`DEPTH_MAX`] deep.
//!
//! `serde_json` does the parsing: a borrowed `RawValue` is a slice of the text, and so has a place.

use std::{fmt, slice};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::faults::Faults;

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Value<'t> {
    /// Byte offset in the text.
    pub(super) at: usize,
    pub(super) data: Data<'t>,
}

/// What a value is. Numbers stay as written.
#[derive(Debug)]
pub(super) enum Data<'t> {
    Null,
    Bool(bool),
    Number(&'t str),
    String(String),
    List(Vec<Value<'t>>),
    Object(Vec<Member<'t>>),
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Member<'t> {
    /// Where the name begins.
    pub(super) at: usize,
    pub(super) name: String,
    pub(super) value: Value<'t>,
}

impl<'t> Value<'t> {
    pub(super) fn as_str(&self) -> Option<&str> {
        if let Data::String(text) = &self.data { Some(text) } else { None }
    }

    pub(super) fn as_object(&self) -> Option<&[Member<'t>]> {
        if let Data::Object(members) = &self.data { Some(members) } else { None }
    }

    /// The values of a list, or the value itself: AWS takes one for a list of one.
    pub(super) fn as_values(&self) -> &[Self] {
        if let Data::List(values) = &self.data { values } else { slice::from_ref(self) }
    }
}

/// Reads a whole text. Faults are reported; `None` where nothing could be made of it.
pub(super) fn read<'t>(text: &'t str, faults: &mut Faults<'_>) -> Option<Value<'t>> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => value(text, raw, DEPTH_MAX, faults),
        Err(error) => {
            let at = offset(text, error.line(), error.column());
            faults.s3(at, INVALID, &cause(&error));
            None
        }
    }
}

fn value<'t>(
    text: &'t str,
    raw: &'t RawValue,
    depth_left: usize,
    faults: &mut Faults<'_>,
) -> Option<Value<'t>> {
    let at = place(text, raw);
    let Some(depth_left) = depth_left.checked_sub(1) else {
        faults.s3(at, INVALID, &format!("it is more than {DEPTH_MAX} levels deep"));
        return None;
    };
    let slice = raw.get();
    let data = match slice.as_bytes().first() {
        Some(b'{') => object(text, slice, depth_left, faults).map(Data::Object),
        Some(b'[') => list(text, slice, depth_left, faults).map(Data::List),
        Some(b'"') => parse(at, slice, faults).map(Data::String),
        Some(b't') => Some(Data::Bool(true)),
        Some(b'f') => Some(Data::Bool(false)),
        Some(b'n') => Some(Data::Null),
        _ => Some(Data::Number(slice)),
    };
    data.map(|data| Value { at, data })
}

fn list<'t>(
    text: &'t str,
    slice: &'t str,
    depth_left: usize,
    faults: &mut Faults<'_>,
) -> Option<Vec<Value<'t>>> {
    let raw: Vec<&RawValue> = parse(0, slice, faults)?;
    raw.into_iter().map(|raw| value(text, raw, depth_left, faults)).collect()
}

fn object<'t>(
    text: &'t str,
    slice: &'t str,
    depth_left: usize,
    faults: &mut Faults<'_>,
) -> Option<Vec<Member<'t>>> {
    let raw: RawMembers<'_> = parse(0, slice, faults)?;
    let member = |(name, raw): (&'t RawValue, &'t RawValue)| {
        let at = place(text, name);
        let name = parse(at, name.get(), faults)?;
        Some(Member { at, name, value: value(text, raw, depth_left, faults)? })
    };
    raw.0.into_iter().map(member).collect()
}

/// The slice is syntactically sound already; a string may still hold half a surrogate pair.
fn parse<'t, T: Deserialize<'t>>(at: usize, slice: &'t str, faults: &mut Faults<'_>) -> Option<T> {
    serde_json::from_str(slice).map_err(|error| faults.s3(at, INVALID, &cause(&error))).ok()
}

/// The members of an object in order, where `serde_json`'s own map would drop duplicates.
struct RawMembers<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'de> Deserialize<'de> for RawMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = RawMembers<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

fn place(text: &str, raw: &RawValue) -> usize {
    raw.get().as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

/// Offset of `serde_json`'s line and column, which count from 1, columns in bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    before + column.saturating_sub(1)
}

/// The error without its ` at line 1 column 5`, which the fault has already.
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

const INVALID: &str = "This policy contains invalid Json";

/// A policy needs 6: document, statements, statement, condition, operator, values.
const DEPTH_MAX: usize = 16;
