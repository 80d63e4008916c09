//! How objects of several parts end, remembered. Invariant: an ending is found only under the id and
//! the `ETag` of the object that it was read from; what was last seen under a name is no more than a
//! guess at which object that is. At most [`ENDINGS_MAX`] are kept, of [`RUNS_MAX`] runs of parts.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256};
use http::HeaderValue;

use crate::seal::{Ending, ObjectId};

/// The endings that ranges and sizes need; shared by all requests.
#[derive(Clone, Debug, Default)]
pub(in crate::pipeline) struct Endings(Arc<Mutex<Kept>>);

/// An object, as its answers tell it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::pipeline) struct Identity {
    pub(in crate::pipeline) id: ObjectId,
    pub(in crate::pipeline) etag: HeaderValue,
}

/// Bucket, key and version: half a SHA-256 of them, so that keys take no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::pipeline) struct Name([u8; NAME_BYTES]);

#[derive(Debug, Default)]
struct Kept {
    endings: HashMap<Identity, (Ending, Name)>,
    /// Which object was seen last under a name.
    seen: HashMap<Name, Identity>,
    /// The oldest first.
    order: VecDeque<Identity>,
    runs: usize,
}

impl Name {
    pub(in crate::pipeline) fn of(bucket: &str, key: &str, version_id: Option<&str>) -> Self {
        let mut digest = Context::new(&SHA256);
        for text in [bucket, key, version_id.unwrap_or_default()] {
            digest.update(&(text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
        Self(digest.finish().as_ref().first_chunk().copied().unwrap_or_default())
    }
}

impl Endings {
    pub(in crate::pipeline) fn find(&self, object: &Identity) -> Option<Ending> {
        self.kept().endings.get(object).map(|(ending, _)| ending.clone())
    }

    /// What an object of this name ended like when it was last seen.
    pub(in crate::pipeline) fn guess(&self, name: Name) -> Option<(Identity, Ending)> {
        let kept = self.kept();
        let object = kept.seen.get(&name)?;
        let (ending, _) = kept.endings.get(object)?;
        Some((object.clone(), ending.clone()))
    }

    pub(in crate::pipeline) fn keep(&self, name: Name, object: &Identity, ending: &Ending) {
        let mut kept = self.kept();
        kept.seen.insert(name, object.clone());
        if kept.endings.insert(object.clone(), (ending.clone(), name)).is_none() {
            kept.order.push_back(object.clone());
            kept.runs += ending.runs();
        }
        while kept.order.len() > ENDINGS_MAX || kept.runs > RUNS_MAX {
            if !kept.forget_oldest() {
                break;
            }
        }
    }

    /// The object is not there any more under its name.
    pub(in crate::pipeline) fn forget(&self, name: Name) {
        self.kept().seen.remove(&name);
    }

    /// Whoever panicked with the lock had only read, or inserted whole entries.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget_oldest(&mut self) -> bool {
        let Some(oldest) = self.order.pop_front() else { return false };
        let Some((ending, name)) = self.endings.remove(&oldest) else { return true };
        self.runs = self.runs.saturating_sub(ending.runs());
        if self.seen.get(&name) == Some(&oldest) {
            self.seen.remove(&name);
        }
        true
    }
}

/// Of about 400 bytes, without their runs.
const ENDINGS_MAX: usize = 4096;
/// Of 48 bytes: a run is of parts of one length, so that even objects have two.
const RUNS_MAX: usize = 256 * 1024;
const NAME_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Dek, ObjectKeys, PartNumber, Salt, Sealer, ending as ending_of};

    fn keys() -> ObjectKeys {
        ObjectKeys::of_new(&Dek::from_bytes(&[1; 32]), ObjectId::from_bytes([2; 32]))
    }

    fn ending() -> Ending {
        let sealer = Sealer::single(&keys(), Salt::from_bytes([3; 7]), 0).unwrap();
        let footer = sealer.finish().unwrap().unwrap();
        Ending::read(&keys(), 32, &footer).unwrap()
    }

    /// Of parts of 1, 2, 3 … bytes.
    fn uneven(parts: u16) -> Ending {
        let parts = (1..=parts).map(|number| (PartNumber::new(number).unwrap(), u64::from(number)));
        let parts: Vec<_> = parts.collect();
        let behind = ending_of(&keys(), &parts).unwrap();
        let records: u64 = parts.iter().map(|(_, bytes)| bytes + 32).sum();
        Ending::read(&keys(), records + behind.len() as u64, &behind).unwrap()
    }

    fn object(number: usize, etag: &'static str) -> Identity {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Identity { id: ObjectId::from_bytes(id), etag: HeaderValue::from_static(etag) }
    }

    #[test]
    fn an_ending_is_found_under_its_id_and_etag_until_it_is_the_oldest() {
        let endings = Endings::default();
        let name = Name::of("b", "k", None);
        endings.keep(name, &object(0, "a"), &ending());
        endings.keep(name, &object(0, "a"), &ending());
        assert_eq!(endings.find(&object(0, "a")), Some(ending()));
        assert_eq!(endings.find(&object(0, "b")), None);
        assert_eq!(endings.find(&object(1, "a")), None);
        for number in 1..ENDINGS_MAX {
            endings.keep(name, &object(number, "a"), &ending());
        }
        assert!(endings.find(&object(0, "a")).is_some());
        endings.keep(name, &object(0, "b"), &ending());
        assert!(endings.find(&object(0, "a")).is_none());
        assert_eq!(endings.kept().endings.len(), ENDINGS_MAX);
    }

    #[test]
    fn what_was_seen_last_under_a_name_is_guessed() {
        let endings = Endings::default();
        let name = Name::of("b", "k", None);
        assert_eq!(endings.guess(name), None);
        endings.keep(name, &object(0, "a"), &ending());
        endings.keep(name, &object(1, "a"), &ending());
        assert_eq!(endings.guess(name), Some((object(1, "a"), ending())));
        for other in [("b", "l", None), ("c", "k", None), ("b", "k", Some("v")), ("bk", "", None)] {
            assert_eq!(endings.guess(Name::of(other.0, other.1, other.2)), None);
        }
        endings.forget(name);
        assert_eq!(endings.guess(name), None);
        assert!(endings.find(&object(1, "a")).is_some());
    }

    #[test]
    fn long_tables_take_the_room_of_many() {
        let endings = Endings::default();
        let long = uneven(10_000);
        for number in 0..100 {
            let name = Name::of("b", &number.to_string(), None);
            endings.keep(name, &object(number, "a"), &long);
        }
        let kept = endings.kept();
        assert_eq!(kept.endings.len(), RUNS_MAX / 10_000);
        assert_eq!((kept.seen.len(), kept.order.len()), (kept.endings.len(), kept.endings.len()));
        assert_eq!(kept.runs, kept.endings.len() * 10_000);
    }
}
