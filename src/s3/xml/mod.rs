//! XML that must be read or mended on its way: keys of `DeleteObjects`, upload ids, parts, a form's
//! tags. Invariant: no document type, no entity but the predefined ones, nothing that two XML readers
//! take differently.

mod access;
mod answers;
mod complete;
mod delete;
mod elements;
mod leaves;
mod listing;
mod locate;
mod parts;
mod scan;
mod splice;
mod tagging;

use std::{borrow::Cow, ops::Range};

use memchr::{memchr2, memchr3};
use quick_xml::{
    Reader,
    escape::{resolve_xml_entity, unescape},
    events::{BytesDecl, BytesRef, BytesStart, Event},
};

pub use self::{
    access::{AccessControl, Grant, access_control},
    complete::{CompletedPart, completed_parts, completion, without_checksums},
    delete::{Conditions, DeletedObject, Deletion},
    leaves::{Leaf, leaves},
    listing::{ListedObject, ListedObjects, NextPage, listed_objects},
    locate::{COMPLETED, VERSIONING, find, find_below, locate},
    parts::{ListedPart, ListedParts, listed_parts},
    scan::{Kind, Scanner, Tag},
    splice::append,
    tagging::{object_tags, tagging, tags},
};

/// Not the XML that S3 defines (becomes `MalformedXML`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedXml(pub String);

/// Text for an element or a quoted attribute. Characters that XML 1.0 forbids become U+FFFD.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + ESCAPES_BYTES_USUAL);
    let mut copied = 0;
    for (at, character) in text.char_indices().filter(|(_, character)| is_escaped(*character)) {
        escaped.push_str(text.get(copied..at).unwrap_or_default());
        escaped.push_str(match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&apos;",
            // Raw, a reader would make a line feed of it.
            '\r' => "&#13;",
            _ => "\u{fffd}",
        });
        copied = at + character.len_utf8();
    }
    escaped.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(escaped)
}

/// The text of an element that holds nothing else, as it stands in its document.
///
/// # Errors
///
/// It is not UTF-8, or has markup, or a reference to no character.
pub fn text(raw: &[u8]) -> Result<Cow<'_, str>, MalformedXml> {
    let raw = std::str::from_utf8(raw).map_err(|_| malformed("it is not UTF-8"))?;
    let Some(_) = memchr3(b'&', b'<', b'\r', raw.as_bytes()) else { return Ok(raw.into()) };
    if memchr2(b'<', b'\r', raw.as_bytes()).is_none() {
        let text = unescape(raw).map_err(unreadable)?;
        let is_text = text.chars().all(is_allowed);
        return if is_text {
            Ok(text)
        } else {
            Err(malformed("it has a reference to no character"))
        };
    }
    let document = format!("<T>{raw}</T>");
    let mut pieces = Pieces::of(document.as_bytes())?;
    pieces.next()?;
    let (text, _) = pieces.text("T")?;
    elements::close(&mut pieces)?;
    Ok(text.into())
}

/// A number as S3 writes one: digits alone.
pub fn number(text: &str) -> Option<u64> {
    // Rust would take a sign, too.
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A piece of a document.
enum Piece<'a> {
    Start(BytesStart<'a>),
    /// `<Element/>`
    Empty(BytesStart<'a>),
    End,
    /// Decoded; text that stands together may come in several pieces.
    Text(Cow<'a, str>),
    Eof,
}

/// Reads a document piece by piece, refusing what no document of S3 holds.
struct Pieces<'a> {
    reader: Reader<&'a [u8]>,
}

impl<'a> Pieces<'a> {
    fn of(document: &'a [u8]) -> Result<Self, MalformedXml> {
        let text = std::str::from_utf8(document).map_err(|_| malformed("it is not UTF-8"))?;
        // The reader skips a byte order mark without counting it, so that positions would be off.
        if text.starts_with('\u{feff}') {
            return Err(malformed("it begins with a byte order mark"));
        }
        Ok(Self { reader: Reader::from_str(text) })
    }

    fn next(&mut self) -> Result<Piece<'a>, MalformedXml> {
        let position = self.position()?;
        match self.reader.read_event().map_err(unreadable)? {
            Event::Start(start) => Ok(Piece::Start(start)),
            Event::Empty(start) => Ok(Piece::Empty(start)),
            Event::End(_) => Ok(Piece::End),
            Event::Text(text) => Ok(Piece::Text(text.xml10_content())),
            Event::CData(text) => Ok(Piece::Text(text.xml10_content())),
            Event::GeneralRef(reference) => Ok(Piece::Text(resolve(&reference)?)),
            Event::Eof => Ok(Piece::Eof),
            Event::Decl(declaration) if position == 0 => {
                check_declaration(&declaration)?;
                self.next()
            }
            Event::Decl(_) | Event::DocType(_) | Event::PI(_) | Event::Comment(_) => {
                Err(malformed("it has a comment, a document type or a processing instruction"))
            }
        }
    }

    /// Bytes of the document that have been read.
    fn position(&self) -> Result<usize, MalformedXml> {
        usize::try_from(self.reader.buffer_position()).map_err(|_| malformed("it is too long"))
    }

    /// The text up to the end of the element that has just begun, and where it stands.
    fn text(&mut self, element: &str) -> Result<(String, Range<usize>), MalformedXml> {
        let start = self.position()?;
        let mut text = String::new();
        loop {
            let end = self.position()?;
            match self.next()? {
                Piece::Text(piece) => text.push_str(&piece),
                Piece::End => return Ok((text, start..end)),
                Piece::Start(_) | Piece::Empty(_) | Piece::Eof => {
                    return Err(malformed(&format!("`{element}` holds more than text")));
                }
            }
        }
    }
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), MalformedXml> {
    if declaration.version().map_err(unreadable)? != "1.0" {
        return Err(malformed("it is not XML 1.0"));
    }
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("UTF-8") => Ok(()),
        Some(_) => Err(malformed("its encoding is not UTF-8")),
    }
}

fn resolve(reference: &BytesRef<'_>) -> Result<Cow<'static, str>, MalformedXml> {
    if let Some(text) = resolve_xml_entity(reference) {
        return Ok(Cow::Borrowed(text));
    }
    match reference.resolve_char_ref().map_err(unreadable)? {
        Some(character) if is_allowed(character) => Ok(Cow::Owned(character.into())),
        _ => Err(malformed(&format!("`&{};` stands for no character", &**reference))),
    }
}

/// <https://www.w3.org/TR/xml/#charsets>
fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        character => character >= ' ',
    }
}

fn is_escaped(character: char) -> bool {
    matches!(character, '&' | '<' | '>' | '"' | '\'' | '\r') || !is_allowed(character)
}

fn unreadable(error: impl std::error::Error) -> MalformedXml {
    malformed(&error.to_string())
}

pub(super) fn malformed(reason: &str) -> MalformedXml {
    MalformedXml(format!(
        "The XML you provided was not well-formed or did not validate against our published \
         schema: {reason}"
    ))
}

const ESCAPES_BYTES_USUAL: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape("a<b>&\"'\r"), "a&lt;b&gt;&amp;&quot;&apos;&#13;");
    }

    #[test]
    fn forbidden_characters_are_replaced() {
        assert_eq!(escape("a\0b\u{1b}c\u{ffff}\t\n"), "a\u{fffd}b\u{fffd}c\u{fffd}\t\n");
    }

    #[test]
    fn raw_text_is_decoded() {
        for (raw, expected) in [
            ("", Some("")),
            ("a b>é", Some("a b>é")),
            ("&quot;a&#x62;&#10;&amp;amp;&quot;", Some("\"ab\n&amp;\"")),
            ("a\r\nb\rc&#13;", Some("a\nb\nc\r")),
            ("a<![CDATA[<b>&amp;]]>&lt;", Some("a<b>&amp;<")),
            ("&b;", None),
            ("&#0;", None),
            ("&#1;", None),
            ("&#1;\r", None),
            ("&amp", None),
            ("a<b/>", None),
            ("</T><T>", None),
            ("<!-- -->", None),
        ] {
            assert_eq!(text(raw.as_bytes()).ok().as_deref(), expected, "{raw}");
        }
        assert!(text(b"\xff").is_err());
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(escape("plain é"), Cow::Borrowed(_)));
    }

    proptest::proptest! {
        #[test]
        fn reading_inverts_escaping(text: String) {
            let expected: String =
                text.chars().map(|c| if is_allowed(c) { c } else { '\u{fffd}' }).collect();
            let document = format!("<R><T>{}</T></R>", escape(&text));
            let (read, range) = locate(document.as_bytes(), "R", "T").unwrap();
            proptest::prop_assert_eq!(read, expected);
            proptest::prop_assert_eq!(&document[range], escape(&text));
        }
    }
}
