//! `ListObjects`, `ListObjectsV2`, `ListObjectVersions`.
//!
//! Invariant: a page holds what follows its marker in the order of UTF-8 bytes, each key once,
//! either by itself or within one common prefix; the next marker continues where it ended.

use std::{ops::Bound, sync::Arc};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::{
    S3Request, S3Response, S3Result,
    dto::{
        self, CommonPrefix, ETag, EncodingType, ListObjectVersionsInput, ListObjectVersionsOutput,
        ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
        ObjectVersion,
    },
    s3_error,
};

use super::{
    buckets::owner,
    clock::precise,
    read::PAGE_MAX,
    store::{Bucket, Object, Store},
};

/// `ListObjects`.
pub(super) fn objects(
    store: &Store,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let input = request.input;
    let bucket = store.bucket(&input.bucket)?;
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    let range = Range {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
        after: input.marker.as_deref().filter(|marker| !marker.is_empty()),
    };
    let max = page_size(input.max_keys)?;
    let page = Page::new(&bucket, &range, max);
    // S3 tells the next marker only where the last key would not do.
    let next_marker = page.next.as_deref().filter(|_| range.delimiter.is_some());
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        contents: Some(page.contents(encoding, true)),
        common_prefixes: Some(page.common_prefixes(encoding)),
        is_truncated: Some(page.next.is_some()),
        next_marker: next_marker.map(|marker| encoding.of(marker)),
        marker: Some(encoding.of(range.after.unwrap_or_default())),
        prefix: Some(encoding.of(range.prefix)),
        delimiter: range.delimiter.map(|delimiter| encoding.of(delimiter)),
        max_keys: Some(max),
        encoding_type: input.encoding_type,
        request_charged: None,
    }))
}

/// `ListObjectsV2`.
pub(super) fn objects_v2(
    store: &Store,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = request.input;
    let bucket = store.bucket(&input.bucket)?;
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    let token = input.continuation_token.as_deref().map(parse_token).transpose()?;
    let start_after = input.start_after.as_deref().filter(|start| !start.is_empty());
    let range = Range {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
        after: token.as_deref().or(start_after),
    };
    let max = page_size(input.max_keys)?;
    let page = Page::new(&bucket, &range, max);
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        contents: Some(page.contents(encoding, input.fetch_owner == Some(true))),
        common_prefixes: Some(page.common_prefixes(encoding)),
        key_count: i32::try_from(page.entries.len()).ok(),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_deref().map(hex::encode),
        start_after: start_after.map(|start| encoding.of(start)),
        prefix: Some(encoding.of(range.prefix)),
        delimiter: range.delimiter.map(|delimiter| encoding.of(delimiter)),
        continuation_token: input.continuation_token,
        max_keys: Some(max),
        encoding_type: input.encoding_type,
        request_charged: None,
    }))
}

/// `ListObjectVersions` of a bucket that was never versioned: each object is its version `null`.
pub(super) fn versions(
    store: &Store,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let input = request.input;
    let bucket = store.bucket(&input.bucket)?;
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    let range = Range {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
        after: input.key_marker.as_deref().filter(|marker| !marker.is_empty()),
    };
    let max = page_size(input.max_keys)?;
    let page = Page::new(&bucket, &range, max);
    let versions = page.objects().map(|object| version(object, encoding));
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket),
        versions: Some(versions.collect()),
        common_prefixes: Some(page.common_prefixes(encoding)),
        is_truncated: Some(page.next.is_some()),
        next_key_marker: page.next.as_deref().map(|marker| encoding.of(marker)),
        next_version_id_marker: page.next.as_ref().map(|_| "null".to_owned()),
        key_marker: Some(encoding.of(range.after.unwrap_or_default())),
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        prefix: Some(encoding.of(range.prefix)),
        delimiter: range.delimiter.map(|delimiter| encoding.of(delimiter)),
        max_keys: Some(max),
        encoding_type: input.encoding_type,
        ..ListObjectVersionsOutput::default()
    }))
}

/// How names are written into XML, which cannot hold every character.
#[derive(Clone, Copy, Debug)]
pub(super) enum Encoding {
    AsIs,
    Url,
}

impl Encoding {
    pub(super) fn new(asked: Option<&EncodingType>) -> S3Result<Self> {
        match asked.map(EncodingType::as_str) {
            None | Some("") => Ok(Self::AsIs),
            Some("url") => Ok(Self::Url),
            Some(_) => {
                Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request"))
            }
        }
    }

    pub(super) fn of(self, name: &str) -> String {
        match self {
            Self::AsIs => name.to_owned(),
            Self::Url => utf8_percent_encode(name, ESCAPED).to_string(),
        }
    }
}

const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How many entries a page may have.
pub(super) fn page_size(asked: Option<i32>) -> S3Result<i32> {
    match asked.unwrap_or(PAGE_MAX) {
        ..0 => Err(s3_error!(
            InvalidArgument,
            "Argument maxKeys must be an integer between 0 and 2147483647"
        )),
        asked => Ok(asked.min(PAGE_MAX)),
    }
}

/// The common prefix that a key falls under, if any.
pub(super) fn common_prefix<'a>(
    key: &'a str,
    prefix: &str,
    delimiter: Option<&str>,
) -> Option<&'a str> {
    let delimiter = delimiter?;
    let at = key.strip_prefix(prefix)?.find(delimiter)?;
    key.get(..prefix.len() + at + delimiter.len())
}

/// Which keys are asked for.
#[derive(Clone, Copy, Debug)]
struct Range<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    /// A key or a common prefix; the page begins after it.
    after: Option<&'a str>,
}

/// One page of a listing.
#[derive(Debug)]
struct Page {
    entries: Vec<Entry>,
    /// Where the next one begins: after this. `None`: this was the last.
    next: Option<String>,
}

#[derive(Debug)]
enum Entry {
    Object(Arc<Object>),
    Prefix(String),
}

impl Range<'_> {
    fn start(&self) -> Bound<Vec<u8>> {
        let prefix = self.prefix.as_bytes();
        match self.after {
            Some(after) if after.as_bytes() >= prefix => self.behind(after),
            _ => Bound::Included(prefix.to_vec()),
        }
    }

    /// A common prefix is passed with all keys under it.
    fn behind(&self, name: &str) -> Bound<Vec<u8>> {
        let mut bytes = name.as_bytes().to_vec();
        if common_prefix(name, self.prefix, self.delimiter) != Some(name) {
            return Bound::Excluded(bytes);
        }
        // The last byte of a UTF-8 text is below 0xff: so this is the first that does not begin so.
        if let Some(last) = bytes.last_mut() {
            *last = last.saturating_add(1);
        }
        Bound::Included(bytes)
    }
}

impl Page {
    fn new(bucket: &Bucket, range: &Range<'_>, max: i32) -> Self {
        let max = usize::try_from(max).unwrap_or(0);
        let mut entries: Vec<Entry> = Vec::new();
        let mut start = range.start();
        while let Some(object) = bucket.first_from(start.as_ref().map(Vec::as_slice)) {
            let key = &object.record.key;
            if !key.starts_with(range.prefix) || max == 0 {
                break;
            }
            if entries.len() == max {
                let next = entries.last().map(|entry| entry.name().to_owned());
                return Self { entries, next };
            }
            let entry = match common_prefix(key, range.prefix, range.delimiter) {
                Some(prefix) => Entry::Prefix(prefix.to_owned()),
                None => Entry::Object(object),
            };
            start = range.behind(entry.name());
            entries.push(entry);
        }
        Self { entries, next: None }
    }

    fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Object(object) => Some(object),
            Entry::Prefix(_) => None,
        })
    }

    fn contents(&self, encoding: Encoding, with_owner: bool) -> Vec<dto::Object> {
        let objects = self.objects().map(|object| {
            let record = &object.record;
            dto::Object {
                key: Some(encoding.of(&record.key)),
                e_tag: Some(ETag::Strong(record.etag.clone())),
                size: Some(record.size.cast_signed()),
                last_modified: Some(precise(record.modified)),
                storage_class: Some(record.attributes.storage_class().to_owned().into()),
                owner: with_owner.then(owner),
                ..dto::Object::default()
            }
        });
        objects.collect()
    }

    fn common_prefixes(&self, encoding: Encoding) -> Vec<CommonPrefix> {
        let prefixes = self.entries.iter().filter_map(|entry| match entry {
            Entry::Prefix(prefix) => Some(CommonPrefix { prefix: Some(encoding.of(prefix)) }),
            Entry::Object(_) => None,
        });
        prefixes.collect()
    }
}

impl Entry {
    fn name(&self) -> &str {
        match self {
            Self::Object(object) => &object.record.key,
            Self::Prefix(prefix) => prefix,
        }
    }
}

fn version(object: &Object, encoding: Encoding) -> ObjectVersion {
    let record = &object.record;
    ObjectVersion {
        key: Some(encoding.of(&record.key)),
        e_tag: Some(ETag::Strong(record.etag.clone())),
        size: Some(record.size.cast_signed()),
        last_modified: Some(precise(record.modified)),
        storage_class: Some(record.attributes.storage_class().to_owned().into()),
        owner: Some(owner()),
        is_latest: Some(true),
        version_id: Some("null".to_owned()),
        ..ObjectVersion::default()
    }
}

/// Tokens are hex, so that no client can take them for keys.
fn parse_token(token: &str) -> S3Result<String> {
    let name = hex::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}
