//! The `<Tagging>` document, as a form's field has it, and as backends write it
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tagging.html>). Invariant: each tag that any
//! reader could find in it is among its pairs, or the document is refused.

use super::{
    MalformedXml, Pieces,
    answers::{element, skip, text},
    elements::{child, close, open_root, unexpected},
    escape, malformed,
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

/// The tags of a document that a backend has written, which may have none.
///
/// # Errors
///
/// Another root, and a tag without a key.
pub fn object_tags(document: &[u8]) -> Result<Vec<(String, String)>, MalformedXml> {
    let mut pieces = Pieces::of(document)?;
    let root = element(&mut pieces)?.filter(|root| root == "Tagging");
    root.ok_or_else(|| malformed("its root is not `Tagging`"))?;
    let mut tags = Vec::new();
    while let Some(name) = element(&mut pieces)? {
        if name != "TagSet" {
            skip(&mut pieces)?;
            continue;
        }
        while let Some(name) = element(&mut pieces)? {
            match name.as_str() {
                "Tag" => tags.push(object_tag(&mut pieces)?),
                _ => skip(&mut pieces)?,
            }
        }
    }
    Ok(tags)
}

/// A document of these tags.
pub fn tagging<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let tags = tags.into_iter().map(|(key, value)| {
        format!("<Tag><Key>{}</Key><Value>{}</Value></Tag>", escape(key), escape(value))
    });
    let tags: String = tags.collect();
    format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
}

fn object_tag(pieces: &mut Pieces<'_>) -> Result<(String, String), MalformedXml> {
    let (mut key, mut value) = (None, String::new());
    while let Some(name) = element(pieces)? {
        match name.as_str() {
            "Key" => key = Some(text(pieces, &name)?),
            "Value" => value = text(pieces, &name)?,
            _ => skip(pieces)?,
        }
    }
    Ok((key.ok_or_else(|| malformed("a tag has no key"))?, value))
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
    use super::{object_tags, tagging, tags};

    fn check(document: &str, expected: Option<&[(&str, &str)]>) {
        let found = tags(document.as_bytes()).ok();
        let found: Option<Vec<(&str, &str)>> =
            found.as_ref().map(|tags| tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect());
        assert_eq!(found.as_deref(), expected, "{document}");
    }

    #[test]
    fn backends_write_tags_in_more_than_one_way() {
        let read = |content: &str| object_tags(format!("<Tagging>{content}</Tagging>").as_bytes());
        for none in ["", "<TagSet/>", "<TagSet></TagSet>", "<Other>x</Other><TagSet/>"] {
            assert_eq!(read(none), Ok(Vec::new()), "{none}");
        }
        let tags = "<TagSet><Tag><Value>b&amp;</Value><Key>a</Key></Tag><Tag><Key>c</Key><Value/></Tag></TagSet>";
        let expected =
            [("a", "b&"), ("c", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(read(tags), Ok(expected.to_vec()));
        let written = tagging([("a", "b&"), ("c", "")]);
        assert_eq!(object_tags(written.as_bytes()), Ok(expected.to_vec()));
        assert!(read("<TagSet><Tag><Value>b</Value></Tag></TagSet>").is_err());
        for document in ["", "<Error></Error>", "<Tagging>", "<Tagging><TagSet>"] {
            assert!(object_tags(document.as_bytes()).is_err(), "{document}");
        }
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
