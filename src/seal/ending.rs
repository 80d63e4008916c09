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

/// The layout of an object whose last part is `number`, if its size can be that of a regular one.
fn behind_uniform(number: PartNumber, last: u64, size: u64) -> Option<Layout> {
    let Plain::Bytes(bytes) = plain(size) else { return None };
    let before = u64::from(number.value() - 1);
    let chunks = bytes.checked_sub(last)?.checked_div(before * CHUNK_BYTES)?;
    let layout = Layout::regular(number, u32::try_from(chunks).ok()?, bytes)?;
    (chunks * before * CHUNK_BYTES + last == bytes).then_some(layout)
}
