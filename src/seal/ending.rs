//! The last bytes of an object, read before the others: what kind it is and where its parts stand.
//! Invariant: an [`Ending`] has been authenticated, and fits the size that the object is stored in.

use aws_lc_rs::digest::{SHA512, digest};

use super::{
    broken::Broken,
    footer::{FOOTER_BYTES, Footer},
    keys::ObjectKeys,
    layout::Layout,
    record::PartNumber,
    sizes::{CHUNK_BYTES, Plain, plain, stored},
    tail::{self, TAIL_BYTES_MAX},
    walk::Walk,
};

/// How an object ends: its footer, and its tail if it is irregular. Good for as long as the object's
/// id and `ETag` are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    footer: Footer,
    tail_bytes: usize,
    layout: Option<Layout>,
}

impl Ending {
    /// How many of the last bytes of an object have to be read: 32, and at most 156 KiB if its size
    /// has the mark of a tail.
    ///
    /// # Errors
    ///
    /// [`Broken::Size`] below the size of a footer.
    pub fn bytes(stored: u64) -> Result<u64, Broken> {
        let most = TAIL_BYTES_MAX + FOOTER_BYTES;
        match plain(stored) {
            Plain::NotSealed => Err(Broken::Size),
            Plain::Marked => Ok(stored.min(u64::try_from(most).unwrap_or(u64::MAX))),
            Plain::Bytes(_) | Plain::Irregular => Ok(32),
        }
    }

    /// Reads and checks the last [`Ending::bytes`] of an object that is stored in so many.
    ///
    /// # Errors
    ///
    /// [`Broken::Footer`] or [`Broken::Tail`] if they are not what was written behind an object of
    /// this size, [`Broken::Truncated`] if there are too few.
    pub fn read(keys: &ObjectKeys, stored: u64, last: &[u8]) -> Result<Self, Broken> {
        let (before, bytes) = last.split_last_chunk::<FOOTER_BYTES>().ok_or(Broken::Truncated)?;
        let header = bytes.first_chunk().ok_or(Broken::Footer)?;
        if let Footer::Irregular { parts, bytes: stated } = Footer::decode(header)? {
            let (layout, tail) = tail::decode(stored, before)?;
            let footer = Footer::open(bytes, keys, digest(&SHA512, tail).as_ref())?;
            let agrees = layout.bytes() == stated && layout.parts() == u32::from(parts.value());
            let ending = Self { footer, tail_bytes: tail.len(), layout: Some(layout) };
            return agrees.then_some(ending).ok_or(Broken::Tail);
        }
        let footer = Footer::open(bytes, keys, &[])?;
        let layout = regular_layout(&footer, stored)?;
        Ok(Self { footer, tail_bytes: 0, layout })
    }

    /// Where everything stands; none for an irregular object whose last part has a footer of its own,
    /// which can be read only from its start.
    pub fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    /// Whether the object was uploaded in parts.
    pub fn is_of_parts(&self) -> bool {
        !matches!(self.footer, Footer::Single { .. })
    }

    /// How many runs of parts of one length it takes to tell where they stand.
    pub fn runs(&self) -> usize {
        self.layout.as_ref().map_or(0, |layout| layout.runs().len())
    }

    /// Number and plaintext of the last part, where the footer is that of one.
    pub fn last_part(&self) -> Option<(PartNumber, u64)> {
        match self.footer {
            Footer::LastPart { number, bytes } => Some((number, bytes)),
            Footer::Single { .. } | Footer::Complete { .. } | Footer::Irregular { .. } => None,
        }
    }

    /// Where the records end of an object that is stored in so many bytes.
    pub fn records_end(&self, stored: u64) -> u64 {
        let behind = self.tail_bytes + FOOTER_BYTES;
        stored.saturating_sub(u64::try_from(behind).unwrap_or(u64::MAX))
    }

    /// With the layout that a walk over the parts has found: what ranges of an irregular object whose
    /// last part has a footer go by, and no authority on where its parts stand.
    ///
    /// # Errors
    ///
    /// [`Broken::Order`] if the parts are not 1 to that of the footer, without a gap.
    pub fn walked(self, walk: &Walk) -> Result<Self, Broken> {
        let Footer::LastPart { number, bytes } = self.footer else { return Err(Broken::Footer) };
        let empty = (bytes == 0).then_some((number, 0));
        let parts = || walk.parts().iter().copied().chain(empty);
        let is_without_gap = parts().zip(1..).all(|((number, _), at)| number.value() == at);
        let is_whole = walk.next().is_none() && walk.pieces().len() <= 1;
        if !(is_without_gap && is_whole && parts().last() == Some((number, bytes))) {
            return Err(Broken::Order);
        }
        let layout = tail::layout(parts()).ok_or(Broken::Order)?;
        Ok(Self { layout: Some(layout), ..self })
    }

    /// Whether all of the layout is authenticated. Behind the footer of a last part, the other parts
    /// are only what the size suggests: uneven ones can have the size of a regular object.
    pub(super) fn states_all(&self) -> bool {
        !matches!(self.footer, Footer::LastPart { .. })
    }

    pub(super) fn footer(&self) -> &Footer {
        &self.footer
    }

    pub(super) fn tail_bytes(&self) -> usize {
        self.tail_bytes
    }
}

/// What a footer without a tail and the stored size say together.
fn regular_layout(footer: &Footer, size: u64) -> Result<Option<Layout>, Broken> {
    let of_this_size = |layout: Option<Layout>| {
        let layout = layout.filter(|layout| stored(layout.bytes()) == Some(size));
        layout.map(Some).ok_or(Broken::Footer)
    };
    match *footer {
        Footer::Single { bytes } => of_this_size(Layout::of_runs([(0, 1, bytes)])),
        Footer::Complete { parts, bytes, chunks } => {
            of_this_size(Layout::regular(parts, chunks, bytes))
        }
        Footer::LastPart { number: PartNumber::FIRST, bytes } => {
            of_this_size(Layout::regular(PartNumber::FIRST, 0, bytes))
        }
        Footer::LastPart { number, bytes } => Ok(behind_uniform(number, bytes, size)),
        Footer::Irregular { .. } => Err(Broken::Tail),
    }
}

/// Whether an object that ends with such a last part and its footer is taken for a regular one, for its
/// size: uneven parts can have the size of even ones.
pub fn looks_regular((number, last): (PartNumber, u64), size: u64) -> bool {
    number == PartNumber::FIRST || behind_uniform(number, last, size).is_some()
}

/// The layout of an object whose last part is `number`, if its size can be that of a regular one.
fn behind_uniform(number: PartNumber, last: u64, size: u64) -> Option<Layout> {
    let Plain::Bytes(bytes) = plain(size) else { return None };
    let before = u64::from(number.value() - 1);
    let chunks = bytes.checked_sub(last)?.checked_div(before * CHUNK_BYTES)?;
    let layout = Layout::regular(number, u32::try_from(chunks).ok()?, bytes)?;
    (chunks * before * CHUNK_BYTES + last == bytes).then_some(layout)
}
