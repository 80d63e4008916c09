//! What `CompleteMultipartUpload` adds behind the parts (`docs/format.md`, *Footer*, *Irregular
//! objects*). Invariant: the same parts always give the same bytes, so that it can be repeated.

use aws_lc_rs::digest::{SHA512, digest};
use bytes::Bytes;

use super::{
    footer::Footer, keys::ObjectKeys, layout::Layout, record::PartNumber, sizes::CHUNK_BYTES, tail,
};

/// A part as it lies on the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredPart {
    /// Its number.
    pub number: PartNumber,
    /// Its plaintext.
    pub bytes: u64,
    /// Whether it carries a footer; see [`PartLength`](super::PartLength).
    pub is_footered: bool,
}

/// What is to be done so that the parts become an object which ends as it has to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// Nothing: the last part ends the object.
    AsItIs,
    /// Add a part with these bytes: a footer, behind a tail where the parts are irregular.
    Add(Bytes),
    /// Complete it, and then put it together anew on the backend: the records of all parts, without
    /// the last one's footer, then these bytes. Until then it has no positions.
    Rebuild(Bytes),
}

/// The parts are none that an object can consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parts have to ascend, and only the last may carry a footer")]
pub struct Disordered;

impl Completion {
    /// For the parts that the client lists, which ascend.
    ///
    /// # Errors
    ///
    /// [`Disordered`] for no parts at all, parts that do not ascend, and a footer before the last one:
    /// that part is below S3's minimum (`EntityTooSmall`).
    pub fn of(keys: &ObjectKeys, parts: &[StoredPart]) -> Result<Self, Disordered> {
        let (last, before) = parts.split_last().ok_or(Disordered)?;
        let ascends = parts.windows(2).all(|pair| pair.is_sorted_by(|a, b| a.number < b.number));
        if !ascends || before.iter().any(|part| part.is_footered) {
            return Err(Disordered);
        }
        let layout = tail::layout(parts.iter().map(|part| (part.number, part.bytes)));
        let layout = layout.ok_or(Disordered)?;
        match (regular_chunks(parts), last.is_footered) {
            (Some(_), true) => Ok(Self::AsItIs),
            (Some(chunks), false) => {
                let bytes = layout.bytes();
                let footer = Footer::Complete { parts: last.number, bytes, chunks };
                Ok(Self::Add(Bytes::copy_from_slice(&footer.seal(keys, &[]))))
            }
            (None, true) => Ok(Self::Rebuild(irregular(keys, &layout)?)),
            (None, false) => Ok(Self::Add(irregular(keys, &layout)?)),
        }
    }
}

/// What comes behind the records of these parts where none of them has a footer of its own: a footer,
/// behind a tail where they are irregular.
///
/// # Errors
///
/// As [`Completion::of`].
pub fn ending(keys: &ObjectKeys, parts: &[(PartNumber, u64)]) -> Result<Bytes, Disordered> {
    let bare = |(number, bytes)| StoredPart { number, bytes, is_footered: false };
    let parts: Vec<StoredPart> = parts.iter().copied().map(bare).collect();
    match Completion::of(keys, &parts)? {
        Completion::Add(bytes) => Ok(bytes),
        Completion::AsItIs | Completion::Rebuild(_) => Err(Disordered),
    }
}

/// The footer that a part carries which no other can follow.
pub fn last_footer(keys: &ObjectKeys, number: PartNumber, bytes: u64) -> Bytes {
    Bytes::copy_from_slice(&Footer::LastPart { number, bytes }.seal(keys, &[]))
}

/// The records in each part but the last, 0 if there is one part; none for irregular parts.
fn regular_chunks(parts: &[StoredPart]) -> Option<u32> {
    let is_without_gap = parts.iter().zip(1..).all(|(part, number)| part.number.value() == number);
    let (_, before) = parts.split_last()?;
    let each = before.first().map_or(0, |part| part.bytes);
    let is_uniform = before.iter().all(|part| part.bytes == each);
    let is_full = each.is_multiple_of(CHUNK_BYTES) && (each > 0 || before.is_empty());
    let chunks = u32::try_from(each / CHUNK_BYTES).ok()?;
    (is_without_gap && is_uniform && is_full).then_some(chunks)
}

/// A tail and its footer.
fn irregular(keys: &ObjectKeys, layout: &Layout) -> Result<Bytes, Disordered> {
    let mut bytes = tail::encode(layout);
    let parts = u16::try_from(layout.parts()).ok().and_then(PartNumber::new).ok_or(Disordered)?;
    let footer = Footer::Irregular { parts, bytes: layout.bytes() };
    let sealed = footer.seal(keys, digest(&SHA512, &bytes).as_ref());
    bytes.extend_from_slice(&sealed);
    Ok(bytes.into())
}
