//! `CreateBucket` names a region twice over: the caller's idea of it, which is this gate's, must become
//! the backend's.

use std::ops::Range;

use crate::s3::xml::{self, MalformedXml};

/// A `CreateBucketConfiguration` for the backend: a `LocationConstraint` that names the gate's region
/// names the backend's instead, and is left out for us-east-1, which S3 knows by its absence
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>); where that is the gate's,
/// no document gets to be one, and one that names no region (but tags, say) gets the backend's. Another
/// region stays, for the backend to refuse. An empty result stands for no document.
pub fn translate(
    document: &[u8],
    gate_region: &str,
    backend_region: &str,
) -> Result<Vec<u8>, MalformedXml> {
    if gate_region == backend_region {
        return Ok(document.to_vec());
    }
    if document.is_empty() {
        let is_named = gate_region == US_EAST_1;
        return Ok(if is_named { named(backend_region).into_bytes() } else { Vec::new() });
    }
    let Some((region, text)) = xml::find(document, ROOT, ELEMENT)? else {
        let is_named = gate_region == US_EAST_1 && !mentions_region(document);
        let content = constraint(backend_region);
        return if is_named {
            xml::append(document, ROOT, &content)
        } else {
            Ok(document.to_vec())
        };
    };
    let is_unnamed = region.is_empty() && gate_region == US_EAST_1;
    if region != gate_region && !is_unnamed {
        return Ok(document.to_vec());
    }
    if backend_region != US_EAST_1 {
        return splice(document, text, &xml::escape(backend_region));
    }
    let rest = splice(document, element(document, text)?, "")?;
    Ok(if is_empty(&rest) { Vec::new() } else { rest })
}

fn named(region: &str) -> String {
    format!("<{ROOT} xmlns=\"{NAMESPACE}\">{}</{ROOT}>", constraint(region))
}

fn constraint(region: &str) -> String {
    format!("<{ELEMENT}>{}</{ELEMENT}>", xml::escape(region))
}

/// An empty element is found nowhere, and a directory bucket has a `Location` instead.
fn mentions_region(document: &[u8]) -> bool {
    document.windows(LOCATION.len()).any(|window| window == LOCATION)
}

/// From the `<` of the opening tag to the `>` of the closing one.
fn element(document: &[u8], text: Range<usize>) -> Result<Range<usize>, MalformedXml> {
    let before = document.get(..text.start).unwrap_or_default();
    let after = document.get(text.end..).unwrap_or_default();
    match (before.iter().rposition(|b| *b == b'<'), after.iter().position(|b| *b == b'>')) {
        (Some(start), Some(end)) => Ok(start..text.end + end + 1),
        _ => Err(MalformedXml(format!("<{ELEMENT}> is not closed"))),
    }
}

fn splice(document: &[u8], range: Range<usize>, with: &str) -> Result<Vec<u8>, MalformedXml> {
    match (document.get(..range.start), document.get(range.end..)) {
        (Some(before), Some(after)) => Ok([before, with.as_bytes(), after].concat()),
        _ => Err(MalformedXml(format!("<{ELEMENT}> lies outside the document"))),
    }
}

/// Whether nothing but the root (and a declaration) is left.
fn is_empty(document: &[u8]) -> bool {
    let text = String::from_utf8_lossy(document);
    let Some((_, root)) = text.split_once(&format!("<{ROOT}")) else { return false };
    let Some((_, content)) = root.split_once('>') else { return false };
    content.trim() == format!("</{ROOT}>")
}

const ROOT: &str = "CreateBucketConfiguration";
const ELEMENT: &str = "LocationConstraint";
/// What [`ELEMENT`] begins with.
const LOCATION: &[u8] = b"<Location";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
const US_EAST_1: &str = "us-east-1";

#[cfg(test)]
mod tests {
    use super::translate;

    const DOCUMENT: &str = "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>";

    fn check(document: &str, backend_region: &str, expected: &str) {
        let translated = translate(document.as_bytes(), "eu-central-1", backend_region).unwrap();
        assert_eq!(String::from_utf8(translated).unwrap(), expected);
    }

    #[test]
    fn the_gates_region_becomes_the_backends() {
        check(DOCUMENT, "eu-central-1", DOCUMENT);
        check(DOCUMENT, "ap-south-1", &DOCUMENT.replace("eu-central-1", "ap-south-1"));
    }

    #[test]
    fn us_east_1_is_known_by_its_absence() {
        check(DOCUMENT, "us-east-1", "");
        let tagged = DOCUMENT.replace("</Create", "<Tags/></Create");
        let expected = "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Tags/></CreateBucketConfiguration>";
        check(&tagged, "us-east-1", expected);
    }

    #[test]
    fn no_document_names_the_gates_region_where_that_is_us_east_1() {
        let translated = translate(b"", "us-east-1", "eu-central-1").unwrap();
        assert_eq!(String::from_utf8(translated).unwrap(), DOCUMENT);
        assert_eq!(translate(b"", "us-east-1", "us-east-1").unwrap(), b"");
        assert_eq!(translate(b"", "eu-central-1", "eu-west-3").unwrap(), b"");
    }

    #[test]
    fn a_document_without_a_region_gets_the_backends_where_the_gates_is_us_east_1() {
        let check = |content: &str, expected: &str| {
            let document = |content: &str| {
                format!("<CreateBucketConfiguration>{content}</CreateBucketConfiguration>")
            };
            let translated =
                translate(document(content).as_bytes(), "us-east-1", "eu-central-1").unwrap();
            assert_eq!(String::from_utf8(translated).unwrap(), document(expected));
        };
        let region = "<LocationConstraint>eu-central-1</LocationConstraint>";
        let tags = "<Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>";
        check(tags, &format!("{tags}{region}"));
        check("", region);
        check("<LocationConstraint></LocationConstraint>", region);
        for stays in ["<LocationConstraint/>", "<Location><Name>use1-az4</Name></Location>"] {
            check(stays, stays);
        }
    }

    #[test]
    fn another_region_and_no_region_stay() {
        let other = DOCUMENT.replace("eu-central-1", "eu-west-3");
        check(&other, "us-east-1", &other);
        check("", "us-east-1", "");
        check("<CreateBucketConfiguration/>", "us-east-1", "<CreateBucketConfiguration/>");
    }
}
