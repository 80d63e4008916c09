//! Bodies in every split, good and bad: what comes out, and what never does.

mod signed_chunks;

use std::convert::Infallible;

use bytes::{Bytes, BytesMut};
use http::HeaderName;
use http_body::Frame;
use http_body_util::BodyExt as _;
use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{BodyError, VerifiedBody};
use crate::sigv4::{
    checksum::{Algorithm, Expected},
    payload::{Framing, Payload, Trailer},
};

/// A body that comes in the given pieces.
struct Pieces(Vec<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = (!self.0.is_empty()).then(|| Ok(Frame::data(self.0.remove(0))));
        std::task::Poll::Ready(next)
    }
}

/// Cuts `wire` at the given places.
fn pieces(wire: &[u8], cuts: &[usize]) -> Pieces {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (wire.len() + 1)).collect();
    cuts.extend([0, wire.len()]);
    cuts.sort_unstable();
    Pieces(cuts.windows(2).map(|w| Bytes::copy_from_slice(&wire[w[0]..w[1]])).collect())
}

/// What came out, and the code of the error that ended it.
fn collect(mut body: VerifiedBody<Pieces>) -> (Bytes, Result<(), String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = body.outcome();
    let collected = runtime.block_on(async move {
        let mut out = BytesMut::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => out.extend_from_slice(&frame.into_data().unwrap()),
                Err(BodyError::Refused(refused)) => {
                    return (out.freeze(), Err(refused.code.as_str().to_owned()));
                }
                Err(BodyError::Client(error)) => return (out.freeze(), Err(error)),
            }
        }
        (out.freeze(), Ok(()))
    });
    assert_eq!(outcome.is_complete(), collected.1.is_ok());
    assert_eq!(outcome.failed().is_some(), collected.1.is_err());
    collected
}

fn plain(data: &[u8]) -> Payload {
    let hash = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data));
    let expected = vec![Expected::payload_hash(&hash).unwrap()];
    Payload { length: Some(data.len() as u64), framing: Framing::Plain, expected, trailer: None }
}

const CRC32: HeaderName = HeaderName::from_static("x-amz-checksum-crc32");

fn chunked(length: usize) -> Payload {
    let trailer = Some(Trailer { name: CRC32, algorithm: Algorithm::Crc32 });
    Payload { length: Some(length as u64), framing: Framing::Chunks, expected: Vec::new(), trailer }
}

/// `data` in chunks of `size`, with its CRC32 in the trailer.
fn wire(data: &[u8], size: usize) -> Vec<u8> {
    use base64::Engine as _;
    let mut wire = Vec::new();
    for chunk in data.chunks(size) {
        wire.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
    }
    let mut hasher = Algorithm::Crc32.hasher();
    hasher.update(data);
    let sum = base64::engine::general_purpose::STANDARD.encode(hasher.finish());
    wire.extend_from_slice(format!("0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n").as_bytes());
    wire
}

fn check(payload: &Payload, wire: &[u8], expected: Result<(), &str>) {
    for cuts in [&[][..], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]] {
        let (out, result) = collect(VerifiedBody::new(pieces(wire, cuts), payload));
        assert_eq!(result, expected.map_err(str::to_owned));
        if result.is_err() {
            assert!(
                (out.len() as u64) < payload.length.unwrap().max(1),
                "all of a bad body came out"
            );
        }
    }
}

const MALFORMED: Result<(), &str> = Err("MalformedTrailerError");

#[test]
fn a_plain_body_must_have_the_promised_hash_and_length() {
    let payload = plain(b"hello");
    check(&payload, b"hello", Ok(()));
    check(&payload, b"hellO", Err("XAmzContentSHA256Mismatch"));
    check(&payload, b"hell", Err("IncompleteBody"));
    check(&payload, b"hello!", Err("IncompleteBody"));
}

#[test]
fn an_empty_body_is_checked_too() {
    check(&plain(b""), b"", Ok(()));
    let mut wrong = plain(b"x");
    wrong.length = Some(0);
    check(&wrong, b"", Err("XAmzContentSHA256Mismatch"));
    check(&chunked(0), &wire(b"", 1), Ok(()));
}

#[test]
fn a_chunked_body_must_be_well_formed_to_its_end() {
    let data = [7; 10_000];
    let good = wire(&data, 9_000);
    check(&chunked(10_000), &good, Ok(()));
    let text = |from: &str, to: &str| {
        let at = good.windows(from.len()).rposition(|w| w == from.as_bytes()).unwrap();
        [&good[..at], to.as_bytes(), &good[at + from.len()..]].concat()
    };
    check(&chunked(10_000), &text("crc32:", "crc32:AAAAAA==\r\nx:"), MALFORMED);
    check(&chunked(10_000), &text("crc32:", "crc32:AAAAAA==\r\n\r\n"), Err("IncompleteBody"));
    check(&chunked(10_000), &text("crc32:", "crc32: AAAAAA==\n"), MALFORMED);
    check(&chunked(10_000), &text("x-amz-checksum-crc32", "x-amz-other"), MALFORMED);
    check(&chunked(10_000), &good[..good.len() - 40], Err("IncompleteBody"));
    check(&chunked(10_000), &[&good[..], b"0\r\n"].concat(), Err("IncompleteBody"));
    check(&chunked(9_999), &good, Err("IncompleteBody"));
    check(&chunked(10_001), &good, Err("IncompleteBody"));
    check(&chunked(10_000), &text("3E8\r\n", "3E9\r\n"), Err("IncompleteBody"));
    check(&chunked(10_000), &text("3E8\r\n", "zzz\r\n"), Err("IncompleteBody"));
}

#[test]
fn only_the_last_chunk_may_be_small() {
    check(&chunked(10_000), &wire(&[7; 10_000], 8_191), Err("InvalidChunkSizeError"));
    check(&chunked(10_000), &wire(&[7; 10_000], 8_192), Ok(()));
}

proptest! {
    #[test]
    fn any_split_of_the_wire_gives_the_same_bytes(
        data in proptest::collection::vec(any::<u8>(), 0..40_000),
        size in 8_192usize..20_000,
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let wire = wire(&data, size);
        let body = VerifiedBody::new(pieces(&wire, &cuts), &chunked(data.len()));
        prop_assert_eq!(collect(body), (Bytes::from(data), Ok(())));
    }

    #[test]
    fn a_changed_byte_never_comes_out_whole(
        data in proptest::collection::vec(any::<u8>(), 1..20_000),
        at in any::<proptest::sample::Index>(),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let mut changed = data.clone();
        let at = at.index(data.len());
        changed[at] ^= 1;
        let (out, result) = collect(VerifiedBody::new(pieces(&changed, &cuts), &plain(&data)));
        prop_assert_eq!(result, Err("XAmzContentSHA256Mismatch".to_owned()));
        assert!(out.len() < data.len());
    }

    #[test]
    fn whatever_is_sent_comes_out_whole_only_if_it_is_well_formed(
        pieces in proptest::collection::vec(
            proptest::prop_oneof![
                "[0-9a-f]{1,3}", "\r\n", "\n", "0\r\n", ";chunk-signature=", "a{1,300}",
                "x-amz-checksum-crc32:AAAAAA==\r\n",
            ],
            0..12,
        ),
        length in 0usize..300,
        cuts in proptest::collection::vec(any::<usize>(), 0..9),
    ) {
        let wire = pieces.concat();
        let body = VerifiedBody::new(self::pieces(wire.as_bytes(), &cuts), &chunked(length));
        let (out, result) = collect(body);
        let is_whole = out.len() == length;
        assert!(is_whole == result.is_ok() || length == 0, "{result:?}: {} of {length}", out.len());
    }
}
