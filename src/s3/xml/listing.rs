//! Lists of a bucket's objects, as backends write them
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>). Invariant: an object
//! without a key or a size is an error, and so is a list that goes on and does not say where.

use super::{
    super::encoding::decode_listed,
    MalformedXml, Pieces,
    answers::{element, skip, text},
    malformed, number,
};

/// A page of objects, or of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedObjects {
    /// In the order of the list. Delete markers are not among them.
    pub objects: Vec<ListedObject>,
    /// Where the list goes on; `None`: this was the last page.
    pub next: Option<NextPage>,
}

/// An object, or a version of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedObject {
    /// Decoded.
    pub key: String,
    /// Of a list of versions.
    pub version_id: Option<String>,
    /// Whether it is an older version.
    pub is_noncurrent: bool,
    /// As it is stored.
    pub bytes: u64,
}

/// What asks for the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextPage {
    /// Of objects.
    Token(String),
    /// Of versions: behind this one of this key.
    Marker {
        /// Decoded.
        key: String,
        /// `None`: behind all versions of the key.
        version_id: Option<String>,
    },
}

/// Reads a page of objects, by version 2 of the list, or of versions.
///
/// # Errors
///
/// See the invariant of this file.
pub fn listed_objects(document: &[u8]) -> Result<ListedObjects, MalformedXml> {
    let mut pieces = Pieces::of(document)?;
    let root = element(&mut pieces)?.filter(|root| ROOTS.contains(&root.as_str()));
    root.ok_or_else(|| malformed("its root is no list of objects"))?;
    let mut page = Page::default();
    while let Some(name) = element(&mut pieces)? {
        match name.as_str() {
            "Contents" | "Version" => page.objects.push(object(&mut pieces)?),
            "IsTruncated" => page.is_truncated = text(&mut pieces, &name)?.trim() == "true",
            "EncodingType" => page.is_encoded = text(&mut pieces, &name)?.trim() == "url",
            "NextContinuationToken" => page.token = Some(text(&mut pieces, &name)?),
            "NextKeyMarker" => page.key_marker = Some(text(&mut pieces, &name)?),
            "NextVersionIdMarker" => page.version_marker = Some(text(&mut pieces, &name)?),
            _ => skip(&mut pieces)?,
        }
    }
    page.read()
}

/// As it stands in the document.
#[derive(Default)]
struct Page {
    objects: Vec<ListedObject>,
    is_truncated: bool,
    is_encoded: bool,
    token: Option<String>,
    key_marker: Option<String>,
    version_marker: Option<String>,
}

impl Page {
    fn read(self) -> Result<ListedObjects, MalformedXml> {
        let is_encoded = self.is_encoded;
        let mut objects = self.objects;
        for object in &mut objects {
            object.key = decoded(&object.key, is_encoded)?;
        }
        let next = match (self.token, self.key_marker) {
            _ if !self.is_truncated => None,
            (Some(token), _) => Some(NextPage::Token(token)),
            (None, Some(key)) => {
                let key = decoded(&key, is_encoded)?;
                Some(NextPage::Marker { key, version_id: self.version_marker })
            }
            (None, None) => return Err(malformed("it does not say where it goes on")),
        };
        Ok(ListedObjects { objects, next })
    }
}

fn object(pieces: &mut Pieces<'_>) -> Result<ListedObject, MalformedXml> {
    let (mut object, mut bytes) = (ListedObject::default(), None);
    while let Some(name) = element(pieces)? {
        match name.as_str() {
            "Key" => object.key = text(pieces, &name)?,
            "VersionId" => object.version_id = Some(text(pieces, &name)?),
            "IsLatest" => object.is_noncurrent = text(pieces, &name)?.trim() == "false",
            "Size" => bytes = number(text(pieces, &name)?.trim()),
            _ => skip(pieces)?,
        }
    }
    if object.key.is_empty() {
        return Err(malformed("an object has no key"));
    }
    object.bytes = bytes.ok_or_else(|| malformed("an object has no size"))?;
    Ok(object)
}

fn decoded(key: &str, is_encoded: bool) -> Result<String, MalformedXml> {
    if !is_encoded {
        return Ok(key.to_owned());
    }
    let key = decode_listed(key).map_err(|_| malformed("a key cannot be decoded"))?;
    Ok(key.into_owned())
}

const ROOTS: [&str; 2] = ["ListBucketResult", "ListVersionsResult"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> Result<ListedObjects, MalformedXml> {
        listed_objects(document.as_bytes())
    }

    #[test]
    fn a_page_of_objects_is_read() {
        let document = "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"x\"><Name>b</Name><Prefix/>\
            <NextContinuationToken>t=</NextContinuationToken><IsTruncated>true</IsTruncated>\
            <EncodingType>url</EncodingType><Contents><Key>a%2Fb+c</Key><Size>5</Size>\
            <Owner><ID>1</ID></Owner></Contents></ListBucketResult>";
        let object = ListedObject { key: "a/b c".to_owned(), bytes: 5, ..ListedObject::default() };
        let next = Some(NextPage::Token("t=".to_owned()));
        assert_eq!(read(document), Ok(ListedObjects { objects: vec![object.clone()], next }));
        let last = document.replace("true", "false").replace("%2F", "/").replace('+', "%20");
        assert_eq!(read(&last), Ok(ListedObjects { objects: vec![object], next: None }));
    }

    #[test]
    fn a_page_of_versions_is_read_without_delete_markers() {
        let document = "<ListVersionsResult><IsTruncated>true</IsTruncated>\
            <NextKeyMarker>k+</NextKeyMarker><NextVersionIdMarker>2</NextVersionIdMarker>\
            <DeleteMarker><Key>k+</Key><VersionId>3</VersionId></DeleteMarker>\
            <Version><Key>k+</Key><VersionId>2</VersionId><IsLatest>false</IsLatest><Size>0</Size>\
            </Version></ListVersionsResult>";
        let object = ListedObject {
            key: "k+".to_owned(),
            version_id: Some("2".to_owned()),
            is_noncurrent: true,
            bytes: 0,
        };
        let version_id = Some("2".to_owned());
        let next = Some(NextPage::Marker { key: "k+".to_owned(), version_id });
        assert_eq!(read(document), Ok(ListedObjects { objects: vec![object], next }));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let list = |content: &str| format!("<ListBucketResult>{content}</ListBucketResult>");
        for document in [
            String::new(),
            "<Error><Code>NoSuchBucket</Code></Error>".to_owned(),
            "<ListBucketResult>".to_owned(),
            list("<IsTruncated>true</IsTruncated>"),
            list("<Contents><Key>k</Key></Contents>"),
            list("<Contents><Key>k</Key><Size>-1</Size></Contents>"),
            list("<Contents><Size>1</Size></Contents>"),
            list(
                "<EncodingType>url</EncodingType><Contents><Key>%zz</Key><Size>1</Size></Contents>",
            ),
        ] {
            assert!(read(&document).is_err(), "{document}");
        }
    }
}
