//! What was found when a listed object was looked at, remembered. Invariant: a finding is used only for
//! the object, version, size and `ETag` that it was made of, and at most [`LOOKS_MAX`] are kept.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256};

use crate::transform::listing::Entry;

/// Findings; shared by all requests.
#[derive(Clone, Debug, Default)]
pub(in crate::pipeline) struct Looks(Arc<Mutex<Kept>>);

/// What listings say of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// So much plaintext.
    Sealed(u64),
    /// It is not sealed.
    Plain,
}

/// Which entry a finding is of: half a SHA-256, so that keys take no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name([u8; NAME_BYTES]);

#[derive(Debug, Default)]
struct Kept {
    looks: HashMap<Name, Look>,
    /// The oldest first.
    order: VecDeque<Name>,
}

impl Looks {
    pub(super) fn find(&self, name: Name) -> Option<Look> {
        self.kept().looks.get(&name).copied()
    }

    pub(super) fn keep(&self, name: Name, look: Look) {
        let mut kept = self.kept();
        if kept.looks.insert(name, look).is_some() {
            return;
        }
        kept.order.push_back(name);
        if kept.order.len() > LOOKS_MAX
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.looks.remove(&oldest);
        }
    }

    /// Whoever panicked with the lock had only read, or inserted whole entries.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Name {
    /// None where the listing tells no tag: the object may become another unnoticed.
    pub(super) fn of(bucket: &str, entry: &Entry) -> Option<Self> {
        let (key, etag) = (entry.key()?, entry.etag()?);
        let version_id = entry.version_id().unwrap_or_default();
        let mut digest = Context::new(&SHA256);
        for text in [bucket, key, version_id, etag] {
            digest.update(&(text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
        digest.update(&entry.size().to_be_bytes());
        digest.finish().as_ref().first_chunk().copied().map(Self)
    }
}

/// 16 listings' worth of keys, in about 1 MiB.
const LOOKS_MAX: usize = 16_384;
const NAME_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::listing::{Listing, Piece};

    fn entry(key: &str, etag: &str, size: u64) -> Entry {
        let mut listing = Listing::new(false);
        let text = format!(
            "<ListBucketResult><Contents><Key>{key}</Key><ETag>{etag}</ETag><Size>{size}</Size>\
             </Contents>"
        );
        listing.push(text.as_bytes());
        loop {
            if let Some(Piece::Entry(entry)) = listing.pull().unwrap() {
                return entry;
            }
        }
    }

    #[test]
    fn a_finding_is_of_one_object_as_it_was() {
        let looks = Looks::default();
        let name = |bucket, key, etag, size| Name::of(bucket, &entry(key, etag, size)).unwrap();
        looks.keep(name("b", "k", "e", 1), Look::Sealed(7));
        assert_eq!(looks.find(name("b", "k", "e", 1)), Some(Look::Sealed(7)));
        for other in [
            name("c", "k", "e", 1),
            name("b", "l", "e", 1),
            name("b", "k", "f", 1),
            name("b", "k", "e", 2),
            name("bk", "e", "e", 1),
        ] {
            assert_eq!(looks.find(other), None);
        }
    }

    #[test]
    fn the_oldest_goes_first() {
        let looks = Looks::default();
        let name = |size| Name::of("b", &entry("k", "e", size)).unwrap();
        for size in 0..=LOOKS_MAX as u64 {
            looks.keep(name(size), Look::Plain);
        }
        assert_eq!(looks.find(name(0)), None);
        assert_eq!(looks.find(name(1)), Some(Look::Plain));
        assert_eq!(looks.kept().looks.len(), LOOKS_MAX);
    }
}
