//! What must hold for every object: opening undoes sealing however the bytes are cut, nothing that was
//! changed is released, ranges are slices, and sizes are those of the stream.

use std::ops::Range;

use bytes::{Buf as _, Bytes};
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest},
    sample::Index,
};

use super::objects::{
    self, drive, ending, keys, number, open, open_range, open_with_ending, plaintext, seal, sealed,
    sealed_in_parts,
};
use crate::seal::{
    Broken, Completion, Disordered, Layout, Opener, Plain, Salt, Sealer, StoredPart, Unsealable,
    begins_single, plain, stored,
};

const K: usize = 65_536;

/// Lengths around the edges of records.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..200usize,
        (0..4usize, 0..5usize).prop_map(|(n, d)| (n * K + d).saturating_sub(2))
    ]
}

/// Parts of any numbers and lengths, the last one maybe with its own footer.
fn parts() -> impl Strategy<Value = (Vec<(u16, usize)>, bool)> {
    let irregular = vec((1..3u16, length()), 1..5).prop_map(|parts| {
        let mut at = 0;
        parts
            .into_iter()
            .map(|(step, length)| {
                at += step;
                (at, length)
            })
            .collect()
    });
    let regular = (1..5u16, 1..3usize, length()).prop_map(|(count, chunks, last)| {
        let parts = (1..count).map(|number| (number, chunks * K));
        parts.chain([(count, last)]).collect::<Vec<_>>()
    });
    (prop_oneof![irregular, regular], any::<bool>())
}

/// Whether parts are 1..N without a gap; empty ones before the last leave one.
fn is_without_gap(parts: &[(u16, usize)]) -> bool {
    let (_, before) = parts.split_last().unwrap();
    parts.iter().zip(1..).all(|((part, _), at)| *part == at) && before.iter().all(|it| it.1 > 0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn opening_undoes_sealing(
        length in length(), pieces in vec(1..100_000usize, 2), seed: u8,
    ) {
        let (keys, plaintext) = (keys(seed), plaintext(length));
        let sealer = Sealer::single(&keys, Salt::from_bytes([seed; 7]), length as u64).unwrap();
        let object = seal(sealer, &plaintext, pieces[0]);
        prop_assert_eq!(stored(length as u64), Some(object.len() as u64));
        prop_assert_eq!(plain(object.len() as u64), Plain::Bytes(length as u64));
        let (opened, ended) = open(&keys, &object, pieces[1]);
        prop_assert_eq!(ended.map(|it| it.bytes()), Ok(length as u64));
        prop_assert!(opened == plaintext);
    }

    #[test]
    fn parts_open_as_one((parts, is_footered) in parts(), piece in 1..100_000usize) {
        let keys = keys(1);
        let (object, plaintext) = sealed_in_parts(&keys, &parts, is_footered);
        let (opened, ended) = open(&keys, &object, piece);
        let ending = ending(&keys, &object).unwrap();
        if !is_footered || is_without_gap(&parts) {
            prop_assert_eq!(ended.map(|it| it.bytes()), Ok(plaintext.len() as u64));
            prop_assert!(opened == plaintext);
            prop_assert!(open_with_ending(&keys, &object).0 == plaintext);
        } else {
            prop_assert!(matches!(ended, Err(Broken::Order | Broken::Footer)), "{:?}", ended);
        }
        if let Some(layout) = ending.layout() {
            prop_assert_eq!(layout.bytes(), plaintext.len() as u64);
        } else {
            prop_assert!(is_footered && !is_regular(&parts));
        }
    }

    #[test]
    fn a_range_is_a_slice(
        (parts, is_footered) in parts(), ends in (any::<Index>(), any::<Index>()),
    ) {
        let keys = keys(2);
        let (object, plaintext) = sealed_in_parts(&keys, &parts, is_footered);
        let ending = ending(&keys, &object).unwrap();
        let (a, b) = (ends.0.index(plaintext.len() + 1), ends.1.index(plaintext.len() + 1));
        let range = a.min(b)..a.max(b);
        if let Some(layout) = ending.layout().filter(|_| !range.is_empty()) {
            if is_footered && !is_regular(&parts) {
                // Its size is that of a regular object by chance: it has no positions in truth.
                return Ok(());
            }
            let (opened, ended) =
                open_range(&keys, layout, &object, range.start as u64..range.end as u64);
            prop_assert_eq!(ended.map(|it| it.bytes()), Ok(range.len() as u64));
            prop_assert!(opened == plaintext[range]);
        }
    }

    #[test]
    fn a_change_is_found_before_a_wrong_byte_is_released(
        (parts, is_footered) in parts(), at: Index, bit in 0..8u8,
    ) {
        let keys = keys(3);
        let (mut object, plaintext) = sealed_in_parts(&keys, &parts, is_footered);
        let at = at.index(object.len());
        object[at] ^= 1 << bit;
        is_refused(&object, &plaintext)?;
    }

    #[test]
    fn a_cut_is_found((parts, is_footered) in parts(), ends in (any::<Index>(), any::<Index>())) {
        let keys = keys(3);
        let (object, plaintext) = sealed_in_parts(&keys, &parts, is_footered);
        let (a, b) = (ends.0.index(object.len() + 1), ends.1.index(object.len() + 1));
        let mut cut = object.clone();
        cut.drain(a.min(b)..a.max(b).max(a.min(b) + 1).min(object.len()));
        if cut.len() < object.len() {
            is_refused(&cut, &plaintext)?;
        }
    }

    #[test]
    fn a_splice_is_found(length in (K..4 * K), places in (0..4usize, 0..4usize), same_key: bool) {
        let plaintext = plaintext(length);
        let object = sealed(&keys(3), &plaintext);
        let records: Vec<_> = object.chunks(K + 32).collect();
        let (to, from) = (places.0 % records.len(), places.1 % records.len());
        // Of the same plaintext, sealed again: the salt is another.
        let other = if same_key { keys(3) } else { keys(4) };
        let sealer = Sealer::single(&other, Salt::from_bytes([9; 7]), length as u64).unwrap();
        let other = seal(sealer, &plaintext, length);
        let other: Vec<_> = other.chunks(K + 32).collect();
        let mut spliced = records.clone();
        spliced[to] = other[from];
        let is_only_record = to == from && other.len() == 1;
        if !(same_key && is_only_record) && spliced.concat() != object {
            let spliced = spliced.concat();
            let (opened, ended) = open(&keys(3), &spliced, 50_000);
            prop_assert!(plaintext.starts_with(&opened));
            prop_assert!(ended.is_err());
        }
    }

    #[test]
    fn a_change_in_a_range_is_found(
        length in 1..3 * K, ends in (any::<Index>(), any::<Index>()), at: Index, bit in 0..8u8,
    ) {
        let (keys, plaintext) = (keys(3), plaintext(length));
        let mut object = sealed(&keys, &plaintext);
        let layout = Layout::single(object.len() as u64).unwrap();
        let (a, b) = (ends.0.index(length), ends.1.index(length));
        let range = a.min(b) as u64..a.max(b) as u64 + 1;
        let span = layout.span(range.clone()).unwrap();
        let at = span.stored.start as usize + at.index((span.stored.end - span.stored.start) as usize);
        object[at] ^= 1 << bit;
        let (opened, ended) = open_range(&keys, &layout, &object, range.clone());
        prop_assert!(ended.is_err());
        prop_assert!(plaintext[range.start as usize..].starts_with(&opened));
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(
        bytes in vec(any::<u8>(), 0..300), piece in 1..50usize, mark: bool,
    ) {
        let keys = keys(5);
        let mut bytes = bytes;
        if mark && bytes.len() > 2 {
            bytes[..2].fill(0xff);
        }
        prop_assert!(drive(Opener::new(&keys), &bytes, piece).1.is_err());
        prop_assert!(ending(&keys, &bytes).is_err());
        let layout = Layout::single(bytes.len() as u64);
        if let Some((layout, size)) = layout.map(|it| (it.clone(), it.bytes())).filter(|it| it.1 > 0) {
            prop_assert!(open_range(&keys, &layout, &bytes, 0..size).1.is_err());
        }
    }
}

/// Whatever is released of a changed object is its beginning, and it is never complete.
fn is_refused(object: &[u8], plaintext: &[u8]) -> Result<(), proptest::test_runner::TestCaseError> {
    for (opened, ended) in [
        open(&keys(3), object, 50_000),
        drive(Opener::new(&keys(3)), object, 50_000),
        open_with_ending(&keys(3), object),
    ] {
        prop_assert!(ended.is_err());
        prop_assert!(plaintext.starts_with(&opened));
    }
    Ok(())
}

fn is_regular(parts: &[(u16, usize)]) -> bool {
    let (_, before) = parts.split_last().unwrap();
    let is_uniform = before.iter().all(|it| it.1 > 0 && it.1 % K == 0 && it.1 == before[0].1);
    is_uniform && is_without_gap(parts)
}

#[test]
fn parts_are_the_plaintext_that_they_say() {
    let keys = keys(6);
    let parts = [(1, 100_000), (3, 5), (4, 0)];
    let (object, _) = sealed_in_parts(&keys, &parts, false);
    let ending = ending(&keys, &object).unwrap();
    let layout = ending.layout().unwrap();
    let of = |part| layout.part(number(part));
    assert_eq!(layout.parts(), 3);
    assert_eq!([of(1), of(2), of(3)], [Some(0..100_000), None, Some(100_000..100_005)]);
    assert_eq!([of(4), of(5)], [Some(100_005..100_005), None]);
    let single = Layout::single(stored(1000).unwrap()).unwrap();
    assert_eq!(single.part(number(1)), Some(0..1000));
    assert_eq!(single.part(number(2)), None);
}

#[test]
fn the_first_record_tells_a_single_put_from_parts() {
    let keys = keys(6);
    assert_eq!(begins_single(&sealed(&keys, b"x")), Some(true));
    assert_eq!(begins_single(&sealed_in_parts(&keys, &[(1, 1)], true).0), Some(false));
    assert_eq!(begins_single(&[0; 15]), None);
}

#[test]
fn ranges_that_no_object_has() {
    let layout = Layout::single(stored(1000).unwrap()).unwrap();
    #[expect(clippy::reversed_empty_ranges, reason = "that is one of them")]
    let none: [Range<u64>; 4] = [0..0, 5..4, 0..1001, 1000..u64::MAX];
    assert_eq!(none.map(|range| layout.span(range)), [const { None }; 4]);
}

#[test]
fn as_much_is_sealed_as_was_announced() {
    let keys = keys(6);
    let salt = Salt::from_bytes([1; 7]);
    let sealer = || Sealer::single(&keys, salt, 10).unwrap();
    let mut longer = sealer();
    let mut input = Bytes::from_static(b"eleven byte");
    assert_eq!(longer.seal(&mut input).unwrap().unwrap().len(), 42);
    assert_eq!(input.remaining(), 1);
    assert_eq!(longer.seal(&mut input), Err(Unsealable::Longer));
    let mut shorter = sealer();
    assert_eq!(shorter.seal(&mut &b"nine byte"[..]), Ok(None));
    assert_eq!(shorter.finish(), Err(Unsealable::Shorter));
    let too_large = Sealer::single(&keys, salt, crate::seal::PLAIN_BYTES_MAX + 1);
    assert_eq!(too_large.err(), Some(Unsealable::TooLarge));
}

#[test]
fn a_part_that_no_other_can_follow_carries_its_footer() {
    let keys = keys(6);
    let size = |part, bytes| {
        let sealer = Sealer::part(&keys, number(part), Salt::from_bytes([1; 7]), bytes).unwrap();
        sealer.stored_bytes()
    };
    let mib_5 = 5 << 20;
    assert_eq!(size(1, 0), 32);
    assert_eq!(size(1, mib_5 - 1), mib_5 - 1 + 81 * 32);
    assert_eq!(size(1, mib_5), mib_5 + 80 * 32);
    assert_eq!(size(10_000, mib_5), mib_5 + 81 * 32);
}

#[test]
fn completion_says_what_is_to_be_added() {
    let keys = keys(6);
    let complete = |parts: &[(u16, u64, bool)]| {
        let parts = parts.iter().map(|(part, bytes, is_footered)| StoredPart {
            number: number(*part),
            bytes: *bytes,
            is_footered: *is_footered,
        });
        Completion::of(&keys, &parts.collect::<Vec<_>>())
    };
    let mib_8 = 8 << 20;
    let added = |parts: &[(u16, u64, bool)]| match complete(parts).unwrap() {
        Completion::Add(bytes) => bytes.len(),
        Completion::AsItIs | Completion::Rebuild(_) => panic!("{parts:?}"),
    };
    assert_eq!(added(&[(1, mib_8, false)]), 32);
    assert_eq!(added(&[(1, mib_8, false), (2, mib_8, false), (3, 9 << 20, false)]), 32);
    assert!(added(&[(2, mib_8, false)]) > 32, "a gap");
    assert!(added(&[(1, mib_8, false), (2, 7 << 20, false), (3, mib_8, false)]) > 32, "uneven");
    assert!(added(&[(1, mib_8 + 1, false), (2, mib_8, false)]) > 32, "odd");
    assert_eq!(complete(&[(1, mib_8, false), (2, 5, true)]), Ok(Completion::AsItIs));
    let rebuilt = complete(&[(1, mib_8 + 1, false), (2, 5, true)]);
    assert!(matches!(rebuilt, Ok(Completion::Rebuild(_))));
    assert_eq!(complete(&[]), Err(Disordered));
    assert_eq!(complete(&[(2, mib_8, false), (1, mib_8, false)]), Err(Disordered));
    assert_eq!(complete(&[(1, mib_8, false), (1, mib_8, false)]), Err(Disordered));
    assert_eq!(complete(&[(1, 5, true), (2, mib_8, false)]), Err(Disordered));
    let again = complete(&[(1, mib_8, false)]);
    assert_eq!(again, complete(&[(1, mib_8, false)]), "it can be repeated");
}

#[test]
fn a_rebuilt_object_has_positions() {
    let keys = keys(6);
    let parts = [(1, 70_000), (2, K), (4, 9)];
    let (footered, plaintext) = sealed_in_parts(&keys, &parts, true);
    assert_eq!(open(&keys, &footered, 4096).1, Err(Broken::Order), "it has a gap");
    let listed = parts.map(|(part, length)| StoredPart {
        number: number(part),
        bytes: length as u64,
        is_footered: part == 4,
    });
    let Ok(Completion::Rebuild(ending)) = Completion::of(&keys, &listed) else { panic!() };
    let rebuilt = [&footered[..footered.len() - 32], &ending].concat();
    let (opened, ended) = open(&keys, &rebuilt, 4096);
    assert!(ended.is_ok() && opened == plaintext);
    let layout = objects::ending(&keys, &rebuilt).unwrap();
    assert_eq!(layout.layout().unwrap().part(number(4)), Some(135_536..135_545));
}

#[test]
fn objects_under_one_key_do_not_mix() {
    // The backend keeps the first half of one object and puts in the second of another.
    let keys = keys(7);
    let (one, plain) = sealed_in_parts(&keys, &[(1, K), (2, K), (3, 5)], true);
    let (other, _) = sealed_in_parts(&keys, &[(1, K), (2, K), (3, 6)], true);
    let mixed = [&one[..2 * (K + 32)], &other[2 * (K + 32)..]].concat();
    let (opened, ended) = open(&keys, &mixed, 4096);
    // Parts of one upload that its client never completed so: the format does not tell, and says so.
    assert!(ended.is_ok() && opened.starts_with(&plain[..2 * K]));
    let swapped = [&one[K + 32..2 * (K + 32)], &one[..K + 32], &one[2 * (K + 32)..]].concat();
    assert_eq!(open(&keys, &swapped, 4096).1, Err(Broken::Order));
}
