//! The `<Delete>` document of `DeleteObjects`
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>). Invariant: every key
//! that any backend could read in it is one of its objects, or the document is refused.

use std::ops::Range;

use bytes::Bytes;
use http::HeaderMap;

use super::{
    MalformedXml, Pieces,
    elements::{child, close, open_root, unexpected},
    escape, malformed,
};
use crate::s3::{Action, BucketName, ObjectKey, Resource, headers, is_requested};

/// A `<Delete>` document, as it came and as it was read.
#[derive(Clone, Debug)]
pub struct Deletion {
    document: Bytes,
    /// 1 to 1000, in the order of the document. The same one may be named twice.
    pub objects: Vec<DeletedObject>,
}

/// One `<Object>` of a `<Delete>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedObject {
    /// Its key, decoded.
    pub key: ObjectKey,
    /// The version, where one is named; never empty.
    pub version_id: Option<String>,
    /// The entity tag that the object must have to be deleted.
    pub etag: Option<String>,
    /// The size that it must have, as it is written.
    pub size: Option<String>,
    /// Where the element stands in the document.
    element: Range<usize>,
    /// Where their texts stand in the element, in order.
    conditions: Vec<(Condition, Range<usize>)>,
}

/// What an object must have to be deleted; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// An entity tag.
    pub etag: Option<String>,
    /// A size in bytes.
    pub size: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    ETag,
    Size,
}

impl Deletion {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Anything but 1 to 1000 `<Object>`s of known elements without attributes, each with one
    /// `<Key>`.
    pub fn parse(document: Bytes) -> Result<Self, MalformedXml> {
        let objects = objects(&document)?;
        Ok(Self { document, objects })
    }

    /// The document with those objects alone that `keeps` says; all else (`<Quiet>` among it) stays
    /// byte for byte.
    #[must_use]
    pub fn retain(mut self, mut keeps: impl FnMut(&DeletedObject) -> bool) -> Self {
        let mut kept = Vec::with_capacity(self.document.len());
        let mut copied = 0;
        let mut shorter_by = 0;
        self.objects.retain_mut(|object| {
            let Range { start, end } = object.element;
            let keeps = keeps(object);
            if !keeps {
                kept.extend_from_slice(self.document.get(copied..start).unwrap_or_default());
                copied = end;
                shorter_by += end - start;
            }
            object.element = start.saturating_sub(shorter_by)..end.saturating_sub(shorter_by);
            keeps
        });
        kept.extend_from_slice(self.document.get(copied..).unwrap_or_default());
        Self { document: kept.into(), objects: self.objects }
    }

    /// The document with other texts in place of the conditions that each object has; none is put where
    /// there was none. All else stays byte for byte.
    ///
    /// # Errors
    ///
    /// Where there is one for an object.
    pub fn with_conditions<E>(
        &self,
        mut map: impl FnMut(&DeletedObject) -> Result<Conditions, E>,
    ) -> Result<Bytes, E> {
        let mut written = Vec::with_capacity(self.document.len());
        let mut copied = 0;
        for object in self.objects.iter().filter(|object| !object.conditions.is_empty()) {
            let Conditions { etag, size } = map(object)?;
            for (condition, Range { start, end }) in &object.conditions {
                let text = match condition {
                    Condition::ETag => &etag,
                    Condition::Size => &size,
                };
                let Some(text) = text else { continue };
                let start = object.element.start + start;
                written.extend_from_slice(self.document.get(copied..start).unwrap_or_default());
                written.extend_from_slice(escape(text).as_bytes());
                copied = object.element.start + end;
            }
        }
        written.extend_from_slice(self.document.get(copied..).unwrap_or_default());
        Ok(written.into())
    }

    /// The document.
    pub fn into_document(self) -> Bytes {
        self.document
    }
}

impl DeletedObject {
    /// What deleting it needs: `s3:DeleteObject`, or `s3:DeleteObjectVersion` where a version is
    /// named, and with `x-amz-bypass-governance-retention` in the request's effective headers
    /// `s3:BypassGovernanceRetention`.
    pub fn actions(
        &self,
        bucket: &BucketName,
        effective_headers: &HeaderMap,
    ) -> impl Iterator<Item = Action> {
        let bypasses = is_requested(effective_headers, &headers::X_AMZ_BYPASS_GOVERNANCE_RETENTION);
        let name = match self.version_id {
            Some(_) => "s3:DeleteObjectVersion",
            None => "s3:DeleteObject",
        };
        let names = bypasses.then_some("s3:BypassGovernanceRetention").into_iter().chain([name]);
        let resource = Resource::Object(bucket.clone(), self.key.clone());
        names.flat_map(move |name| Action::on(name, resource.clone()))
    }
}

fn objects(document: &[u8]) -> Result<Vec<DeletedObject>, MalformedXml> {
    let mut pieces = Pieces::of(document)?;
    open_root(&mut pieces, "Delete")?;
    let mut objects = Vec::new();
    let mut has_quiet = false;
    while let Some(start) = child(&mut pieces)? {
        match start.name().into_inner() {
            "Object" if objects.len() == OBJECTS_MAX => {
                return Err(malformed("it names more than 1000 objects"));
            }
            "Object" => objects.push(object(&mut pieces, start.len() + "<>".len())?),
            "Quiet" if !has_quiet => {
                pieces.text("Quiet")?;
                has_quiet = true;
            }
            name => return Err(unexpected(name)),
        }
    }
    close(&mut pieces)?;
    if objects.is_empty() {
        return Err(malformed("it names no object"));
    }
    Ok(objects)
}

/// The object whose start tag, of this length, has just been read.
fn object(pieces: &mut Pieces<'_>, tag_bytes: usize) -> Result<DeletedObject, MalformedXml> {
    let start = pieces.position()?.saturating_sub(tag_bytes);
    let mut texts: [Option<String>; ELEMENTS.len()] = Default::default();
    let mut conditions = Vec::new();
    while let Some(child) = child(pieces)? {
        let name = child.name().into_inner();
        let place = ELEMENTS.iter().zip(&mut texts).find(|(element, _)| **element == name);
        let Some((element, text @ None)) = place else { return Err(unexpected(name)) };
        let (read, Range { start: first, end: last }) = pieces.text(element)?;
        let condition = match *element {
            "ETag" => Some(Condition::ETag),
            "Size" => Some(Condition::Size),
            _ => None,
        };
        conditions.extend(condition.map(|it| (it, first - start..last - start)));
        *text = Some(read);
    }
    let [key, version_id, etag, size, _] = texts;
    let key = key.ok_or_else(|| malformed("an `Object` has no `Key`"))?;
    let key = ObjectKey::parse(&key).map_err(|error| malformed(&error.to_string()))?;
    // To some readers an empty version is none, to others it is one that does not exist.
    if version_id.as_ref().is_some_and(String::is_empty) {
        return Err(malformed("a `VersionId` is empty"));
    }
    let element = start..pieces.position()?;
    Ok(DeletedObject { key, version_id, etag, size, element, conditions })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
const OBJECTS_MAX: usize = 1000;
/// What an `Object` may hold, each once; the last does not matter here.
const ELEMENTS: [&str; 5] = ["Key", "VersionId", "ETag", "Size", "LastModifiedTime"];

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn bucket() -> BucketName {
        BucketName::parse("bucket").unwrap()
    }

    fn actions(document: &str, headers: &HeaderMap) -> Result<Vec<Action>, MalformedXml> {
        let deletion = Deletion::parse(Bytes::copy_from_slice(document.as_bytes()))?;
        let actions = |object: &DeletedObject| object.actions(&bucket(), headers).collect();
        Ok(deletion.objects.iter().flat_map(|object| -> Vec<_> { actions(object) }).collect())
    }

    fn check(document: &str, expected: &[(&str, &str)]) {
        let actions = actions(document, &HeaderMap::new()).unwrap();
        let actions: Vec<_> = actions.iter().map(summary).collect();
        assert_eq!(actions, expected, "{document}");
    }

    fn summary(action: &Action) -> (&str, &str) {
        (action.name, action.resource.key().map_or("", ObjectKey::as_str))
    }

    fn check_refused(content: &str) {
        let document = format!("<Delete>{content}</Delete>");
        assert!(actions(&document, &HeaderMap::new()).is_err(), "{document}");
    }

    #[test]
    fn each_key_needs_its_action() {
        check(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
             <Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>\n\
             <Object><Key>a</Key></Object> <Object><VersionId>v</VersionId><Key>b</Key>\
             <ETag>e</ETag><Size>1</Size><LastModifiedTime>t</LastModifiedTime></Object></Delete>",
            &[("s3:DeleteObject", "a"), ("s3:DeleteObjectVersion", "b")],
        );
    }

    #[test]
    fn keys_are_decoded_and_not_trimmed() {
        check(
            "<Delete><Object><Key> a&amp;b<![CDATA[<c>]]>&#xA; </Key></Object></Delete>",
            &[("s3:DeleteObject", " a&b<c>\n ")],
        );
    }

    #[test]
    fn keys_with_empty_segments_need_both_readings() {
        check(
            "<Delete><Object><Key>/a</Key></Object></Delete>",
            &[("s3:DeleteObject", "/a"), ("s3:DeleteObject", "a")],
        );
    }

    #[test]
    fn bypassing_governance_needs_its_own_permission() {
        let document = "<Delete><Object><Key>a</Key></Object></Delete>";
        let mut headers = HeaderMap::new();
        for (value, expected) in [("true", 2), ("TRUE", 2), ("False", 1)] {
            let value = HeaderValue::from_static(value);
            headers.insert(headers::X_AMZ_BYPASS_GOVERNANCE_RETENTION, value);
            assert_eq!(actions(document, &headers).unwrap().len(), expected);
        }
    }

    #[test]
    fn the_rest_stays_byte_for_byte() {
        let object = |key: &str| format!("<Object ><Key>{key}</Key>\n<ETag>e</ETag></Object >");
        let document = |keys: &[&str]| {
            let objects: Vec<String> = keys.iter().map(|key| object(key)).collect();
            format!("<Delete xmlns=\"x\">é<Quiet>true</Quiet>{}</Delete>", objects.join(" "))
                .replace('é', "\r\n")
        };
        let retained = |keys: &[&str], kept: &[&str]| {
            let deletion = Deletion::parse(document(keys).into()).unwrap();
            deletion.retain(|object| kept.contains(&object.key.as_str()))
        };
        for (keys, kept) in [
            (&["a", "&amp;", "c"][..], &["a", "&", "c"][..]),
            (&["a", "b"], &["b"]),
            (&["a", "b", "c"], &["a", "c"]),
            (&["a", "b", "a"], &["a"]),
        ] {
            let left = retained(keys, kept);
            let found: Vec<_> = left.objects.iter().map(|object| object.key.as_str()).collect();
            let again = Deletion::parse(left.document.clone()).unwrap();
            assert_eq!(again.objects, left.objects, "the places are right");
            assert!(found.iter().all(|key| kept.contains(key)), "{found:?}");
        }
        let left = retained(&["a", "b"], &["b"]).into_document();
        assert_eq!(left, document(&["b"]).replace("<Object ", " <Object "));
    }

    #[test]
    fn conditions_are_replaced_where_they_stand() {
        let document = "<Delete>\n<Object><Size>1</Size><Key>a</Key><ETag>\"e\"</ETag></Object>\
                        <Object><Key>b</Key></Object><Object ><Key>c</Key>\
                        <ETag>&quot;f&quot;</ETag> </Object></Delete>";
        let conditions = |object: &DeletedObject| {
            let etag = object.etag.as_ref().map(|etag| format!("<{etag}>"));
            let size = object.size.as_ref().map(|size| format!("{size}0"));
            Ok::<_, ()>(Conditions { etag, size })
        };
        let of = |keys: &[&str]| {
            let deletion = Deletion::parse(document.into()).unwrap();
            let kept = deletion.retain(|object| keys.contains(&object.key.as_str()));
            kept.with_conditions(conditions).unwrap()
        };
        let a = "<Object><Size>10</Size><Key>a</Key><ETag>&lt;&quot;e&quot;&gt;</ETag></Object>";
        let b = "<Object><Key>b</Key></Object>";
        let c = "<Object ><Key>c</Key><ETag>&lt;&quot;f&quot;&gt;</ETag> </Object>";
        assert_eq!(of(&["a", "b", "c"]), format!("<Delete>\n{a}{b}{c}</Delete>"));
        assert_eq!(of(&["b", "c"]), format!("<Delete>\n{b}{c}</Delete>"));
        let deletion = Deletion::parse(document.into()).unwrap();
        assert_eq!(
            deletion.with_conditions(|_| Ok::<_, ()>(Conditions::default())),
            Ok(document.into())
        );
        assert_eq!(deletion.with_conditions(|_| Err("no")), Err("no"));
    }

    #[test]
    fn a_thousand_keys_are_the_limit() {
        let object = "<Object><Key>a</Key></Object>";
        let document = format!("<Delete>{}</Delete>", object.repeat(1000));
        check(&document, &vec![("s3:DeleteObject", "a"); 1000]);
        check_refused(&object.repeat(1001));
    }

    #[test]
    fn keys_that_only_some_readers_see_are_refused() {
        check_refused("<Object><Key>a</Key><Key>b</Key></Object>");
        check_refused("<Object><Key>a</Key><s:Key>b</s:Key></Object>");
        check_refused("<Object><Key>a<!-- -->b</Key></Object>");
        check_refused("<Object><Key xmlns=\"x\">a</Key></Object>");
        check_refused("<Object><Key>a</Key></Object><s:Object><Key>b</Key></s:Object>");
        check_refused("<Object><Key>a</Key><X><Key>b</Key></X></Object>");
        check_refused("<Object><Key>a</Key></Object></Delete><Delete>");
    }

    #[test]
    fn documents_without_a_usable_key_are_refused() {
        check_refused("");
        check_refused("<Object></Object>");
        check_refused("<Object/>");
        check_refused("<Object><Key></Key></Object>");
        check_refused("<Object><Key/></Object>");
        check_refused("<Object><Key>a/../b</Key></Object>");
        check_refused("<Object><Key>a</Key><VersionId></VersionId></Object>");
        check_refused("<Object><Key>a</Key></Object>text");
        check_refused("<Object><Key>&b;</Key></Object>");
        check_refused("<Object><Key>&#0;</Key></Object>");
        check_refused("<Object><Key>a</Object>");
    }

    #[test]
    fn document_types_and_foreign_encodings_are_refused() {
        for prolog in [
            "<!DOCTYPE Delete [<!ENTITY b \"c\">]>",
            "<?xml version=\"1.1\"?>",
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
            "<?php ?>",
            "\u{feff}",
            "text",
        ] {
            let document = format!("{prolog}<Delete><Object><Key>a</Key></Object></Delete>");
            assert!(actions(&document, &HeaderMap::new()).is_err(), "{document}");
        }
    }
}
