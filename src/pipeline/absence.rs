//! Who may learn that an object is not there. S3 answers 404 only to callers who could have found out
//! by listing; to all others 403, as if it were there and closed to them
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>).
//!
//! Invariant: the question is settled with the request's own permit, before anything is sent.

use bytes::Bytes;
use http::{Method, StatusCode};

use super::{document, judge::Judge, rescue::Error};
use crate::{
    policy::Denied,
    s3::{self, Action, ObjectKey, Operation, Resource, xml},
    upstream::Idle,
};

/// Whether the client may learn that what it asks for is absent.
#[derive(Debug, Default)]
pub(super) struct Absence {
    /// Why it may not.
    concealed: Option<Denied>,
    is_head: bool,
}

impl Absence {
    /// Asks for `s3:ListBucket`, with the key for the prefix.
    pub(super) fn judge(request: &s3::Request, mut judge: Judge<'_>) -> Self {
        let Some(list) = question(request, &mut judge) else { return Self::default() };
        let is_head = request.operation.method() == Method::HEAD;
        Self { concealed: judge.decide(&[list]).err(), is_head }
    }

    /// Whether an answer of this status must be looked into before the client sees any of it.
    pub(super) fn is_concerned(&self, status: StatusCode) -> bool {
        status == StatusCode::NOT_FOUND && self.concealed.is_some()
    }

    /// Whether the client may learn of an error with this code, of a source that was looked for.
    pub(super) fn reveal(&mut self, code: Option<&str>) -> Result<(), Denied> {
        let tells = code.is_none_or(|code| CODES.contains(&code));
        self.concealed.take_if(|_| tells).map_or(Ok(()), Err)
    }

    /// The answer's document, unless it tells what the client may not learn. A HEAD's answer has none,
    /// and tells it by its status.
    pub(super) async fn conceal<B>(self, body: Idle<B>) -> Result<Bytes, Error>
    where
        Idle<B>: http_body::Body<Data = Bytes> + Unpin,
    {
        let is_told = if self.is_head {
            None
        } else {
            let document = document::read(body, ERROR_BYTES_MAX).await;
            document.ok().filter(|document| is_about_other_things(document))
        };
        match (is_told, self.concealed) {
            (Some(document), _) => Ok(document),
            (None, Some(denied)) => Err(Error::Denied(denied)),
            (None, None) => Ok(Bytes::new()),
        }
    }
}

/// What a caller must be allowed who may learn that the object which a request reads is absent.
pub(super) fn question(request: &s3::Request, judge: &mut Judge<'_>) -> Option<Action> {
    let (bucket, key) = read_by(request)?;
    judge.keys.set("s3:prefix", key.as_str().to_owned());
    Some(Action { name: "s3:ListBucket", resource: Resource::Bucket(bucket) })
}

/// The object that a request reads.
fn read_by(request: &s3::Request) -> Option<(s3::BucketName, ObjectKey)> {
    if let Some(source) = request.copy_source() {
        return Some((source.bucket.clone(), source.key.clone()));
    }
    match (&request.resource, request.operation) {
        (_, Operation::ListParts) => None,
        (Resource::Object(bucket, key), operation) if operation.is_read() => {
            Some((bucket.clone(), key.clone()))
        }
        (Resource::Object(bucket, key), Operation::SelectObjectContent) => {
            Some((bucket.clone(), key.clone()))
        }
        (Resource::Service | Resource::Bucket(_) | Resource::Object(..), _) => None,
    }
}

/// What has no readable code counts as told of the object: who may not list learns nothing from it.
fn is_about_other_things(document: &[u8]) -> bool {
    xml::locate(document, "Error", "Code").is_ok_and(|(code, _)| !CODES.contains(&code.as_str()))
}

/// Codes of S3 that tell that an object or a version is not there.
const CODES: [&str; 2] = ["NoSuchKey", "NoSuchVersion"];
/// Of a backend's error; S3's have less than 1 KiB.
const ERROR_BYTES_MAX: usize = 64 * 1024;
