//! What showing plaintext sizes and tags costs on a page of 1000 entries, beside copying it.
//!
//! `cargo bench --bench listing` prints times and throughput; nothing is asserted. At best of many runs on
//! 2 shared, busy cores (2026-11-25): 220 MB/s, which is 1.5 ms for the page of 330 KB. Copying the same
//! pieces, which stay in the cache, took 8 µs.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench that fails says so by failing")]

use std::{fmt::Write as _, hint::black_box};

use bytes::{Bytes, BytesMut};
use divan::{Bencher, counter::BytesCount};
use portcullis::{
    seal::{Plain, stored},
    transform::{
        etag::Tagged,
        listing::{Listing, Piece},
    },
};

fn main() {
    divan::main();
}

/// What a TLS record carries at most, and so the pieces in which most bodies come.
const PIECE_BYTES: usize = 16_384;

/// Each piece, into a buffer that is handed over.
#[divan::bench]
fn copied(bencher: Bencher<'_, '_>) {
    let page = page();
    bencher.counter(BytesCount::new(page.len())).bench_local(|| {
        let mut held = BytesMut::new();
        for piece in page.chunks(PIECE_BYTES) {
            held.extend_from_slice(piece);
            black_box(held.split().freeze());
        }
    });
}

/// Each piece, as far as it is passed on, and each entry rendered.
#[divan::bench]
fn rewritten(bencher: Bencher<'_, '_>) {
    let page = page();
    bencher.counter(BytesCount::new(page.len())).bench_local(|| {
        let mut listing = Listing::new(true);
        for piece in page.chunks(PIECE_BYTES) {
            listing.push(piece);
            while let Some(piece) = listing.pull().unwrap() {
                black_box(shown(piece));
            }
        }
        black_box(listing.finish().unwrap());
    });
}

fn shown(piece: Piece) -> Bytes {
    match piece {
        Piece::Bytes(bytes) => bytes,
        Piece::Entry(entry) => match entry.plain() {
            Plain::Bytes(bytes) => entry.render(bytes, Tagged::Sealed),
            Plain::Marked | Plain::Irregular | Plain::NotSealed => entry.as_is(),
        },
    }
}

/// As AWS writes one.
fn page() -> Bytes {
    let mut page = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult \
         xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name><Prefix></Prefix>\
         <KeyCount>1000</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>\
         <IsTruncated>false</IsTruncated>",
    );
    for at in 0..1000_u64 {
        let size = stored(at * 123_457).unwrap();
        write!(
            page,
            "<Contents><Key>data/2026/11/25/part-{at:05}%2Bof-01000.parquet</Key>\
             <LastModified>2026-11-25T22:26:27.000Z</LastModified>\
             <ETag>&quot;9639a5a54057e23415ffb63718e35{at:03}&quot;</ETag>\
             <ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>\
             <Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )
        .unwrap();
    }
    page += "</ListBucketResult>";
    page.into()
}
