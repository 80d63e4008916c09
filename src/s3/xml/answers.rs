//! Walking documents that backends write. Invariant: what is not asked for is passed over whole: backends
//! add elements of their own.

use super::{MalformedXml, Piece, Pieces, malformed};

/// The next element's name, without its prefix; `None` at the end of the one that it would be in. Empty
/// elements say nothing.
pub(super) fn element(pieces: &mut Pieces<'_>) -> Result<Option<String>, MalformedXml> {
    loop {
        match pieces.next()? {
            Piece::Start(start) => return Ok(Some(start.local_name().into_inner().to_owned())),
            Piece::End => return Ok(None),
            Piece::Empty(_) | Piece::Text(_) => {}
            Piece::Eof => return Err(malformed("it breaks off")),
        }
    }
}

/// The text of the element that has begun.
pub(super) fn text(pieces: &mut Pieces<'_>, name: &str) -> Result<String, MalformedXml> {
    Ok(pieces.text(name)?.0)
}

/// Passes over the element that has begun.
pub(super) fn skip(pieces: &mut Pieces<'_>) -> Result<(), MalformedXml> {
    let mut depth = 1_usize;
    while depth > 0 {
        match pieces.next()? {
            Piece::Start(_) => depth += 1,
            Piece::End => depth -= 1,
            Piece::Empty(_) | Piece::Text(_) => {}
            Piece::Eof => return Err(malformed("it breaks off")),
        }
    }
    Ok(())
}
