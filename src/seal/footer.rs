//! Footers: the authenticated statement of where an object ends. Invariant: a [`Footer`] that was read
//! is of a known kind and has zeros where the format has them; [`Footer::holds`] says whether it is
//! also the one that was written.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::{
    broken::Broken,
    cipher::TAG_BYTES,
    keys::ObjectKeys,
    record::{HEADER_BYTES, PartNumber},
};

/// Bytes of a footer.
pub(super) const FOOTER_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// What a footer states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Footer {
    /// Kind 0: an object of a single PUT.
    Single { bytes: u64 },
    /// Kind 1: a regular object of several parts; `chunks` are the records in each but the last, 0 if
    /// there is one part.
    Complete { parts: PartNumber, bytes: u64, chunks: u32 },
    /// Kind 2: the part that no other can follow.
    LastPart { number: PartNumber, bytes: u64 },
    /// Kind 3: an object whose parts its tail tells.
    Irregular { parts: PartNumber, bytes: u64 },
}

impl Footer {
    /// Its bytes; `tail` is the SHA-512 of the tail of an irregular object.
    pub(super) fn seal(&self, keys: &ObjectKeys, tail: &[u8]) -> [u8; FOOTER_BYTES] {
        let header = self.encode();
        let mut bytes = [0; FOOTER_BYTES];
        for (to, from) in bytes.iter_mut().zip(header.iter().chain(&self.tag(keys, &header, tail)))
        {
            *to = *from;
        }
        bytes
    }

    /// Reads a footer's header; nothing is authenticated yet.
    pub(super) fn decode(header: &[u8; HEADER_BYTES]) -> Result<Self, Broken> {
        let [m0, m1, kind, p0, p1, l0, l1, l2, l3, l4, l5, c0, c1, c2, 0, 0] = *header else {
            return Err(Broken::Footer);
        };
        let parts = u16::from_be_bytes([p0, p1]);
        let number = PartNumber::new(parts).ok_or(Broken::Footer);
        let bytes = u64::from_be_bytes([0, 0, l0, l1, l2, l3, l4, l5]);
        let chunks = u32::from_be_bytes([0, c0, c1, c2]);
        match (u16::from_be_bytes([m0, m1]), kind, parts, chunks) {
            (MARK, 0, 0, 0) => Ok(Self::Single { bytes }),
            (MARK, 1, _, _) => Ok(Self::Complete { parts: number?, bytes, chunks }),
            (MARK, 2, _, 0) => Ok(Self::LastPart { number: number?, bytes }),
            (MARK, 3, _, 0) => Ok(Self::Irregular { parts: number?, bytes }),
            _ => Err(Broken::Footer),
        }
    }

    /// Reads a whole footer, and checks its tag; `tail` as in [`Footer::seal`].
    pub(super) fn open(
        bytes: &[u8; FOOTER_BYTES],
        keys: &ObjectKeys,
        tail: &[u8],
    ) -> Result<Self, Broken> {
        let (header, tag) = bytes.split_first_chunk().ok_or(Broken::Footer)?;
        let footer = Self::decode(header)?;
        footer.holds(keys, header, tag, tail).then_some(footer).ok_or(Broken::Footer)
    }

    fn holds(
        &self,
        keys: &ObjectKeys,
        header: &[u8; HEADER_BYTES],
        tag: &[u8],
        tail: &[u8],
    ) -> bool {
        verify_slices_are_equal(&self.tag(keys, header, tail), tag).is_ok()
    }

    fn tag(&self, keys: &ObjectKeys, header: &[u8; HEADER_BYTES], tail: &[u8]) -> [u8; TAG_BYTES] {
        match self {
            Self::Irregular { .. } => keys.tail_tag(header, tail),
            Self::Single { .. } | Self::Complete { .. } | Self::LastPart { .. } => {
                keys.footer_tag(header)
            }
        }
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let (kind, parts, bytes, chunks) = match *self {
            Self::Single { bytes } => (0, 0, bytes, 0),
            Self::Complete { parts, bytes, chunks } => (1, parts.value(), bytes, chunks),
            Self::LastPart { number, bytes } => (2, number.value(), bytes, 0),
            Self::Irregular { parts, bytes } => (3, parts.value(), bytes, 0),
        };
        let [p0, p1] = parts.to_be_bytes();
        let [_, _, l0, l1, l2, l3, l4, l5] = bytes.to_be_bytes();
        let [_, c0, c1, c2] = chunks.to_be_bytes();
        [0xff, 0xff, kind, p0, p1, l0, l1, l2, l3, l4, l5, c0, c1, c2, 0, 0]
    }
}

/// Whether a record's header is to be expected here, or a footer's.
pub(super) fn is_footer(header: &[u8; HEADER_BYTES]) -> bool {
    header.starts_with(&MARK.to_be_bytes())
}

/// The most plaintext that a footer can state.
pub(super) const OBJECT_BYTES_MAX: u64 = (1 << 48) - 1;

/// What stands in a footer where a record has its part number.
const MARK: u16 = 0xffff;

#[cfg(test)]
mod tests {
    use super::{Broken, Footer};
    use crate::seal::PartNumber;

    fn decode(hex: &str) -> Result<Footer, Broken> {
        Footer::decode(&hex::decode(hex).unwrap().try_into().unwrap())
    }

    #[test]
    fn each_kind_as_the_page_has_it() {
        let parts = PartNumber::new(3).unwrap();
        for (hex, footer) in [
            ("ffff0000000000000003e80000000000", Footer::Single { bytes: 1000 }),
            (
                "ffff01000300000000ffff0000020000",
                Footer::Complete { parts, bytes: 0xffff, chunks: 2 },
            ),
            ("ffff0200030000000003090000000000", Footer::LastPart { number: parts, bytes: 777 }),
            ("ffff030003ffffffffffff0000000000", Footer::Irregular { parts, bytes: (1 << 48) - 1 }),
        ] {
            assert_eq!(decode(hex), Ok(footer), "{hex}");
            assert_eq!(hex::encode(footer.encode()), hex);
        }
    }

    #[test]
    fn what_no_footer_states() {
        for (hex, why) in [
            ("fffe0000000000000003e80000000000", "no mark"),
            ("ffff0400010000000003e80000000000", "kind 4"),
            ("ffff0000010000000003e80000000000", "single with parts"),
            ("ffff0000000000000003e80000010000", "single with records in its parts"),
            ("ffff0000000000000003e80000000001", "reserved bytes"),
            ("ffff0000000000000003e80000000100", "reserved bytes"),
            ("ffff0100000000000003e80000000000", "complete with no part"),
            ("ffff0127110000000003e80000010000", "complete with 10001 parts"),
            ("ffff0200000000000003e80000000000", "last part 0"),
            ("ffff0200010000000003e80000010000", "last part with records in its parts"),
            ("ffff0300000000000003e80000000000", "irregular with no part"),
            ("ffff0300010000000003e80000010000", "irregular with records in its parts"),
        ] {
            assert_eq!(decode(hex), Err(Broken::Footer), "{why}");
        }
    }
}
