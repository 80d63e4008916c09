//! Answers that are lists: the elements that a list is made of, one by one, each whole, and all else as
//! it came. Invariant: what was not replaced stays byte for byte, and no more is held than one element
//! of `ROW_BYTES_MAX`, or so much between two tags, besides what was pushed last.

use std::{borrow::Cow, ops::Range};

use bytes::{Bytes, BytesMut};

use super::etag::{self, Tagged};
use crate::s3::xml::{self, Kind, MalformedXml, Scanner, Tag};

/// The longest element of a list, and the longest text between tags, in bytes. A key has 1024, each of
/// which may take six as `&quot;`; an owner's name, tags of a restored copy and the like are short.
pub(super) const ROW_BYTES_MAX: usize = 64 * 1024;

/// What a list is called, and its elements; an answer that is no list is its own one row.
pub(super) struct Names {
    pub(super) roots: &'static [&'static [u8]],
    pub(super) rows: &'static [&'static [u8]],
    /// 1 in lists, 0 where the root is the row.
    pub(super) row_depth: usize,
}

/// A list that comes in pieces.
#[derive(Debug)]
pub(super) struct Rows {
    names: &'static Names,
    scanner: Scanner,
    /// What came and has not been handed out.
    held: BytesMut,
    /// So much of it has been read.
    at: usize,
    /// The row that has begun, at the start of what is held.
    row: Option<Fields>,
    /// Whether it was the start of `EncodingType` that came last.
    is_in_encoding: bool,
    is_encoded: bool,
}

/// What can be handed out.
#[derive(Debug)]
pub(super) enum Piece {
    /// As it came.
    Bytes(Bytes),
    Row(Row),
}

/// One element of the list.
#[derive(Clone, Debug)]
pub(super) struct Row {
    xml: Bytes,
    /// In the order of the document. Those of text alone are there once.
    fields: Vec<(Field, Range<usize>)>,
}

/// An element of a row that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Key,
    VersionId,
    PartNumber,
    Size,
    ETag,
    /// Whole elements; they may be repeated.
    Checksum,
}

/// What has been read of a row.
#[derive(Debug)]
struct Fields {
    read: Vec<(Field, Range<usize>)>,
    /// The one that has begun, and where its text does, or itself.
    open: Option<(Field, usize)>,
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Names")
    }
}

impl Rows {
    pub(super) fn new(names: &'static Names) -> Self {
        Self {
            names,
            scanner: Scanner::default(),
            held: BytesMut::new(),
            at: 0,
            row: None,
            is_in_encoding: false,
            is_encoded: false,
        }
    }

    /// Takes what has come.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.held.extend_from_slice(data);
    }

    /// What can be handed out next; `None` if more has to come first.
    pub(super) fn pull(&mut self) -> Result<Option<Piece>, MalformedXml> {
        while let Some(tag) = self.scanner.next(&self.held, self.at)? {
            let begins = if self.row.is_some() { 0 } else { self.at };
            check_length(tag.markup.end - begins)?;
            self.at = tag.markup.end;
            if let Some(row) = &mut self.row {
                row.read(&self.held, &tag, self.names.row_depth + 1)?;
                if tag.depth == self.names.row_depth {
                    return Ok(self.end_row()?.map(Piece::Row));
                }
            } else if self.begins_row(&tag)? {
                self.row = Some(Fields { read: Vec::with_capacity(FIELDS_USUAL), open: None });
                let before = self.pass(tag.markup.start)?;
                if before.is_some() {
                    return Ok(before);
                }
            } else {
                self.read_encoding(&tag);
            }
        }
        if self.row.is_some() {
            check_length(self.held.len())?;
            return Ok(None);
        }
        check_length(self.held.len() - self.at)?;
        self.pass(self.at)
    }

    /// What is left behind the list's end.
    pub(super) fn finish(self) -> Result<Bytes, MalformedXml> {
        let rest = self.held.freeze();
        self.scanner.finish(&rest)?;
        Ok(rest)
    }

    /// Whether the list itself says that its keys are encoded.
    pub(super) fn is_encoded(&self) -> bool {
        self.is_encoded
    }

    fn begins_row(&self, tag: &Tag) -> Result<bool, MalformedXml> {
        let name = self.held.get(tag.name.clone()).unwrap_or_default();
        let is_start = matches!(tag.kind, Kind::Start | Kind::Empty);
        if is_start && tag.depth == 0 && !self.names.roots.contains(&name) {
            return Err(unreadable("it has another root"));
        }
        if !is_start || tag.depth != self.names.row_depth || !self.names.rows.contains(&name) {
            return Ok(false);
        }
        // A root has the attributes of its namespace.
        let is_plain = tag.is_plain || tag.depth == 0;
        if tag.kind == Kind::Start && is_plain {
            return Ok(true);
        }
        Err(unreadable("an element of it is empty, or has a prefix or attributes"))
    }

    fn end_row(&mut self) -> Result<Option<Row>, MalformedXml> {
        let Some(Fields { read: fields, .. }) = self.row.take() else { return Ok(None) };
        let xml = self.held.split_to(self.at).freeze();
        self.at = 0;
        check_utf8(&xml)?;
        Ok(Some(Row { xml, fields }))
    }

    /// Hands out what stands before this place.
    fn pass(&mut self, end: usize) -> Result<Option<Piece>, MalformedXml> {
        if end == 0 {
            return Ok(None);
        }
        let passed = self.held.split_to(end).freeze();
        self.at -= end;
        check_utf8(&passed)?;
        Ok(Some(Piece::Bytes(passed)))
    }

    fn read_encoding(&mut self, tag: &Tag) {
        if self.is_in_encoding && tag.kind == Kind::End {
            self.is_encoded = self.held.get(tag.text.clone()) == Some(b"url");
        }
        let name = self.held.get(tag.name.clone());
        self.is_in_encoding =
            tag.kind == Kind::Start && tag.depth == 1 && name == Some(b"EncodingType");
    }
}

impl Fields {
    /// Reads a tag of the row, whose fields are so deep.
    fn read(&mut self, held: &[u8], tag: &Tag, depth: usize) -> Result<(), MalformedXml> {
        let is_start = matches!(tag.kind, Kind::Start | Kind::Empty);
        if tag.depth > depth {
            let holds_text = self.open.is_none_or(|(field, _)| field == Field::Checksum);
            return if is_start && !holds_text {
                Err(unreadable("elements in a text"))
            } else {
                Ok(())
            };
        }
        if is_start {
            let Some(field) = Field::of(held.get(tag.name.clone()).unwrap_or_default()) else {
                return Ok(());
            };
            if field == Field::Checksum {
                self.open = Some((field, tag.markup.start));
            } else if self.read.iter().any(|(read, _)| *read == field) || !tag.is_plain {
                return Err(unreadable("a repeated element, or one with a prefix or attributes"));
            } else {
                self.open = Some((field, tag.markup.end));
            }
        }
        if matches!(tag.kind, Kind::End | Kind::Empty)
            && let Some((field, start)) = self.open.take()
        {
            let is_whole = field == Field::Checksum || tag.kind == Kind::Empty;
            let end = if is_whole { tag.markup.end } else { tag.markup.start };
            self.read.push((field, start..end));
        }
        Ok(())
    }
}

impl Field {
    fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"Key" => Self::Key,
            b"VersionId" => Self::VersionId,
            b"PartNumber" => Self::PartNumber,
            b"Size" => Self::Size,
            b"ETag" => Self::ETag,
            name if name.starts_with(b"Checksum") => Self::Checksum,
            _ => return None,
        })
    }
}

impl Row {
    /// As it came.
    pub(super) fn xml(&self) -> &Bytes {
        &self.xml
    }

    /// The text of a field, decoded.
    pub(super) fn text(&self, field: Field) -> Result<Option<Cow<'_, str>>, MalformedXml> {
        let read = self.fields.iter().find(|(read, _)| *read == field);
        read.map(|(_, range)| xml::text(self.raw(range))).transpose()
    }

    /// The number that a field has to be.
    pub(super) fn number(&self, field: Field) -> Result<u64, MalformedXml> {
        let number = self.text(field)?.and_then(|text| xml::number(&text));
        number.ok_or_else(|| unreadable("an element has no number where it needs one"))
    }

    /// The row with other texts in place of those fields for which there are any. None is put where
    /// there was none, and the text of [`Field::Checksum`] takes the place of the element.
    pub(super) fn replaced<'a>(&self, with: impl Fn(Field) -> Option<Cow<'a, str>>) -> Bytes {
        let mut replaced = BytesMut::new();
        let mut copied = 0;
        for (field, range) in self.fields.iter().filter(|(_, range)| !range.is_empty()) {
            let Some(text) = with(*field) else { continue };
            if self.raw(range) == text.as_bytes() {
                continue;
            }
            replaced.reserve(self.xml.len() + SUFFIX_BYTES_USUAL);
            replaced.extend_from_slice(self.raw(&(copied..range.start)));
            replaced.extend_from_slice(text.as_bytes());
            copied = range.end;
        }
        if copied == 0 {
            return self.xml.clone();
        }
        replaced.extend_from_slice(self.raw(&(copied..self.xml.len())));
        replaced.freeze()
    }

    fn raw(&self, range: &Range<usize>) -> &[u8] {
        self.xml.get(range.clone()).unwrap_or_default()
    }
}

/// The client's form of a tag, as text of XML; `None` where it stays as it is.
pub(super) fn shown_tag(etag: &str, of: Tagged) -> Option<String> {
    match etag::shown(etag, of) {
        Cow::Borrowed(_) => None,
        Cow::Owned(shown) => Some(xml::escape(&shown).into_owned()),
    }
}

fn check_length(bytes: usize) -> Result<(), MalformedXml> {
    if bytes > ROW_BYTES_MAX { Err(unreadable("an element is too long")) } else { Ok(()) }
}

fn check_utf8(bytes: &[u8]) -> Result<(), MalformedXml> {
    std::str::from_utf8(bytes).map(drop).map_err(|_| unreadable("it is not UTF-8"))
}

/// The rows of a document that is there as a whole, each as it is to be, and all else as it was.
pub(super) fn map(
    document: &[u8],
    names: &'static Names,
    map: impl Fn(&Row) -> Result<Bytes, MalformedXml>,
) -> Result<Bytes, MalformedXml> {
    let mut rows = Rows::new(names);
    rows.push(document);
    let mut mapped = BytesMut::with_capacity(document.len());
    while let Some(piece) = rows.pull()? {
        match piece {
            Piece::Bytes(bytes) => mapped.extend_from_slice(&bytes),
            Piece::Row(row) => mapped.extend_from_slice(&map(&row)?),
        }
    }
    mapped.extend_from_slice(&rows.finish()?);
    Ok(mapped.freeze())
}

pub(super) fn unreadable(reason: &str) -> MalformedXml {
    MalformedXml(format!("a list that cannot be read: {reason}"))
}

/// What matters in an entry of AWS's.
const FIELDS_USUAL: usize = 8;
/// What tags and sizes grow by.
const SUFFIX_BYTES_USUAL: usize = 16;
