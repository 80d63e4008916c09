//! GetObject, `HeadObject`, `GetObjectAttributes`.
//!
//! Invariant: a body, its length, its range and its entity tag come from one state of the object.

use std::{ops::Range, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use s3s::{
    Body, S3Error, S3Request, S3Response, S3Result,
    dto::{
        self, Checksum, ETag, GetObjectAttributesInput, GetObjectAttributesOutput,
        GetObjectAttributesParts, GetObjectInput, GetObjectOutput, HeadObjectInput,
        HeadObjectOutput, ObjectPart, TimestampFormat,
    },
    s3_error,
};

use super::{
    attributes::decoded,
    clock::to_the_second,
    conditions::{self, ReadConditions, Verdict},
    errors::custom,
    gate::{BareEtag, Status},
    store::{Millis, Object, ObjectRecord, PartRecord, Reader, Store},
};

/// GetObject.
pub(super) fn get(
    store: &Store,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = request.input;
    let object = find(store, &input.bucket, &input.key, input.version_id.as_deref())?;
    let conditions = ReadConditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    check(&conditions, &object.record)?;
    let selection = Selection::new(&object, input.range, input.part_number)?;
    let record = &object.record;
    let headers = headers(record, &request.uri, &selection, input.checksum_mode.is_some())?;
    let tags = i32::try_from(record.attributes.tags.len()).unwrap_or(i32::MAX);
    let output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(selection.length()),
        content_range: selection.content_range(record.size),
        e_tag: Some(ETag::Strong(record.etag.clone())),
        last_modified: Some(to_the_second(record.modified)),
        parts_count: selection.parts_count,
        tag_count: (tags > 0).then_some(tags),
        body: Some(Body::http_body(Reader::new(Arc::clone(&object), selection.span)).into()),
        ..GetObjectOutput::default()
    };
    Ok(S3Response::with_headers(output, headers))
}

/// `HeadObject`.
pub(super) fn head(
    store: &Store,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = request.input;
    let object = find(store, &input.bucket, &input.key, input.version_id.as_deref())?;
    let conditions = ReadConditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    check(&conditions, &object.record)?;
    let selection = Selection::new(&object, input.range, input.part_number)?;
    let record = &object.record;
    let headers = headers(record, &request.uri, &selection, input.checksum_mode.is_some())?;
    let output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(selection.length()),
        content_range: selection.content_range(record.size),
        e_tag: Some(ETag::Strong(record.etag.clone())),
        last_modified: Some(to_the_second(record.modified)),
        parts_count: selection.parts_count,
        ..HeadObjectOutput::default()
    };
    let mut answer = S3Response::with_headers(output, headers);
    if selection.is_partial {
        answer.extensions.insert(Status(StatusCode::PARTIAL_CONTENT));
    }
    Ok(answer)
}

/// `GetObjectAttributes`: what was asked for, and nothing else.
pub(super) fn attributes(
    store: &Store,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let input = request.input;
    let object = find(store, &input.bucket, &input.key, input.version_id.as_deref())?;
    let record = &object.record;
    // Names come one a header or several in one.
    let asked = |name: &str| {
        let mut lists = input.object_attributes.iter().map(dto::ObjectAttributes::as_str);
        lists.any(|list| list.split(',').any(|one| one.trim() == name))
    };
    let parts = || attributes_parts(record, input.part_number_marker, input.max_parts);
    let mut answer = S3Response::new(GetObjectAttributesOutput {
        checksum: full_checksum(record).filter(|_| asked("Checksum")).map(checksum),
        e_tag: asked("ETag").then(|| ETag::Strong(record.etag.clone())),
        object_parts: (asked("ObjectParts") && record.multipart).then(parts),
        object_size: asked("ObjectSize").then_some(record.size.cast_signed()),
        storage_class: asked("StorageClass")
            .then(|| record.attributes.storage_class().to_owned().into()),
        last_modified: Some(to_the_second(record.modified)),
        ..GetObjectAttributesOutput::default()
    });
    answer.extensions.insert(BareEtag);
    Ok(answer)
}

/// The object, which has one version: `null`.
pub(super) fn find(
    store: &Store,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> S3Result<Arc<Object>> {
    let object = store.bucket(bucket)?.object(key)?;
    match version {
        None | Some("null") => Ok(object),
        Some(_) => Err(s3_error!(NoSuchVersion, "The specified version does not exist.")),
    }
}

/// What part of an object is asked for.
#[derive(Debug)]
struct Selection {
    span: Range<u64>,
    is_partial: bool,
    parts_count: Option<i32>,
}

impl Selection {
    fn new(object: &Object, range: Option<dto::Range>, part: Option<i32>) -> S3Result<Self> {
        let size = object.record.size;
        match (range, part) {
            (None, None) => Ok(Self { span: 0..size, is_partial: false, parts_count: None }),
            (Some(range), None) => {
                let span = range.check(size).map_err(|_| not_satisfiable(size))?;
                Ok(Self { is_partial: !span.is_empty(), span, parts_count: None })
            }
            (None, Some(part)) => Self::of_part(object, part),
            (Some(_), Some(_)) => Err(s3_error!(
                InvalidRequest,
                "Cannot specify both Range header and partNumber query parameter"
            )),
        }
    }

    fn of_part(object: &Object, number: i32) -> S3Result<Self> {
        let number = part_number(number)?;
        let span = object.part_span(number).ok_or_else(|| {
            custom(
                "InvalidPartNumber",
                StatusCode::RANGE_NOT_SATISFIABLE,
                "The requested partnumber is not satisfiable",
            )
        })?;
        let count = i32::try_from(object.record.parts.len()).unwrap_or(i32::MAX);
        let parts_count = object.record.multipart.then_some(count);
        Ok(Self { is_partial: !span.is_empty(), span, parts_count })
    }

    fn length(&self) -> i64 {
        (self.span.end - self.span.start).cast_signed()
    }

    fn content_range(&self, size: u64) -> Option<String> {
        let range = || format!("bytes {}-{}/{size}", self.span.start, self.span.end - 1);
        self.is_partial.then(range)
    }
}

/// A part's number, within S3's limits.
pub(super) fn part_number(number: i32) -> S3Result<u16> {
    let number = u16::try_from(number).ok().filter(|number| (1..=PARTS_MAX).contains(number));
    number.ok_or_else(|| {
        s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive")
    })
}

/// Parts of one upload.
const PARTS_MAX: u16 = 10_000;

fn check(conditions: &ReadConditions, record: &ObjectRecord) -> S3Result<()> {
    match conditions.judge(record) {
        Verdict::Hold => Ok(()),
        Verdict::Failed => Err(conditions::failed()),
        Verdict::NotModified => {
            let mut error = s3_error!(NotModified, "Not Modified");
            let mut headers = HeaderMap::new();
            headers.extend(value(format!("\"{}\"", record.etag)).map(|etag| (header::ETAG, etag)));
            headers.extend(
                value(http_date(record.modified)).map(|date| (header::LAST_MODIFIED, date)),
            );
            error.set_headers(headers);
            Err(error)
        }
    }
}

/// What the object's answer has besides what `s3s` writes.
fn headers(
    record: &ObjectRecord,
    uri: &Uri,
    selection: &Selection,
    with_checksum: bool,
) -> S3Result<HeaderMap> {
    let mut headers = record.attributes.to_headers();
    // A checksum is of the whole: on a part of it, clients would take it for the part's.
    if let Some((name, sum)) = full_checksum(record)
        && with_checksum
        && !selection.is_partial
        && let (Ok(name), Some(sum)) = (HeaderName::try_from(name), value(sum.clone()))
    {
        headers.insert(name, sum);
        headers.insert("x-amz-checksum-type", HeaderValue::from_static("FULL_OBJECT"));
    }
    for pair in uri.query().unwrap_or_default().split('&') {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        if let Some(name) =
            OVERRIDES.iter().find(|known| name.strip_prefix("response-") == Some(known))
        {
            let text = value(decoded(text)?).ok_or_else(|| {
                s3_error!(InvalidArgument, "The response header's value is not valid")
            })?;
            headers.insert(*name, text);
        }
    }
    Ok(headers)
}

/// Headers that `response-` in the query puts in the place of the stored.
const OVERRIDES: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

/// The checksum of all bytes, if one is known.
fn full_checksum(record: &ObjectRecord) -> Option<&(String, String)> {
    record.parts.first().filter(|_| !record.multipart)?.checksum.as_ref()
}

fn checksum((name, sum): &(String, String)) -> Checksum {
    let sum = |of: &str| (name == of).then(|| sum.clone());
    Checksum {
        checksum_crc32: sum("x-amz-checksum-crc32"),
        checksum_crc32c: sum("x-amz-checksum-crc32c"),
        checksum_crc64nvme: sum("x-amz-checksum-crc64nvme"),
        checksum_sha1: sum("x-amz-checksum-sha1"),
        checksum_sha256: sum("x-amz-checksum-sha256"),
        checksum_type: Some(dto::ChecksumType::from_static(dto::ChecksumType::FULL_OBJECT)),
    }
}

fn attributes_parts(
    record: &ObjectRecord,
    marker: Option<i32>,
    max: Option<i32>,
) -> GetObjectAttributesParts {
    let marker = marker.unwrap_or(0);
    let max = max.unwrap_or(PAGE_MAX).clamp(0, PAGE_MAX);
    let after = record.parts.iter().zip(1..).skip_while(|(_, number)| *number <= marker);
    let mut parts = after.map(|(part, number): (&PartRecord, i32)| ObjectPart {
        part_number: Some(number),
        size: Some(part.size.cast_signed()),
        ..ObjectPart::default()
    });
    let page = parts.by_ref().take(usize::try_from(max).unwrap_or(0)).collect::<Vec<_>>();
    GetObjectAttributesParts {
        is_truncated: Some(parts.next().is_some()),
        max_parts: Some(max),
        next_part_number_marker: Some(page.last().and_then(|part| part.part_number).unwrap_or(0)),
        part_number_marker: Some(marker),
        total_parts_count: i32::try_from(record.parts.len()).ok(),
        parts: Some(page),
    }
}

/// Entries of one page, at most.
pub(super) const PAGE_MAX: i32 = 1000;

fn not_satisfiable(size: u64) -> S3Error {
    let mut error = s3_error!(InvalidRange, "The requested range is not satisfiable");
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers.extend(value(format!("bytes */{size}")).map(|range| (header::CONTENT_RANGE, range)));
    error.set_headers(headers);
    error
}

fn http_date(millis: Millis) -> String {
    let mut text = Vec::new();
    // Writing to memory does not fail, and every second since the epoch has a date.
    let _ = to_the_second(millis).format(TimestampFormat::HttpDate, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn value(text: String) -> Option<HeaderValue> {
    HeaderValue::try_from(text).ok()
}
