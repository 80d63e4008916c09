//! Documents of known elements, read from the first to the last. Invariant: what is not expected where
//! it stands is an error: it may mean something to another reader.

use quick_xml::events::BytesStart;

use super::{MalformedXml, Piece, Pieces, malformed};

/// Everything up to the root's first child.
pub(super) fn open_root(pieces: &mut Pieces<'_>, root: &str) -> Result<(), MalformedXml> {
    loop {
        match pieces.next()? {
            // With a prefix it would be another element to readers without namespaces.
            Piece::Start(start) if start.name().into_inner() == root => return Ok(()),
            Piece::Text(text) if is_blank(&text) => {}
            Piece::Start(_) | Piece::Empty(_) | Piece::End | Piece::Text(_) | Piece::Eof => {
                return Err(malformed(&format!("its root is not `{root}`")));
            }
        }
    }
}

/// The next child's start; `None` at the end of the element that it would be in.
pub(super) fn child<'a>(pieces: &mut Pieces<'a>) -> Result<Option<BytesStart<'a>>, MalformedXml> {
    loop {
        match pieces.next()? {
            Piece::Start(start) if start.attributes_raw().trim().is_empty() => {
                return Ok(Some(start));
            }
            Piece::Start(start) | Piece::Empty(start) => {
                return Err(unexpected(start.name().into_inner()));
            }
            Piece::End => return Ok(None),
            Piece::Text(text) if is_blank(&text) => {}
            Piece::Text(_) => return Err(malformed("there is text between its elements")),
            Piece::Eof => return Err(malformed("it breaks off")),
        }
    }
}

/// Nothing comes behind the root.
pub(super) fn close(pieces: &mut Pieces<'_>) -> Result<(), MalformedXml> {
    loop {
        match pieces.next()? {
            Piece::Eof => return Ok(()),
            Piece::Text(text) if is_blank(&text) => {}
            Piece::Start(_) | Piece::Empty(_) | Piece::End | Piece::Text(_) => {
                return Err(malformed("something follows its root"));
            }
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| b" \t\r\n".contains(&byte))
}

/// An element that has no place where it stands.
pub(super) fn unexpected(element: &str) -> MalformedXml {
    malformed(&format!(
        "the element `{element}` is unknown, repeated, empty or has attributes where it stands"
    ))
}
