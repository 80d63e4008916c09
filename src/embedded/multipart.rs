//! Multipart uploads.
//!
//! Invariant: an upload's object appears at once and whole, with what was said when it began.

use http::StatusCode;
use s3s::{
    Body, S3Request, S3Response, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, CommonPrefix,
        CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, CopyPartResult,
        CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, Initiator,
        ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput,
        MultipartUpload, Part, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput,
        UploadPartOutput,
    },
    s3_error,
};

use super::{
    attributes::header,
    buckets::owner,
    clock::{now, precise},
    conditions::{ReadConditions, WriteConditions},
    errors::custom,
    gate::head,
    list::{Encoding, common_prefix, page_size},
    read::part_number,
    store::{Attributes, Object, PartRecord, Promise, Store, Upload, UploadRecord, WantedPart},
    write::{receive_copy, source},
};

/// `CreateMultipartUpload`.
pub(super) async fn create(
    store: &Store,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let attributes = Attributes::of_write(&head(&request.extensions)?.headers)?;
    let input = request.input;
    let headers = attributes.encryption_headers();
    let bucket = store.bucket(&input.bucket)?;
    let upload = bucket.begin(input.key, attributes, now()).await?;
    let output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(upload.key),
        upload_id: Some(upload.id),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type: input.checksum_type,
        ssekms_encryption_context: input.ssekms_encryption_context,
        ..CreateMultipartUploadOutput::default()
    };
    Ok(S3Response::with_headers(output, headers))
}

/// `UploadPart`.
pub(super) async fn upload(
    store: &Store,
    request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let head = head(&request.extensions)?;
    let input = request.input;
    let number = part_number(input.part_number)?;
    let bucket = store.bucket(&input.bucket)?;
    bucket.check_upload(&input.upload_id, &input.key)?;
    let promise = Promise::new(&head.headers, head.trailers.clone())?;
    let body = input.body.map(Body::from).unwrap_or_default();
    let part = bucket.receive(body, &promise).await?.into_part(number, now());
    let record = part.record.clone();
    let upload = bucket.add(&input.upload_id, &input.key, part).await?;
    let mut headers = upload.attributes.encryption_headers();
    headers.extend(record.checksum.as_ref().and_then(|(name, value)| header((name, value))));
    let output =
        UploadPartOutput { e_tag: Some(ETag::Strong(record.etag)), ..UploadPartOutput::default() };
    Ok(S3Response::with_headers(output, headers))
}

/// `UploadPartCopy`.
pub(super) async fn copy(
    store: &Store,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let input = request.input;
    let number = part_number(input.part_number)?;
    let bucket = store.bucket(&input.bucket)?;
    bucket.check_upload(&input.upload_id, &input.key)?;
    let source = source(store, &input.copy_source)?;
    let conditions = ReadConditions {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    conditions.check_source(&source.record)?;
    let size = source.record.size;
    let span = match &input.copy_source_range {
        Some(range) => copied_span(range, size)?,
        None => 0..size,
    };
    let part = receive_copy(&bucket, source, span).await?.into_part(number, now());
    let record = part.record.clone();
    let upload = bucket.add(&input.upload_id, &input.key, part).await?;
    let output = UploadPartCopyOutput {
        copy_part_result: Some(CopyPartResult {
            e_tag: Some(ETag::Strong(record.etag)),
            last_modified: Some(precise(record.modified)),
            ..CopyPartResult::default()
        }),
        ..UploadPartCopyOutput::default()
    };
    Ok(S3Response::with_headers(output, upload.attributes.encryption_headers()))
}

/// `CompleteMultipartUpload`.
pub(super) async fn complete(
    store: &Store,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let conditions = WriteConditions::new(&head(&request.extensions)?.headers)?;
    let input = request.input;
    let bucket = store.bucket(&input.bucket)?;
    let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    let wanted = parts.into_iter().map(wanted).collect::<S3Result<Vec<_>>>()?;
    if let Some(size) = input.mpu_object_size {
        check_size(&bucket.upload(&input.upload_id, &input.key)?, &wanted, size)?;
    }
    let upload = (input.upload_id.as_str(), input.key.as_str());
    let condition = move |existing: Option<&Object>| conditions.check(existing);
    let object = bucket.complete(upload, wanted, now(), condition).await?;
    let output = CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, Encoding::Url.of(&input.key))),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(ETag::Strong(object.record.etag.clone())),
        ..CompleteMultipartUploadOutput::default()
    };
    Ok(S3Response::with_headers(output, object.record.attributes.encryption_headers()))
}

/// `AbortMultipartUpload`.
pub(super) async fn abort(
    store: &Store,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = request.input;
    store.bucket(&input.bucket)?.abort(&input.upload_id, &input.key).await?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

/// `ListParts`.
pub(super) fn parts(
    store: &Store,
    request: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let input = request.input;
    let upload = store.bucket(&input.bucket)?.upload(&input.upload_id, &input.key)?;
    let max = page_size(input.max_parts)?;
    let marker = input.part_number_marker.unwrap_or(0);
    let mut found = upload.parts.values().map(|part| &part.record);
    let mut found = found.by_ref().skip_while(|part| i32::from(part.number) <= marker);
    let page = found.by_ref().take(usize::try_from(max).unwrap_or(0)).map(listed_part);
    let page = page.collect::<Vec<_>>();
    let next = page.last().and_then(|part| part.part_number);
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        is_truncated: Some(max > 0 && found.next().is_some()),
        part_number_marker: Some(marker),
        next_part_number_marker: Some(next.unwrap_or(0)),
        max_parts: Some(max),
        parts: Some(page),
        owner: Some(owner()),
        initiator: Some(initiator()),
        storage_class: Some(upload.record.attributes.storage_class().to_owned().into()),
        ..ListPartsOutput::default()
    }))
}

/// `ListMultipartUploads`.
pub(super) fn uploads(
    store: &Store,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = request.input;
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    let max = page_size(input.max_uploads)?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let key_marker = input.key_marker.as_deref().unwrap_or_default();
    let id_marker = input.upload_id_marker.as_deref().unwrap_or_default();
    let mut all = store.bucket(&input.bucket)?.uploads();
    // An id without a key means nothing; the named upload and all before it have been listed.
    let listed = all.iter().position(|upload| upload.key == key_marker && upload.id == id_marker);
    match listed {
        Some(position) => drop(all.drain(..=position)),
        None => all.retain(|upload| upload.key.as_str() > key_marker),
    }
    all.retain(|upload| {
        let group = common_prefix(&upload.key, prefix, delimiter);
        upload.key.starts_with(prefix) && group.is_none_or(|group| group > key_marker)
    });
    let page = UploadsPage::new(all, prefix, delimiter, usize::try_from(max).unwrap_or(0));
    let uploads = page.uploads.iter().map(|upload| listed_upload(upload, encoding));
    let common_prefixes = page.prefixes.iter();
    let common_prefixes =
        common_prefixes.map(|prefix| CommonPrefix { prefix: Some(encoding.of(prefix)) });
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        uploads: Some(uploads.collect()),
        common_prefixes: Some(common_prefixes.collect()),
        is_truncated: Some(page.next.is_some()),
        next_key_marker: page.next.as_ref().map(|(key, _)| encoding.of(key)),
        next_upload_id_marker: page.next.map(|(_, id)| id),
        key_marker: Some(encoding.of(key_marker)),
        upload_id_marker: Some(id_marker.to_owned()),
        prefix: Some(encoding.of(prefix)),
        delimiter: delimiter.map(|delimiter| encoding.of(delimiter)),
        max_uploads: Some(max),
        encoding_type: input.encoding_type,
        request_charged: None,
    }))
}

/// One page of uploads and of the common prefixes of others.
#[derive(Default)]
struct UploadsPage {
    uploads: Vec<UploadRecord>,
    prefixes: Vec<String>,
    /// The last key or common prefix, and the last upload's id: the next page begins after them.
    next: Option<(String, String)>,
}

impl UploadsPage {
    fn new(all: Vec<UploadRecord>, prefix: &str, delimiter: Option<&str>, max: usize) -> Self {
        let mut page = Self::default();
        let mut last = None;
        for upload in all {
            let group = common_prefix(&upload.key, prefix, delimiter).map(str::to_owned);
            if group.is_some() && page.prefixes.last() == group.as_ref() {
                continue;
            }
            if page.uploads.len() + page.prefixes.len() == max {
                page.next = last;
                break;
            }
            if let Some(group) = group {
                last = Some((group.clone(), String::new()));
                page.prefixes.push(group);
            } else {
                last = Some((upload.key.clone(), upload.id.clone()));
                page.uploads.push(upload);
            }
        }
        page
    }
}

fn wanted(part: CompletedPart) -> S3Result<WantedPart> {
    match (part.part_number, part.e_tag) {
        (Some(number), Some(etag)) => {
            Ok(WantedPart { number: part_number(number)?, etag: etag.into_value() })
        }
        _ => Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published \
             schema"
        )),
    }
}

fn check_size(upload: &Upload, wanted: &[WantedPart], promised: i64) -> S3Result<()> {
    let parts = wanted.iter().filter_map(|wanted| upload.parts.get(&wanted.number));
    if parts.map(|part| part.record.size.cast_signed()).sum::<i64>() == promised {
        return Ok(());
    }
    Err(custom(
        "InvalidRequest",
        StatusCode::BAD_REQUEST,
        "The provided 'x-amz-mp-object-size' header does not match what was computed.",
    ))
}

/// Only `bytes=first-last` within the source will do.
fn copied_span(range: &str, size: u64) -> S3Result<std::ops::Range<u64>> {
    let numbers = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let parsed = numbers
        .and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    match parsed {
        Some((first, last)) if first <= last && last < size => Ok(first..last + 1),
        Some((first, last)) if first <= last => Err(s3_error!(
            InvalidRange,
            "Range specified is not valid for source object of size: {size}"
        )),
        _ => Err(s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first \
             and last are the zero-based offsets of the first and last bytes to copy"
        )),
    }
}

fn listed_part(part: &PartRecord) -> Part {
    let checksum = |name: &str| {
        let checksum = part.checksum.as_ref().filter(|(of, _)| of == name);
        checksum.map(|(_, value)| value.clone())
    };
    Part {
        part_number: Some(i32::from(part.number)),
        e_tag: Some(ETag::Strong(part.etag.clone())),
        size: Some(part.size.cast_signed()),
        last_modified: Some(precise(part.modified)),
        checksum_crc32: checksum("x-amz-checksum-crc32"),
        checksum_crc32c: checksum("x-amz-checksum-crc32c"),
        checksum_crc64nvme: checksum("x-amz-checksum-crc64nvme"),
        checksum_sha1: checksum("x-amz-checksum-sha1"),
        checksum_sha256: checksum("x-amz-checksum-sha256"),
    }
}

fn listed_upload(upload: &UploadRecord, encoding: Encoding) -> MultipartUpload {
    MultipartUpload {
        key: Some(encoding.of(&upload.key)),
        upload_id: Some(upload.id.clone()),
        initiated: Some(precise(upload.initiated)),
        owner: Some(owner()),
        initiator: Some(initiator()),
        storage_class: Some(upload.attributes.storage_class().to_owned().into()),
        ..MultipartUpload::default()
    }
}

fn initiator() -> Initiator {
    let owner = owner();
    Initiator { display_name: owner.display_name, id: owner.id }
}
