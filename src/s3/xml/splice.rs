//! Adding to a backend's document. Invariant: what stood in it stays byte for byte.

use super::{MalformedXml, Piece, Pieces, malformed};

/// The document with `content`, which is XML, as the last of what is in its one root.
///
/// The root's name is compared without its namespace prefix; `content` is given as it is.
///
/// # Errors
///
/// The document is not whole, or has another root.
pub fn append(document: &[u8], root: &str, content: &str) -> Result<Vec<u8>, MalformedXml> {
    let (before, inserted, after) = match end(document, root)? {
        End::Tag(at) => (at, content.to_owned(), at),
        End::Empty { name, at } => {
            (at.saturating_sub(EMPTY_END.len()), format!(">{content}</{name}>"), at)
        }
    };
    let slices = document.get(..before).zip(document.get(after..));
    let (before, after) = slices.ok_or_else(|| malformed("it breaks off"))?;
    Ok([before, inserted.as_bytes(), after].concat())
}

/// How a root ends.
enum End {
    /// By an end tag, which begins here.
    Tag(usize),
    /// At once, by `/>`, which ends here.
    Empty { name: String, at: usize },
}

fn end(document: &[u8], root: &str) -> Result<End, MalformedXml> {
    let mut pieces = Pieces::of(document)?;
    let mut depth = 0_usize;
    let mut end = None;
    loop {
        let at = pieces.position()?;
        match pieces.next()? {
            Piece::Start(start) | Piece::Empty(start)
                if depth == 0 && (end.is_some() || start.local_name().into_inner() != root) =>
            {
                return Err(malformed(&format!("its one root is not `{root}`")));
            }
            Piece::Start(_) => depth += 1,
            Piece::Empty(start) if depth == 0 => {
                let name = start.name().into_inner().to_owned();
                end = Some(End::Empty { name, at: pieces.position()? });
            }
            Piece::Empty(_) | Piece::Text(_) => {}
            Piece::End => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    end = Some(End::Tag(at));
                }
            }
            Piece::Eof => {
                return end.filter(|_| depth == 0).ok_or_else(|| malformed("it breaks off"));
            }
        }
    }
}

const EMPTY_END: &str = "/>";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, expected: Option<&str>) {
        let found = append(document.as_bytes(), "R", "<E/>").ok();
        let found = found.map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(found.as_deref(), expected, "{document}");
    }

    #[test]
    fn content_comes_last_in_the_root() {
        check("<R></R>", Some("<R><E/></R>"));
        check("<R><R>é</R> </R >\n", Some("<R><R>é</R> <E/></R >\n"));
        check(
            "<?xml version=\"1.0\"?>\n<R xmlns='x'/>",
            Some("<?xml version=\"1.0\"?>\n<R xmlns='x'><E/></R>"),
        );
        check("<s:R xmlns:s='x' />", Some("<s:R xmlns:s='x' ><E/></s:R>"));
    }

    #[test]
    fn other_documents_are_refused() {
        for document in ["", "<X/>", "<R>", "<R/><R/>", "<R></R><R>", "text", "<R><!-- --></R>"] {
            check(document, None);
        }
    }
}
