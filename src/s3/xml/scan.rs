//! The markup of a document that comes in pieces, tag by tag. Invariant: what is not one well-formed
//! document without comments, document types and processing instructions is an error, as soon as it is
//! seen, and text stands only in elements that hold nothing else.

use std::ops::Range;

use memchr::{memchr, memmem};

use super::{MalformedXml, Pieces, malformed};

/// Reads the tags of one document. It keeps no bytes: the caller holds them until they were read.
#[derive(Debug, Default)]
pub struct Scanner {
    /// The names of the elements that are open, one behind the other.
    names: Vec<u8>,
    /// Where each of them begins.
    open: Vec<usize>,
    /// That of the root, with its colon.
    prefix: Vec<u8>,
    before: Option<Kind>,
    has_root: bool,
}

/// One tag, and the text before it. Places are those in the bytes that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// What it is.
    pub kind: Kind,
    /// What stands between the tag before and this one.
    pub text: Range<usize>,
    /// From its `<` to behind its `>`.
    pub markup: Range<usize>,
    /// Its name, of a start without its prefix; empty where it has none.
    pub name: Range<usize>,
    /// How many elements are around its own: 0 for the root, at its start and at its end.
    pub depth: usize,
    /// It is a start with the root's prefix or like it none, and without attributes: any reader takes it
    /// for what it is.
    pub is_plain: bool,
}

/// What a tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `<?xml …?>`.
    Declaration,
    /// `<name>`.
    Start,
    /// `<name/>`.
    Empty,
    /// `</name>`.
    End,
    /// `<![CDATA[…]]>`: text.
    Text,
}

impl Scanner {
    /// The next tag of what is there from `at` on; `None` if it has not come as a whole.
    ///
    /// # Errors
    ///
    /// See the invariant of this file.
    pub fn next(&mut self, bytes: &[u8], at: usize) -> Result<Option<Tag>, MalformedXml> {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(start) = find(b'<', rest) else { return Ok(None) };
        let (text, markup) = rest.split_at_checked(start).unwrap_or_default();
        let read = match self.end_of_open(markup) {
            Some(read) => read,
            None => match Read::of(markup)? {
                Some(read) => read,
                None => return Ok(None),
            },
        };
        self.check_text(text, read.kind)?;
        let start = at + start;
        let name = start + read.name.start..start + read.name.end;
        let mut tag = Tag {
            kind: read.kind,
            text: at..start,
            markup: start..start + read.bytes,
            name,
            depth: self.open.len(),
            is_plain: false,
        };
        let markup = markup.get(..read.bytes).unwrap_or_default();
        let qualified = markup.get(read.prefix..read.name.end).unwrap_or_default();
        match tag.kind {
            Kind::Declaration if start == 0 && self.before.is_none() => {
                Pieces::of(markup)?.next()?;
            }
            Kind::Text if tag.depth > 0 => {}
            Kind::Declaration | Kind::Text => return Err(misplaced()),
            Kind::Start | Kind::Empty => {
                let prefix = markup.get(read.prefix..read.name.start).unwrap_or_default();
                self.begin(qualified, prefix)?;
                if tag.kind == Kind::Empty {
                    self.end(qualified)?;
                }
                tag.is_plain = !read.has_attributes && prefix == self.prefix;
            }
            Kind::End => {
                self.end(qualified)?;
                tag.depth = self.open.len();
            }
        }
        self.before = Some(tag.kind);
        Ok(Some(tag))
    }

    /// The end of the element that is open, as nearly all are written: the quick way.
    fn end_of_open(&self, markup: &[u8]) -> Option<Read> {
        let name = self.names.get(*self.open.last()?..)?;
        let rest = markup.strip_prefix(b"</")?.strip_prefix(name)?;
        let name = 2..2 + name.len();
        let read = Read {
            kind: Kind::End,
            bytes: name.end + 1,
            prefix: name.start,
            name,
            has_attributes: false,
        };
        rest.starts_with(b">").then_some(read)
    }

    /// What is left behind the last tag has to be nothing.
    ///
    /// # Errors
    ///
    /// The document is not whole, or something else follows it.
    pub fn finish(&self, rest: &[u8]) -> Result<(), MalformedXml> {
        if !self.open.is_empty() || !self.has_root {
            return Err(malformed("it breaks off"));
        }
        if is_blank(rest) { Ok(()) } else { Err(malformed("something follows its root")) }
    }

    /// Text stands between a start and its end, alone.
    fn check_text(&self, text: &[u8], next: Kind) -> Result<(), MalformedXml> {
        let is_right = match (self.before, next) {
            (Some(Kind::Start | Kind::Text), Kind::Text | Kind::End) => true,
            (Some(Kind::Text), _) | (_, Kind::Text) => false,
            (_, Kind::Declaration) => text.is_empty(),
            (_, Kind::Start | Kind::Empty | Kind::End) => is_blank(text),
        };
        if is_right { Ok(()) } else { Err(malformed("there is text between its elements")) }
    }

    fn begin(&mut self, name: &[u8], prefix: &[u8]) -> Result<(), MalformedXml> {
        if self.open.is_empty() {
            if self.has_root {
                return Err(malformed("something follows its root"));
            }
            self.has_root = true;
            self.prefix = prefix.to_vec();
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(malformed(&format!("it is more than {DEPTH_MAX} levels deep")));
        }
        self.open.push(self.names.len());
        self.names.extend_from_slice(name);
        Ok(())
    }

    fn end(&mut self, name: &[u8]) -> Result<(), MalformedXml> {
        let start = self.open.pop().ok_or_else(misplaced)?;
        if self.names.get(start..) != Some(name) {
            return Err(malformed("an element ends that did not begin"));
        }
        self.names.truncate(start);
        Ok(())
    }
}

/// A tag by itself. Places are those behind its `<`, and that included.
struct Read {
    kind: Kind,
    /// How long it is.
    bytes: usize,
    /// Where the prefix begins, or where there is none, the name.
    prefix: usize,
    /// Without the prefix.
    name: Range<usize>,
    has_attributes: bool,
}

impl Read {
    /// The one that begins here; `None` if its end has not come.
    fn of(markup: &[u8]) -> Result<Option<Self>, MalformedXml> {
        let nameless = |kind, bytes| {
            let read = Self { kind, bytes, prefix: 0, name: 0..0, has_attributes: false };
            Ok(Some(read))
        };
        match markup {
            [b'<', b'!', ..] => match end_of_text(markup)? {
                Some(bytes) => nameless(Kind::Text, bytes),
                None => Ok(None),
            },
            [b'<', b'?', ..] => match memchr(b'>', markup) {
                Some(end) if is_declaration(markup.get(..=end).unwrap_or_default()) => {
                    nameless(Kind::Declaration, end + 1)
                }
                Some(_) => Err(misplaced()),
                None => Ok(None),
            },
            [b'<', b'/', ..] => Self::named(markup, 2),
            _ => Self::named(markup, 1),
        }
    }

    /// A start or an end, whose name begins there.
    fn named(markup: &[u8], start: usize) -> Result<Option<Self>, MalformedXml> {
        let from_name = markup.get(start..).unwrap_or_default();
        let length = from_name.iter().position(|byte| !is_name(*byte)).unwrap_or(from_name.len());
        let qualified = from_name.get(..length).unwrap_or_default();
        let colon = qualified.iter().position(|byte| *byte == b':');
        let local = colon.map_or(0, |colon| colon + 1);
        let behind = from_name.get(length..).unwrap_or_default();
        let Some(end) = find(b'>', behind) else { return Ok(None) };
        let attributes = behind.get(..end).unwrap_or_default();
        let is_start = start == 1;
        let empty = attributes.strip_suffix(b"/").filter(|_| is_start);
        let kind = match empty {
            Some(_) => Kind::Empty,
            None if is_start => Kind::Start,
            None => Kind::End,
        };
        let attributes = empty.unwrap_or(attributes);
        let has_attributes = !is_blank(attributes);
        let name = start + local..start + length;
        let is_name = match qualified.get(local..) {
            Some([]) | None => false,
            Some(name) => local != 1 && (local == 0 || !name.contains(&b':')),
        };
        if !is_name || (has_attributes && (kind == Kind::End || !are_attributes(attributes))) {
            return Err(malformed("it has a tag that readers take differently"));
        }
        let bytes = start + length + end + 1;
        Ok(Some(Self { kind, bytes, prefix: start, name, has_attributes }))
    }
}

/// How long the `<![CDATA[…]]>` is that begins here; `None` if its end has not come.
fn end_of_text(markup: &[u8]) -> Result<Option<usize>, MalformedXml> {
    // Until it can be told apart, it may become one.
    let known = markup.get(..CDATA.len()).unwrap_or(markup);
    if !CDATA.starts_with(known) {
        return Err(misplaced());
    }
    let end = memmem::find(markup, CDATA_END).filter(|_| known.len() == CDATA.len());
    Ok(end.map(|end| end + CDATA_END.len()))
}

fn is_declaration(markup: &[u8]) -> bool {
    let inner = markup.strip_prefix(b"<?xml").and_then(|rest| rest.strip_suffix(b"?>"));
    inner.and_then(|inner| inner.first()).is_some_and(|byte| is_blank(&[*byte]))
}

/// Most often it is the first.
fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    if bytes.first() == Some(&byte) { Some(0) } else { memchr(byte, bytes) }
}

/// Whether the quotes are closed where the tag ends; a `<` is an error to some readers.
fn are_attributes(text: &[u8]) -> bool {
    let mut quote = None;
    for byte in text {
        match (quote, byte) {
            (_, b'<') => return false,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    quote.is_none() && text.first().is_some_and(|byte| is_blank(&[*byte]))
}

/// What names of S3 are made of, and more.
fn is_name(byte: u8) -> bool {
    NAME.get(usize::from(byte)) == Some(&true)
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

fn misplaced() -> MalformedXml {
    malformed("it has a comment, a document type, a processing instruction or text out of place")
}

/// For each byte, by its value.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const NAME: [bool; 256] = {
    let mut table = [false; 256];
    let names = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:";
    let mut at = 0;
    while at < names.len() {
        table[names[at] as usize] = true;
        at += 1;
    }
    table
};
const CDATA: &[u8] = b"<![CDATA[";
const CDATA_END: &[u8] = b"]]>";
/// A listing of S3 is four levels deep.
const DEPTH_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds, names and depths, of a document that comes in such pieces.
    fn scanned(document: &str, piece: usize) -> Result<Vec<(Kind, String, usize)>, MalformedXml> {
        let mut scanner = Scanner::default();
        let (mut held, mut at) = (Vec::new(), 0);
        let mut tags = Vec::new();
        for piece in document.as_bytes().chunks(piece) {
            held.extend_from_slice(piece);
            while let Some(tag) = scanner.next(&held, at)? {
                assert_eq!((tag.text.start, tag.text.end), (at, tag.markup.start));
                at = tag.markup.end;
                let name = String::from_utf8(held[tag.name].to_vec()).unwrap();
                let name = name.split_once(':').map_or(&*name, |(_, name)| name);
                tags.push((tag.kind, name.to_owned(), tag.depth));
            }
        }
        scanner.finish(&held[at..])?;
        Ok(tags)
    }

    #[test]
    fn tags_are_read_whatever_the_pieces() {
        let document = "<?xml version=\"1.0\" encoding='utf-8'?>\n\
                        <s:R xmlns:s=\"x y/\" a='\"'> <s:A>a&gt;</s:A ><s:B/>\n\
                        <s:C>c<![CDATA[<d>]]]>e</s:C></s:R>\r\n";
        let expected = [
            (Kind::Declaration, "", 0),
            (Kind::Start, "R", 0),
            (Kind::Start, "A", 1),
            (Kind::End, "A", 1),
            (Kind::Empty, "B", 1),
            (Kind::Start, "C", 1),
            (Kind::Text, "", 2),
            (Kind::End, "C", 1),
            (Kind::End, "R", 0),
        ]
        .map(|(kind, name, depth)| (kind, name.to_owned(), depth));
        for piece in 1..=document.len() {
            assert_eq!(scanned(document, piece).as_deref(), Ok(&expected[..]), "{piece}");
        }
    }

    #[test]
    fn what_any_reader_takes_for_the_same_is_plain() {
        let document = b"<s:R xmlns:s='x'><s:A/><A/><t:A/><s:A b='c'/></s:R>";
        let mut scanner = Scanner::default();
        let (mut at, mut plain) = (0, Vec::new());
        while let Some(tag) = scanner.next(document, at).unwrap() {
            at = tag.markup.end;
            plain.push(tag.is_plain);
        }
        assert_eq!(plain, [false, true, false, false, false, false]);
    }

    #[test]
    fn what_readers_take_differently_is_refused() {
        for document in [
            "",
            "text",
            "<R>",
            "<R></R",
            "</R>",
            "<R></X>",
            "<R><A></R></A>",
            "<R></r>",
            "<a:R></b:R>",
            "<R/><R/>",
            "<R></R>text",
            "text<R/>",
            "\u{feff}<R/>",
            " <?xml version=\"1.0\"?><R/>",
            "<R><?xml version=\"1.0\"?></R>",
            "<?xml version=\"1.1\"?><R/>",
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><R/>",
            "<?xml version=\"1.0\"?><?xml version=\"1.0\"?><R/>",
            "<?xml version=\"1.0\" a=\">\"?><R/>",
            "<?php ?><R/>",
            "<!DOCTYPE R><R/>",
            "<R><!-- --></R>",
            "<R><!-></R>",
            "<R><![CDAT[a]]></R>",
            "<![CDATA[a]]><R/>",
            "<R><A/><![CDATA[a]]></R>",
            "<R><![CDATA[a]]><A/></R>",
            "<R><![CDATA[a]]>",
            "<R>a<A/></R>",
            "<R><A/>a</R>",
            "<R><A/>a<A/></R>",
            "<R a=\">\"/>",
            "<R a='>'></R>",
            "<R a=\"<\"/>",
            "<R <A/>",
            "<R\"a\"/>",
            "<R/a/>",
            "<R></R a=\"b\">",
            "<>",
            "< R/>",
            "<R></ R>",
            "<:R/>",
            "<s:/>",
            "<a:b:R/>",
            "<R><é/></R>",
            "<R><A><A><A><A><A><A><A><A/></A></A></A></A></A></A></A></R>",
        ] {
            for piece in [1, 2, document.len().max(1)] {
                assert!(scanned(document, piece).is_err(), "{document} in pieces of {piece}");
            }
        }
    }
}
