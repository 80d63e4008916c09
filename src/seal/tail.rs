//! The tail of an irregular object: a table of its parts (`docs/format.md`, *Irregular objects*).
//! Invariant: there is one tail for each layout, and no other is read.

use super::{
    broken::Broken,
    footer::FOOTER_BYTES,
    layout::Layout,
    record::PartNumber,
    sizes::{MARK, SLOT_BYTES},
};

/// The longest tail: fewer zeros than a slot, a run for each part, and the table's length.
pub(super) const TAIL_BYTES_MAX: usize =
    65_567 + RUN_BYTES * PartNumber::MAX.value() as usize + LENGTH_BYTES;

/// A run for each group of parts with successive numbers and one length, as few as can be.
pub(super) fn layout(parts: impl IntoIterator<Item = (PartNumber, u64)>) -> Option<Layout> {
    let mut runs: Vec<(u16, u16, u64)> = Vec::new();
    for (number, bytes) in parts {
        match runs.last_mut() {
            Some((first, count, each)) if continues((*first, *count, *each), number, bytes) => {
                *count += 1;
            }
            _ => runs.push((number.value(), 1, bytes)),
        }
    }
    Layout::of_runs(runs)
}

/// The tail of an object of this layout.
pub(super) fn encode(layout: &Layout) -> Vec<u8> {
    let table_bytes = layout.runs().len() * RUN_BYTES;
    let mut tail = vec![0; zeros(layout.records_stored(), table_bytes)];
    tail.reserve_exact(table_bytes + LENGTH_BYTES);
    for run in layout.runs() {
        tail.extend_from_slice(&run.first.to_be_bytes());
        tail.extend_from_slice(&run.count.to_be_bytes());
        tail.extend(run.part_bytes.to_be_bytes().iter().skip(3));
    }
    let length = u32::try_from(table_bytes).unwrap_or(u32::MAX);
    tail.extend_from_slice(&length.to_be_bytes());
    tail
}

/// Reads a tail, of which at least the end is given, and whose object is stored in so many bytes;
/// the layout, and the tail's own bytes. Nothing is authenticated yet.
pub(super) fn decode(stored: u64, end: &[u8]) -> Result<(Layout, &[u8]), Broken> {
    let (before, length) = end.split_last_chunk::<LENGTH_BYTES>().ok_or(Broken::Tail)?;
    let table_bytes = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Broken::Tail)?;
    let table_at = before.len().checked_sub(table_bytes).ok_or(Broken::Tail)?;
    let layout = read_table(before.get(table_at..).ok_or(Broken::Tail)?)?;
    let zeros = zeros(layout.records_stored(), table_bytes);
    let tail_at = table_at.checked_sub(zeros).ok_or(Broken::Tail)?;
    let tail = end.get(tail_at..).ok_or(Broken::Tail)?;
    let ends_there = u64::try_from(tail.len() + FOOTER_BYTES)
        .is_ok_and(|bytes| layout.records_stored().checked_add(bytes) == Some(stored));
    let is_zero = tail.iter().take(zeros).all(|byte| *byte == 0);
    (ends_there && is_zero).then_some((layout, tail)).ok_or(Broken::Tail)
}

fn read_table(table: &[u8]) -> Result<Layout, Broken> {
    let (runs, []) = table.as_chunks::<RUN_BYTES>() else { return Err(Broken::Tail) };
    let runs = runs.iter().map(|&[f0, f1, c0, c1, l0, l1, l2, l3, l4]| {
        let (first, count) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([c0, c1]));
        (first, count, u64::from_be_bytes([0, 0, 0, l0, l1, l2, l3, l4]))
    });
    let runs: Vec<_> = runs.collect();
    let is_canonical = !runs.is_empty()
        && runs.iter().all(|run| is_possible(*run))
        && runs.windows(2).all(|pair| matches!(pair, [before, after] if follows(*before, *after)));
    is_canonical.then(|| Layout::of_runs(runs)).flatten().ok_or(Broken::Tail)
}

fn is_possible((first, count, _): (u16, u16, u64)) -> bool {
    let last = first.checked_add(count).and_then(|after| after.checked_sub(1));
    count > 0
        && PartNumber::new(first).is_some()
        && last.is_some_and(|last| PartNumber::new(last).is_some())
}

/// Whether one run stands behind another, and could not be one with it.
fn follows(before: (u16, u16, u64), (first, _, bytes): (u16, u16, u64)) -> bool {
    let ascends = first >= before.0.saturating_add(before.1);
    ascends && PartNumber::new(first).is_some_and(|first| !continues(before, first, bytes))
}

fn continues((first, count, each): (u16, u16, u64), number: PartNumber, bytes: u64) -> bool {
    first.checked_add(count) == Some(number.value()) && each == bytes
}

/// As few zeros as give the stored object the mark of one with a tail.
fn zeros(records_stored: u64, table_bytes: usize) -> usize {
    let rest = u64::try_from(table_bytes + LENGTH_BYTES).unwrap_or(u64::MAX) % SLOT_BYTES;
    let over = (records_stored % SLOT_BYTES + rest) % SLOT_BYTES;
    usize::try_from((SLOT_BYTES + MARK - over) % SLOT_BYTES).unwrap_or(usize::MAX)
}

const RUN_BYTES: usize = 9;
const LENGTH_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use super::{Broken, Layout, decode, encode};

    fn check(runs: &[(u16, u16, u64)], is_canonical: bool) {
        let layout = Layout::of_runs(runs.iter().copied()).unwrap();
        let tail = encode(&layout);
        let stored = layout.records_stored() + tail.len() as u64 + 32;
        assert_eq!((stored - 32) % 65_568, 16, "{runs:?}");
        let expected = if is_canonical { Ok((layout, &tail[..])) } else { Err(Broken::Tail) };
        assert_eq!(decode(stored, &tail), expected, "{runs:?}");
        assert_eq!(decode(stored + 65_568, &tail), Err(Broken::Tail), "{runs:?}");
    }

    #[test]
    fn decode_is_the_inverse_of_encode() {
        check(&[(1, 1, 100_000), (2, 1, 70_001), (3, 1, 9)], true);
        check(&[(1, 9_999, 5 << 20), (10_000, 1, 0)], true);
        check(&[(2, 1, 65_536), (5, 2, 65_536), (9, 1, 0)], true);
        check(&[(1, 1, 3), (2, 1, 4), (3, 1, 3)], true);
    }

    #[test]
    fn tables_that_are_not_canonical() {
        check(&[], false);
        check(&[(1, 1, 3), (2, 1, 3)], false);
        check(&[(1, 2, 3), (2, 1, 4)], false);
        check(&[(5, 1, 3), (1, 1, 4)], false);
        check(&[(0, 1, 3)], false);
        check(&[(1, 0, 3)], false);
        check(&[(10_000, 2, 3)], false);
        check(&[(65_535, 2, 3)], false);
    }

    #[test]
    fn a_tail_with_other_bytes_before_its_table() {
        let layout = Layout::of_runs([(1, 1, 100_000), (2, 1, 7)]).unwrap();
        let tail = encode(&layout);
        let stored = layout.records_stored() + tail.len() as u64 + 32;
        let mut other = tail.clone();
        other[0] = 1;
        assert_eq!(decode(stored, &other), Err(Broken::Tail));
        for cut in [1, tail.len() - 12, tail.len()] {
            assert_eq!(decode(stored, &tail[cut..]), Err(Broken::Tail), "{cut}");
        }
    }
}
