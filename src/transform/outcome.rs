//! What the backend says of an object that it has just made: the answers to `CopyObject`,
//! `UploadPartCopy` and `CompleteMultipartUpload`. Invariant: the tag is the client's form, and nothing
//! is said of checksums of what is stored; all else stays byte for byte.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    etag::Tagged,
    rows::{self, Field, Names, Row},
};
use crate::s3::xml::MalformedXml;

/// The answer for the client. A tag that is not told stays untold.
///
/// # Errors
///
/// The document is unreadable, or another: an `<Error>`, which comes with a 200, too.
pub fn to_client(document: &[u8], of: Tagged) -> Result<Bytes, MalformedXml> {
    rows::map(document, &OUTCOMES, |row: &Row| {
        let etag = row.text(Field::ETag)?.and_then(|etag| rows::shown_tag(&etag, of));
        Ok(row.replaced(|field| match field {
            Field::ETag => etag.as_deref().map(Cow::Borrowed),
            Field::Checksum => (of != Tagged::Plain).then_some(Cow::Borrowed("")),
            Field::Key | Field::VersionId | Field::PartNumber | Field::Size => None,
        }))
    })
}

/// The last is moto's.
const ROOTS: [&[u8]; 4] = [
    b"CopyObjectResult",
    b"CopyPartResult",
    b"CompleteMultipartUploadResult",
    b"CompleteMultipartUploadResponse",
];
static OUTCOMES: Names = Names { roots: &ROOTS, rows: &ROOTS, row_depth: 0 };

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, of: Tagged, expected: Option<&str>) {
        let mapped = to_client(document.as_bytes(), of).ok();
        let expected = expected.map(|text| Bytes::copy_from_slice(text.as_bytes()));
        assert_eq!(mapped, expected, "{document}");
    }

    #[test]
    fn tags_of_all_backends_are_shown_and_checksums_are_not() {
        let copy = include_str!("../../tests/vectors/answers/moto-copy.xml");
        let expected = copy.replace("<ChecksumCRC32>5z/sJw==</ChecksumCRC32>", "");
        let expected = expected.replace("<ETag>\"", "<ETag>&quot;").replace("\"</", "-1&quot;</");
        check(copy, Tagged::Sealed, Some(&expected));
        check(copy, Tagged::Plain, Some(copy));
        for copy in [
            include_str!("../../tests/vectors/answers/rgw-copy.xml"),
            include_str!("../../tests/vectors/answers/rgw-copy-part.xml"),
        ] {
            check(copy, Tagged::Sealed, Some(&copy.replace("</ETag>", "-1</ETag>")));
            check(copy, Tagged::Footered, Some(&copy.replace("</ETag>", "-f</ETag>")));
        }
        for complete in [
            include_str!("../../tests/vectors/answers/moto-complete.xml"),
            include_str!("../../tests/vectors/answers/rgw-complete.xml"),
        ] {
            check(complete, Tagged::Sealed, Some(complete));
        }
    }

    #[test]
    fn only_the_objects_own_tag_is_shown() {
        check(
            "<s:CopyObjectResult xmlns:s='x'>\n <X><ETag>e</ETag></X><s:ETag>e</s:ETag>\
             </s:CopyObjectResult>\n",
            Tagged::Sealed,
            Some(
                "<s:CopyObjectResult xmlns:s='x'>\n <X><ETag>e</ETag></X><s:ETag>e-1</s:ETag>\
                 </s:CopyObjectResult>\n",
            ),
        );
        for document in [
            "",
            "<Error><Code>InternalError</Code></Error>",
            "<CopyObjectResult><ETag>e</ETag><ETag>f</ETag></CopyObjectResult>",
            "<CopyObjectResult><ETag>e</ETag>",
            "<CopyObjectResult/>",
        ] {
            check(document, Tagged::Sealed, None);
        }
    }
}
