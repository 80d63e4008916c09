//! What a write says of an object besides its bytes: which headers are kept, and which are refused.
//!
//! Invariant: what is kept under a header's name is answered under the same name, unchanged.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::{S3Error, S3Result, s3_error};

use super::{errors::custom, store::Attributes};

/// User metadata: names without their prefix, and values, in bytes.
const METADATA_BYTES_MAX: usize = 2048;

const TAGS_MAX: usize = 10;
const BUCKET_TAGS_MAX: usize = 50;
const TAG_KEY_CHARS_MAX: usize = 128;
const TAG_VALUE_CHARS_MAX: usize = 256;

const METADATA_PREFIX: &str = "x-amz-meta-";
const SSE: &str = "x-amz-server-side-encryption";
const SSE_KEY_ID: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const SSE_BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";
const SSE_CONTEXT: &str = "x-amz-server-side-encryption-context";
const STORAGE_CLASS: &str = "x-amz-storage-class";
const WEBSITE_REDIRECT: &str = "x-amz-website-redirect-location";

/// Kept with the object and copied with it.
const DESCRIPTION: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

/// Belong to one write: a copy takes them from its own request, whatever the directive.
const PLACEMENT: [&str; 5] = [SSE, SSE_KEY_ID, SSE_BUCKET_KEY, STORAGE_CLASS, WEBSITE_REDIRECT];

const STORAGE_CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
];

impl Attributes {
    /// From the head of a PutObject or `CreateMultipartUpload`, or of a copy that replaces.
    pub(super) fn of_write(headers: &HeaderMap) -> S3Result<Self> {
        let mut attributes = Self::of_placement(headers)?;
        attributes.tags = tags_of_header(headers)?;
        attributes.keep(headers, DESCRIPTION)?;
        attributes.drop_framing();
        attributes
            .headers
            .entry("content-type".to_owned())
            .or_insert_with(|| "binary/octet-stream".to_owned());
        let mut metadata_bytes = 0;
        for name in headers.keys() {
            let Some(short) = name.as_str().strip_prefix(METADATA_PREFIX) else { continue };
            let values = headers.get_all(name).iter().map(text).collect::<S3Result<Vec<_>>>()?;
            let value = values.join(",");
            metadata_bytes += short.len() + value.len();
            attributes.headers.insert(name.as_str().to_owned(), value);
        }
        if metadata_bytes > METADATA_BYTES_MAX {
            return Err(s3_error!(
                MetadataTooLarge,
                "Your metadata headers exceed the maximum allowed metadata size"
            ));
        }
        Ok(attributes)
    }

    /// From the head of a copy that keeps what the source says of itself.
    pub(super) fn of_copy(headers: &HeaderMap, source: &Self) -> S3Result<Self> {
        let mut attributes = Self::of_placement(headers)?;
        let kept = source.headers.iter().filter(|(name, _)| {
            DESCRIPTION.contains(&name.as_str()) || name.starts_with(METADATA_PREFIX)
        });
        attributes.headers.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
        Ok(attributes)
    }

    /// Whether a copy's head asks for anything that its source might not have.
    pub(super) fn are_placed(headers: &HeaderMap) -> bool {
        PLACEMENT.iter().any(|name| headers.contains_key(*name))
    }

    /// Headers for an answer that carries the object or its description.
    pub(super) fn to_headers(&self) -> HeaderMap {
        self.headers.iter().filter_map(header).collect()
    }

    /// Headers for the answer to a write, which tells only of encryption.
    pub(super) fn encryption_headers(&self) -> HeaderMap {
        let headers = self.headers.iter().filter(|(name, _)| name.starts_with(SSE));
        headers.filter_map(header).collect()
    }

    /// As listings tell it.
    pub(super) fn storage_class(&self) -> &str {
        self.headers.get(STORAGE_CLASS).map_or("STANDARD", String::as_str)
    }

    fn of_placement(headers: &HeaderMap) -> S3Result<Self> {
        check_refused(headers)?;
        let mut attributes = Self::default();
        attributes.keep(headers, PLACEMENT)?;
        attributes.check_encryption(headers)?;
        let class = attributes.storage_class();
        if !STORAGE_CLASSES.contains(&class) {
            return Err(s3_error!(
                InvalidStorageClass,
                "The storage class you specified is not valid"
            ));
        }
        if class == "STANDARD" {
            attributes.headers.remove(STORAGE_CLASS);
        }
        Ok(attributes)
    }

    fn keep<const N: usize>(&mut self, headers: &HeaderMap, names: [&str; N]) -> S3Result<()> {
        for name in names {
            if let Some(value) = headers.get(name)
                && !value.is_empty()
            {
                self.headers.insert(name.to_owned(), text(value)?.to_owned());
            }
        }
        Ok(())
    }

    /// `aws-chunked` was how the bytes came, not what they are.
    fn drop_framing(&mut self) {
        let Some(encoding) = self.headers.remove("content-encoding") else { return };
        let codings = encoding.split(',').map(str::trim);
        let codings = codings.filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked"));
        let encoding = codings.collect::<Vec<_>>().join(",");
        if !encoding.is_empty() {
            self.headers.insert("content-encoding".to_owned(), encoding);
        }
    }

    fn check_encryption(&self, headers: &HeaderMap) -> S3Result<()> {
        let algorithm = self.headers.get(SSE).map(String::as_str);
        let is_kms = matches!(algorithm, Some("aws:kms" | "aws:kms:dsse"));
        if !is_kms && !matches!(algorithm, None | Some("AES256")) {
            return Err(s3_error!(
                InvalidArgument,
                "The encryption method specified is not supported"
            ));
        }
        let needs_kms = [SSE_KEY_ID, SSE_CONTEXT].iter().any(|name| headers.contains_key(*name));
        if needs_kms && !is_kms {
            return Err(s3_error!(
                InvalidArgument,
                "Server Side Encryption with AWS KMS managed key requires HTTP header \
                 x-amz-server-side-encryption : aws:kms"
            ));
        }
        Ok(())
    }
}

/// Tags as the `x-amz-tagging` header has them: a query string.
pub(super) fn tags_of_header(headers: &HeaderMap) -> S3Result<Vec<(String, String)>> {
    let Some(value) = headers.get("x-amz-tagging") else { return Ok(Vec::new()) };
    let pairs = text(value)?.split('&').filter(|pair| !pair.is_empty());
    let tags = pairs.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(key)?, decoded(value)?))
    });
    check_tags(tags.collect::<S3Result<Vec<_>>>()?)
}

/// Holds an object's tags to S3's limits.
pub(super) fn check_tags(tags: Vec<(String, String)>) -> S3Result<Vec<(String, String)>> {
    if tags.len() > TAGS_MAX {
        return Err(custom(
            "BadRequest",
            StatusCode::BAD_REQUEST,
            "Object tags cannot be greater than 10",
        ));
    }
    check_each(tags)
}

/// Holds a bucket's tags to S3's limits.
pub(super) fn check_bucket_tags(tags: Vec<(String, String)>) -> S3Result<Vec<(String, String)>> {
    if tags.len() > BUCKET_TAGS_MAX {
        return Err(custom(
            "BadRequest",
            StatusCode::BAD_REQUEST,
            "Bucket tag count cannot be greater than 50",
        ));
    }
    check_each(tags)
}

fn check_each(tags: Vec<(String, String)>) -> S3Result<Vec<(String, String)>> {
    for (position, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > TAG_KEY_CHARS_MAX {
            return Err(s3_error!(InvalidTag, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > TAG_VALUE_CHARS_MAX {
            return Err(s3_error!(InvalidTag, "The TagValue you have provided is invalid"));
        }
        if tags.iter().take(position).any(|(earlier, _)| earlier == key) {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(tags)
}

/// What this backend would have to ignore, it refuses.
fn check_refused(headers: &HeaderMap) -> S3Result<()> {
    let is_granting = headers.keys().any(|name| name.as_str().starts_with("x-amz-grant-"));
    let acl = headers.get("x-amz-acl").map(HeaderValue::as_bytes);
    let is_usual = matches!(acl, None | Some(b"private" | b"bucket-owner-full-control"));
    if is_granting || !is_usual {
        return Err(s3_error!(AccessControlListNotSupported, "The bucket does not allow ACLs"));
    }
    if headers.keys().any(|name| name.as_str().starts_with("x-amz-object-lock-")) {
        return Err(s3_error!(InvalidRequest, "Bucket is missing Object Lock Configuration"));
    }
    if headers.contains_key("x-amz-write-offset-bytes") {
        return Err(not_implemented());
    }
    Ok(())
}

/// 501.
pub(super) fn not_implemented() -> S3Error {
    custom(
        "NotImplemented",
        StatusCode::NOT_IMPLEMENTED,
        "A header you provided implies functionality that is not implemented.",
    )
}

fn text(value: &HeaderValue) -> S3Result<&str> {
    std::str::from_utf8(value.as_bytes())
        .map_err(|error| s3_error!(error, InvalidArgument, "Header values must be UTF-8."))
}

/// A value of a query string.
pub(super) fn decoded(text: &str) -> S3Result<String> {
    let spaced = text.replace('+', " ");
    let bytes = percent_encoding::percent_decode_str(&spaced);
    let text = bytes.decode_utf8().map(std::borrow::Cow::into_owned);
    text.map_err(|error| s3_error!(error, InvalidArgument, "A value is not URL-encoded UTF-8"))
}

/// A header as it was kept.
pub(super) fn header((name, value): (&String, &String)) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
}
