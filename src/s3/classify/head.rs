//! Headers that must not be read in two ways. Invariant: after these checks each header that
//! anything is judged by has one value, one spelling, and reaches the backend if and only if the
//! gate lets it.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Code, Unclassified};
use crate::s3::headers;

/// Checks what says where the request ends, on the headers as received.
pub(super) fn check_framing(received: &HeaderMap) -> Result<(), Unclassified> {
    if received.len() != received.keys_len() {
        check_repeated(received)?;
    }
    if let Some(coding) = received.get(header::TRANSFER_ENCODING) {
        if received.contains_key(header::CONTENT_LENGTH) {
            let message = "Content-Length and Transfer-Encoding must not come together.";
            return Err(refused(message));
        }
        if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
            let message = "The only transfer coding that is supported is `chunked`.";
            let refused = Unclassified::new(Code::NotImplemented, message);
            return Err(refused.with("Header", header::TRANSFER_ENCODING.as_str()));
        }
    }
    check_connection(received)
}

/// Checks names and values, on the effective headers.
pub(super) fn check(effective: &HeaderMap) -> Result<(), Unclassified> {
    for (name, value) in effective {
        let text = name.as_str();
        if is_override(text) && !value.as_bytes().eq_ignore_ascii_case(b"false") {
            return Err(Unclassified::new(
                Code::NotImplemented,
                format!("The header {name} asks for more than the request says; remove it."),
            )
            .with("Header", text));
        }
        if is_look_alike(text) {
            let message = format!("The header {name} has `_` where S3's headers have `-`.");
            return Err(refused(message));
        }
        if text.starts_with(headers::PREFIX) && !is_text(text, value) {
            return Err(not_text(name));
        }
    }
    Ok(())
}

/// Why a value cannot be read.
pub(super) fn not_text(name: &HeaderName) -> Unclassified {
    refused(format!("The value of the header {name} is not plain visible text."))
}

fn check_repeated(received: &HeaderMap) -> Result<(), Unclassified> {
    let is_repeated = |name: &&HeaderName| received.get_all(*name).iter().nth(1).is_some();
    match received.keys().filter(is_repeated).find(|name| !may_repeat(name)) {
        Some(name) => Err(refused(format!("The header {name} occurs more than once."))),
        None => Ok(()),
    }
}

/// Options of the connection are removed on the way: an option that names a judged header would
/// take it away after it was judged (RFC 9110, 7.6.1).
fn check_connection(received: &HeaderMap) -> Result<(), Unclassified> {
    for value in received.get_all(header::CONNECTION) {
        for option in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let is_known = CONNECTION_OPTIONS
                .iter()
                .any(|known| option.eq_ignore_ascii_case(known.as_bytes()));
            if !is_known {
                return Err(refused(
                    "The Connection header may hold options of the connection only, such as \
                     `close` and `keep-alive`.",
                ));
            }
        }
    }
    Ok(())
}

fn may_repeat(name: &HeaderName) -> bool {
    if SINGLE.contains(name) {
        return false;
    }
    let text = name.as_str();
    !text.starts_with(headers::PREFIX)
        || text.starts_with(headers::META_PREFIX)
        || LISTS.contains(name)
}

/// Headers that make some backend do what policy, which knows AWS alone, was never asked about.
fn is_override(name: &str) -> bool {
    OVERRIDES.contains(&name) || VENDOR_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Some backends take `_` and `-` for the same, as CGI did.
fn is_look_alike(name: &str) -> bool {
    if !name.contains('_') || name.starts_with(headers::META_PREFIX) {
        return false;
    }
    let dashed = name.replace('_', "-");
    dashed.starts_with(headers::PREFIX)
        || is_override(&dashed)
        || SINGLE.iter().any(|single| single.as_str() == dashed)
}

/// User metadata may be UTF-8; nothing else may hold more than visible ASCII and spaces.
fn is_text(name: &str, value: &HeaderValue) -> bool {
    let is_meta = name.starts_with(headers::META_PREFIX);
    value.as_bytes().iter().all(|byte| match byte {
        b' '..=b'~' => true,
        0x80.. => is_meta,
        _ => false,
    })
}

fn refused(message: impl Into<String>) -> Unclassified {
    Unclassified::new(Code::InvalidRequest, message)
}

/// Headers outside `x-amz-…` of which backends take the first, the last or both.
const SINGLE: [HeaderName; 17] = [
    header::ACCESS_CONTROL_REQUEST_METHOD,
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    headers::CONTENT_MD5,
    header::CONTENT_TYPE,
    header::DATE,
    header::EXPECT,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_UNMODIFIED_SINCE,
    header::ORIGIN,
    header::RANGE,
    header::REFERER,
    header::TRANSFER_ENCODING,
    header::USER_AGENT,
];

/// Lists that some SDKs send item by item.
const LISTS: [HeaderName; 2] =
    [headers::X_AMZ_OBJECT_ATTRIBUTES, headers::X_AMZ_OPTIONAL_OBJECT_ATTRIBUTES];

/// Headers by which frameworks replace the method or the target, and the one by which backends
/// unpack an archive into objects of any name.
const OVERRIDES: [&str; 7] = [
    headers::X_AMZ_META_SNOWBALL_AUTO_EXTRACT,
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-url",
    "x-rewrite-url",
];

/// Backends' own extensions, such as deleting a bucket with all that is in it.
const VENDOR_PREFIXES: [&str; 9] = [
    "x-cos-",
    "x-emc-",
    "x-goog-",
    "x-ibm-",
    "x-minio-",
    "x-obs-",
    "x-oss-",
    "x-rgw-",
    "x-rustfs-",
];

const CONNECTION_OPTIONS: [&str; 8] =
    ["", "close", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
