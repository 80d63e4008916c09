//! The parts of sealed uploads, as `ListParts` shows them and `CompleteMultipartUpload` names them.
//! Invariant: clients see plaintext sizes, and what they name is the backend's part.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    etag::{self, PartTag, Tagged},
    rows::{self, Field, Names, Row},
};
use crate::{
    s3::xml::{self, MalformedXml},
    seal::{PartLength, PartNumber, part_length},
};

/// One part that a client wants an object to be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its number.
    pub number: PartNumber,
    /// Its tag, the backend's.
    pub tag: PartTag,
}

/// The answer to `ListParts` of a sealed upload, for the client.
///
/// A part of the ambiguous size is shown as the one without a footer, which is 5 MiB long as most are,
/// by a tag which says that it has to be looked at; what has a size that no sealed part has keeps it, so that its client sends the part again. What the
/// backend says of checksums is about other bytes, and left out. The upload id stays the backend's.
///
/// # Errors
///
/// The document is unreadable.
pub fn to_client(document: &[u8]) -> Result<Bytes, MalformedXml> {
    rows::map(document, &PARTS, part_to_client)
}

/// The parts of a `CompleteMultipartUpload` for a sealed upload, in the order of the document.
///
/// # Errors
///
/// As [`xml::completed_parts`].
pub fn completed(document: &[u8]) -> Result<Vec<Part>, MalformedXml> {
    let parts = xml::completed_parts(document)?;
    let part = |part: xml::CompletedPart| {
        let tag = etag::stored_part(&part.etag);
        Some(Part { number: PartNumber::new(part.number)?, tag })
    };
    let read: Option<Vec<Part>> = parts.into_iter().map(part).collect();
    read.ok_or_else(|| rows::unreadable("a part has no number of one"))
}

/// The document that has the backend make an object of these parts: numbers and the backend's tags.
pub fn completion<'a>(parts: impl IntoIterator<Item = (PartNumber, &'a str)>) -> Vec<u8> {
    xml::completion(parts.into_iter().map(|(number, etag)| (number.value(), etag)))
}

fn part_to_client(row: &Row) -> Result<Bytes, MalformedXml> {
    let number = u16::try_from(row.number(Field::PartNumber)?).ok().and_then(PartNumber::new);
    let number = number.ok_or_else(|| rows::unreadable("a part has no number of one"))?;
    let stored = row.number(Field::Size)?;
    let (size, tagged) = match part_length(number, stored) {
        PartLength::Known { bytes, .. } => (bytes, Tagged::Sealed),
        PartLength::Ambiguous => (AMBIGUOUS_BYTES, Tagged::Doubtful),
        PartLength::None => (stored, Tagged::Sealed),
    };
    let etag = row.text(Field::ETag)?.unwrap_or_default();
    let etag = rows::shown_tag(&etag, tagged);
    Ok(row.replaced(|field| match field {
        Field::Size => Some(size.to_string().into()),
        Field::ETag => etag.as_deref().map(Cow::Borrowed),
        Field::Checksum => Some("".into()),
        Field::PartNumber | Field::Key | Field::VersionId => None,
    }))
}

/// What has no footer of the two parts of the ambiguous size.
const AMBIGUOUS_BYTES: u64 = 5 << 20;

/// For the first, moto writes the second.
static PARTS: Names =
    Names { roots: &[b"ListPartsResult", b"ListPartsResponse"], rows: &[b"Part"], row_depth: 1 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_all_backends_show_the_plaintext() {
        for listing in [
            include_str!("../../tests/vectors/answers/moto-list-parts.xml"),
            include_str!("../../tests/vectors/answers/rgw-list-parts.xml"),
        ] {
            let expected = listing
                .replace(">5245440<", ">5242880<")
                .replace(">74<", ">10<")
                .replace("<ETag>\"", "<ETag>&quot;")
                .replace("\"</ETag>", "&quot;</ETag>")
                .replace("&quot;</ETag>", "-1&quot;</ETag>")
                .replace("aba20c6-1", "aba20c6-d");
            assert_eq!(to_client(listing.as_bytes()).unwrap(), expected);
        }
    }

    fn check(part: &str, expected: Option<&str>) {
        let document = |part: &str| {
            format!(
                "<ListPartsResult><UploadId>u</UploadId>\n<Part>{part}</Part></ListPartsResult>\n"
            )
        };
        let mapped = to_client(document(part).as_bytes()).ok();
        assert_eq!(mapped, expected.map(|part| document(part).into()), "{part}");
    }

    #[test]
    fn each_part_shows_its_plaintext() {
        for (number, stored, expected) in [
            (1, 5_245_440, 5_242_880),
            (1, 32, 0),
            (10_000, 5_245_440, 5_242_848),
            (2, 8_392_704, 8 << 20),
            (2, 31, 31),
        ] {
            let part = |size: u64| format!("<PartNumber>{number}</PartNumber><Size>{size}</Size>");
            check(&part(stored), Some(&part(expected)));
        }
        check(
            "<ETag>\"e-2\"</ETag><ChecksumCRC32>x</ChecksumCRC32><Size>74</Size>\
             <PartNumber>1</PartNumber>",
            Some("<ETag>\"e-2\"</ETag><Size>10</Size><PartNumber>1</PartNumber>"),
        );
    }

    #[test]
    fn other_parts_are_unreadable() {
        for part in [
            "<Size>74</Size>",
            "<PartNumber>1</PartNumber>",
            "<PartNumber>0</PartNumber><Size>74</Size>",
            "<PartNumber>10001</PartNumber><Size>74</Size>",
            "<PartNumber>65537</PartNumber><Size>74</Size>",
            "<PartNumber>1</PartNumber><PartNumber>2</PartNumber><Size>74</Size>",
        ] {
            check(part, None);
        }
        assert!(to_client(b"<ListBucketResult/>").is_err());
    }

    #[test]
    fn what_a_client_completes_is_the_backends() {
        let document = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"a-f\"</ETag>\
                        </Part><Part><PartNumber>10000</PartNumber><ETag>b-1</ETag></Part>\
                        </CompleteMultipartUpload>";
        let part = |number, etag: &str, is_footered| Part {
            number: PartNumber::new(number).unwrap(),
            tag: PartTag { etag: etag.to_owned(), is_footered: Some(is_footered) },
        };
        let parts = completed(document.as_bytes()).unwrap();
        assert_eq!(parts, [part(1, "\"a\"", true), part(10_000, "b", false)]);
        let written = completion(parts.iter().map(|part| (part.number, part.tag.etag.as_str())));
        let part = |number, etag: &str| xml::CompletedPart { number, etag: etag.to_owned() };
        assert_eq!(xml::completed_parts(&written), Ok(vec![part(1, "\"a\""), part(10_000, "b")]));
    }
}
