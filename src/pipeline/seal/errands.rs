//! What is asked of the backend about a multipart upload. Invariant: each answer is read whole, within a
//! limit, and one that refuses reaches the client as the backend's own word.

use std::{collections::BTreeMap, ops::Range};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, response::Parts};

use super::{
    courier::{Courier, Errand, Sender},
    fault::Fault,
};
use crate::{
    pipeline::rescue::Error,
    s3::{
        BucketName, Query, Resource, headers,
        xml::{self, ListedPart},
    },
    seal::PartNumber,
};

/// Why a question has no good answer.
#[derive(Debug)]
pub(in crate::pipeline) enum Failure {
    /// The backend refuses.
    Told(Box<Told>),
    /// Anything else.
    Error(Error),
}

/// A refusal of the backend.
#[derive(Debug)]
pub(in crate::pipeline) struct Told {
    pub(in crate::pipeline) head: Parts,
    pub(in crate::pipeline) document: Bytes,
}

/// A completed upload.
#[derive(Debug)]
pub(in crate::pipeline) struct Object {
    pub(super) head: Parts,
    /// With its quotes, if it has any.
    pub(super) etag: String,
}

impl Courier {
    /// All parts of an upload, by number.
    pub(super) async fn list_parts(
        &self,
        upload_id: &str,
    ) -> Result<BTreeMap<u16, ListedPart>, Failure> {
        let mut parts = BTreeMap::new();
        let mut marker = 0;
        loop {
            let query = of_upload(upload_id).and("part-number-marker", &marker.to_string());
            let document = self.answer(Errand::new(Method::GET, query)).await?.1;
            let mut page = xml::listed_parts(&document).map_err(|error| unreadable(error.0))?;
            parts.append(&mut page.parts);
            match page.next {
                Some(next) if next > marker => marker = next,
                Some(_) => return Err(unreadable("a list of parts that does not go on").into()),
                None => return Ok(parts),
            }
        }
    }

    /// Sends a part of the proxy's own making; its tag.
    pub(in crate::pipeline) async fn put_part(
        &self,
        upload_id: &str,
        number: PartNumber,
        bytes: Bytes,
    ) -> Result<String, Failure> {
        let number = number.value().to_string();
        let query = Query::of("partNumber", &number).and("uploadId", upload_id);
        let (head, _) = self.answer(Errand::new(Method::PUT, query).with_own(bytes)?).await?;
        let etag = head.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.ok_or_else(|| unreadable("a part without an `ETag`"))?;
        Ok(etag.to_owned())
    }

    /// Completes an upload under these conditions.
    pub(in crate::pipeline) async fn complete(
        &self,
        upload_id: &str,
        document: Vec<u8>,
        conditions: HeaderMap,
    ) -> Result<Object, Failure> {
        let errand = Errand::new(Method::POST, of_upload(upload_id)).with_all(conditions);
        let errand = errand.with(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        let (head, document) = self.answer(errand.with_own(document.into())?).await?;
        match xml::find_below(&document, xml::COMPLETED, "ETag") {
            Ok(etag) => {
                let etag = etag.map(|(etag, _)| etag).unwrap_or_default();
                Ok(Object { head, etag })
            }
            // It began with a 200 before it knew.
            Err(_) if xml::find(&document, "Error", "Code").is_ok() => {
                Err(Failure::Told(Box::new(Told { head, document })))
            }
            Err(error) => Err(unreadable(error.0).into()),
        }
    }

    /// Begins an upload with what its object is to be described by; its id.
    pub(in crate::pipeline) async fn create(
        &self,
        described: HeaderMap,
    ) -> Result<String, Failure> {
        let errand = Errand::new(Method::POST, Query::of("uploads", "")).with_all(described);
        let errand = errand.with(header::CONTENT_LENGTH, HeaderValue::from(0));
        let (_, document) = self.answer(errand).await?;
        let upload_id = xml::locate(&document, "InitiateMultipartUploadResult", "UploadId");
        Ok(upload_id.map_err(|error| unreadable(error.0))?.0)
    }

    /// Has a part made of stored bytes of the object as it is under this `ETag`; the part's tag.
    pub(in crate::pipeline) async fn copy_part(
        &self,
        (upload_id, number): (&str, PartNumber),
        range: &Range<u64>,
        etag: &HeaderValue,
    ) -> Result<String, Failure> {
        let number = number.value().to_string();
        let query = Query::of("partNumber", &number).and("uploadId", upload_id);
        let range = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let errand = Errand::new(Method::PUT, query)
            .with(header::CONTENT_LENGTH, HeaderValue::from(0))
            .with(headers::X_AMZ_COPY_SOURCE, value(self.path())?)
            .with(headers::X_AMZ_COPY_SOURCE_RANGE, value(range)?)
            .with_all(self.only_if_it_is(etag));
        let (head, document) = self.answer(errand).await?;
        match xml::locate(&document, "CopyPartResult", "ETag") {
            Ok((etag, _)) => Ok(etag),
            // It began with a 200 before it knew.
            Err(_) if xml::find(&document, "Error", "Code").is_ok() => {
                Err(Failure::Told(Box::new(Told { head, document })))
            }
            Err(error) => Err(unreadable(error.0).into()),
        }
    }

    /// Gives an upload up.
    pub(in crate::pipeline) async fn abort(&self, upload_id: &str) -> Result<(), Failure> {
        self.answer(Errand::new(Method::DELETE, of_upload(upload_id))).await.map(drop)
    }

    /// Whether what is written to the bucket leaves what was there before as a version. Buckets with a
    /// lock are versioned.
    pub(super) async fn is_versioned(&self) -> Result<bool, Failure> {
        let status = self.sender.versioning(&self.bucket).await?;
        Ok(status.is_some_and(|status| status == "Enabled"))
    }

    /// The object's tags.
    pub(in crate::pipeline) async fn tags(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut query = Query::of("tagging", "");
        if let Some(version_id) = &self.version_id {
            query = query.and("versionId", version_id);
        }
        let (_, document) = self.answer(Errand::new(Method::GET, query)).await?;
        // Ceph RGW has no document for no tags.
        if document.is_empty() {
            return Ok(Vec::new());
        }
        Ok(xml::object_tags(&document).map_err(|error| unreadable(error.0))?)
    }

    /// The object's tags, as the header with which a write brings them; none where it has none.
    pub(in crate::pipeline) async fn tagging(&self) -> Result<HeaderMap, Failure> {
        let tags = self.tags().await?;
        if tags.is_empty() {
            return Ok(HeaderMap::new());
        }
        let tags = tags.iter().fold(Query::default(), |tags, (key, value)| tags.and(key, value));
        Ok(HeaderMap::from_iter([(headers::X_AMZ_TAGGING, value(tags.encode())?)]))
    }

    /// A successful answer.
    pub(in crate::pipeline) async fn answer(
        &self,
        errand: Errand,
    ) -> Result<(Parts, Bytes), Failure> {
        good(self.ask(errand, ANSWER_BYTES_MAX).await?)
    }
}

impl Sender {
    /// Whether the bucket keeps versions, as the backend spells it; `None`: it never has.
    pub(in crate::pipeline) async fn versioning(
        &self,
        bucket: &BucketName,
    ) -> Result<Option<String>, Failure> {
        let bucket = Resource::Bucket(bucket.clone());
        let errand = Errand::new(Method::GET, Query::of("versioning", ""));
        match good(self.ask(&bucket, errand, ANSWER_BYTES_MAX).await?) {
            Ok((_, document)) => {
                let status = xml::find_below(&document, xml::VERSIONING, "Status");
                Ok(status.map_err(|error| unreadable(error.0))?.map(|(status, _)| status))
            }
            // A backend that knows no versions.
            Err(Failure::Told(told)) if told.head.status == StatusCode::NOT_IMPLEMENTED => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Whether objects of the bucket can be locked.
    pub(in crate::pipeline) async fn object_lock(
        &self,
        bucket: &BucketName,
    ) -> Result<bool, Failure> {
        let bucket = Resource::Bucket(bucket.clone());
        let errand = Errand::new(Method::GET, Query::of("object-lock", ""));
        let (_, document) = good(self.ask(&bucket, errand, ANSWER_BYTES_MAX).await?)?;
        let enabled = xml::find(&document, "ObjectLockConfiguration", "ObjectLockEnabled");
        Ok(enabled.map_err(|error| unreadable(error.0))?.is_some())
    }
}

/// An answer, if it is of success.
pub(in crate::pipeline) fn good(
    (head, document): (Parts, Bytes),
) -> Result<(Parts, Bytes), Failure> {
    if head.status.is_success() {
        return Ok((head, document));
    }
    Err(Failure::Told(Box::new(Told { head, document })))
}

impl Told {
    /// Whether there is no such upload.
    pub(super) fn is_no_upload(&self) -> bool {
        let code = xml::find(&self.document, "Error", "Code").ok().flatten();
        match code {
            Some((code, _)) => code == "NoSuchUpload",
            None => self.head.status == StatusCode::NOT_FOUND,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Error(fault.into())
    }
}

impl Failure {
    /// Whether the object has become another one meanwhile.
    pub(super) fn is_of_other_object(&self) -> bool {
        match self {
            Self::Told(told) => told.head.status == StatusCode::PRECONDITION_FAILED,
            Self::Error(Error::Seal(fault)) => matches!(**fault, Fault::Changed),
            Self::Error(_) => false,
        }
    }
}

fn value(text: String) -> Result<HeaderValue, Error> {
    let value = HeaderValue::try_from(text).map_err(http::Error::from);
    Ok(value.map_err(crate::upstream::Error::from)?)
}

fn of_upload(upload_id: &str) -> Query {
    Query::of("uploadId", upload_id)
}

fn unreadable(reason: impl Into<String>) -> Error {
    Error::Unreadable(reason.into())
}

/// `ListParts` shows at most 1000 parts, each with its tag, date and checksums.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;
