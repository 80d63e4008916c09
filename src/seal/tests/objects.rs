//! Objects to test with: sealed whole, in parts, and cut in any way.

use std::sync::LazyLock;

use bytes::{Buf as _, Bytes};

use crate::seal::{
    Broken, Complete, Completion, Dek, Ending, Layout, ObjectId, ObjectKeys, Opener, PartNumber,
    Salt, Sealer, StoredPart, footer::Footer,
};

/// The plaintext that was released, and how it ended.
pub(super) type Opened = (Vec<u8>, Result<Complete, Broken>);

/// Keys that follow from a number.
pub(super) fn keys(seed: u8) -> ObjectKeys {
    ObjectKeys::of_new(&Dek::from_bytes(&[seed; 32]), ObjectId::from_bytes([seed ^ 0xff; 32]))
}

pub(super) fn number(number: u16) -> PartNumber {
    PartNumber::new(number).unwrap()
}

/// Bytes no two records of which are alike.
pub(super) fn plaintext(length: usize) -> Vec<u8> {
    static LONG: LazyLock<Vec<u8>> = LazyLock::new(|| {
        (0..1 << 20).map(|at: usize| (at * 7 + at / 251 + at / 65_536) as u8).collect()
    });
    LONG[..length].to_vec()
}

/// An object of a single PUT.
pub(super) fn sealed(keys: &ObjectKeys, plaintext: &[u8]) -> Vec<u8> {
    let sealer = Sealer::single(keys, Salt::from_bytes([7; 7]), plaintext.len() as u64).unwrap();
    seal(sealer, plaintext, plaintext.len().max(1))
}

/// An object of parts: their numbers, and their lengths. The last one may carry its own footer.
pub(super) fn sealed_in_parts(
    keys: &ObjectKeys,
    parts: &[(u16, usize)],
    last_is_footered: bool,
) -> (Vec<u8>, Vec<u8>) {
    let (mut stored, mut all, mut listed) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (part, length)) in parts.iter().enumerate() {
        let is_footered = last_is_footered && at + 1 == parts.len();
        let plain = &plaintext(all.len() + length)[all.len()..];
        let bytes = *length as u64;
        let footer = is_footered.then_some(Footer::LastPart { number: number(*part), bytes });
        let salt = Salt::from_bytes([*part as u8; 7]);
        let sealer = Sealer::new(keys, (*part, salt), bytes, footer).unwrap();
        stored.extend(seal(sealer, plain, 1 << 16));
        all.extend_from_slice(plain);
        listed.push(StoredPart { number: number(*part), bytes, is_footered });
    }
    match Completion::of(keys, &listed).unwrap() {
        Completion::AsItIs | Completion::Rebuild(_) => {}
        Completion::Add(ending) => stored.extend_from_slice(&ending),
    }
    (stored, all)
}

/// Seals in pieces of so many bytes.
pub(super) fn seal(mut sealer: Sealer, plaintext: &[u8], piece: usize) -> Vec<u8> {
    let announced = sealer.stored_bytes();
    let mut stored = Vec::new();
    for mut input in plaintext.chunks(piece) {
        while input.has_remaining() {
            stored.extend(sealer.seal(&mut input).unwrap().into_iter().flatten());
        }
    }
    stored.extend(sealer.finish().unwrap().into_iter().flatten());
    assert_eq!(stored.len() as u64, announced);
    stored
}

/// Opens from the start, as a reader of a stream does: the ending first if the size has the mark.
pub(super) fn open(keys: &ObjectKeys, stored: &[u8], piece: usize) -> Opened {
    let opener = match marked_ending(keys, stored) {
        Ok(None) => Opener::new(keys),
        Ok(Some(ending)) => Opener::with_ending(keys, &ending),
        Err(broken) => return (Vec::new(), Err(broken)),
    };
    drive(opener, stored, piece)
}

/// Opens from the start with the ending known, whatever the size.
pub(super) fn open_with_ending(keys: &ObjectKeys, stored: &[u8]) -> Opened {
    match ending(keys, stored) {
        Ok(ending) => drive(Opener::with_ending(keys, &ending), stored, 10_000),
        Err(broken) => (Vec::new(), Err(broken)),
    }
}

/// Opens a range of the plaintext.
pub(super) fn open_range(
    keys: &ObjectKeys,
    layout: &Layout,
    stored: &[u8],
    range: std::ops::Range<u64>,
) -> Opened {
    let span = layout.span(range).unwrap();
    let from = usize::try_from(span.stored.start).unwrap();
    let to = usize::try_from(span.stored.end).unwrap();
    let window = &stored[from.min(stored.len())..to.min(stored.len())];
    drive(Opener::range(keys, layout, &span), window, 40_000)
}

pub(super) fn ending(keys: &ObjectKeys, stored: &[u8]) -> Result<Ending, Broken> {
    let size = stored.len() as u64;
    let last = usize::try_from(Ending::bytes(size)?).unwrap();
    Ending::read(keys, size, &stored[stored.len() - last..])
}

/// Feeds an opener pieces of so many bytes, until it ends.
pub(super) fn drive(mut opener: Opener, stored: &[u8], piece: usize) -> Opened {
    let mut released = Vec::new();
    for piece in stored.chunks(piece) {
        let mut input = Bytes::copy_from_slice(piece);
        while input.has_remaining() {
            match opener.open(&mut input) {
                Ok(plaintext) => released.extend(plaintext.into_iter().flatten()),
                Err(broken) => {
                    assert_eq!(opener.open(&mut input), Err(broken), "it fails for good");
                    return (released, opener.finish());
                }
            }
        }
    }
    (released, opener.finish())
}

fn marked_ending(keys: &ObjectKeys, stored: &[u8]) -> Result<Option<Ending>, Broken> {
    let is_marked = Ending::bytes(stored.len() as u64)? > 32;
    if is_marked { ending(keys, stored).map(Some) } else { Ok(None) }
}
