//! The canonical request, over the head exactly as it was received.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>. S3 encodes the path
//! once and normalises nothing.

use std::fmt::Write as _;

use http::{HeaderMap, request::Parts, uri::Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The canonical request. `signed_headers` are lower-case names.
pub(super) fn request(head: &Parts, signed_headers: &[String], payload: &str) -> String {
    let mut text = String::with_capacity(512);
    text.push_str(head.method.as_str());
    text.push('\n');
    path(&mut text, head.uri.path());
    text.push('\n');
    query(&mut text, head.uri.query().unwrap_or_default());
    text.push('\n');
    let mut names: Vec<&str> = signed_headers.iter().map(String::as_str).collect();
    names.sort_unstable();
    for name in &names {
        text.push_str(name);
        text.push(':');
        header(&mut text, &head.headers, &head.uri, name);
        text.push('\n');
    }
    text.push('\n');
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            text.push(';');
        }
        text.push_str(name);
    }
    text.push('\n');
    text.push_str(payload);
    text
}

/// Name and value of each parameter, encoded as received.
pub(super) fn query_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Decoded and encoded afresh, so that clients that leave more or fewer characters as they are agree.
fn path(text: &mut String, path: &str) {
    for (place, segment) in path.split('/').enumerate() {
        if place > 0 {
            text.push('/');
        }
        encode(text, segment);
    }
}

fn query(text: &mut String, query: &str) {
    let mut pairs: Vec<(String, String)> = query_pairs(query)
        .map(|(name, value)| (encoded(&name.replace('+', " ")), encoded(&value.replace('+', " "))))
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort_unstable();
    for (place, (name, value)) in pairs.iter().enumerate() {
        if place > 0 {
            text.push('&');
        }
        // Infallible: writing into a String.
        let _ = write!(text, "{name}={value}");
    }
}

fn header(text: &mut String, headers: &HeaderMap, uri: &Uri, name: &str) {
    let mut found = false;
    for value in headers.get_all(name) {
        if found {
            text.push(',');
        }
        found = true;
        let value = String::from_utf8_lossy(value.as_bytes());
        for (place, word) in value.split([' ', '\t']).filter(|word| !word.is_empty()).enumerate() {
            if place > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
    // A request in absolute form may come without a Host header.
    if let (false, "host", Some(authority)) = (found, name, uri.authority()) {
        text.push_str(authority.as_str());
    }
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    encode(&mut encoded, text);
    encoded
}

fn encode(out: &mut String, text: &str) {
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => out.extend(utf8_percent_encode(&decoded, RESERVED)),
        // Classification has refused such a target; for the signature it stays as it came.
        Err(_) => out.push_str(text),
    }
}

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
