//! What sealing and opening a stream cost beside the cipher alone, on the same plaintext in one run.
//!
//! `cargo bench --bench seal` prints times and throughput, then how much longer each took than the
//! bare cipher; nothing is asserted.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench that fails says so by failing")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the numbers of a bench are small"
)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::Bytes;
use divan::{Bencher, counter::BytesCount};
use portcullis::seal::{Dek, ObjectId, ObjectKeys, Opener, Salt, Sealer};

fn main() {
    divan::main();
    ratios();
}

/// It stays in the cache, so that the work is measured and not the memory.
const STREAM_BYTES: usize = 4 << 20;
const CHUNK_BYTES: usize = 65_536;
/// What a TLS record carries at most, and so the pieces in which most bodies come.
const PIECE_BYTES: usize = 16_384;

/// The cipher alone, in place, on each chunk.
#[divan::bench]
fn bare_seal(bencher: Bencher<'_, '_>) {
    let key = key();
    let mut data = plaintext().to_vec();
    bencher.counter(BytesCount::new(STREAM_BYTES)).bench_local(|| bare_sealed(&key, &mut data));
}

/// The cipher alone, opening each chunk into one buffer.
#[divan::bench]
fn bare_open(bencher: Bencher<'_, '_>) {
    let key = key();
    let (data, tags) = sealed_bare(&key);
    let mut out = vec![0; CHUNK_BYTES];
    bencher
        .counter(BytesCount::new(STREAM_BYTES))
        .bench_local(|| bare_opened(&key, &data, &tags, &mut out));
}

/// Pieces that hold whole records, and such that cut them.
#[divan::bench(args = [STREAM_BYTES, PIECE_BYTES])]
fn seal(bencher: Bencher<'_, '_>, piece: usize) {
    let (keys, plaintext) = (keys(), plaintext());
    bencher
        .counter(BytesCount::new(STREAM_BYTES))
        .bench_local(|| sealed(&keys, &plaintext, piece, drop));
}

#[divan::bench(args = [STREAM_BYTES, PIECE_BYTES])]
fn open(bencher: Bencher<'_, '_>, piece: usize) {
    let keys = keys();
    let stored = stored(&keys);
    bencher.counter(BytesCount::new(STREAM_BYTES)).bench_local(|| opened(&keys, &stored, piece));
}

/// The least of many alternating runs of each, as ratios.
fn ratios() {
    let (bare, keys, plaintext) = (key(), keys(), plaintext());
    let mut data = plaintext.to_vec();
    let (bare_stored, tags) = sealed_bare(&bare);
    let stored = stored(&keys);
    let mut out = vec![0; CHUNK_BYTES];
    let mut least = [Duration::MAX; 6];
    for _ in 0..RUNS {
        for (least, took) in least.iter_mut().zip([
            time(|| bare_sealed(&bare, &mut data)),
            time(|| sealed(&keys, &plaintext, STREAM_BYTES, drop)),
            time(|| sealed(&keys, &plaintext, PIECE_BYTES, drop)),
            time(|| bare_opened(&bare, &bare_stored, &tags, &mut out)),
            time(|| opened(&keys, &stored, STREAM_BYTES)),
            time(|| opened(&keys, &stored, PIECE_BYTES)),
        ]) {
            *least = took.min(*least);
        }
    }
    let [bare_seal, seal, seal_pieces, bare_open, open, open_pieces] =
        least.map(|took| took.as_secs_f64());
    let speed = STREAM_BYTES as f64 / 1e9;
    println!("bare cipher: seal {:.1} GB/s, open {:.1} GB/s", speed / bare_seal, speed / bare_open);
    println!(
        "seal / bare: {:.3} whole records, {:.3} 16 KiB pieces",
        seal / bare_seal,
        seal_pieces / bare_seal
    );
    println!(
        "open / bare: {:.3} whole records, {:.3} 16 KiB pieces",
        open / bare_open,
        open_pieces / bare_open
    );
}

fn time(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn bare_sealed(key: &LessSafeKey, data: &mut [u8]) {
    for (at, chunk) in data.chunks_mut(CHUNK_BYTES).enumerate() {
        let tag = key.seal_in_place_separate_tag(nonce(at), Aad::empty(), chunk).unwrap();
        black_box(tag.as_ref());
    }
}

fn bare_opened(key: &LessSafeKey, data: &[u8], tags: &[[u8; 16]], out: &mut [u8]) {
    for (at, (chunk, tag)) in data.chunks(CHUNK_BYTES).zip(tags).enumerate() {
        key.open_separate_gather(nonce(at), Aad::empty(), chunk, tag, out).unwrap();
        black_box(&out);
    }
}

fn sealed_bare(key: &LessSafeKey) -> (Vec<u8>, Vec<[u8; 16]>) {
    let mut data = plaintext().to_vec();
    let tags = data.chunks_mut(CHUNK_BYTES).enumerate().map(|(at, chunk)| {
        let tag = key.seal_in_place_separate_tag(nonce(at), Aad::empty(), chunk).unwrap();
        tag.as_ref().try_into().unwrap()
    });
    let tags = tags.collect();
    (data, tags)
}

/// Seals a stream that comes in such pieces; each record is handed over and let go.
fn sealed(keys: &ObjectKeys, plaintext: &Bytes, piece: usize, mut hand_over: impl FnMut(Bytes)) {
    let salt = Salt::from_bytes([7; 7]);
    let mut sealer = Sealer::single(keys, salt, plaintext.len() as u64).unwrap();
    for mut input in plaintext.chunks(piece) {
        while !input.is_empty() {
            if let Some(record) = sealer.seal(&mut input).unwrap() {
                hand_over(black_box(record));
            }
        }
    }
    hand_over(sealer.finish().unwrap().unwrap());
}

fn opened(keys: &ObjectKeys, stored: &Bytes, piece: usize) {
    let mut opener = Opener::new(keys);
    for mut input in stored.chunks(piece) {
        while !input.is_empty() {
            black_box(opener.open(&mut input).unwrap());
        }
    }
    opener.finish().unwrap();
}

fn stored(keys: &ObjectKeys) -> Bytes {
    let mut stored = Vec::new();
    sealed(keys, &plaintext(), STREAM_BYTES, |record| stored.extend_from_slice(&record));
    stored.into()
}

fn key() -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).unwrap())
}

fn keys() -> ObjectKeys {
    ObjectKeys::of_new(&Dek::from_bytes(&[1; 32]), ObjectId::from_bytes([2; 32]))
}

fn nonce(at: usize) -> Nonce {
    Nonce::assume_unique_for_key((at as u128).to_be_bytes()[4..].try_into().unwrap())
}

fn plaintext() -> Bytes {
    (0..STREAM_BYTES).map(|at| (at / 3) as u8).collect()
}

const RUNS: usize = 1000;
