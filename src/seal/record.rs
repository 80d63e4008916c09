//! Records: their headers, and what is in them. Invariant: a [`Header`] names a record that can
//! exist, so its length and its nonce can be computed without another check.

use std::fmt;

use super::{
    broken::Broken,
    keys::{NoRandomness, random},
    sizes::{self, CHUNK_BYTES},
};

/// Bytes of a header, of a record and of a footer alike.
pub(super) const HEADER_BYTES: usize = 16;

/// A part's number, 1 to 10000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartNumber(u16);

/// What keeps two attempts to upload a part from meeting the same key and nonce.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; SALT_BYTES]);

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// 0 in an object of a single PUT.
    pub(super) part: u16,
    pub(super) part_bytes: u64,
    pub(super) index: u32,
    pub(super) salt: Salt,
}

/// Whether an object that begins with these bytes, or a range of one whose records do, comes from a
/// single PUT; none if there are too few. A record's tag has to bear it out.
pub fn begins_single(stored: &[u8]) -> Option<bool> {
    Some(stored.first_chunk::<HEADER_BYTES>()?.starts_with(&[0, 0]))
}

impl PartNumber {
    pub(super) const FIRST: Self = Self(1);

    /// The largest; a part of this number is the last one.
    pub const MAX: Self = Self(10_000);

    /// None outside of 1 to 10000.
    pub fn new(number: u16) -> Option<Self> {
        (1..=Self::MAX.0).contains(&number).then_some(Self(number))
    }

    /// The number.
    pub const fn value(self) -> u16 {
        self.0
    }
}

impl Salt {
    /// A fresh one.
    ///
    /// # Errors
    ///
    /// If the system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        random().map(Self)
    }

    /// A chosen one, which must never have been used for this part of this object before.
    pub fn from_bytes(bytes: [u8; SALT_BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8; SALT_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Salt({})", hex::encode(self.0))
    }
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let place = u128::from(self.part) << PART_SHIFT
            | u128::from(self.part_bytes) << PART_BYTES_SHIFT
            | u128::from(self.index) << INDEX_SHIFT;
        let mut bytes = place.to_be_bytes();
        if let Some(salt) = bytes.last_chunk_mut() {
            *salt = self.salt.0;
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Broken> {
        let place = u128::from_be_bytes(*bytes);
        let [.., s0, s1, s2, s3, s4, s5, s6] = *bytes;
        let header = Self {
            part: bits(place, PART_SHIFT, 16)?,
            part_bytes: bits(place, PART_BYTES_SHIFT, 36)?,
            index: bits(place, INDEX_SHIFT, 20)?,
            salt: Salt([s0, s1, s2, s3, s4, s5, s6]),
        };
        let is_possible = header.part <= PartNumber::MAX.0
            && u64::from(header.index) < sizes::records(header.part_bytes);
        is_possible.then_some(header).ok_or(Broken::Header)
    }

    /// Plaintext in this record: 1 to 65536 bytes.
    pub(super) fn plain_bytes(&self) -> usize {
        chunk_at(self.part_bytes, self.index)
    }
}

/// Plaintext in the record of this index.
pub(super) fn chunk_at(part_bytes: u64, index: u32) -> usize {
    let left = part_bytes.saturating_sub(u64::from(index) * CHUNK_BYTES);
    usize::try_from(left.min(CHUNK_BYTES)).unwrap_or(usize::MAX)
}

fn bits<T: TryFrom<u128>>(from: u128, shift: u32, count: u32) -> Result<T, Broken> {
    T::try_from(from >> shift & ((1 << count) - 1)).map_err(|_| Broken::Header)
}

/// The most plaintext that a header can say a part has.
pub(super) const PART_BYTES_MAX: u64 = (1 << 36) - 1;

const SALT_BYTES: usize = 7;
const INDEX_SHIFT: u32 = 8 * 7;
const PART_BYTES_SHIFT: u32 = INDEX_SHIFT + 20;
const PART_SHIFT: u32 = PART_BYTES_SHIFT + 36;

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::{Broken, Header, Salt};

    fn decode(hex: &str) -> Result<Header, Broken> {
        Header::decode(&hex::decode(hex).unwrap().try_into().unwrap())
    }

    #[test]
    fn a_header_as_the_page_has_it() {
        let expected = Header {
            part: 1,
            part_bytes: 200_000,
            index: 3,
            salt: Salt::from_bytes([1, 2, 3, 4, 5, 6, 7]),
        };
        assert_eq!(decode("0001000030d400000301020304050607"), Ok(expected));
        assert_eq!(expected.plain_bytes(), 200_000 - 3 * 65_536);
    }

    #[test]
    fn headers_of_records_that_cannot_exist() {
        for (hex, why) in [
            ("00010000000000000001020304050607", "no content"),
            ("27110000000010000001020304050607", "part 10001"),
            ("ffff0000000010000001020304050607", "a footer"),
            ("0001000010000000010203040506ffff", "index 1 of 65536 bytes"),
        ] {
            assert_eq!(decode(hex), Err(Broken::Header), "{why}");
        }
    }

    proptest! {
        #[test]
        fn decode_is_the_inverse_of_encode(
            part in 0..=10_000u16, part_bytes in 1..1u64 << 36, index: u32, salt: [u8; 7],
        ) {
            let index = index % u32::try_from(super::sizes::records(part_bytes)).unwrap();
            let header = Header { part, part_bytes, index, salt: Salt(salt) };
            prop_assert_eq!(Header::decode(&header.encode()), Ok(header));
        }
    }
}
