//! `GetObjectAttributes` of sealed objects
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html>). Invariant: the
//! answer is written afresh from what is known of the plaintext, never what the backend says of the
//! bytes that it stores; so it can be given for backends that do not know the operation, too.

use http::HeaderMap;

use super::etag;
use crate::s3::{
    headers,
    xml::{self, MalformedXml, escape, leaves},
};

/// Which attributes a request asks for. No checksum is known of a sealed object: what asks for it gets
/// none, as of an object that was stored without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a name that the header may hold")]
pub struct Wanted {
    etag: bool,
    object_parts: bool,
    object_size: bool,
    storage_class: bool,
}

/// A request asks for no attribute, or for one that there is not (becomes 400 `InvalidArgument`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid attribute name specified.")]
pub struct InvalidAttributes;

/// What there is to tell of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Its tag; quotes do not matter.
    pub etag: String,
    /// In bytes.
    pub size: u64,
    /// How many parts it was uploaded in, if in parts. Parts by themselves are told by S3 only with
    /// their checksums.
    pub parts: Option<u32>,
    /// As HEAD tells it, which does not tell of `STANDARD`.
    pub storage_class: Option<String>,
}

impl Wanted {
    /// Reads `x-amz-object-attributes`.
    ///
    /// # Errors
    ///
    /// It names nothing, or something unknown.
    pub fn parse(received: &HeaderMap) -> Result<Self, InvalidAttributes> {
        let mut wanted = Self::default();
        let mut is_empty = true;
        for value in received.get_all(headers::X_AMZ_OBJECT_ATTRIBUTES) {
            for name in value.to_str().map_err(|_| InvalidAttributes)?.split(',') {
                match name.trim() {
                    "Checksum" => {}
                    "ETag" => wanted.etag = true,
                    "ObjectParts" => wanted.object_parts = true,
                    "ObjectSize" => wanted.object_size = true,
                    "StorageClass" => wanted.storage_class = true,
                    _ => return Err(InvalidAttributes),
                }
                is_empty = false;
            }
        }
        if is_empty { Err(InvalidAttributes) } else { Ok(wanted) }
    }

    /// Whether the object's parts have to be known.
    pub fn is_about_parts(self) -> bool {
        self.object_parts
    }
}

impl Attributes {
    /// Reads a backend's answer, which has to tell what is stored: tag and size. How many parts the
    /// backend stores says nothing of those of the client.
    ///
    /// # Errors
    ///
    /// The document is unreadable, or does not tell.
    pub fn parse(document: &[u8]) -> Result<Self, MalformedXml> {
        let [first, second] = ROOTS;
        let leaves =
            leaves(document, first, &LISTS).or_else(|_| leaves(document, second, &LISTS))?;
        let text = |path: &str| leaves.iter().find(|leaf| leaf.path == path).map(|leaf| &leaf.text);
        let untold = || MalformedXml(format!("a `{first}` without tag or size"));
        let size = text("ObjectSize").and_then(|size| xml::number(size)).ok_or_else(untold)?;
        Ok(Self {
            etag: text("ETag").ok_or_else(untold)?.clone(),
            size,
            parts: None,
            storage_class: text("StorageClass").cloned(),
        })
    }

    /// The answer's document.
    pub fn to_document(&self, wanted: Wanted) -> String {
        let [root, _] = ROOTS;
        let mut document = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        );
        let mut add = |name: &str, text: &str| {
            for part in ["<", name, ">", text, "</", name, ">"] {
                document.push_str(part);
            }
        };
        if wanted.etag {
            add("ETag", &escape(etag::unquoted(&self.etag)));
        }
        if let Some(parts) = self.parts.filter(|_| wanted.object_parts) {
            add("ObjectParts", &format!("<PartsCount>{parts}</PartsCount>"));
        }
        if wanted.storage_class {
            add("StorageClass", &escape(self.storage_class.as_deref().unwrap_or("STANDARD")));
        }
        if wanted.object_size {
            add("ObjectSize", &self.size.to_string());
        }
        document + "</" + root + ">"
    }
}

/// The second is the one of AWS's documentation, and moto's.
const ROOTS: [&str; 2] = ["GetObjectAttributesResponse", "GetObjectAttributesOutput"];
/// What may stand more than once.
const LISTS: [&str; 1] = ["Part"];

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn wanted(values: &[&'static str]) -> Result<Wanted, InvalidAttributes> {
        let mut received = HeaderMap::new();
        for value in values {
            received.append(headers::X_AMZ_OBJECT_ATTRIBUTES, HeaderValue::from_static(value));
        }
        Wanted::parse(&received)
    }

    #[test]
    fn attributes_are_asked_for_by_name() {
        let some = Wanted { etag: true, object_size: true, ..Wanted::default() };
        assert_eq!(wanted(&["ETag, ObjectSize"]), Ok(some));
        assert_eq!(wanted(&["ETag", "Checksum,ObjectSize"]), Ok(some));
        for values in [&[][..], &[""], &["ETag,"], &["etag"], &["ETag;ObjectSize"]] {
            assert_eq!(wanted(values), Err(InvalidAttributes), "{values:?}");
        }
    }

    #[test]
    fn what_is_asked_for_is_told() {
        let attributes = Attributes {
            etag: "\"a&b-1\"".to_owned(),
            size: 10,
            parts: Some(3),
            storage_class: None,
        };
        let document = |content: &str| {
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<GetObjectAttributesResponse \
                 xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{content}\
                 </GetObjectAttributesResponse>"
            )
        };
        for (names, expected) in [
            ("Checksum", ""),
            ("ETag", "<ETag>a&amp;b-1</ETag>"),
            (
                "StorageClass,ObjectSize,ObjectParts",
                "<ObjectParts><PartsCount>3</PartsCount></ObjectParts><StorageClass>STANDARD\
                 </StorageClass><ObjectSize>10</ObjectSize>",
            ),
        ] {
            let told = attributes.to_document(wanted(&[names]).unwrap());
            assert_eq!(told, document(expected), "{names}");
        }
        let single =
            Attributes { parts: None, storage_class: Some("GLACIER".into()), ..attributes };
        let told = single.to_document(wanted(&["ObjectParts,StorageClass"]).unwrap());
        assert_eq!(told, document("<StorageClass>GLACIER</StorageClass>"));
    }

    #[test]
    fn a_backends_answer_is_read() {
        let moto = include_str!("../../tests/vectors/answers/moto-attributes.xml");
        let expected = Attributes {
            etag: "844950877291e45e461958311b0ad0e0-2".to_owned(),
            size: 5_245_514,
            parts: None,
            storage_class: Some("STANDARD".to_owned()),
        };
        assert_eq!(Attributes::parse(moto.as_bytes()), Ok(expected));
        let aws = "<GetObjectAttributesResponse xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                   <ETag>e</ETag><Checksum><ChecksumCRC32>x</ChecksumCRC32></Checksum><ObjectParts>\
                   <Part><PartNumber>1</PartNumber><Size>74</Size></Part><Part><PartNumber>2\
                   </PartNumber><Size>74</Size></Part><PartsCount>2</PartsCount></ObjectParts>\
                   <ObjectSize>148</ObjectSize></GetObjectAttributesResponse>";
        let expected =
            Attributes { etag: "e".to_owned(), size: 148, parts: None, storage_class: None };
        assert_eq!(Attributes::parse(aws.as_bytes()), Ok(expected.clone()));
        let written = Attributes { storage_class: None, ..expected.clone() }
            .to_document(wanted(&["ETag,ObjectSize"]).unwrap());
        assert_eq!(Attributes::parse(written.as_bytes()), Ok(expected));
        for document in [
            "",
            "<Error/>",
            "<GetObjectAttributesResponse><ETag>e</ETag></GetObjectAttributesResponse>",
            &aws.replace("148", "+148"),
            &aws.replace("148", ""),
            &aws.replace("ETag", "Tag"),
        ] {
            assert!(Attributes::parse(document.as_bytes()).is_err(), "{document}");
        }
    }
}
