//! Where the plaintext of an object stands in its stored bytes. Invariant: runs ascend, and what they
//! say of lengths and places was summed up without overflow.

use std::{ops::Range, sync::Arc};

use super::{
    footer::OBJECT_BYTES_MAX,
    record::{Header, PART_BYTES_MAX, PartNumber, Salt},
    sizes::{self, CHUNK_BYTES, OVERHEAD_BYTES, Plain, SLOT_BYTES, plain},
};

/// Where each record of an object stands. Cheap to clone, and good for as long as the object's id and
/// `ETag` are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Not empty, unless the object is.
    runs: Arc<[Run]>,
    /// What comes after the last run.
    end: Place,
}

/// The stored bytes that hold a range of the plaintext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What to read of the stored object: whole records.
    pub stored: Range<u64>,
    /// Which records these are, counted from the object's start.
    pub(super) records: Range<u64>,
    /// Plaintext of the first one that is not asked for.
    pub(super) skip: usize,
    /// Plaintext that is asked for.
    pub(super) bytes: u64,
}

/// Parts of successive numbers and one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u16,
    pub(super) count: u16,
    pub(super) part_bytes: u64,
    /// Where it begins.
    start: Place,
}

/// So much stands before something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    records: u64,
    plain: u64,
    stored: u64,
}

impl Layout {
    /// That of an object of a single PUT which is stored in so many bytes; none if no such object is.
    ///
    /// Good for a first range, whose records have to bear it out; see
    /// [`begins_single`](super::begins_single).
    pub fn single(stored: u64) -> Option<Self> {
        match plain(stored) {
            Plain::Bytes(bytes) => Self::of_runs([(0, 1, bytes)]),
            Plain::Marked | Plain::Irregular | Plain::NotSealed => None,
        }
    }

    /// That of parts 1 to `parts`, all but the last of so many full records.
    pub(super) fn regular(parts: PartNumber, chunks: u32, bytes: u64) -> Option<Self> {
        let before = parts.value() - 1;
        let part_bytes = u64::from(chunks) * CHUNK_BYTES;
        let last = bytes.checked_sub(u64::from(before).checked_mul(part_bytes)?)?;
        let is_uniform = (before == 0) == (chunks == 0);
        let last = (parts.value(), 1, last);
        match before {
            _ if !is_uniform => None,
            0 => Self::of_runs([last]),
            _ => Self::of_runs([(1, before, part_bytes), last]),
        }
    }

    /// That of runs: first part, count, length of each.
    pub(super) fn of_runs(runs: impl IntoIterator<Item = (u16, u16, u64)>) -> Option<Self> {
        let mut end = Place::default();
        let mut placed = Vec::new();
        for (first, count, part_bytes) in runs {
            let run = Run { first, count, part_bytes, start: end };
            end = run.end().filter(|end| end.plain <= OBJECT_BYTES_MAX)?;
            placed.push(run);
        }
        Some(Self { runs: placed.into(), end })
    }

    /// The plaintext's size.
    pub fn bytes(&self) -> u64 {
        self.end.plain
    }

    /// How many parts the object has; one of a single PUT has one.
    pub fn parts(&self) -> u32 {
        self.runs.iter().map(|run| u32::from(run.count)).sum()
    }

    /// The plaintext of a part, by its number; an object of a single PUT has one part of number 1.
    pub fn part(&self, number: PartNumber) -> Option<Range<u64>> {
        let number = number.value();
        let run = self.runs.iter().find(|run| {
            let first = run.first.max(1);
            (first..first.saturating_add(run.count)).contains(&number)
        })?;
        let start = run.start.plain + u64::from(number - run.first.max(1)) * run.part_bytes;
        Some(start..start + run.part_bytes)
    }

    /// The stored bytes that hold this range of the plaintext; none if the range is empty or ends
    /// behind the object.
    pub fn span(&self, range: Range<u64>) -> Option<Span> {
        if range.is_empty() || range.end > self.end.plain {
            return None;
        }
        let first = self.place_of(range.start)?;
        let last = self.place_of(range.end - 1)?;
        let end = self.place_after(last.records)?;
        Some(Span {
            stored: first.stored..end.stored,
            records: first.records..end.records,
            skip: usize::try_from(range.start - first.plain).ok()?,
            bytes: range.end - range.start,
        })
    }

    /// The header that the record of this number must have, but for its salt.
    pub(super) fn header(&self, record: u64, salt: Salt) -> Option<Header> {
        let run = self.run(|start| start.records <= record)?;
        let within = record.checked_sub(run.start.records)?;
        let each = sizes::records(run.part_bytes);
        let part = u16::try_from(within.checked_div(each)?).ok().filter(|it| *it < run.count)?;
        let index = u32::try_from(within.checked_rem(each)?).ok()?;
        Some(Header { part: run.first + part, part_bytes: run.part_bytes, index, salt })
    }

    pub(super) fn records(&self) -> u64 {
        self.end.records
    }

    /// How many stored bytes the records take.
    pub(super) fn records_stored(&self) -> u64 {
        self.end.stored
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Where the record begins that holds this byte of the plaintext.
    fn place_of(&self, byte: u64) -> Option<Place> {
        let run = self.run(|start| start.plain <= byte)?;
        let within = byte.checked_sub(run.start.plain)?;
        let part = within.checked_div(run.part_bytes)?;
        Some(run.place(part, within.checked_rem(run.part_bytes)? / CHUNK_BYTES))
    }

    /// Where the record after the one of this number begins, or the records end.
    fn place_after(&self, record: u64) -> Option<Place> {
        let run = self.run(|start| start.records <= record)?;
        let each = sizes::records(run.part_bytes);
        let next = record.checked_sub(run.start.records)? + 1;
        Some(run.place(next.checked_div(each)?, next.checked_rem(each)?))
    }

    /// The last run whose start is as asked for. A run without content never is, unless it is the
    /// last: the one after it starts at the same place.
    fn run(&self, starts: impl Fn(&Place) -> bool) -> Option<&Run> {
        let after = self.runs.partition_point(|run| starts(&run.start));
        self.runs.get(..after)?.iter().rev().find(|run| run.part_bytes > 0)
    }
}

impl Span {
    /// Plaintext that is asked for.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Run {
    /// Where a record of it begins.
    fn place(&self, part: u64, index: u64) -> Place {
        let each = sizes::records(self.part_bytes);
        let part_stored = self.part_bytes + each * OVERHEAD_BYTES;
        Place {
            records: self.start.records + part * each + index,
            plain: self.start.plain + part * self.part_bytes + index * CHUNK_BYTES,
            stored: self.start.stored + part * part_stored + index * SLOT_BYTES,
        }
    }

    /// Where it ends; none if it says more of a part than a header can.
    fn end(&self) -> Option<Place> {
        (self.part_bytes <= PART_BYTES_MAX).then(|| self.place(u64::from(self.count), 0))
    }
}
