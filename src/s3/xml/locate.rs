//! Finding one element's text in a backend's answer, so that it can be spliced byte for byte.
//! Invariant: an element that occurs twice is found nowhere.

use std::ops::Range;

use super::{MalformedXml, Piece, Pieces, malformed};

/// The text of the one `element` directly below `root`, and its byte range in the document.
///
/// Names are compared without their namespace prefix: backends differ in the namespaces they write.
/// An empty element (`<UploadId/>`) has no text that could be replaced, and is an error.
pub fn locate(
    document: &[u8],
    root: &str,
    element: &str,
) -> Result<(String, Range<usize>), MalformedXml> {
    find(document, root, element)?.ok_or_else(|| malformed(&format!("it has no `{element}`")))
}

/// What answers `CompleteMultipartUpload` is called by S3, and by moto.
pub const COMPLETED: [&str; 2] =
    ["CompleteMultipartUploadResult", "CompleteMultipartUploadResponse"];
/// What answers `GetBucketVersioning`, likewise.
pub const VERSIONING: [&str; 2] = ["VersioningConfiguration", "GetBucketVersioningResponse"];

/// As [`find`], in a document that backends call by one of two names.
///
/// # Errors
///
/// As [`find`]'s; the document is of neither name.
pub fn find_below(
    document: &[u8],
    [root, other]: [&str; 2],
    element: &str,
) -> Result<Option<(String, Range<usize>)>, MalformedXml> {
    find(document, root, element).or_else(|error| find(document, other, element).map_err(|_| error))
}

/// As [`locate`], but an element that is not there, or is empty, is `None`.
pub fn find(
    document: &[u8],
    root: &str,
    element: &str,
) -> Result<Option<(String, Range<usize>)>, MalformedXml> {
    let mut pieces = Pieces::of(document)?;
    let mut depth = 0_usize;
    let mut has_root = false;
    let mut found = None;
    loop {
        match pieces.next()? {
            Piece::Start(start) | Piece::Empty(start)
                if depth == 0 && (has_root || start.local_name().into_inner() != root) =>
            {
                return Err(malformed(&format!("its one root is not `{root}`")));
            }
            Piece::Start(start) if depth == 1 && start.local_name().into_inner() == element => {
                if found.replace(pieces.text(element)?).is_some() {
                    return Err(malformed(&format!("`{element}` occurs more than once")));
                }
            }
            Piece::Start(_) => {
                has_root = true;
                depth += 1;
            }
            Piece::Empty(_) => has_root = true,
            Piece::End => depth = depth.saturating_sub(1),
            Piece::Text(_) => {}
            Piece::Eof if depth > 0 || !has_root => return Err(malformed("it breaks off")),
            Piece::Eof => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, expected: Option<(&str, &str)>) {
        let found = locate(document.as_bytes(), "R", "Id").ok();
        let found = found.as_ref().map(|(text, range)| (text.as_str(), &document[range.clone()]));
        assert_eq!(found, expected, "{document}");
    }

    #[test]
    fn the_text_and_its_place_are_found() {
        check("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R><Id>ab</Id></R>", Some(("ab", "ab")));
        check("<R xmlns=\"x\"><K>k</K>\n <Id a='b'> a </Id ></R>", Some((" a ", " a ")));
        check("<s:R xmlns:s=\"x\"><s:Id>ab</s:Id></s:R>", Some(("ab", "ab")));
    }

    #[test]
    fn the_text_is_decoded_and_the_range_is_not() {
        check("<R><Id>a&amp;&#x62;</Id></R>", Some(("a&b", "a&amp;&#x62;")));
        check("<R><Id><![CDATA[<a>]]></Id></R>", Some(("<a>", "<![CDATA[<a>]]>")));
    }

    #[test]
    fn deeper_elements_of_the_name_are_passed_over() {
        check("<R><Part><Id>no</Id></Part><Id>yes</Id></R>", Some(("yes", "yes")));
    }

    #[test]
    fn what_is_not_there_exactly_once_is_not_found() {
        for document in [
            "",
            "<R></R>",
            "<R/>",
            "<R><Id/></R>",
            "<R><Id>a</Id><Id>b</Id></R>",
            "<R><Id>a<b/></Id></R>",
            "<R><Id>a</Id>",
            "<X><Id>a</Id></X>",
            "<Id>a</Id>",
            "\u{feff}<R><Id>a</Id></R>",
            "<R/><R><Id>a</Id></R>",
            "<R><Id>a</Id></R><R></R>",
            "<R><!-- --><Id>a</Id></R>",
        ] {
            check(document, None);
        }
    }

    #[test]
    fn what_may_be_missing_is_found_missing() {
        for document in ["<R/>", "<R></R>", "<R><Id/></R>", "<R><K><Id>a</Id></K></R>"] {
            assert_eq!(find(document.as_bytes(), "R", "Id"), Ok(None), "{document}");
        }
        for document in ["", "<X/>", "<R>", "text"] {
            assert!(find(document.as_bytes(), "R", "Id").is_err(), "{document}");
        }
    }

    #[test]
    fn a_document_of_two_names_is_read_by_either() {
        for root in COMPLETED {
            let document = format!("<{root}><ETag>e</ETag></{root}>");
            let start = root.len() + "<><ETag>".len();
            let found = find_below(document.as_bytes(), COMPLETED, "ETag");
            assert_eq!(found, Ok(Some(("e".to_owned(), start..start + 1))), "{root}");
            assert_eq!(find_below(document.as_bytes(), COMPLETED, "Location"), Ok(None), "{root}");
        }
        for document in ["", "<Error><ETag>e</ETag></Error>", "<CompleteMultipartUploadResult>"] {
            assert!(find_below(document.as_bytes(), COMPLETED, "ETag").is_err(), "{document}");
        }
    }
}
