//! The checksum that S3 confirms to whoever sent one with an object or a part. Backends see none of
//! these, so the gate confirms what it verified itself. Invariant: nothing is confirmed but the value
//! that the body was found to have.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::s3::headers;

/// A header of the client's that held, and its value.
pub(super) type Confirmed = (HeaderName, String);

/// Adds what was verified, unless the backend speaks of a checksum itself.
pub(super) fn confirm(reply: &mut HeaderMap, confirmed: Option<Confirmed>, is_whole: bool) {
    let Some((name, value)) = confirmed else { return };
    if reply.keys().any(|name| headers::checksum_algorithm(name).is_some()) {
        return;
    }
    let Ok(value) = HeaderValue::try_from(value) else { return };
    reply.insert(name, value);
    if is_whole {
        reply.insert(headers::X_AMZ_CHECKSUM_TYPE, HeaderValue::from_static("FULL_OBJECT"));
    }
}
