//! Queries that carry a signature. Invariant: authentication parameters leave the query only where
//! they form a set, and a hoisted header is a header before anything is judged.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Code, Query, Unclassified};
use crate::s3::headers::{self, presigned};

/// Leaves in the query what belongs to the operation, and adds to the headers what SDKs hoisted out
/// of them when they presigned a URL.
///
/// Hoisted checksums are dropped: SDKs hoist those of an empty body, and S3 ignores them.
/// Parameters that begin with `x-` and not with `x-amz-` (`x-id`) are dropped, as in S3.
pub(super) fn settle(query: &mut Query, headers: &mut HeaderMap) -> Result<(), Unclassified> {
    if query.pairs().is_empty() {
        return Ok(());
    }
    let is_v4 = query.contains(presigned::ALGORITHM) || query.contains(presigned::SIGNATURE);
    let is_v2 = presigned::V2.iter().all(|name| query.contains(name));
    let mechanisms = [is_v4, is_v2, headers.contains_key(header::AUTHORIZATION)];
    if mechanisms.into_iter().filter(|mechanism| *mechanism).count() > 1 {
        return Err(Unclassified::new(
            Code::InvalidArgument,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature \
             query string parameter or the Authorization header should be specified.",
        ));
    }
    if is_v4 {
        for (name, value) in query.take(|name| presigned::V4.contains(&name)) {
            check_same(&name, &value, headers.get(name.as_str()))?;
        }
    }
    if is_v2 {
        query.retain(|name| !presigned::V2.contains(&name));
        for (name, value) in query.take(|name| presigned::HOISTED_V2.contains(&name)) {
            add(&name, &value, headers)?;
        }
    }
    query.retain(|name| !name.starts_with("x-") || is_amz(name));
    for (name, value) in query.take(is_amz) {
        if !is_v4 && !is_v2 {
            return Err(invalid(&name, "belongs in a header, or in a presigned URL"));
        }
        hoist(&name, &value, headers)?;
    }
    Ok(())
}

fn hoist(name: &str, value: &str, headers: &mut HeaderMap) -> Result<(), Unclassified> {
    if presigned::V4.iter().any(|parameter| parameter.eq_ignore_ascii_case(name)) {
        return Err(invalid(name, "is written in another case"));
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with(headers::CHECKSUM_PREFIX)
        || headers::X_AMZ_SDK_CHECKSUM_ALGORITHM == *lower
    {
        return Ok(());
    }
    add(name, value, headers)
}

fn add(name: &str, value: &str, headers: &mut HeaderMap) -> Result<(), Unclassified> {
    let header = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| invalid(name, "cannot be the name of a header"))?;
    if headers.contains_key(&header) {
        return headers
            .get_all(&header)
            .iter()
            .try_for_each(|sent| check_same(name, value, Some(sent)));
    }
    let value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| invalid(name, "cannot be the value of a header"))?;
    headers.insert(header, value);
    Ok(())
}

/// One name with two values would be one thing to the gate and another to the backend.
fn check_same(name: &str, value: &str, header: Option<&HeaderValue>) -> Result<(), Unclassified> {
    if header.is_some_and(|header| header.as_bytes() != value.as_bytes()) {
        let message = format!("`{name}` has one value in the query and another in the headers.");
        return Err(Unclassified::new(Code::InvalidRequest, message));
    }
    Ok(())
}

fn is_amz(name: &str) -> bool {
    name.get(..headers::PREFIX.len())
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(headers::PREFIX))
}

fn invalid(name: &str, reason: &str) -> Unclassified {
    Unclassified::new(Code::InvalidArgument, format!("The query parameter `{name}` {reason}."))
}
