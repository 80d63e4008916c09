//! The canonical request, over the head exactly as it was received. Invariant: two heads have the
//! same canonical request only where their paths, queries and signed headers mean the same.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>. S3 encodes the path
//! once and normalises nothing.

use aws_lc_rs::digest;
use http::{HeaderValue, header::HOST, request::Parts};

use super::key::Scope;
use crate::s3::headers::presigned;

/// How a target stands in a canonical request. In every form it means the same target, but for a
/// token, which is checked by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As S3 has it: everything but RFC 3986's unreserved characters is encoded.
    Encoded,
    /// With a path as some signers have it, who take what they send for encoded.
    Received,
    /// Without the session token, which some signers append to a URL that they have signed.
    TokenAppended,
}

/// The canonical request. `signed_headers` are lower-case names, sorted, each once.
pub(super) fn request(head: &Parts, form: Form, signed_headers: &[&str], payload: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(REQUEST_BYTES_USUAL);
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b'\n');
    match form {
        Form::Encoded | Form::TokenAppended => encode(&mut out, head.uri.path(), Part::Path),
        Form::Received => out.extend_from_slice(head.uri.path().as_bytes()),
    }
    out.push(b'\n');
    query(&mut out, head.uri.query().unwrap_or_default(), form);
    out.push(b'\n');
    for name in signed_headers {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        header(&mut out, head, name);
        out.push(b'\n');
    }
    out.push(b'\n');
    for (place, name) in signed_headers.iter().enumerate() {
        if place > 0 {
            out.push(b';');
        }
        out.extend_from_slice(name.as_bytes());
    }
    out.push(b'\n');
    out.extend_from_slice(payload.as_bytes());
    out
}

/// What is signed of a canonical request.
pub(super) fn string_to_sign(timestamp: &str, scope: Scope<'_>, canonical: &[u8]) -> String {
    let hash = hex::encode(digest::digest(&digest::SHA256, canonical));
    [ALGORITHM, timestamp, scope.text, &hash].join("\n")
}

/// Name and value of each parameter, encoded as received.
pub(super) fn query_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn query(out: &mut Vec<u8>, query: &str, form: Form) {
    let is_appended =
        |name: &[u8]| form == Form::TokenAppended && name == presigned::SECURITY_TOKEN.as_bytes();
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query_pairs(query)
        .map(|(name, value)| (encoded(name), encoded(value)))
        .filter(|(name, _)| name != presigned::SIGNATURE.as_bytes() && !is_appended(name))
        .collect();
    pairs.sort_unstable();
    for (place, (name, value)) in pairs.iter().enumerate() {
        if place > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

/// All values in the order received, separated by `,`; runs of spaces become one.
fn header(out: &mut Vec<u8>, head: &Parts, name: &str) {
    let mut values = head.headers.get_all(name).iter().map(HeaderValue::as_bytes).peekable();
    // A request in absolute form may come without a Host header.
    if values.peek().is_none() && name == HOST.as_str() {
        out.extend(head.uri.authority().into_iter().flat_map(|host| host.as_str().bytes()));
    }
    for (place, value) in values.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let words = value.trim_ascii().split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        for (place, word) in words.enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
    }
}

/// Where an encoded text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `/` separates, `+` is itself.
    Path,
    /// `+` is a space.
    Query,
}

fn encoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    encode(&mut out, text, Part::Query);
    out
}

/// Decoded and encoded afresh, byte by byte: clients differ in what they leave as it is.
fn encode(out: &mut Vec<u8>, text: &str, part: Part) {
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let escape = if *byte == b'%' { escaped(after) } else { None };
        let (byte, stays) = match escape {
            Some(byte) => (byte, is_unreserved(byte)),
            None if part == Part::Query && *byte == b'+' => (b' ', false),
            None => (*byte, is_unreserved(*byte) || part == Part::Path && *byte == b'/'),
        };
        if stays {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', upper_hex(byte >> 4), upper_hex(byte & 15)]);
        }
        let taken = if escape.is_some() { 2 } else { 0 };
        rest = after.get(taken..).unwrap_or_default();
    }
}

/// The byte whose two hex digits stand at the beginning.
fn escaped(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

fn upper_hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'A' + digit - 10 }
}

/// RFC 3986, 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// A hint, so that most requests are written into one allocation.
const REQUEST_BYTES_USUAL: usize = 1024;
