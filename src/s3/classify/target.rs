//! Host and path → bucket and key, in both addressing styles. Invariant: both styles give the same
//! resource for the same bucket and key.

use http::{HeaderMap, Method, Uri, header, request::Parts};

use super::{Code, Resource, Unclassified};
use crate::s3::{
    BucketName, ObjectKey,
    encoding::{self, Plus, Undecodable},
};

/// Base domains under which buckets are host names (`bucket.s3.example.com`); lower case, no port.
#[derive(Clone, Debug, Default)]
pub struct Domains(Vec<String>);

impl Domains {
    /// From configuration. Case and a trailing dot do not matter.
    pub fn new(domains: Vec<String>) -> Self {
        let mut domains: Vec<String> = domains
            .into_iter()
            .map(|domain| domain.trim_end_matches('.').to_ascii_lowercase())
            .filter(|domain| !domain.is_empty())
            .collect();
        // The longest first: below `s3.example.com` and `example.com`, `b.s3.example.com` is bucket
        // `b`.
        domains.sort_by_key(|domain| std::cmp::Reverse(domain.len()));
        Self(domains)
    }

    /// Whether a host is one of them, or below one; lower case.
    pub fn cover(&self, host: &str) -> bool {
        self.0.iter().any(|domain| {
            host.strip_suffix(domain.as_str())
                .is_some_and(|labels| labels.is_empty() || labels.ends_with('.'))
        })
    }

    /// Whether the bucket is part of the host's name.
    pub fn name_bucket(&self, host: &str) -> bool {
        self.bucket(host).is_some()
    }

    /// The label or labels before a base domain, lower case. Other hosts, and a base domain itself,
    /// are path style.
    pub fn bucket(&self, host: &str) -> Option<String> {
        if self.0.iter().any(|domain| host.eq_ignore_ascii_case(domain)) {
            return None;
        }
        self.0.iter().find_map(|domain| {
            let (labels, suffix) = host.split_at_checked(host.len().checked_sub(domain.len())?)?;
            let labels = labels.strip_suffix('.')?;
            suffix.eq_ignore_ascii_case(domain).then(|| labels.to_ascii_lowercase())
        })
    }
}

/// Reads what a request is about.
pub(super) fn read(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    domains: &Domains,
) -> Result<Resource, Unclassified> {
    let host = named_host(uri, headers)?;
    let path = uri.path().strip_prefix('/').ok_or_else(|| {
        Unclassified::new(Code::InvalidURI, "Couldn't parse the specified URI: it has no path.")
    })?;
    let (bucket, key) = match domains.bucket(host) {
        Some(bucket) => (bucket.into(), Some(path)),
        None if path.is_empty() => return Ok(Resource::Service),
        None if path == WRITE_GET_OBJECT_RESPONSE && method == Method::POST => {
            return Err(Unclassified::new(
                Code::NotImplemented,
                "WriteGetObjectResponse belongs to S3 Object Lambda, which is not supported.",
            ));
        }
        None => {
            let (bucket, key) =
                path.split_once('/').map_or((path, None), |(bucket, key)| (bucket, Some(key)));
            (encoding::decode(bucket, Plus::Literal).map_err(undecodable)?, key)
        }
    };
    let bucket = BucketName::parse(&bucket).map_err(Unclassified::bucket)?;
    if bucket.is_directory_bucket() {
        return Err(Unclassified::directory_bucket());
    }
    // `/bucket/` is the bucket.
    let Some(key) = key.filter(|key| !key.is_empty()) else { return Ok(Resource::Bucket(bucket)) };
    let key = encoding::decode(key, Plus::Literal).map_err(undecodable)?;
    let key = ObjectKey::parse(&key).map_err(Unclassified::key)?;
    Ok(Resource::Object(bucket, key))
}

/// The host that a request asks, without port, brackets and trailing dot.
///
/// # Errors
///
/// There is none, there are two, or it is neither a name nor an address.
pub fn host(head: &Parts) -> Result<&str, Unclassified> {
    named_host(&head.uri, &head.headers)
}

fn named_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, Unclassified> {
    let header = match headers.get(header::HOST) {
        Some(value) => Some(value.to_str().map_err(|_| bad_host())?),
        None => None,
    };
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let host = match (authority, header) {
        (Some(authority), Some(header)) if !authority.eq_ignore_ascii_case(header) => {
            return Err(Unclassified::new(
                Code::InvalidRequest,
                "The request target and the Host header name different hosts.",
            ));
        }
        (Some(host), _) | (None, Some(host)) => host,
        (None, None) => {
            return Err(Unclassified::new(
                Code::InvalidRequest,
                "Missing required header for this request: host.",
            ));
        }
    };
    let name = without_port(host).ok_or_else(bad_host)?;
    Ok(name.strip_suffix('.').unwrap_or(name))
}

/// `None` where it is neither a name nor an address.
fn without_port(host: &str) -> Option<&str> {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(address) = host.strip_prefix('[') {
        let (address, rest) = address.split_once(']')?;
        let is_address = address.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b));
        return (is_address && rest.strip_prefix(':').map_or(rest.is_empty(), is_port))
            .then_some(address);
    }
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    (!name.is_empty() && is_name && is_port(port)).then_some(name)
}

fn bad_host() -> Unclassified {
    Unclassified::new(
        Code::InvalidRequest,
        "The Host header is neither a host name nor an address, with or without a port.",
    )
}

fn undecodable(error: Undecodable) -> Unclassified {
    Unclassified::new(Code::InvalidURI, format!("Couldn't parse the specified URI: {error}."))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_WriteGetObjectResponse.html>
const WRITE_GET_OBJECT_RESPONSE: &str = "WriteGetObjectResponse";
