//! Sizes, both ways (`docs/format.md`, *Sizes*). Invariant: nothing here overflows, and `plain` is the
//! inverse of `stored`.

use super::record::PartNumber;

/// Plaintext of a full record.
pub const CHUNK_BYTES: u64 = 65_536;
/// What a record or a footer adds.
pub(super) const OVERHEAD_BYTES: u64 = 32;
/// A full record as it is stored.
pub const SLOT_BYTES: u64 = CHUNK_BYTES + OVERHEAD_BYTES;

/// The largest plaintext of one PUT or part: it is stored in 5 GiB, S3's limit for one request.
pub const PLAIN_BYTES_MAX: u64 = 5_366_088_896;

/// What the size of a stored object says of its plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// So many bytes, if the object is regular.
    Bytes(u64),
    /// The object has a tail, or its last part has a footer and its parts are irregular: its ending
    /// has to be looked at.
    Marked,
    /// The object is irregular and has no tail, or is not sealed.
    Irregular,
    /// Too small to be sealed.
    NotSealed,
}

/// What the size of a stored part says of its plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartLength {
    /// So many bytes.
    Known {
        /// Of plaintext.
        bytes: u64,
        /// Whether the part carries a footer.
        is_footered: bool,
    },
    /// 5 MiB without a footer, or 5 MiB − 32 with one.
    Ambiguous,
    /// No part is stored in so many bytes.
    None,
}

/// How many bytes a regular object of so much plaintext is stored in; none above 2⁶⁴.
pub fn stored(plain: u64) -> Option<u64> {
    records_stored(plain)?.checked_add(OVERHEAD_BYTES)
}

/// How much plaintext is stored in so many bytes.
pub fn plain(stored: u64) -> Plain {
    let Some(records) = stored.checked_sub(OVERHEAD_BYTES) else { return Plain::NotSealed };
    match records_plain(records) {
        Some(bytes) => Plain::Bytes(bytes),
        None if records % SLOT_BYTES == MARK => Plain::Marked,
        None => Plain::Irregular,
    }
}

/// How much plaintext a part has that is stored in so many bytes.
pub fn part_length(number: PartNumber, stored: u64) -> PartLength {
    let bare = records_plain(stored).filter(|bytes| !needs_footer(number, *bytes));
    let footered = stored.checked_sub(OVERHEAD_BYTES).and_then(records_plain);
    match (bare, footered.filter(|bytes| needs_footer(number, *bytes))) {
        (Some(_), Some(_)) => PartLength::Ambiguous,
        (Some(bytes), None) => PartLength::Known { bytes, is_footered: false },
        (None, Some(bytes)) => PartLength::Known { bytes, is_footered: true },
        (None, None) => PartLength::None,
    }
}

/// Whether no part can follow this one, so that it carries a footer from the start.
pub(super) fn needs_footer(number: PartNumber, bytes: u64) -> bool {
    bytes < PART_BYTES_MIN || number == PartNumber::MAX
}

/// The records of so much plaintext.
pub(super) fn records(plain: u64) -> u64 {
    plain.div_ceil(CHUNK_BYTES)
}

/// How many bytes the records of so much plaintext are stored in.
pub(super) fn records_stored(plain: u64) -> Option<u64> {
    records(plain).checked_mul(OVERHEAD_BYTES)?.checked_add(plain)
}

/// The inverse of [`records_stored`].
fn records_plain(stored: u64) -> Option<u64> {
    let (full, rest) = (stored / SLOT_BYTES, stored % SLOT_BYTES);
    let last = if rest == 0 { 0 } else { rest.checked_sub(OVERHEAD_BYTES).filter(|it| *it > 0)? };
    Some(full * CHUNK_BYTES + last)
}

/// What is left of the size of an object with a tail, in slots and without its footer.
pub(super) const MARK: u64 = 16;

/// S3's minimum for a part that another one follows.
const PART_BYTES_MIN: u64 = 5 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::{PLAIN_BYTES_MAX, PartLength, Plain, part_length, plain, records_stored, stored};
    use crate::seal::PartNumber;

    #[test]
    fn the_largest_put_is_stored_in_5_gib() {
        assert_eq!(stored(PLAIN_BYTES_MAX), Some(5 << 30));
    }

    #[test]
    fn sizes_that_no_regular_object_has() {
        for (bytes, expected) in [
            (0, Plain::NotSealed),
            (31, Plain::NotSealed),
            (32, Plain::Bytes(0)),
            (33, Plain::Irregular),
            (32 + 16, Plain::Marked),
            (32 + 32, Plain::Irregular),
            (32 + 33, Plain::Bytes(1)),
            (32 + 65_568, Plain::Bytes(65_536)),
            (32 + 65_568 + 1, Plain::Irregular),
            (32 + 65_568 + 16, Plain::Marked),
            (32 + 65_568 + 33, Plain::Bytes(65_537)),
        ] {
            assert_eq!(plain(bytes), expected, "{bytes}");
        }
        assert_eq!(stored(u64::MAX), None);
        assert!(matches!(plain(u64::MAX), Plain::Bytes(_) | Plain::Irregular));
    }

    #[test]
    fn one_size_of_a_part_is_ambiguous() {
        let first = PartNumber::new(1).unwrap();
        let known = |bytes, is_footered| PartLength::Known { bytes, is_footered };
        let mib_5 = 5 << 20;
        for (number, stored, expected) in [
            (first, mib_5 + 2560, PartLength::Ambiguous),
            (first, mib_5 + 2560 - 1, known(mib_5 - 33, true)),
            (first, mib_5 + 2560 + 1, known(mib_5 - 31, true)),
            (first, mib_5 + 2560 + 31, known(mib_5 - 1, true)),
            (first, mib_5 + 2560 + 32, PartLength::None),
            (first, mib_5 + 2560 + 33, known(mib_5 + 1, false)),
            (first, 32, known(0, true)),
            (first, 31, PartLength::None),
            (PartNumber::MAX, mib_5 + 2560, known(mib_5 - 32, true)),
            (PartNumber::MAX, mib_5 + 2592, known(mib_5, true)),
        ] {
            assert_eq!(part_length(number, stored), expected, "{number:?} {stored}");
        }
    }

    proptest! {
        #[test]
        fn plain_is_the_inverse_of_stored(bytes in 0..1u64 << 48) {
            prop_assert_eq!(plain(stored(bytes).unwrap()), Plain::Bytes(bytes));
        }

        #[test]
        fn stored_is_the_inverse_of_plain(bytes in 0..1u64 << 20) {
            if let Plain::Bytes(plain) = plain(bytes) {
                prop_assert_eq!(stored(plain), Some(bytes));
            }
        }

        #[test]
        fn a_part_is_known_by_its_size(bytes in 0..1u64 << 33, number in 1..=10_000u16) {
            let number = PartNumber::new(number).unwrap();
            let is_footered = super::needs_footer(number, bytes);
            let size = records_stored(bytes).unwrap() + u64::from(is_footered) * 32;
            let known = PartLength::Known { bytes, is_footered };
            let read = part_length(number, size);
            if read != PartLength::Ambiguous {
                prop_assert_eq!(read, known);
            }
        }
    }
}
