//! What Version 2 signs of a request. Invariant: the query is read here as classification reads it,
//! and a parameter that is neither signed nor known to be harmless refuses the request.

use std::{borrow::Cow, collections::BTreeMap};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts};

use super::super::{Refused, canonical::query_pairs, parameters::decode};
use crate::s3::{
    self, Code, Domains,
    headers::{self, presigned},
};

/// A query, sorted by what becomes of each parameter.
#[derive(Debug, Default)]
pub(super) struct Query<'a> {
    pub(super) access_key_id: Option<Cow<'a, str>>,
    pub(super) expires: Option<Cow<'a, str>>,
    pub(super) signature: Option<Cow<'a, str>>,
    pub(super) content_md5: Option<Cow<'a, str>>,
    content_type: Option<Cow<'a, str>>,
    /// Headers of S3 that were hoisted, lower case.
    amz: BTreeMap<String, Cow<'a, str>>,
    /// Signed with the resource.
    resource: BTreeMap<String, Cow<'a, str>>,
}

impl<'a> Query<'a> {
    pub(super) fn read(uri: &'a Uri) -> Result<Self, Refused> {
        let mut query = Self::default();
        for (name, value) in query_pairs(uri.query().unwrap_or_default()) {
            let (name, value) = (decode(name), decode(value));
            if !query.take(&name, value)? {
                return Err(Refused::new(
                    Code::AuthorizationQueryParametersError,
                    format!("The query parameter {name} occurs more than once."),
                ));
            }
        }
        Ok(query)
    }

    /// The value of a header of S3, which may have been hoisted.
    pub(super) fn amz_value<'s>(
        &'s self,
        received: &'s HeaderMap,
        name: &HeaderName,
    ) -> Option<&'s [u8]> {
        let hoisted = || self.amz.get(name.as_str()).map(|value| value.as_bytes());
        received.get(name).map(HeaderValue::as_bytes).or_else(hoisted)
    }

    /// False where the parameter was there already.
    fn take(&mut self, name: &str, value: Cow<'a, str>) -> Result<bool, Refused> {
        let slot = match name {
            presigned::ACCESS_KEY_ID_V2 => &mut self.access_key_id,
            presigned::EXPIRES_V2 => &mut self.expires,
            // Of base64's characters a query has another meaning for one.
            presigned::SIGNATURE_V2 => {
                let signature = Cow::Owned(value.replace(' ', "+"));
                return Ok(self.signature.replace(signature).is_none());
            }
            CONTENT_MD5 => &mut self.content_md5,
            CONTENT_TYPE => &mut self.content_type,
            name if is_amz(name) => {
                return Ok(self.amz.insert(name.to_ascii_lowercase(), value).is_none());
            }
            name if SIGNED.contains(&name) => {
                return Ok(self.resource.insert(name.to_owned(), value).is_none());
            }
            // Parameters such as `x-id` go no further than classification.
            name if LISTING.contains(&name) || name.starts_with("x-") => return Ok(true),
            name => return Err(uncovered(name)),
        };
        Ok(slot.replace(value).is_none())
    }
}

/// How the path of a bucket stands in the text. Either way it means the same bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BucketPath {
    /// As it was received.
    Received,
    /// With the slash that botocore signs and does not send.
    WithSlash,
}

/// The text that is signed.
pub(super) fn string_to_sign(
    head: &Parts,
    query: &Query<'_>,
    expires: &str,
    domains: &Domains,
    bucket_path: BucketPath,
) -> Result<Vec<u8>, Refused> {
    let mut text = Vec::with_capacity(TEXT_BYTES_USUAL);
    text.extend_from_slice(head.method.as_str().as_bytes());
    text.push(b'\n');
    for (name, hoisted) in
        [(headers::CONTENT_MD5, &query.content_md5), (header::CONTENT_TYPE, &query.content_type)]
    {
        text.extend_from_slice(&one(&head.headers, &name, hoisted.as_deref())?);
        text.push(b'\n');
    }
    text.extend_from_slice(expires.as_bytes());
    text.push(b'\n');
    amz_headers(&mut text, &head.headers, query)?;
    resource(&mut text, head, query, domains, bucket_path)?;
    Ok(text)
}

/// A value that may stand in a header or in the query; in both only where it is the same.
fn one(received: &HeaderMap, name: &HeaderName, hoisted: Option<&str>) -> Result<Vec<u8>, Refused> {
    let mut value = Vec::new();
    for (place, part) in received.get_all(name).iter().enumerate() {
        if place > 0 {
            value.push(b',');
        }
        value.extend_from_slice(part.as_bytes().trim_ascii());
    }
    match hoisted {
        Some(hoisted) if !received.contains_key(name) => Ok(hoisted.as_bytes().to_vec()),
        Some(hoisted) if hoisted.as_bytes() != value => Err(Refused::new(
            Code::InvalidRequest,
            format!("`{name}` has one value in the query and another in the headers."),
        )),
        Some(_) | None => Ok(value),
    }
}

fn amz_headers(text: &mut Vec<u8>, received: &HeaderMap, query: &Query<'_>) -> Result<(), Refused> {
    let mut names: Vec<&str> = received
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| name.starts_with(headers::PREFIX))
        .chain(query.amz.keys().map(String::as_str))
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            let message = format!("The query parameter `{name}` cannot be the name of a header.");
            Refused::new(Code::InvalidArgument, message)
        })?;
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        text.extend(one(received, &header, query.amz.get(name).map(Cow::as_ref))?);
        text.push(b'\n');
    }
    Ok(())
}

/// The path as it came, below the bucket, and the parameters that are signed.
fn resource(
    text: &mut Vec<u8>,
    head: &Parts,
    query: &Query<'_>,
    domains: &Domains,
    bucket_path: BucketPath,
) -> Result<(), Refused> {
    let host = s3::host(head).map_err(|error| Refused::new(error.code, error.message))?;
    let (bucket, path) = (domains.bucket(host), head.uri.path());
    if let Some(bucket) = &bucket {
        text.push(b'/');
        text.extend_from_slice(bucket.as_bytes());
    }
    text.extend_from_slice(path.as_bytes());
    let is_bucket =
        bucket.is_none() && path.len() > 1 && !path.get(1..).unwrap_or_default().contains('/');
    if is_bucket && bucket_path == BucketPath::WithSlash {
        text.push(b'/');
    }
    for (place, (name, value)) in query.resource.iter().enumerate() {
        text.push(if place == 0 { b'?' } else { b'&' });
        text.extend_from_slice(name.as_bytes());
        if !value.is_empty() {
            text.push(b'=');
            text.extend_from_slice(value.as_bytes());
        }
    }
    Ok(())
}

fn is_amz(name: &str) -> bool {
    name.get(..headers::PREFIX.len())
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(headers::PREFIX))
}

/// Whoever holds the URL could have added it, and so asked for another thing than was signed.
fn uncovered(name: &str) -> Refused {
    Refused::new(
        Code::AccessDenied,
        format!(
            "Signature Version 2 does not cover the query parameter `{name}`. Sign with \
             AWS4-HMAC-SHA256."
        ),
    )
}

const CONTENT_MD5: &str = "content-md5";
const CONTENT_TYPE: &str = "content-type";
/// A hint, so that most are written into one allocation.
const TEXT_BYTES_USUAL: usize = 512;

/// Those of AWS's page, and those that clients came to sign in the same way.
const SIGNED: [&str; 38] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "encryption",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// What choose among the names of one listing, and nothing else. AWS does not sign them either.
const LISTING: [&str; 15] = [
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "key-marker",
    "list-type",
    "marker",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "prefix",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
];
