//! Ranges of an object's plaintext, as clients name them and S3 reads them
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>, RFC 9110, 14), and what to ask
//! the backend for. Invariant: nothing overflows, and no byte outside the object is promised.

use std::{fmt, ops::Range};

use http::HeaderValue;

use crate::seal::{CHUNK_BYTES, SLOT_BYTES};

/// What a `Range` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=a-b`, both included, a ≤ b.
    Between(u64, u64),
    /// `bytes=a-`.
    From(u64),
    /// `bytes=-n`.
    Last(u64),
}

/// What is to be sent of an object of a known size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// All of it, as if no range had been named: 200.
    Whole,
    /// Not empty, and within the object: 206.
    Partial(Range<u64>),
    /// Nothing: 416.
    Unsatisfiable,
}

/// A `Content-Range` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes a-b/size`.
    Partial {
        /// Not empty, and within the size.
        range: Range<u64>,
        /// Of the whole.
        size: u64,
    },
    /// `bytes */size`, of a 416.
    Unsatisfiable {
        /// Of the whole.
        size: u64,
    },
}

/// `x-amz-copy-source-range` is not `bytes=a-b` (becomes 400 `InvalidArgument`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last \
     are the zero-based offsets of the first and last bytes to copy"
)]
pub struct InvalidCopyRange;

impl ByteRange {
    /// Reads a `Range` header. `None` where S3 ignores it: other units, several ranges, a start behind
    /// the end, and whatever else is not one range. A number above 2⁶⁴ is the largest there is.
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        Self::read(value.to_str().ok()?)
    }

    /// Reads the range of a source that `UploadPartCopy` names.
    ///
    /// # Errors
    ///
    /// Anything but `bytes=a-b` with a ≤ b. Whether the source is as long is to be seen.
    pub fn parse_copy_source(value: &HeaderValue) -> Result<Range<u64>, InvalidCopyRange> {
        let range = value.to_str().ok().and_then(Self::read);
        let Some(Self::Between(first, last)) = range else { return Err(InvalidCopyRange) };
        Ok(first..last.checked_add(1).ok_or(InvalidCopyRange)?)
    }

    fn read(value: &str) -> Option<Self> {
        let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
        match (first, last) {
            ("", "") => None,
            ("", count) => Some(Self::Last(number(count)?)),
            (first, "") => Some(Self::From(number(first)?)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// What it asks for of an object of so many bytes.
    pub fn resolve(self, size: u64) -> Resolved {
        let range = match self {
            Self::Last(0) => return Resolved::Unsatisfiable,
            Self::Last(_) if size == 0 => return Resolved::Whole,
            Self::Between(first, last) => first..last.saturating_add(1).min(size),
            Self::From(first) => first..size,
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        if range.is_empty() { Resolved::Unsatisfiable } else { Resolved::Partial(range) }
    }

    /// What to ask the backend for while the object's size is not known: whole slots that hold this
    /// range, if the object is regular (`docs/format.md`, *Records*). What comes back may hold more than
    /// was asked for, in front and behind; its [`ContentRange`] tells.
    #[must_use]
    pub fn stored(self) -> Self {
        let start = |byte: u64| (byte / CHUNK_BYTES).saturating_mul(SLOT_BYTES);
        match self {
            Self::Between(first, last) => match (last / CHUNK_BYTES + 1).checked_mul(SLOT_BYTES) {
                Some(end) => Self::Between(start(first), end - 1),
                None => Self::From(start(first)),
            },
            Self::From(first) => Self::From(start(first)),
            Self::Last(count) => {
                // They may begin anywhere in a record, and a footer is behind them.
                let records = count.div_ceil(CHUNK_BYTES) + 1;
                Self::Last(records.saturating_mul(SLOT_BYTES).saturating_add(FOOTER_BYTES))
            }
        }
    }
}

impl fmt::Display for ByteRange {
    /// As it stands in a `Range` header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Between(first, last) => write!(f, "bytes={first}-{last}"),
            Self::From(first) => write!(f, "bytes={first}-"),
            Self::Last(count) => write!(f, "bytes=-{count}"),
        }
    }
}

impl ContentRange {
    /// Reads one; `None` for anything else, and where the size is not told.
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        let (range, size) = value.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
        let size = exact(size)?;
        if range == "*" {
            return Some(Self::Unsatisfiable { size });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (exact(first)?, exact(last)?);
        (first <= last && last < size).then(|| Self::Partial { range: first..last + 1, size })
    }

    /// Of the whole.
    pub fn size(&self) -> u64 {
        match self {
            Self::Partial { size, .. } | Self::Unsatisfiable { size } => *size,
        }
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partial { range: Range { start, end }, size } => {
                write!(f, "bytes {start}-{}/{size}", end.saturating_sub(1))
            }
            Self::Unsatisfiable { size } => write!(f, "bytes */{size}"),
        }
    }
}

/// Digits alone; a number that is too large for any object is the largest.
fn number(text: &str) -> Option<u64> {
    is_number(text).then(|| text.parse().unwrap_or(u64::MAX))
}

fn exact(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| is_number(text))
}

/// Rust would take a sign, too.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

const FOOTER_BYTES: u64 = SLOT_BYTES - CHUNK_BYTES;

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use proptest::strategy::Strategy;

    use super::*;
    use crate::seal::{Layout, stored};

    fn value(text: &str) -> HeaderValue {
        HeaderValue::try_from(text).unwrap()
    }

    fn parse(text: &str) -> Option<ByteRange> {
        ByteRange::parse(&value(text))
    }

    #[test]
    fn one_range_is_read() {
        for (text, expected) in [
            ("bytes=0-0", ByteRange::Between(0, 0)),
            ("bytes=007-10", ByteRange::Between(7, 10)),
            ("bytes=5-", ByteRange::From(5)),
            ("bytes=-5", ByteRange::Last(5)),
            ("bytes=-0", ByteRange::Last(0)),
            ("bytes=0-99999999999999999999", ByteRange::Between(0, u64::MAX)),
            ("bytes=99999999999999999999-", ByteRange::From(u64::MAX)),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_rest_is_ignored() {
        for text in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=1",
            "bytes=2-1",
            "bytes=0-1,3-4",
            "bytes=0-1,",
            "bytes=--1",
            "bytes=1--",
            "bytes=+1-2",
            "bytes=1-+2",
            "bytes= 1-2",
            "bytes=1 -2",
            "bytes=a-b",
            "bytes=0x1-2",
            "bytes:0-1",
            "bytes 0-1",
            "Bytes=0-1",
            "items=0-1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(ByteRange::parse(&HeaderValue::from_bytes(b"bytes=0-\xff").unwrap()), None);
    }

    #[test]
    fn ranges_are_resolved_as_on_s3() {
        let partial = Resolved::Partial;
        for (text, size, expected) in [
            ("bytes=0-4", 10, partial(0..5)),
            ("bytes=5-100", 10, partial(5..10)),
            ("bytes=9-18446744073709551615", 10, partial(9..10)),
            ("bytes=10-", 10, Resolved::Unsatisfiable),
            ("bytes=10-11", 10, Resolved::Unsatisfiable),
            ("bytes=9-", 10, partial(9..10)),
            ("bytes=-3", 10, partial(7..10)),
            ("bytes=-11", 10, partial(0..10)),
            ("bytes=-0", 10, Resolved::Unsatisfiable),
            ("bytes=-0", 0, Resolved::Unsatisfiable),
            ("bytes=-1", 0, Resolved::Whole),
            ("bytes=0-", 0, Resolved::Unsatisfiable),
            ("bytes=0-0", 0, Resolved::Unsatisfiable),
        ] {
            assert_eq!(parse(text).unwrap().resolve(size), expected, "{text} of {size}");
        }
    }

    #[test]
    fn whole_slots_are_asked_for() {
        for (text, expected) in [
            ("bytes=0-0", "bytes=0-65567"),
            ("bytes=65535-65536", "bytes=0-131135"),
            ("bytes=65536-131071", "bytes=65568-131135"),
            ("bytes=131072-", "bytes=131136-"),
            ("bytes=-1", "bytes=-131168"),
            ("bytes=-65536", "bytes=-131168"),
            ("bytes=-65537", "bytes=-196736"),
            ("bytes=1-18446744073709551615", "bytes=0-"),
            ("bytes=-18446744073709551615", "bytes=-18446744073709551615"),
        ] {
            assert_eq!(parse(text).unwrap().stored().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_backends_range_is_read() {
        for (text, expected) in [
            ("bytes 0-4/10", Some(ContentRange::Partial { range: 0..5, size: 10 })),
            ("bytes 9-9/10", Some(ContentRange::Partial { range: 9..10, size: 10 })),
            ("bytes */10", Some(ContentRange::Unsatisfiable { size: 10 })),
            ("bytes 0-4/*", None),
            ("bytes */*", None),
            ("bytes 0-10/10", None),
            ("bytes 5-4/10", None),
            ("bytes 0-+4/10", None),
            ("bytes=0-4/10", None),
            ("bytes 0-4/99999999999999999999", None),
            ("bytes 0-4", None),
            ("0-4/10", None),
        ] {
            assert_eq!(ContentRange::parse(&value(text)), expected, "{text}");
            if let Some(range) = expected {
                assert_eq!(range.to_string(), text);
            }
        }
    }

    #[test]
    fn a_copy_names_both_ends() {
        let parse = |text: &str| ByteRange::parse_copy_source(&value(text));
        assert_eq!(parse("bytes=0-9"), Ok(0..10));
        for text in ["bytes=0-", "bytes=-9", "bytes=9-0", "bytes=0-1,2-3", "0-9", ""] {
            assert_eq!(parse(text), Err(InvalidCopyRange), "{text}");
        }
        assert_eq!(parse("bytes=0-18446744073709551615"), Err(InvalidCopyRange));
    }

    fn any_range() -> impl Strategy<Value = ByteRange> {
        prop_oneof![
            (any::<u64>(), any::<u64>()).prop_map(|(a, b)| ByteRange::Between(a.min(b), a.max(b))),
            (0..1u64 << 20, 0..1u64 << 20)
                .prop_map(|(a, b)| ByteRange::Between(a.min(b), a.max(b))),
            (0..1u64 << 20).prop_map(ByteRange::From),
            (0..1u64 << 20).prop_map(ByteRange::Last),
            any::<u64>().prop_map(ByteRange::Last),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(range in any_range()) {
            prop_assert_eq!(parse(&range.to_string()), Some(range));
        }

        #[test]
        fn what_is_asked_for_holds_what_is_needed(range in any_range(), size in 0..1u64 << 20) {
            let Resolved::Partial(plain) = range.resolve(size) else { return Ok(()) };
            prop_assert!(plain.end <= size);
            let whole = stored(size).unwrap();
            let Resolved::Partial(asked) = range.stored().resolve(whole) else {
                panic!("nothing of it would come");
            };
            let needed = Layout::single(whole).unwrap().span(plain).unwrap().stored;
            prop_assert!(asked.start <= needed.start && needed.end <= asked.end);
        }
    }
}
