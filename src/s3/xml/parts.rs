//! The `ListPartsResult` document, as backends write it
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html>). Invariant: a part without a
//! number or a size is an error, and so is a number that is there twice.

use std::collections::BTreeMap;

use super::{
    MalformedXml, Pieces,
    answers::{element, skip, text},
    malformed,
};

/// A page of parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedParts {
    /// By number.
    pub parts: BTreeMap<u16, ListedPart>,
    /// Where the next page begins, if there is one.
    pub next: Option<u16>,
}

/// A part as the backend has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPart {
    /// With its quotes, if it has any; `None`: there are backends that tell none.
    pub etag: Option<String>,
    /// As it is stored.
    pub bytes: u64,
}

/// Reads a page.
///
/// # Errors
///
/// See the invariant of this file.
pub fn listed_parts(document: &[u8]) -> Result<ListedParts, MalformedXml> {
    let mut pieces = Pieces::of(document)?;
    let (mut page, mut is_truncated, mut next) = (ListedParts::default(), false, None);
    let root = element(&mut pieces)?.filter(|root| ROOTS.contains(&root.as_str()));
    root.ok_or_else(|| malformed("its root is not `ListPartsResult`"))?;
    while let Some(name) = element(&mut pieces)? {
        match name.as_str() {
            "Part" => {
                let (number, part) = part(&mut pieces)?;
                if page.parts.insert(number, part).is_some() {
                    return Err(malformed("a part is there twice"));
                }
            }
            "IsTruncated" => is_truncated = text(&mut pieces, &name)?.trim() == "true",
            "NextPartNumberMarker" => next = text(&mut pieces, &name)?.trim().parse().ok(),
            _ => skip(&mut pieces)?,
        }
    }
    page.next = if is_truncated {
        let last = page.parts.last_key_value().map(|(number, _)| *number);
        Some(next.or(last).ok_or_else(|| malformed("it does not say where it goes on"))?)
    } else {
        None
    };
    Ok(page)
}

fn part(pieces: &mut Pieces<'_>) -> Result<(u16, ListedPart), MalformedXml> {
    let (mut number, mut etag, mut bytes) = (None, None, None);
    while let Some(name) = element(pieces)? {
        match name.as_str() {
            "PartNumber" => number = text(pieces, &name)?.trim().parse().ok(),
            "ETag" => etag = Some(text(pieces, &name)?).filter(|etag| !etag.is_empty()),
            "Size" => bytes = text(pieces, &name)?.trim().parse().ok(),
            _ => skip(pieces)?,
        }
    }
    let number = number.ok_or_else(|| malformed("a part has no number"))?;
    let bytes = bytes.ok_or_else(|| malformed("a part has no size"))?;
    Ok((number, ListedPart { etag, bytes }))
}

/// moto writes the second.
const ROOTS: [&str; 2] = ["ListPartsResult", "ListPartsResponse"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read() {
        let document = "<?xml version=\"1.0\"?>\n<ListPartsResult xmlns=\"x\"><Bucket>b</Bucket>\
            <Owner><ID>1</ID></Owner><NextPartNumberMarker>7</NextPartNumberMarker>\
            <IsTruncated>true</IsTruncated>\n<Part><PartNumber>2</PartNumber><ETag>&quot;a&quot;</ETag>\
            <Size>5</Size><ChecksumCRC32>x</ChecksumCRC32></Part>\
            <Part><Size>0</Size><ETag/><PartNumber>7</PartNumber></Part></ListPartsResult>";
        let page = listed_parts(document.as_bytes()).unwrap();
        let part = |etag: Option<&str>, bytes| ListedPart { etag: etag.map(str::to_owned), bytes };
        let expected = [(2, part(Some("\"a\""), 5)), (7, part(None, 0))];
        assert_eq!(page, ListedParts { parts: expected.into(), next: Some(7) });
    }

    #[test]
    fn the_last_part_stands_in_for_a_marker_that_is_not_there() {
        let part = "<Part><PartNumber>3</PartNumber><Size>1</Size></Part>";
        let page = |content: &str| {
            let document = format!("<ListPartsResponse>{content}</ListPartsResponse>");
            listed_parts(document.as_bytes())
        };
        assert_eq!(page(&format!("<IsTruncated>true</IsTruncated>{part}")).unwrap().next, Some(3));
        assert_eq!(page(&format!("<IsTruncated>false</IsTruncated>{part}")).unwrap().next, None);
        assert_eq!(page("").unwrap(), ListedParts::default());
        assert!(page("<IsTruncated>true</IsTruncated>").is_err());
        assert!(page(&part.repeat(2)).is_err());
        for without in ["<Size>1</Size>", "<PartNumber>3</PartNumber>"] {
            assert!(page(&part.replace(without, "")).is_err());
        }
    }

    #[test]
    fn other_documents_are_refused() {
        for document in ["", "<Error></Error>", "<ListPartsResult>", "<ListPartsResult><Part>"] {
            assert!(listed_parts(document.as_bytes()).is_err(), "{document}");
        }
    }
}
