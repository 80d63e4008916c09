//! The `<Tagging>` document, as a form's field has it
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tagging.html>). Invariant: each tag that any
//! reader could find in it is among its pairs, or the document is refused.

use super::{
    MalformedXml, Pieces,
    elements::{child, close, open_root, unexpected},
    malformed,
};

/// The tags of a document, in order.
///
/// # Errors
///
/// Anything but one `<TagSet>` of `<Tag>`s with one `<Key>` and one `<Value>` each.
pub fn tags(document: &[u8]) -> Result<Vec<(String, String)>, MalformedXml> {
    let mut pieces = Pieces::of(document)?;
    open_root(&mut pieces, "Tagging")?;
    let mut tags = None;
    while let Some(start) = child(&mut pieces)? {
        match start.name().into_inner() {
            "TagSet" if tags.is_none() => tags = Some(tag_set(&mut pieces)?),
            name => return Err(unexpected(name)),
        }
    }
    close(&mut pieces)?;
    tags.ok_or_else(|| malformed("it has no `TagSet`"))
}

fn tag_set(pieces: &mut Pieces<'_>) -> Result<Vec<(String, String)>, MalformedXml> {
    let mut tags = Vec::new();
    while let Some(start) = child(pieces)? {
        match start.name().into_inner() {
            "Tag" if tags.len() < TAGS_MAX => tags.push(tag(pieces)?),
            "Tag" => return Err(malformed("it has more than 50 tags")),
            name => return Err(unexpected(name)),
        }
    }
    Ok(tags)
}

fn tag(pieces: &mut Pieces<'_>) -> Result<(String, String), MalformedXml> {
    let (mut key, mut value) = (None, None);
    while let Some(start) = child(pieces)? {
        match start.name().into_inner() {
            "Key" if key.is_none() => key = Some(pieces.text("Key")?.0),
            "Value" if value.is_none() => value = Some(pieces.text("Value")?.0),
            name => return Err(unexpected(name)),
        }
    }
    key.zip(value).ok_or_else(|| malformed("a `Tag` has no `Key` or no `Value`"))
}

/// No resource of S3 has more (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging.html>);
/// objects have 10, which the backend sees to.
const TAGS_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::tags;

    fn check(document: &str, expected: Option<&[(&str, &str)]>) {
        let found = tags(document.as_bytes()).ok();
        let found: Option<Vec<(&str, &str)>> =
            found.as_ref().map(|tags| tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect());
        assert_eq!(found.as_deref(), expected, "{document}");
    }

    #[test]
    fn tags_are_read_decoded_and_in_order() {
        check(
            "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"> <TagSet>\n\
             <Tag><Key>a</Key><Value>1 &amp; 2</Value></Tag>\
             <Tag><Value></Value><Key>b</Key></Tag></TagSet></Tagging>",
            Some(&[("a", "1 & 2"), ("b", "")]),
        );
        check("<Tagging><TagSet></TagSet></Tagging>", Some(&[]));
    }

    #[test]
    fn other_documents_are_refused() {
        let many = "<Tag><Key>a</Key><Value>1</Value></Tag>".repeat(51);
        let many = format!("<Tagging><TagSet>{many}</TagSet></Tagging>");
        for document in [
            "a=1",
            "<Tagging></Tagging>",
            "<Tagging><TagSet></TagSet><TagSet></TagSet></Tagging>",
            "<Tags><TagSet></TagSet></Tags>",
            "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
            "<Tagging><TagSet><Tag><Key>a</Key><Key>b</Key><Value>1</Value></Tag></TagSet></Tagging>",
            "<Tagging><TagSet><Tag a='b'><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>",
            "<Tagging><TagSet></TagSet></Tagging><Tagging/>",
            &many,
        ] {
            check(document, None);
        }
    }
}
