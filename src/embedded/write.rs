//! PutObject, `CopyObject`, `DeleteObject`, `DeleteObjects`, and tags.
//!
//! Invariant: what is refused leaves the bucket as it was.

use std::{ops::Range, sync::Arc};

use http::HeaderMap;
use s3s::{
    Body, S3Request, S3Response, S3Result,
    dto::{
        CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectInput,
        DeleteObjectOutput, DeleteObjectTaggingInput, DeleteObjectTaggingOutput,
        DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag, Error, GetObjectTaggingInput,
        GetObjectTaggingOutput, ObjectIdentifier, PutObjectInput, PutObjectOutput,
        PutObjectTaggingInput, PutObjectTaggingOutput, Tag,
    },
    s3_error,
};

use super::{
    attributes::{check_tags, header, not_implemented, tags_of_header},
    clock::{now, precise},
    conditions::{ReadConditions, WriteConditions, failed},
    gate::head,
    read::find,
    store::{Attributes, BODY_BYTES_MAX, Bucket, Object, Promise, Reader, Received, Store},
};

/// Keys of one `DeleteObjects`.
const DELETED_MAX: usize = 1000;

/// PutObject.
pub(super) async fn put(
    store: &Store,
    request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let head = head(&request.extensions)?;
    let bucket = store.bucket(&request.input.bucket)?;
    let conditions = WriteConditions::new(&head.headers)?;
    let attributes = Attributes::of_write(&head.headers)?;
    let promise = Promise::new(&head.headers, head.trailers.clone())?;
    // Refused here, no body needs to come; what counts is the second look, when it has come.
    conditions.check(bucket.find(&request.input.key).as_deref())?;
    let body = request.input.body.map(Body::from).unwrap_or_default();
    let received = bucket.receive(body, &promise).await?;
    let object = received.into_object(request.input.key, attributes, now());
    let object = bucket.put(object, move |existing| conditions.check(existing)).await?;
    let output = PutObjectOutput {
        e_tag: Some(ETag::Strong(object.record.etag.clone())),
        ssekms_encryption_context: request.input.ssekms_encryption_context,
        ..PutObjectOutput::default()
    };
    Ok(S3Response::with_headers(output, written_headers(&object)))
}

/// `CopyObject`.
pub(super) async fn copy(
    store: &Store,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let headers = &head(&request.extensions)?.headers;
    let input = request.input;
    let bucket = store.bucket(&input.bucket)?;
    let source = source(store, &input.copy_source)?;
    let conditions = WriteConditions::new(headers)?;
    let attributes = copied_attributes(headers, &source)?;
    let is_itself = bucket.find(&input.key).is_some_and(|object| Arc::ptr_eq(&object, &source));
    if is_itself && !replaces(headers, METADATA_DIRECTIVE)? && !Attributes::are_placed(headers) {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without \
             changing the object's metadata, storage class, website redirect location or encryption \
             attributes."
        ));
    }
    let source_conditions = ReadConditions {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    source_conditions.check_source(&source.record)?;
    let whole = 0..source.record.size;
    let received = receive_copy(&bucket, source, whole).await?;
    let object = received.into_object(input.key, attributes, now());
    let object = bucket.put(object, move |existing| conditions.check(existing)).await?;
    let output = CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            e_tag: Some(ETag::Strong(object.record.etag.clone())),
            last_modified: Some(precise(object.record.modified)),
            ..CopyObjectResult::default()
        }),
        ..CopyObjectOutput::default()
    };
    Ok(S3Response::with_headers(output, object.record.attributes.encryption_headers()))
}

/// `DeleteObject`. What is not there is deleted as well.
pub(super) async fn delete(
    store: &Store,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = request.input;
    let bucket = store.bucket(&input.bucket)?;
    if input.if_match_last_modified_time.is_some() || input.if_match_size.is_some() {
        return Err(not_implemented());
    }
    let conditions = WriteConditions::new(&head(&request.extensions)?.headers)?;
    if is_present_version(input.version_id.as_deref()) {
        bucket.remove(&input.key, move |existing| conditions.check(existing)).await?;
    }
    Ok(S3Response::new(DeleteObjectOutput {
        version_id: input.version_id,
        ..DeleteObjectOutput::default()
    }))
}

/// `DeleteObjects`.
pub(super) async fn delete_several(
    store: &Store,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let bucket = store.bucket(&request.input.bucket)?;
    let delete = request.input.delete;
    if delete.objects.is_empty() || delete.objects.len() > DELETED_MAX {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published \
             schema"
        ));
    }
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in delete.objects {
        match delete_one(&bucket, &object).await {
            Ok(()) if delete.quiet == Some(true) => {}
            Ok(()) => deleted.push(DeletedObject {
                key: Some(object.key),
                version_id: object.version_id,
                ..DeletedObject::default()
            }),
            Err(error) => errors.push(Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(object.key),
                message: error.message().map(str::to_owned),
                version_id: object.version_id,
            }),
        }
    }
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(errors),
        ..DeleteObjectsOutput::default()
    }))
}

/// `GetObjectTagging`.
pub(super) fn tags(
    store: &Store,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = request.input;
    let object = find(store, &input.bucket, &input.key, input.version_id.as_deref())?;
    let tags = object.record.attributes.tags.iter().cloned();
    let tag_set = tags.map(|(key, value)| Tag { key: Some(key), value: Some(value) }).collect();
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set, version_id: None }))
}

/// `PutObjectTagging`.
pub(super) async fn put_tags(
    store: &Store,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let input = request.input;
    find(store, &input.bucket, &input.key, input.version_id.as_deref())?;
    let tags = input.tagging.tag_set.into_iter();
    let tags = tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    let tags = check_tags(tags.collect())?;
    store.bucket(&input.bucket)?.retag(&input.key, tags).await?;
    Ok(S3Response::new(PutObjectTaggingOutput::default()))
}

/// `DeleteObjectTagging`.
pub(super) async fn delete_tags(
    store: &Store,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let input = request.input;
    find(store, &input.bucket, &input.key, input.version_id.as_deref())?;
    store.bucket(&input.bucket)?.retag(&input.key, Vec::new()).await?;
    Ok(S3Response::new(DeleteObjectTaggingOutput::default()))
}

/// The object that a copy reads.
pub(super) fn source(store: &Store, source: &CopySource) -> S3Result<Arc<Object>> {
    match source {
        CopySource::Bucket { bucket, key, version_id } => {
            find(store, bucket, key, version_id.as_deref())
        }
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => Err(not_implemented()),
    }
}

/// Takes in a span of an object as if it had been uploaded.
pub(super) async fn receive_copy(
    bucket: &Bucket,
    source: Arc<Object>,
    span: Range<u64>,
) -> S3Result<Received> {
    let length = span.end - span.start;
    if length > BODY_BYTES_MAX {
        return Err(s3_error!(
            InvalidRequest,
            "The specified copy source is larger than the maximum allowable size for a copy \
             source: {BODY_BYTES_MAX}"
        ));
    }
    let body = Body::http_body(Reader::new(source, span));
    bucket.receive(body, &Promise::of_length(length)).await
}

async fn delete_one(bucket: &Arc<Bucket>, object: &ObjectIdentifier) -> S3Result<()> {
    if !is_present_version(object.version_id.as_deref()) {
        return Ok(());
    }
    if object.size.is_some() || object.last_modified_time.is_some() {
        return Err(not_implemented());
    }
    let etag = object.e_tag.clone();
    let condition = move |existing: Option<&Object>| match (&etag, existing) {
        (Some(etag), Some(object)) if etag.value() != object.record.etag => Err(failed()),
        _ => Ok(()),
    };
    bucket.remove(&object.key, condition).await
}

fn is_present_version(version: Option<&str>) -> bool {
    version.is_none_or(|version| version == "null")
}

const METADATA_DIRECTIVE: &str = "x-amz-metadata-directive";
const TAGGING_DIRECTIVE: &str = "x-amz-tagging-directive";

fn copied_attributes(headers: &HeaderMap, source: &Object) -> S3Result<Attributes> {
    let mut attributes = if replaces(headers, METADATA_DIRECTIVE)? {
        Attributes::of_write(headers)?
    } else {
        Attributes::of_copy(headers, &source.record.attributes)?
    };
    attributes.tags = if replaces(headers, TAGGING_DIRECTIVE)? {
        tags_of_header(headers)?
    } else {
        source.record.attributes.tags.clone()
    };
    Ok(attributes)
}

fn replaces(headers: &HeaderMap, directive: &str) -> S3Result<bool> {
    match headers.get(directive).map(http::HeaderValue::as_bytes) {
        None | Some(b"COPY") => Ok(false),
        Some(b"REPLACE") => Ok(true),
        Some(_) => Err(s3_error!(InvalidArgument, "Unknown directive.")),
    }
}

/// Encryption, and the checksum that was verified.
fn written_headers(object: &Object) -> HeaderMap {
    let mut headers = object.record.attributes.encryption_headers();
    let checksums = object.record.parts.iter().filter_map(|part| part.checksum.as_ref());
    headers.extend(checksums.filter_map(|(name, value)| header((name, value))));
    headers
}
