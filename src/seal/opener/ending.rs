//! What stands behind the records: a tail of known length, then a footer. Invariant: a tail is hashed
//! as it passes, and never held.

use aws_lc_rs::digest::{Context, SHA512};

use super::super::{
    broken::Broken,
    footer::{FOOTER_BYTES, Footer},
    keys::ObjectKeys,
    record::HEADER_BYTES,
    sealer::fill,
};

/// The bytes behind the records, of which some have come.
pub(super) struct Closing {
    tail: Context,
    tail_left: usize,
    footer: [u8; FOOTER_BYTES],
    filled: usize,
}

impl Closing {
    /// A tail of so many bytes and a footer.
    pub(super) fn new(tail_bytes: usize) -> Self {
        let tail = Context::new(&SHA512);
        Self { tail, tail_left: tail_bytes, footer: [0; FOOTER_BYTES], filled: 0 }
    }

    /// A footer whose header was read where a record's could have stood.
    pub(super) fn begun(header: &[u8; HEADER_BYTES]) -> Self {
        let mut closing = Self::new(0);
        closing.filled = fill(&mut closing.footer, 0, header);
        closing
    }

    /// How many bytes of the chunk were taken.
    pub(super) fn take(&mut self, chunk: &[u8]) -> usize {
        let (tail, rest) = chunk.split_at(chunk.len().min(self.tail_left));
        self.tail.update(tail);
        self.tail_left -= tail.len();
        let taken = fill(&mut self.footer, self.filled, rest);
        self.filled += taken;
        tail.len() + taken
    }

    pub(super) fn is_full(&self) -> bool {
        self.tail_left == 0 && self.filled == FOOTER_BYTES
    }

    /// The footer, once its tag has held.
    pub(super) fn footer(&self, keys: &ObjectKeys) -> Result<Footer, Broken> {
        let tail = self.tail.clone().finish();
        Footer::open(&self.footer, keys, tail.as_ref())
    }
}
