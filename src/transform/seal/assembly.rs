//! The parts of a sealed upload, as its client lists them and as the backend has them, on their way to
//! be one object. Invariant: an [`Assembly`] holds parts that are there under the tags that the client
//! named, in ascending order, of which only the last may be below S3's minimum.

use std::{collections::BTreeMap, ops::Range};

use bytes::Bytes;
use md5::{Digest as _, Md5};

use crate::{
    s3::xml::ListedPart,
    seal::{
        Completion, Disordered, Ending, ObjectKeys, PartLength, PartNumber, StoredPart, Walk,
        ending, last_footer, looks_regular, part_length,
    },
    transform::{
        etag,
        parts::{self, Part},
    },
};

/// Parts that an object can be made of.
#[derive(Debug)]
pub struct Assembly {
    parts: Vec<Assembled>,
    /// What is there besides.
    others: BTreeMap<u16, ListedPart>,
    /// A footer was found where none can be.
    is_broken: bool,
}

#[derive(Debug)]
struct Assembled {
    stored: StoredPart,
    /// The backend's.
    etag: String,
    /// As it is stored.
    bytes: u64,
    /// It has to be looked at whether it is footered.
    is_doubtful: bool,
}

/// Why parts cannot be put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unassembled {
    /// The client lists none.
    #[error("no part is listed")]
    Empty,
    /// Their numbers do not ascend.
    #[error("the parts are not in ascending order")]
    Order,
    /// One is not there, or has another tag.
    #[error("part {} is not there, or has another tag", number.value())]
    Missing {
        /// Which.
        number: PartNumber,
        /// As the client names it, mapped back.
        etag: String,
    },
    /// No sealed part is stored in so many bytes.
    #[error("part {} was not sealed: it is stored in {bytes} bytes", number.value())]
    Foreign {
        /// Which.
        number: PartNumber,
        /// As stored.
        bytes: u64,
    },
    /// One that is not the last is below S3's minimum.
    #[error("part {} has {bytes} bytes; only the last may have less than 5 MiB", number.value())]
    TooSmall {
        /// Which.
        number: PartNumber,
        /// Of plaintext.
        bytes: u64,
        /// As the client names it, mapped back.
        etag: String,
    },
}

/// Where something can be added behind the parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Under this number, which is free.
    Free(PartNumber),
    /// It is there already, under this number and tag.
    Filled(PartNumber, String),
}

/// A part of the ambiguous size under a tag that does not tell whether it has a footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Which.
    number: PartNumber,
    /// Where its footer would stand in the object.
    pub at: Range<u64>,
    /// And what it would be.
    pub footer: Bytes,
}

/// What an object is to be made of anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anew {
    /// Stored bytes of the present one: the records.
    pub pieces: Vec<Range<u64>>,
    /// What comes behind them.
    pub ending: Bytes,
    /// The present one cannot be read.
    pub is_broken: bool,
}

impl Anew {
    /// What a walk over a completed object finds to be mended, if anything; none, too, if it is not made
    /// of the parts that the client names.
    pub fn of_completed(
        named: &[Part],
        keys: &ObjectKeys,
        (walk, found, records_end): (&Walk, &Ending, u64),
    ) -> Option<Self> {
        let empty = named.last().map(|last| (last.number, 0));
        let empty = empty.filter(|_| named.len() == walk.parts().len() + 1);
        let parts: Vec<_> = walk.parts().iter().copied().chain(empty).collect();
        let numbers = parts.iter().map(|(number, _)| number);
        if !numbers.eq(named.iter().map(|part| &part.number)) {
            return None;
        }
        let (pieces, ending) = (walk.pieces().to_vec(), ending(keys, &parts).ok()?);
        let has_footers =
            pieces.len() > 1 || pieces.last().is_some_and(|piece| piece.end != records_end);
        let has_gap = parts.iter().zip(1..).any(|((number, _), at)| number.value() != at);
        // Behind the footer of a last part there is no table.
        let is_bare = found.last_part().is_some() && ending.len() as u64 > FOOTER_BYTES;
        let is_broken = has_footers || is_bare && has_gap;
        (has_footers || is_bare).then_some(Self { pieces, ending, is_broken })
    }
}

impl Assembly {
    /// The parts that the client names, out of all that the backend has. What an attempt before has
    /// added to them is none of them, although a client that has its parts from a list may name it.
    ///
    /// # Errors
    ///
    /// With S3's precedence: their order, each part, their sizes.
    pub fn of(
        named: &[Part],
        mut listed: BTreeMap<u16, ListedPart>,
        keys: &ObjectKeys,
    ) -> Result<Self, Unassembled> {
        let (last, before) = named.split_last().ok_or(Unassembled::Empty)?;
        if !named.is_sorted_by(|a, b| a.number < b.number) {
            return Err(Unassembled::Order);
        }
        let found = before.iter().map(|part| find(part, &mut listed));
        let mut parts = found.collect::<Result<Vec<_>, _>>()?;
        let is_added = match Completion::of(keys, &stored(&parts)) {
            Ok(Completion::Add(added)) => {
                let part = listed.get(&last.number.value()).filter(|part| is_named(part, last));
                part.is_some_and(|part| is_made_of(part, &added))
            }
            Ok(Completion::AsItIs | Completion::Rebuild(_)) | Err(Disordered) => false,
        };
        if !is_added {
            parts.push(find(last, &mut listed)?);
        }
        let assembly = Self { parts, others: listed, is_broken: false };
        assembly.check_sizes()?;
        Ok(assembly)
    }

    /// What is to be done so that the parts become an object.
    ///
    /// # Errors
    ///
    /// None, since the parts were checked.
    pub fn completion(&self, keys: &ObjectKeys) -> Result<Completion, Unassembled> {
        Completion::of(keys, &stored(&self.parts)).map_err(|Disordered| Unassembled::Order)
    }

    /// Where these bytes can be added: under the lowest number that is free behind the last part, unless
    /// they are there already; none if there is no free number.
    pub fn slot(&self, added: &[u8]) -> Option<Slot> {
        let last = self.parts.last()?.stored.number;
        let mut numbers = (last.value() + 1..).map_while(PartNumber::new);
        numbers.find_map(|number| match self.others.get(&number.value()) {
            None => Some(Slot::Free(number)),
            Some(part) if is_made_of(part, added) => {
                Some(Slot::Filled(number, part.etag.clone().unwrap_or_default()))
            }
            Some(_) => None,
        })
    }

    /// The document that has the backend make an object of the parts, and of what was added to them.
    pub fn document(&self, added: Option<(PartNumber, &str)>) -> Vec<u8> {
        let parts = self.parts.iter().map(|part| (part.stored.number, part.etag.as_str()));
        parts::completion(parts.chain(added))
    }

    /// The plaintext.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.stored.bytes).sum()
    }

    /// The parts that may have a footer although they were taken for having none.
    pub fn doubts(&self, keys: &ObjectKeys) -> Vec<Doubt> {
        let ends = self.parts.iter().scan(0, |end, part| {
            *end += part.bytes;
            Some((*end, part))
        });
        ends.filter(|(_, part)| part.is_doubtful)
            .map(|(end, Assembled { stored: StoredPart { number, bytes, .. }, .. })| Doubt {
                number: *number,
                at: end.saturating_sub(FOOTER_BYTES)..end,
                footer: last_footer(keys, *number, bytes - FOOTER_BYTES),
            })
            .collect()
    }

    /// A part was found to have a footer.
    pub fn resolve(&mut self, doubt: &Doubt) {
        let doubted = self.parts.iter_mut().find(|part| part.stored.number == doubt.number);
        if let Some(part) = doubted.filter(|part| part.is_doubtful) {
            part.is_doubtful = false;
            part.stored.is_footered = true;
            part.stored.bytes -= FOOTER_BYTES;
            self.is_broken = true;
        }
    }

    /// Whether what comes of the parts cannot be read.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether what comes of irregular parts, if nothing is added, can be read: without a gap in their
    /// numbers, and where it cannot be taken for a regular object.
    pub fn is_readable(&self) -> bool {
        let numbers = self.parts.iter().map(|part| part.stored.number.value());
        let size = self.parts.iter().map(|part| part.bytes).sum();
        let last = self.parts.last().map(|last| (last.stored.number, last.stored.bytes));
        numbers.zip(1..).all(|(number, at)| number == at)
            && last.is_some_and(|last| !looks_regular(last, size))
    }

    /// How the object that was completed is put together anew.
    ///
    /// # Errors
    ///
    /// None, since the parts were checked.
    pub fn anew(&self, keys: &ObjectKeys) -> Result<Anew, Unassembled> {
        let mut walk = Vec::new();
        let mut pieces: Vec<Range<u64>> = Vec::new();
        let mut start = 0;
        for Assembled { stored, bytes, .. } in &self.parts {
            walk.push((stored.number, stored.bytes));
            let end = start + bytes - if stored.is_footered { FOOTER_BYTES } else { 0 };
            match pieces.last_mut().filter(|piece| piece.end == start) {
                Some(piece) => piece.end = end,
                None if end > start => pieces.push(start..end),
                None => {}
            }
            start += bytes;
        }
        let ending = ending(keys, &walk).map_err(|Disordered| Unassembled::Order)?;
        Ok(Anew { pieces, ending, is_broken: self.is_broken || !self.is_readable() })
    }

    fn check_sizes(&self) -> Result<(), Unassembled> {
        let before = self.parts.split_last().map_or(&[][..], |(_, before)| before);
        match before.iter().find(|part| part.stored.is_footered) {
            None => Ok(()),
            Some(Assembled { stored: StoredPart { number, bytes, .. }, etag, .. }) => {
                Err(Unassembled::TooSmall { number: *number, bytes: *bytes, etag: etag.clone() })
            }
        }
    }
}

fn stored(parts: &[Assembled]) -> Vec<StoredPart> {
    parts.iter().map(|part| part.stored).collect()
}

fn find(named: &Part, listed: &mut BTreeMap<u16, ListedPart>) -> Result<Assembled, Unassembled> {
    let Part { number, tag } = named;
    let (number, etag) = (*number, tag.etag.clone());
    let part = listed.remove(&number.value()).filter(|part| is_named(part, named));
    let Some(part) = part else { return Err(Unassembled::Missing { number, etag }) };
    let (bytes, is_footered, is_doubtful) = match part_length(number, part.bytes) {
        PartLength::Known { bytes, is_footered } => (bytes, is_footered, false),
        PartLength::Ambiguous if tag.is_footered == Some(true) => {
            (AMBIGUOUS_BYTES - FOOTER_BYTES, true, false)
        }
        PartLength::Ambiguous => (AMBIGUOUS_BYTES, false, tag.is_footered.is_none()),
        PartLength::None => return Err(Unassembled::Foreign { number, bytes: part.bytes }),
    };
    let stored = StoredPart { number, bytes, is_footered };
    Ok(Assembled { stored, etag, bytes: part.bytes, is_doubtful })
}

/// Whether it has the tag that the client names. There are backends that list none, and compare them on
/// completion.
fn is_named(part: &ListedPart, named: &Part) -> bool {
    let etag = part.etag.as_deref();
    etag.is_none_or(|etag| etag::unquoted(etag) == etag::unquoted(&named.tag.etag))
}

/// Whether a part can only be these bytes, by a tag that is their MD5.
fn is_made_of(part: &ListedPart, bytes: &[u8]) -> bool {
    let is_as_long = u64::try_from(bytes.len()).is_ok_and(|length| length == part.bytes);
    let etag = part.etag.as_deref().filter(|_| is_as_long);
    etag.is_some_and(|etag| {
        etag::unquoted(etag).eq_ignore_ascii_case(&hex::encode(Md5::digest(bytes)))
    })
}

/// What has no footer of the two parts of the ambiguous size.
const AMBIGUOUS_BYTES: u64 = 5 << 20;
const FOOTER_BYTES: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        seal::{Dek, ObjectId, stored},
        transform::etag::PartTag,
    };

    const MIB: u64 = 1 << 20;

    fn keys() -> ObjectKeys {
        ObjectKeys::of_new(&Dek::from_bytes(&[1; 32]), ObjectId::from_bytes([2; 32]))
    }

    fn number(number: u16) -> PartNumber {
        PartNumber::new(number).unwrap()
    }

    /// As the client names it, under the tag of its number.
    fn named(of: u16, is_footered: Option<bool>) -> Part {
        Part { number: number(of), tag: PartTag { etag: format!("\"e{of}\""), is_footered } }
    }

    /// As it is stored, with so much plaintext.
    fn listed(of: u16, plain: u64) -> (u16, ListedPart) {
        let is_footered = plain < 5 * MIB || of == 10_000;
        let bytes = stored(plain).unwrap() - if is_footered { 0 } else { FOOTER_BYTES };
        (of, ListedPart { etag: Some(format!("e{of}")), bytes })
    }

    fn assembly(sizes: &[(u16, u64)]) -> Result<Assembly, Unassembled> {
        let named: Vec<_> = sizes.iter().map(|(of, _)| named(*of, Some(false))).collect();
        let listed = sizes.iter().map(|(of, plain)| listed(*of, *plain)).collect();
        Assembly::of(&named, listed, &keys())
    }

    #[test]
    fn parts_are_found_and_summed_up() {
        let assembly = assembly(&[(1, 5 * MIB), (3, 7)]).unwrap();
        assert_eq!(assembly.bytes(), 5 * MIB + 7);
        let document = String::from_utf8(assembly.document(Some((number(4), "f")))).unwrap();
        for part in ["<PartNumber>1</PartNumber><ETag>&quot;e1&quot;", "4</PartNumber><ETag>f<"] {
            assert!(document.contains(part), "{document}");
        }
    }

    #[test]
    fn what_makes_no_object_is_told_in_s3s_order() {
        assert_eq!(assembly(&[]).unwrap_err(), Unassembled::Empty);
        for disordered in [[(2, 5 * MIB), (1, 5 * MIB)], [(1, 5 * MIB), (1, 5 * MIB)]] {
            assert_eq!(assembly(&disordered).unwrap_err(), Unassembled::Order);
        }
        let etag = "\"e1\"".to_owned();
        let small = Unassembled::TooSmall { number: number(1), bytes: 7, etag: etag.clone() };
        assert_eq!(assembly(&[(1, 7), (2, 7)]).unwrap_err(), small);
        let missing = Unassembled::Missing { number: number(1), etag };
        let find = |listed| Assembly::of(&[named(1, None)], BTreeMap::from([listed]), &keys());
        assert_eq!(find((2, listed(1, 7).1)).unwrap_err(), missing);
        let part = |etag: &str, bytes| (1, ListedPart { etag: Some(etag.to_owned()), bytes });
        assert_eq!(find(part("e2", 39)).unwrap_err(), missing);
        let foreign = Unassembled::Foreign { number: number(1), bytes: 33 };
        assert_eq!(find(part("e1", 33)).unwrap_err(), foreign);
        // Backends that list no tags compare them themselves.
        assert!(find((1, ListedPart { etag: None, bytes: 71 })).is_ok());
    }

    #[test]
    fn what_is_added_takes_the_lowest_free_number() {
        let assembly = |others: Vec<(u16, ListedPart)>| {
            let parts = [listed(9_996, 5 * MIB)].into_iter().chain(others).collect();
            Assembly::of(&[named(9_996, Some(false))], parts, &keys()).unwrap()
        };
        let other = |of| listed(of, 5 * MIB);
        let added = b"footer";
        let md5 = hex::encode(Md5::digest(added));
        let same = |of| (of, ListedPart { etag: Some(format!("\"{md5}\"")), bytes: 6 });
        let filled = Some(Slot::Filled(number(9_998), format!("\"{md5}\"")));
        for (others, expected) in [
            (vec![], Some(Slot::Free(number(9_997)))),
            (vec![other(9_998)], Some(Slot::Free(number(9_997)))),
            (vec![other(9_997)], Some(Slot::Free(number(9_998)))),
            (vec![other(9_997), same(9_998)], filled),
            ((9_997..=10_000).map(other).collect(), None),
        ] {
            assert_eq!(assembly(others).slot(added), expected);
        }
    }

    #[test]
    fn a_doubt_is_about_the_end_of_its_part() {
        let parts = [listed(1, 5 * MIB), listed(2, 5 * MIB)].into();
        let named = [named(1, None), named(2, None)];
        let mut assembly = Assembly::of(&named, parts, &keys()).unwrap();
        let doubts = assembly.doubts(&keys());
        let each = 5 * MIB + 80 * 32;
        let at: Vec<_> = doubts.iter().map(|doubt| doubt.at.clone()).collect();
        assert_eq!(at, [each - 32..each, 2 * each - 32..2 * each]);
        assert_eq!(doubts[1].footer, last_footer(&keys(), number(2), 5 * MIB - 32));
        assert!(!assembly.is_broken());
        assembly.resolve(&doubts[0]);
        assert!(assembly.is_broken() && assembly.doubts(&keys()).len() == 1);
        let anew = assembly.anew(&keys()).unwrap();
        assert_eq!(anew.pieces, [0..each - 32, each..2 * each]);
        let parts = [(number(1), 5 * MIB - 32), (number(2), 5 * MIB)];
        assert_eq!(anew.ending, ending(&keys(), &parts).unwrap());
    }

    #[test]
    fn gaps_and_sizes_of_even_parts_are_not_readable() {
        for (sizes, expected) in [
            (vec![(1, 5 * MIB + 7), (2, 6 * MIB), (3, 7)], true),
            (vec![(1, 5 * MIB + 1), (2, 7)], true),
            (vec![(1, 5 * MIB + 7), (3, 7)], false),
            (vec![(2, 5 * MIB), (3, 7)], false),
            (vec![(1, 7 * MIB), (2, 5 * MIB), (3, 7)], false),
        ] {
            assert_eq!(assembly(&sizes).unwrap().is_readable(), expected, "{sizes:?}");
        }
    }
}
