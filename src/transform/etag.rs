//! Entity tags of sealed objects: the backend's, in a form that no client takes for an MD5. Invariant:
//! what was shown for a tag is mapped back to it, whatever the tag, so that conditions stay the backend's
//! to judge.
//!
//! ```text
//! sealed                    e      ─▶ e-1    unless e ends in -N with N ≥ 2, as multipart objects' do
//! not sealed, beside those  e      ─▶ e      unless e ends in -1: then e-1
//! part of ambiguous size    e      ─▶ e-f    where it has a footer, and e-d where that is in doubt
//! back                      e-1    ─▶ e      and e-f, e-d ─▶ e, of parts
//! ```
//!
//! Tags come quoted, unquoted (clients drop the quotes) and weak; all but the tag itself stays byte
//! for byte.

use std::{borrow::Cow, ops::Range};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, Entry},
};

use crate::s3::headers;

/// What a tag belongs to: that decides how clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// A sealed object, or a part of one.
    Sealed,
    /// An object that is not sealed, where others are.
    Plain,
    /// A part whose size does not tell that it has a footer
    /// ([`PartLength::Ambiguous`](crate::seal::PartLength::Ambiguous)).
    Footered,
    /// A part of that size in a list, where nobody knows whether it has one.
    Doubtful,
}

/// A part's tag as a client sent it, mapped back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartTag {
    /// The backend's.
    pub etag: String,
    /// Whether the part has a footer, if its size does not tell; `None`: the tag does not tell either.
    pub is_footered: Option<bool>,
}

/// The client's form of a backend's tag.
pub fn shown(etag: &str, of: Tagged) -> Cow<'_, str> {
    let opaque = opaque(etag.as_bytes());
    let end = opaque.end;
    let tag = etag.get(opaque).unwrap_or_default();
    match (suffix(tag.as_bytes(), of), etag.split_at_checked(end)) {
        (Some(suffix), Some((before, after))) => Cow::Owned([before, suffix, after].concat()),
        _ => Cow::Borrowed(etag),
    }
}

/// The backend's tag behind one that a client names for an object.
pub fn stored(etag: &str) -> Cow<'_, str> {
    without(etag, ONE).unwrap_or(Cow::Borrowed(etag))
}

/// The backend's tag behind one that a client names for a part of a sealed object.
pub fn stored_part(etag: &str) -> PartTag {
    let marks = [(FOOTERED, Some(true)), (ONE, Some(false)), (DOUBTFUL, None)];
    let known = marks.into_iter().find_map(|(suffix, is_footered)| {
        Some(PartTag { etag: without(etag, suffix)?.into_owned(), is_footered })
    });
    known.unwrap_or_else(|| PartTag { etag: etag.to_owned(), is_footered: None })
}

/// A tag without quotes, as `GetObjectAttributes` writes it.
pub fn unquoted(etag: &str) -> &str {
    etag.get(opaque(etag.as_bytes())).unwrap_or(etag)
}

/// Maps the tags of a request's conditions back, lists of them and `*` included. What it copies is
/// another matter.
pub fn to_backend(received: &mut HeaderMap) {
    for name in CONDITIONS {
        each(received, name, stored_list);
    }
}

/// As [`to_backend`], of the conditions on what the request copies.
pub fn source_to_backend(received: &mut HeaderMap) {
    for name in SOURCE_CONDITIONS {
        each(received, name, stored_list);
    }
}

/// Maps the tag of a reply.
pub fn to_client(received: &mut HeaderMap, of: Tagged) {
    each(received, header::ETAG, |value| {
        let Range { end, .. } = opaque(value);
        let tag = value.get(opaque(value))?;
        let (before, after) = value.split_at_checked(end)?;
        Some([before, suffix(tag, of)?.as_bytes(), after].concat())
    });
}

fn each(received: &mut HeaderMap, name: HeaderName, map: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let Entry::Occupied(mut values) = received.entry(name) else { return };
    for value in values.iter_mut() {
        let mapped = map(value.as_bytes()).and_then(|mapped| HeaderValue::try_from(mapped).ok());
        if let Some(mapped) = mapped {
            *value = mapped;
        }
    }
}

/// What is put behind a tag. No tag stays none: there are backends that tell one only later.
fn suffix(tag: &[u8], of: Tagged) -> Option<&'static str> {
    match of {
        _ if tag.is_empty() => None,
        Tagged::Sealed => (!counts_parts(tag)).then_some(ONE),
        Tagged::Plain => tag.ends_with(ONE.as_bytes()).then_some(ONE),
        Tagged::Footered => Some(FOOTERED),
        Tagged::Doubtful => Some(DOUBTFUL),
    }
}

/// Whether a tag, with or without quotes, says that its object was uploaded in several parts: it ends in
/// `-N`, N ≥ 2.
pub fn says_parts(etag: &[u8]) -> bool {
    etag.get(opaque(etag)).is_some_and(counts_parts)
}

/// Whether it ends in `-N`, N ≥ 2.
fn counts_parts(tag: &[u8]) -> bool {
    let digits = tag.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let Some((before, digits)) = tag.split_at_checked(tag.len() - digits) else { return false };
    before.ends_with(b"-") && !matches!(digits, [] | [b'0', ..] | [b'1'])
}

fn without<'a>(etag: &'a str, suffix: &str) -> Option<Cow<'a, str>> {
    let opaque = opaque(etag.as_bytes());
    let (before, after) = etag.split_at_checked(opaque.end)?;
    let tag = before.get(opaque.start..)?;
    tag.ends_with(suffix).then(|| {
        let before = before.strip_suffix(suffix).unwrap_or(before);
        if after.is_empty() { Cow::Borrowed(before) } else { Cow::Owned([before, after].concat()) }
    })
}

/// Where the tag stands in `tag`, `"tag"` and `W/"tag"`.
fn opaque(etag: &[u8]) -> Range<usize> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let mut start = etag.iter().take_while(|byte| blank(byte)).count();
    let mut end = etag.len() - etag.iter().rev().take_while(|byte| blank(byte)).count();
    let text = etag.get(start..end).unwrap_or_default();
    let opening = opening(text);
    start += opening;
    // A quote that is not closed is one to nobody but the reader that strips it.
    if opening > 0 && etag.get(start..end).is_some_and(|text| text.ends_with(b"\"")) {
        end -= 1;
    }
    start.min(end)..end
}

/// How long the opening of a quoted tag is.
fn opening(text: &[u8]) -> usize {
    match text {
        [b'"', ..] => 1,
        [b'W', b'/', b'"', ..] => 3,
        _ => 0,
    }
}

/// A list of tags, each mapped back; `None` where that changes nothing.
fn stored_list(list: &[u8]) -> Option<Vec<u8>> {
    let mut mapped = Vec::with_capacity(list.len());
    let mut rest = list;
    while !rest.is_empty() {
        let (tag, after) = rest.split_at_checked(tag_bytes(rest))?;
        // Nothing but separators begins here.
        if tag.is_empty() {
            let (separator, after) = after.split_first()?;
            mapped.push(*separator);
            rest = after;
            continue;
        }
        mapped.extend_from_slice(tag.strip_suffix(ONE.as_bytes()).unwrap_or(tag));
        // The closing quote is no opening one.
        let closing = usize::from(opening(rest) > 0 && after.starts_with(b"\""));
        let (closing, after) = after.split_at_checked(closing)?;
        mapped.extend_from_slice(closing);
        rest = after;
    }
    (mapped.len() < list.len()).then_some(mapped)
}

/// How long the tag is that the text begins with: up to the closing quote, or to a separator.
fn tag_bytes(text: &[u8]) -> usize {
    let opening = opening(text);
    let ends = |byte: &u8| match opening {
        0 => matches!(byte, b',' | b' ' | b'\t'),
        _ => *byte == b'"',
    };
    opening + text.iter().skip(opening).take_while(|byte| !ends(byte)).count()
}

const ONE: &str = "-1";
const FOOTERED: &str = "-f";
const DOUBTFUL: &str = "-d";

/// Every header of a request that names tags of its own object.
const CONDITIONS: [HeaderName; 3] = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_RANGE];
/// Those that name tags of the object that it copies.
const SOURCE_CONDITIONS: [HeaderName; 2] =
    [headers::X_AMZ_COPY_SOURCE_IF_MATCH, headers::X_AMZ_COPY_SOURCE_IF_NONE_MATCH];

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    const ALL: [Tagged; 4] = [Tagged::Sealed, Tagged::Plain, Tagged::Footered, Tagged::Doubtful];

    #[test]
    fn tags_of_sealed_objects_are_no_md5() {
        for (etag, expected) in [
            ("9bb58f26192e4ba00f01e2e7b136bbd8", "9bb58f26192e4ba00f01e2e7b136bbd8-1"),
            ("\"abc\"", "\"abc-1\""),
            ("W/\"abc\"", "W/\"abc-1\""),
            (" \"abc\" ", " \"abc-1\" "),
            ("\"abc-2\"", "\"abc-2\""),
            ("abc-10000", "abc-10000"),
            ("abc-99999999999999999999999", "abc-99999999999999999999999"),
            ("\"abc-1\"", "\"abc-1-1\""),
            ("abc-0", "abc-0-1"),
            ("abc-02", "abc-02-1"),
            ("abc-+2", "abc-+2-1"),
            ("abc-2x", "abc-2x-1"),
            ("abc2", "abc2-1"),
            ("22", "22-1"),
            ("-2", "-2"),
            ("", ""),
            ("\"\"", "\"\""),
            ("\"", "\""),
            ("W/\"", "W/\""),
            ("-1", "-1-1"),
            ("W/abc", "W/abc-1"),
            ("\"abc", "\"abc-1"),
            ("é", "é-1"),
        ] {
            assert_eq!(shown(etag, Tagged::Sealed), expected, "{etag}");
            assert_eq!(stored(expected), etag, "{expected}");
        }
    }

    #[test]
    fn tags_beside_those_of_sealed_objects_stay_where_they_can() {
        for (etag, expected) in [
            ("\"9bb58f26192e4ba00f01e2e7b136bbd8\"", "\"9bb58f26192e4ba00f01e2e7b136bbd8\""),
            ("abc-2", "abc-2"),
            ("abc-f", "abc-f"),
            ("\"abc-1\"", "\"abc-1-1\""),
            ("abc-11", "abc-11"),
        ] {
            assert_eq!(shown(etag, Tagged::Plain), expected, "{etag}");
            assert_eq!(stored(expected), etag, "{expected}");
        }
    }

    #[test]
    fn quotes_are_left_out() {
        for etag in ["abc-1", "\"abc-1\"", "W/\"abc-1\"", " \"abc-1\" "] {
            assert_eq!(unquoted(etag), "abc-1");
        }
    }

    #[test]
    fn parts_may_have_a_mark() {
        let part = |etag: &str, is_footered| PartTag { etag: etag.to_owned(), is_footered };
        assert_eq!(shown("\"abc\"", Tagged::Footered), "\"abc-f\"");
        for (etag, expected) in [
            ("\"abc-f\"", part("\"abc\"", Some(true))),
            ("abc-f", part("abc", Some(true))),
            ("\"abc-1\"", part("\"abc\"", Some(false))),
            ("\"abc-d\"", part("\"abc\"", None)),
            ("abc-f-1", part("abc-f", Some(false))),
            ("abc-1-f", part("abc-1", Some(true))),
            ("abc", part("abc", None)),
            ("abc-2", part("abc-2", None)),
        ] {
            assert_eq!(stored_part(etag), expected, "{etag}");
        }
    }

    #[test]
    fn conditions_are_mapped_back_and_the_rest_stays() {
        for (value, expected) in [
            ("*", "*"),
            ("\"a-1\"", "\"a\""),
            ("a-1", "a"),
            ("\"a-1\", \"b-2\",W/\"c-1\" ,d-1", "\"a\", \"b-2\",W/\"c\" ,d"),
            ("\"a\", \"b-1\"", "\"a\", \"b\""),
            ("\"a,b-1\"", "\"a,b\""),
            ("\"a-1,b\"", "\"a-1,b\""),
            ("\"a-1-1\"", "\"a-1\""),
            ("\"a-1\"\"b-1\"", "\"a\"\"b\""),
            ("\"a-1", "\"a"),
            ("\"-1\"", "\"\""),
            ("\"\", \"a-1\"", "\"\", \"a\""),
            (", ,\ta-1,", ", ,\ta,"),
            ("Sunday, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"),
            ("", ""),
        ] {
            let own = CONDITIONS.map(|name| (name, to_backend as fn(&mut HeaderMap)));
            let sources = SOURCE_CONDITIONS.map(|name| (name, source_to_backend as _));
            for (name, map) in own.into_iter().chain(sources) {
                let mut received = HeaderMap::new();
                received.insert(&name, HeaderValue::try_from(value).unwrap());
                received.append(&name, HeaderValue::from_static("z-1"));
                received.insert(header::ETAG, HeaderValue::from_static("\"y-1\""));
                map(&mut received);
                let values: Vec<_> = received.get_all(&name).iter().collect();
                assert_eq!(values, [expected, "z"], "{value}");
                assert_eq!(received[header::ETAG], "\"y-1\"");
            }
        }
    }

    #[test]
    fn an_object_and_what_it_is_copied_from_are_two_matters() {
        let all = || CONDITIONS.into_iter().chain(SOURCE_CONDITIONS);
        let tag = HeaderValue::from_static("\"a-1\"");
        let mut received: HeaderMap = all().map(|name| (name, tag.clone())).collect();
        to_backend(&mut received);
        assert!(SOURCE_CONDITIONS.iter().all(|name| received[name] == "\"a-1\""));
        assert!(CONDITIONS.iter().all(|name| received[name] == "\"a\""));
        source_to_backend(&mut received);
        assert!(all().all(|name| received[name] == "\"a\""));
    }

    #[test]
    fn bytes_beyond_ascii_stay() {
        let mut received = HeaderMap::new();
        received.insert(header::IF_MATCH, HeaderValue::from_bytes(b"\"\xff-1\"").unwrap());
        received.insert(header::ETAG, HeaderValue::from_bytes(b"\"\xfe\"").unwrap());
        to_backend(&mut received);
        to_client(&mut received, Tagged::Sealed);
        assert_eq!(received[header::IF_MATCH].as_bytes(), b"\"\xff\"");
        assert_eq!(received[header::ETAG].as_bytes(), b"\"\xfe-1\"");
    }

    proptest! {
        #[test]
        fn mapping_back_inverts_mapping(
            tag in "([a-f0-9]{0,8}|\\PC{0,8})(-1|-f|-d|-[0-9]{1,2}){0,2}",
            quotes in 0..3_usize,
        ) {
            let etag = [tag.clone(), format!("\"{tag}\""), format!("W/\"{tag}\"")][quotes].clone();
            for of in ALL {
                let shown = shown(&etag, of);
                match of {
                    // Quotes alone are no tag either.
                    _ if opaque(etag.as_bytes()).is_empty() => prop_assert_eq!(&*shown, &*etag),
                    Tagged::Footered => {
                        let expected = PartTag { etag: etag.clone(), is_footered: Some(true) };
                        prop_assert_eq!(stored_part(&shown), expected);
                    }
                    Tagged::Doubtful => {
                        let expected = PartTag { etag: etag.clone(), is_footered: None };
                        prop_assert_eq!(stored_part(&shown), expected);
                    }
                    Tagged::Sealed => {
                        prop_assert_eq!(&*stored(&shown), &*etag);
                        let is_footered = (*shown != *etag).then_some(false);
                        let expected = PartTag { etag: etag.clone(), is_footered };
                        prop_assert_eq!(stored_part(&shown), expected);
                        prop_assert!(shown.contains('-'));
                    }
                    Tagged::Plain => prop_assert_eq!(&*stored(&shown), &*etag),
                }
            }
        }

        #[test]
        fn a_reply_and_a_condition_agree_with_the_text(
            tag in "[!#-+\\--~]{0,8}(-1|-f|-[0-9]{1,2}){0,2}",
        ) {
            let etag = format!("\"{tag}\"");
            for of in [Tagged::Sealed, Tagged::Plain] {
                let mut received = HeaderMap::new();
                received.insert(header::ETAG, HeaderValue::try_from(&etag).unwrap());
                to_client(&mut received, of);
                let value = received.remove(header::ETAG).unwrap();
                prop_assert_eq!(value.to_str().unwrap(), &*shown(&etag, of));
                received.insert(header::IF_MATCH, value);
                to_backend(&mut received);
                prop_assert_eq!(received[header::IF_MATCH].to_str().unwrap(), &etag);
            }
        }
    }
}
