//! Percent-encoding (RFC 3986, 2.1). Invariant: `decode` refuses what it would have to guess at,
//! and `encode` has exactly one form for each text.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a raw `+` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plus {
    /// Itself: in paths.
    Literal,
    /// A space: in queries, where every backend reads a form.
    Space,
}

/// Text that decodes to nothing, or to several things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// `%` without two hex digits behind it.
    #[error("`%` must be followed by two hex digits; write `%25` for a percent sign")]
    Escape,
    /// U+0000, raw or as `%00`: some readers end the text there.
    #[error("the character U+0000 is not accepted")]
    Nul,
    /// Bytes that are not UTF-8.
    #[error("the decoded bytes must be UTF-8")]
    Utf8,
}

/// Decodes once. Borrows where nothing is encoded.
pub(super) fn decode(text: &str, plus: Plus) -> Result<Cow<'_, str>, Undecodable> {
    if text.bytes().all(|byte| is_plain(byte, plus)) {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let (high, low) = (hex_digit(bytes.next())?, hex_digit(bytes.next())?);
                high << 4 | low
            }
            b'+' if plus == Plus::Space => b' ',
            byte => byte,
        });
    }
    if decoded.contains(&0) {
        return Err(Undecodable::Nul);
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| Undecodable::Utf8)
}

/// A key as listings with `encoding-type=url` write it: in the form of queries, where AWS writes `+` for
/// a space, and others `%20`; none writes `+` for itself.
pub fn decode_listed(text: &str) -> Result<Cow<'_, str>, Undecodable> {
    decode(text, Plus::Space)
}

/// Appends a path: unreserved characters and `/` stay.
pub(super) fn encode_path(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, &PATH));
}

/// Appends a name or a value of a query: unreserved characters stay.
pub(super) fn encode_query(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, &QUERY));
}

fn is_plain(byte: u8, plus: Plus) -> bool {
    match byte {
        b'%' | 0 => false,
        b'+' => plus == Plus::Literal,
        _ => true,
    }
}

fn hex_digit(byte: Option<u8>) -> Result<u8, Undecodable> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(Undecodable::Escape),
    }
}

/// RFC 3986, 2.3, and the set that SigV4's canonical form keeps.
const QUERY: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: AsciiSet = QUERY.remove(b'/');

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<&str, Undecodable>) {
        assert_eq!(decode(text, Plus::Space).as_deref(), expected.as_ref().map(|text| *text));
    }

    #[test]
    fn escapes_are_decoded_once() {
        check("%252e", Ok("%2e"));
    }

    #[test]
    fn a_plus_is_a_space_in_queries_only() {
        check("a+b%2B", Ok("a b+"));
        assert_eq!(decode("a+b%2B", Plus::Literal).as_deref(), Ok("a+b+"));
    }

    #[test]
    fn broken_escapes_are_refused() {
        for text in ["%", "%4", "%zz", "a%2", "%+1"] {
            check(text, Err(Undecodable::Escape));
        }
    }

    #[test]
    fn nul_is_refused_raw_and_encoded() {
        check("a%00", Err(Undecodable::Nul));
        check("a\0", Err(Undecodable::Nul));
    }

    #[test]
    fn only_utf8_is_accepted() {
        check("%c3%a9", Ok("é"));
        check("%ff", Err(Undecodable::Utf8));
        check("%ed%a0%80", Err(Undecodable::Utf8));
    }

    proptest! {
        #[test]
        fn decoding_inverts_encoding(text in "[^\0]*") {
            let (mut path, mut query) = (String::new(), String::new());
            encode_path(&mut path, &text);
            encode_query(&mut query, &text);
            prop_assert_eq!(decode(&path, Plus::Literal), Ok(Cow::Borrowed(text.as_str())));
            prop_assert_eq!(decode(&query, Plus::Space), Ok(Cow::Borrowed(text.as_str())));
        }
    }
}
