//! What earlier attempts at an object may have written. Invariant: the answer to a write can be lost, so
//! what is written is noted before, by values that nobody else can have chosen, and found by them again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Look;
use crate::{seal::ObjectId, transform::seal::Sealed};

/// Of one object; shared by all attempts at it.
#[derive(Debug, Default)]
pub struct Tried(Mutex<Vec<Written>>);

/// What may have been written.
#[derive(Clone, Debug)]
pub(super) enum Written {
    /// A sealed object, in the place of one that was not.
    Object { id: ObjectId, was: Plaintext },
    /// A new key box, in the place of one that was under these keys, and tags that a backend may lose.
    Box { sealed: Sealed, was: Look, tags: Vec<(String, String)> },
}

/// What was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plaintext {
    pub(super) bytes: u64,
    /// Its SHA-256, if it is to be compared.
    pub(super) digest: Option<[u8; 32]>,
}

impl Tried {
    /// Notes what is about to be written.
    pub(super) fn note(&self, written: Written) {
        self.all().push(written);
    }

    /// What was sealed as this.
    pub(super) fn object(&self, sealed: &Sealed) -> Option<Plaintext> {
        self.all().iter().find_map(|written| match written {
            Written::Object { id, was } if *id == sealed.committed.object_id() => Some(*was),
            Written::Object { .. } | Written::Box { .. } => None,
        })
    }

    /// What got this box.
    pub(super) fn wrapped(&self, found: &Sealed) -> Option<(Look, Vec<(String, String)>)> {
        self.all().iter().find_map(|written| match written {
            Written::Box { sealed, was, tags } if sealed == found => {
                Some((was.clone(), tags.clone()))
            }
            Written::Object { .. } | Written::Box { .. } => None,
        })
    }

    /// Whoever panicked with the lock had only read, or added one.
    fn all(&self) -> MutexGuard<'_, Vec<Written>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
