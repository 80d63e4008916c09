//! The `<CompleteMultipartUpload>` document
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>). Invariant: what
//! leaves for the backend is written afresh from what was read: numbers and entity tags, no checksum.

use super::{
    MalformedXml, Pieces,
    elements::{child, close, open_root, unexpected},
    escape, malformed,
};

/// One `<Part>` of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedPart {
    /// 1 to 10000.
    pub number: u16,
    /// As the client sent it, with its quotes, if it has any.
    pub etag: String,
}

/// The parts of a document, in its order.
///
/// # Errors
///
/// Anything but `<Part>`s of one `<PartNumber>`, one `<ETag>` and checksums.
pub fn completed_parts(document: &[u8]) -> Result<Vec<CompletedPart>, MalformedXml> {
    let mut pieces = Pieces::of(document)?;
    open_root(&mut pieces, ROOT)?;
    let mut parts = Vec::new();
    while let Some(start) = child(&mut pieces)? {
        match start.name().into_inner() {
            "Part" => parts.push(part(&mut pieces)?),
            name => return Err(unexpected(name)),
        }
    }
    close(&mut pieces)?;
    Ok(parts)
}

/// A document that names these parts: numbers and entity tags.
pub fn completion<'a>(parts: impl IntoIterator<Item = (u16, &'a str)>) -> Vec<u8> {
    let mut written = format!("<{ROOT} xmlns=\"{NAMESPACE}\">");
    for (number, etag) in parts {
        for text in ["<Part><PartNumber>", &number.to_string(), "</PartNumber><ETag>"] {
            written.push_str(text);
        }
        written.push_str(&escape(etag));
        written.push_str("</ETag></Part>");
    }
    written += "</";
    written += ROOT;
    written += ">";
    written.into_bytes()
}

/// The document as backends get it that were sent the parts without checksums. They would hold the
/// clients' own against parts for which they know none, and refuse the upload.
///
/// The checksums of the parts were verified when each part came; that these are the same cannot be
/// told here, since nothing is kept between requests.
///
/// # Errors
///
/// As [`completed_parts`].
pub fn without_checksums(document: &[u8]) -> Result<Vec<u8>, MalformedXml> {
    let parts = completed_parts(document)?;
    Ok(completion(parts.iter().map(|part| (part.number, part.etag.as_str()))))
}

fn part(pieces: &mut Pieces<'_>) -> Result<CompletedPart, MalformedXml> {
    let (mut number, mut etag) = (None, None);
    while let Some(start) = child(pieces)? {
        let name = start.name().into_inner().to_owned();
        let (text, _) = pieces.text(&name)?;
        match name.as_str() {
            "PartNumber" if number.is_none() => number = Some(part_number(&text)?),
            "ETag" if etag.is_none() => etag = Some(text),
            name if name.starts_with("Checksum") => {}
            name => return Err(unexpected(name)),
        }
    }
    let number = number.ok_or_else(|| malformed("a `Part` has no `PartNumber`"))?;
    let etag = etag.ok_or_else(|| malformed("a `Part` has no `ETag`"))?;
    Ok(CompletedPart { number, etag })
}

fn part_number(text: &str) -> Result<u16, MalformedXml> {
    let number = text.trim().parse().ok();
    let number = number.filter(|number| (1..=PART_NUMBER_MAX).contains(number));
    number.ok_or_else(|| malformed("a `PartNumber` is not a number from 1 to 10000"))
}

const ROOT: &str = "CompleteMultipartUpload";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const PART_NUMBER_MAX: u16 = 10_000;

#[cfg(test)]
mod tests {
    use super::{CompletedPart, NAMESPACE, completed_parts, completion, without_checksums};

    fn rewritten(content: &str) -> Option<String> {
        let document = format!("<CompleteMultipartUpload>{content}</CompleteMultipartUpload>");
        without_checksums(document.as_bytes()).ok().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn numbers_and_tags_stay_and_checksums_go() {
        let content = "\n <Part><ETag>\"a&amp;b\"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32>\
                       <PartNumber> 1 </PartNumber><ChecksumXXHASH3>x</ChecksumXXHASH3></Part>\
                       <Part><PartNumber>10000</PartNumber><ETag>c</ETag></Part>";
        let expected = format!(
            "<CompleteMultipartUpload xmlns=\"{NAMESPACE}\"><Part><PartNumber>1</PartNumber>\
             <ETag>&quot;a&amp;b&quot;</ETag></Part><Part><PartNumber>10000</PartNumber>\
             <ETag>c</ETag></Part></CompleteMultipartUpload>"
        );
        assert_eq!(rewritten(content), Some(expected));
    }

    #[test]
    fn parts_are_read_as_they_were_written() {
        let parts = [(1, "\"a&b-1\""), (10_000, "c-f")];
        let read = completed_parts(&completion(parts)).unwrap();
        let expected = parts.map(|(number, etag)| CompletedPart { number, etag: etag.to_owned() });
        assert_eq!(read, expected);
        assert_eq!(completed_parts(&completion([])), Ok(Vec::new()));
    }

    #[test]
    fn what_was_written_is_read_again_as_it_is() {
        let written =
            rewritten("<Part><PartNumber>7</PartNumber><ETag>\"e\"</ETag></Part>").unwrap();
        assert_eq!(without_checksums(written.as_bytes()).unwrap(), written.as_bytes());
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for content in [
            "<Part><PartNumber>1</PartNumber></Part>",
            "<Part><ETag>e</ETag></Part>",
            "<Part><PartNumber>0</PartNumber><ETag>e</ETag></Part>",
            "<Part><PartNumber>10001</PartNumber><ETag>e</ETag></Part>",
            "<Part><PartNumber>1</PartNumber><PartNumber>2</PartNumber><ETag>e</ETag></Part>",
            "<Part><PartNumber>1</PartNumber><ETag>e</ETag><Size>1</Size></Part>",
            "<Part>text<PartNumber>1</PartNumber><ETag>e</ETag></Part>",
            "<Object/>",
        ] {
            assert_eq!(rewritten(content), None, "{content}");
        }
        assert!(without_checksums(b"").is_err());
        assert!(without_checksums(b"<Delete></Delete>").is_err());
    }
}
