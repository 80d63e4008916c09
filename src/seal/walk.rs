//! Where the parts of an object begin, read from the header of each one's first record: for objects that
//! say it nowhere else (`docs/format.md`, *Irregular objects*). Invariant: parts ascend and fill the bytes
//! up to the end that was given. Nothing of it is authenticated: the records have to bear it out.

use std::ops::Range;

use super::{
    broken::Broken,
    footer::{FOOTER_BYTES, is_footer},
    record::{HEADER_BYTES, Header, PartNumber},
    sizes::records_stored,
};

/// A walk from part to part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    at: u64,
    end: u64,
    parts: Vec<(PartNumber, u64)>,
    pieces: Vec<Range<u64>>,
}

impl Walk {
    /// Over the stored bytes up to where the records end.
    pub fn new(end: u64) -> Self {
        Self { at: 0, end, parts: Vec::new(), pieces: Vec::new() }
    }

    /// The stored bytes that are to be read next; `None`: all parts were found.
    pub fn next(&self) -> Option<Range<u64>> {
        (self.at < self.end).then_some(self.at..self.at + HEADER_BYTES as u64)
    }

    /// Takes the bytes that were asked for.
    ///
    /// # Errors
    ///
    /// [`Broken::Truncated`], [`Broken::Header`] or [`Broken::Order`] if no part can begin with them.
    pub fn add(&mut self, header: &[u8]) -> Result<(), Broken> {
        let header = header.first_chunk().ok_or(Broken::Truncated)?;
        // That of a part which was taken for having none, and which others follow.
        if is_footer(header) && !self.parts.is_empty() {
            self.at += FOOTER_BYTES as u64;
            return if self.at > self.end { Err(Broken::Order) } else { Ok(()) };
        }
        let header = Header::decode(header)?;
        let number = PartNumber::new(header.part).ok_or(Broken::Order)?;
        let ascends = self.parts.last().is_none_or(|(before, _)| *before < number);
        let stored = records_stored(header.part_bytes).ok_or(Broken::Header)?;
        let end = self.at.checked_add(stored).filter(|end| *end <= self.end);
        let end = end.filter(|_| ascends && header.index == 0).ok_or(Broken::Order)?;
        self.parts.push((number, header.part_bytes));
        match self.pieces.last_mut().filter(|piece| piece.end == self.at) {
            Some(piece) => piece.end = end,
            None => self.pieces.push(self.at..end),
        }
        self.at = end;
        Ok(())
    }

    /// Number and plaintext of each part that has any, as far as they were found.
    pub fn parts(&self) -> &[(PartNumber, u64)] {
        &self.parts
    }

    /// The stored bytes of their records, in as few pieces as can be.
    pub fn pieces(&self) -> &[Range<u64>] {
        &self.pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Dek, ObjectId, ObjectKeys, Salt, Sealer};

    fn part(number: u16, bytes: usize, is_footered: bool) -> Vec<u8> {
        let keys = ObjectKeys::of_new(&Dek::from_bytes(&[1; 32]), ObjectId::from_bytes([2; 32]));
        let number = PartNumber::new(number).unwrap();
        let salt = Salt::from_bytes([3; 7]);
        let mut sealer = Sealer::part(&keys, number, salt, bytes as u64).unwrap();
        let plain = vec![0; bytes];
        let (mut input, mut stored) = (plain.as_slice(), Vec::new());
        while let Some(record) = sealer.seal(&mut input).unwrap() {
            stored.extend_from_slice(&record);
        }
        let footer = sealer.finish().unwrap().filter(|_| is_footered);
        stored.extend_from_slice(&footer.unwrap_or_default());
        stored
    }

    fn walk(stored: &[u8]) -> Result<Walk, Broken> {
        let mut walk = Walk::new(stored.len() as u64);
        while let Some(next) = walk.next() {
            let (start, end) = (usize::try_from(next.start).unwrap(), usize::try_from(next.end));
            walk.add(stored.get(start..end.unwrap()).unwrap_or_default())?;
        }
        Ok(walk)
    }

    #[test]
    fn parts_are_found_whatever_their_sizes() {
        let stored = [part(2, 70_001, false), part(5, 9, false), part(6, 65_536, false)].concat();
        let found = walk(&stored).unwrap();
        let number = |number| PartNumber::new(number).unwrap();
        assert_eq!(found.parts(), [(number(2), 70_001), (number(5), 9), (number(6), 65_536)]);
        let whole = 0..stored.len() as u64;
        assert_eq!(found.pieces(), std::slice::from_ref(&whole));
        assert_eq!(walk(&[]).unwrap().parts(), []);
    }

    #[test]
    fn footers_between_parts_are_left_out() {
        let (first, second) = (part(1, 100, true), part(2, 100, true));
        let found = walk(&[first.clone(), second.clone()].concat()).unwrap();
        let (first, second) = (first.len() as u64, second.len() as u64);
        assert_eq!(found.pieces(), [0..first - 32, first..first + second - 32]);
    }

    #[test]
    fn what_no_parts_begin_with_is_refused() {
        let (first, second) = (part(1, 70_000, false), part(2, 9, false));
        for (stored, expected) in [
            ([&second[..], &first].concat(), Broken::Order),
            ([&first[..], &first].concat(), Broken::Order),
            (first[65_568..].to_vec(), Broken::Order),
            (first[..70_000].to_vec(), Broken::Order),
            ([&first[..], &second[..10]].concat(), Broken::Truncated),
            ([&first[..], &[0; 40]].concat(), Broken::Header),
            (part(1, 0, true), Broken::Header),
        ] {
            assert_eq!(walk(&stored), Err(expected));
        }
    }
}
