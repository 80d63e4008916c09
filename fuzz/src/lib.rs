//! What is fuzzed: each function takes any bytes and panics where a promise is broken.
//!
//! Invariant: no clock, no randomness, no I/O: the same bytes always do the same. `tests/corpus.rs`
//! runs the checked-in corpora through the same functions.

mod sealed;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Collected};
use portcullis::{
    identity::{Identity, Limits},
    net::proxy_protocol,
    policy::Document,
    s3::{
        BucketName, Domains, ObjectKey, Operation, classify, form,
        xml::{Deletion, MalformedXml, leaves, without_checksums},
    },
    secret::Secret,
    sigv4::{self, Caller, Credential, Credentials, PostPolicy, Session},
    transform::{
        etag::Tagged,
        listing::{Entry, Listing, Piece},
        upload_id::{Accepted, Place, Presented, TokenKeys, Upload},
    },
};

pub use self::sealed::sealed;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its corpus.
pub const TARGETS: [(&str, Target); 13] = [
    ("authorization", authorization),
    ("chunks", chunks),
    ("complete", complete),
    ("deletion", deletion),
    ("form", form),
    ("head", head),
    ("listing", listing),
    ("policy", policy),
    ("post_policy", post_policy),
    ("presigned", presigned),
    ("proxy_v2", proxy_v2),
    ("sealed", sealed),
    ("upload_id", upload_id),
];

/// A request head, a line each. What has one reading keeps it when it is written afresh, as it is
/// for the backend.
pub fn head(data: &[u8]) {
    let Some(head) = parsed_head(data) else { return };
    let domains = Domains::new(vec!["s3.example.com".to_owned()]);
    let Ok(first) = classify(&head, &domains) else { return };
    // Its target is one; a form says the rest in its body; a preflight is asked for another method.
    if matches!(first.operation, Operation::PostObject | Operation::OptionsPreflight) {
        return;
    }
    let query = first.query.encode();
    let mark = if query.is_empty() { "" } else { "?" };
    let mut request = Request::new(());
    *request.method_mut() = first.operation.method();
    *request.uri_mut() = format!("{}{mark}{query}", first.path()).parse().expect("a target");
    *request.headers_mut() = first.headers.clone();
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("backend"));
    let again = classify(&request.into_parts().0, &domains).expect("what was read is read again");
    assert_eq!(first.operation, again.operation);
    assert_eq!(first.resource, again.resource);
    assert_eq!(first.query, again.query);
    assert_eq!(first.copy_source(), again.copy_source());
    assert_eq!(first.tags(), again.tags());
}

/// An `Authorization` header. Nobody gets in without the secret.
pub fn authorization(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let request = Request::get("/bucket/key")
        .header(header::HOST, "gate")
        .header("x-amz-date", "20260101T000000Z")
        .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        .header(header::AUTHORIZATION, value);
    never_gets_in(&request.body(()).expect("a request").into_parts().0);
}

/// The query of a presigned URL. Nobody gets in without the secret.
pub fn presigned(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let request = Request::get(format!("/bucket/key?{query}")).header(header::HOST, "gate");
    let Ok(request) = request.body(()) else { return };
    never_gets_in(&request.into_parts().0);
}

fn never_gets_in(head: &Parts) {
    let credentials = Credentials::new(vec![Credential {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Secret::new("a secret that no input holds"),
        identity: Identity::user("123456789012", "caller").expect("an identity"),
        limits: Limits::default(),
        upstream: None,
        session: Session::default(),
    }]);
    let settings = sigv4::Settings {
        region: "eu-central-1".to_owned(),
        accept_sigv2: true,
        domains: Domains::default(),
    };
    // 2026-01-01T00:00:00Z
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(490_896);
    let verified = sigv4::verify(head, Operation::GetObject, &credentials, &settings, now);
    let Ok(verified) = verified else { return };
    assert!(matches!(verified.caller(), Caller::Anonymous), "nobody signed this");
}

/// Framing, decoded length, size of a piece, then a chunked body. Whatever the pieces in which it
/// comes, the body is the same, and of the length that was promised.
pub fn chunks(data: &[u8]) {
    let Some(([framing, length @ .., piece], wire)) = data.split_first_chunk::<4>() else { return };
    let framing = FRAMINGS[usize::from(*framing) % FRAMINGS.len()];
    let length = u16::from_be_bytes(*length);
    let mut request = Request::put("/bucket/key")
        .header("x-amz-content-sha256", framing)
        .header("x-amz-decoded-content-length", length);
    if framing.ends_with("TRAILER") {
        request = request.header("x-amz-trailer", "x-amz-checksum-crc32");
    }
    let (head, ()) = request.body(()).expect("a request").into_parts();
    let identity = Arc::new(Identity::user("123456789012", "caller").expect("an identity"));
    let Ok(verified) = sigv4::ambient(&head, Operation::PutObject, &identity) else { return };
    let collect = |piece: usize| {
        let body = verified.body(Pieces { left: Bytes::copy_from_slice(wire), piece });
        finished(body.collect()).map(Collected::to_bytes).ok()
    };
    let whole = collect(wire.len().max(1));
    assert_eq!(whole, collect(usize::from(*piece).max(1)));
    assert!(whole.is_none_or(|body| body.len() == usize::from(length)));
}

const FRAMINGS: [&str; 3] = [
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
];

/// Size of a piece, then the body of a form. Whatever the pieces, the fields and the file are the same.
pub fn form(data: &[u8]) {
    let Some((piece, body)) = data.split_first() else { return };
    let body = Bytes::copy_from_slice(body);
    let whole = form::read(FORM, body.clone()).ok();
    let pieces = form_in_pieces(&body, usize::from(*piece).max(1));
    let told = |(form, file): (form::Form, Bytes)| (form.fields().to_vec(), file);
    assert_eq!(whole.map(told), pieces.map(told));
}

fn form_in_pieces(body: &Bytes, piece: usize) -> Option<(form::Form, Bytes)> {
    let mut reader = form::Reader::new(FORM).expect("a form");
    let mut left = body.clone();
    let (form, rest) = loop {
        if left.is_empty() {
            return None;
        }
        let mut next = left.split_to(piece.min(left.len()));
        if let Some(form) = reader.step(&mut next).ok()? {
            break (form, next);
        }
    };
    let mut reader = form.file(body.len() as u64, rest).ok()?;
    let mut file = Vec::new();
    let mut next = Bytes::new();
    loop {
        while let Some(data) = reader.step(&mut next).ok()? {
            file.extend_from_slice(&data);
        }
        if left.is_empty() {
            break;
        }
        next = left.split_to(piece.min(left.len()));
    }
    reader.finish().ok()?;
    Some((form, file.into()))
}

const FORM: &[u8] = b"multipart/form-data; boundary=b";

/// The policy of a form, before its base64.
pub fn post_policy(data: &[u8]) {
    let _ = PostPolicy::parse(&STANDARD.encode(data));
}

/// A bucket policy. What is faulty says so.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(faults) = Document::parse(text) {
        assert!(!faults.is_empty());
    }
}

/// The body of `DeleteObjects`. Written afresh without a key, it names the others.
pub fn deletion(data: &[u8]) {
    let Ok(deletion) = Deletion::parse(Bytes::copy_from_slice(data)) else { return };
    let names = |deletion: &Deletion| -> Vec<String> {
        deletion.objects.iter().map(|object| object.key.as_str().to_owned()).collect()
    };
    let mut expected = names(&deletion);
    if expected.len() > 1 {
        let dropped = expected[0].clone();
        expected.retain(|key| *key != dropped);
        let kept = deletion.retain(|object| object.key.as_str() != dropped);
        assert_eq!(names(&kept), expected);
        if !expected.is_empty() {
            let again = Deletion::parse(kept.into_document()).expect("what is written is read");
            assert_eq!(names(&again), expected);
        }
    }
}

/// The body of `CompleteMultipartUpload`. What is left of it has nothing more to take away.
pub fn complete(data: &[u8]) {
    let Ok(first) = without_checksums(data) else { return };
    assert_eq!(without_checksums(&first).expect("what is written is read"), first);
}

/// Whether keys are encoded, size of a piece, then a listing. Whatever the pieces, what is made of it is
/// the same; it says of each entry what was to be said, and another reader finds the same entries.
pub fn listing(data: &[u8]) {
    let Some(([encoded, piece], listing)) = data.split_first_chunk::<2>() else { return };
    let is_encoded = encoded % 2 == 1;
    let whole = rewritten(listing, is_encoded, listing.len()).ok();
    let pieces = rewritten(listing, is_encoded, usize::from(*piece)).ok();
    let told = |(written, entries): &(Vec<u8>, Vec<Entry>)| {
        let keys: Vec<_> = entries.iter().map(|entry| entry.key().map(str::to_owned)).collect();
        (written.clone(), keys)
    };
    assert_eq!(whole.as_ref().map(told), pieces.as_ref().map(told));
    let Some((written, entries)) = whole else { return };
    let again = rewritten(&written, is_encoded, written.len()).expect("what is written is read");
    assert_eq!(again.1.len(), entries.len());
    for (before, after) in entries.iter().zip(&again.1) {
        assert_eq!(before.key(), after.key());
        assert_eq!(after.size(), before.size() / 2);
    }
    let lists = ["Contents", "Version", "CommonPrefixes", "DeleteMarker", "ChecksumAlgorithm"];
    for root in ["ListBucketResult", "ListVersionsResult"] {
        let Ok(leaves) = leaves(listing, root, &lists) else { continue };
        let is_size = |path: &str| matches!(path, "Contents/Size" | "Version/Size");
        let sizes = leaves.iter().filter(|leaf| is_size(&leaf.path)).map(|leaf| leaf.text.parse());
        let sizes: Result<Vec<u64>, _> = sizes.collect();
        let found: Vec<u64> = entries.iter().map(Entry::size).collect();
        assert_eq!(sizes.as_ref(), Ok(&found));
    }
}

/// A listing with sizes of half as much.
fn rewritten(
    listing: &[u8],
    is_encoded: bool,
    piece: usize,
) -> Result<(Vec<u8>, Vec<Entry>), MalformedXml> {
    let mut rewriter = Listing::new(is_encoded);
    let (mut written, mut entries) = (Vec::new(), Vec::new());
    for piece in listing.chunks(piece.max(1)) {
        rewriter.push(piece);
        while let Some(piece) = rewriter.pull()? {
            match piece {
                Piece::Bytes(bytes) => written.extend_from_slice(&bytes),
                Piece::Entry(entry) => {
                    written.extend_from_slice(&entry.render(entry.size() / 2, Tagged::Sealed));
                    entries.push(entry);
                }
            }
        }
    }
    written.extend_from_slice(&rewriter.finish()?);
    Ok((written, entries))
}

/// A connection's first bytes. Not one behind the header is taken.
pub fn proxy_v2(data: &[u8]) {
    let mut stream = data;
    if finished(proxy_protocol::read(&mut stream)).is_ok() {
        let length = usize::from(u16::from_be_bytes([data[14], data[15]]));
        assert_eq!(stream.len(), data.len() - 16 - length);
    }
}

/// An upload id. None is good that was not issued, and what is issued comes back whole.
pub fn upload_id(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (bucket, key) = (BucketName::parse("bucket"), ObjectKey::parse("key"));
    let (bucket, key) = (bucket.expect("a bucket's name"), key.expect("a key"));
    let place = Place { bucket: &bucket, key: &key };
    let keys = TokenKeys::derive(&[Secret::new("a secret that no input holds")]);
    // Whether a sealed one holds is for its object's keys to tell.
    assert!(!matches!(keys.read(text, place), Ok(Presented::Plain(_))));
    assert!(text.starts_with(&Upload::named(text).upstream_id));
    let (id, value) = text.split_once('\n').unwrap_or((text, "AES256"));
    let header = ("x-amz-server-side-encryption".to_owned(), value.to_owned());
    let Ok(accepted) = Accepted::new(vec![header.clone()]) else { return };
    let Ok(issued) = keys.issue(id, place, &accepted, None) else { return };
    let opened = match keys.read(&issued, place) {
        Ok(Presented::Plain(opened)) => Some(opened),
        Ok(Presented::Sealed(_)) | Err(_) => None,
    };
    let opened = opened.expect("what was issued is good");
    assert_eq!((opened.upstream_id.as_str(), opened.accepted), (id, vec![header]));
}

/// `METHOD target`, then `name: value` a line.
fn parsed_head(data: &[u8]) -> Option<Parts> {
    let mut lines = data.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|byte| *byte == b' ')?;
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::from_bytes(&first[..space]).ok()?;
    head.uri = Uri::try_from(&first[space + 1..]).ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        head.headers.append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    Some(head)
}

/// A body that comes in pieces.
struct Pieces {
    left: Bytes,
    piece: usize,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = self.piece.min(self.left.len());
        let next = self.left.split_to(piece);
        Poll::Ready(if next.is_empty() { None } else { Some(Ok(Frame::data(next))) })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

/// Nothing here waits for anything.
fn finished<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}
