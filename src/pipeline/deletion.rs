//! `DeleteObjects`, judged key by key as S3 does. Invariant: the document that goes on names no key
//! that policy denied, and the client is told of each that it did.

use std::fmt::Write as _;

use bytes::Bytes;

use super::{judge::Judge, rescue::Error};
use crate::{
    policy::{Denied, Permit},
    s3::{
        self,
        xml::{self, DeletedObject, Deletion},
    },
};

/// The keys of one deletion that policy denied, in the order of its document, and why.
#[derive(Debug, Default)]
pub(super) struct DeniedKeys(Vec<(DeletedObject, Denied)>);

/// Whether any key of a bucket could pass, before the document that names them is asked for.
///
/// # Errors
///
/// Where none could.
pub(super) fn foresee(judge: &mut Judge<'_>, bucket: &s3::BucketName) -> Result<(), Denied> {
    judge.keys.leave_open(&OF_EACH_OBJECT);
    let actions = ["s3:DeleteObject", "s3:DeleteObjectVersion"];
    let foreseen = judge.foresee(&actions, bucket);
    judge.keys.leave_open(&[]);
    foreseen
}

/// Takes the denied keys out of a deletion.
///
/// # Errors
///
/// Where nothing is left to be deleted.
pub(super) fn judge(
    document: Bytes,
    bucket: &s3::BucketName,
    request: &s3::Request,
    judge: Judge<'_>,
) -> Result<(Permit, Bytes, DeniedKeys), Error> {
    let deletion = Deletion::parse(document)?;
    let mut permit: Option<Permit> = None;
    let mut denials = Vec::with_capacity(deletion.objects.len());
    let mut judge = judge;
    for object in &deletion.objects {
        describe(&mut judge, object);
        let actions: Vec<_> = object.actions(bucket, &request.headers).collect();
        let is_first = denials.iter().all(Option::is_none);
        denials.push(match judge.decide(&actions) {
            Ok(given) => {
                let is_telling = |permit: &Permit| permit.waived().is_some();
                // One with a refusal that audit mode let pass has something to tell.
                if permit.as_ref().is_none_or(|held| !is_telling(held) && is_telling(&given)) {
                    permit = Some(given);
                }
                None
            }
            // One of them shows what they were decided on.
            Err(denied) if is_first => Some(denied),
            Err(denied) => Some(denied.without_context()),
        });
    }
    let mut denied = DeniedKeys::default();
    let mut denials = denials.into_iter();
    let deletion = deletion.retain(|object| {
        let Some(denial) = denials.next().flatten() else { return true };
        denied.0.push((object.clone(), denial));
        false
    });
    match permit {
        Some(permit) => Ok((permit, deletion.into_document(), denied)),
        None => Err(Error::EveryKeyDenied(denied)),
    }
}

/// The condition keys that are each object's own.
pub(super) fn describe<'a>(judge: &mut Judge<'a>, object: &'a DeletedObject) {
    for (key, value) in OF_EACH_OBJECT.into_iter().zip([&object.version_id, &object.etag]) {
        match value {
            Some(value) => judge.keys.set(key, value.as_str()),
            None => judge.keys.remove(key),
        }
    }
}

impl DeniedKeys {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What cannot be taken out of a document that is signed is refused with it.
    pub(super) fn refuse_any(&self) -> Result<(), Denied> {
        self.0.first().map_or(Ok(()), |(_, denied)| Err(denied.clone()))
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Decoded, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(object, _)| object.key.as_str())
    }

    pub(super) fn denials(&self) -> impl Iterator<Item = &Denied> {
        self.0.iter().map(|(_, denied)| denied)
    }

    /// An `<Error>` a key
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>).
    pub(super) fn to_errors(&self, explains: bool) -> String {
        let mut errors = String::new();
        for (object, denied) in &self.0 {
            let message = if explains { denied.message() } else { "Access Denied".to_owned() };
            let version = object.version_id.as_deref().map(xml::escape);
            let version = version
                .map(|version| format!("<VersionId>{version}</VersionId>"))
                .unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = write!(
                errors,
                "<Error><Key>{}</Key>{version}<Code>AccessDenied</Code><Message>{}</Message></Error>",
                xml::escape(object.key.as_str()),
                xml::escape(&message)
            );
        }
        errors
    }

    /// The answer to a deletion of which nothing is left.
    pub(super) fn to_result(&self, explains: bool) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <{RESULT} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{}</{RESULT}>",
            self.to_errors(explains)
        )
    }
}

impl std::fmt::Display for DeniedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((object, denied)) = self.0.first() else { return Ok(()) };
        write!(f, "{} of the keys denied, first {:?}: {denied}", self.count(), object.key.as_str())
    }
}

/// The root of S3's answer.
pub(super) const RESULT: &str = "DeleteResult";

/// The condition keys that each object of a deletion has for itself: its version and entity tag.
const OF_EACH_OBJECT: [&str; 2] = ["s3:VersionId", "s3:if-match"];
