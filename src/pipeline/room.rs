//! Room for documents that are read whole. Invariant: documents that are held at one time, by all
//! requests together, were promised to be no longer than [`ROOM_BYTES_MAX`].

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room there is, in units of [`UNIT_BYTES`].
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// A document's share of it, given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    _permit: OwnedSemaphorePermit,
}

/// A document and its share.
struct Held {
    document: Bytes,
    _share: Share,
}

/// There was no room for so long as a request may wait.
#[derive(Debug, thiserror::Error)]
#[error("too many documents are being read; please reduce your request rate")]
pub(super) struct Full;

impl Room {
    /// All of it.
    pub(super) fn empty() -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(units(ROOM_BYTES_MAX)).unwrap_or(1))))
    }

    /// Waits for a share, in turn, but for [`WAIT_MAX`] at most.
    pub(super) async fn take(&self, bytes: u64) -> Result<Share, Full> {
        let share = Arc::clone(&self.0).acquire_many_owned(units(bytes.min(ROOM_BYTES_MAX)));
        match tokio::time::timeout(WAIT_MAX, share).await {
            Ok(Ok(permit)) => Ok(Share { _permit: permit }),
            // It is never closed.
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }
}

impl Share {
    /// The document, which gives the share back when nobody holds it any more.
    pub(super) fn hold(self, document: Bytes) -> Bytes {
        Bytes::from_owner(Held { document, _share: self })
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.document
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).max(1)
}

/// Of all documents together: eight of the longest, and hundreds of usual ones.
const ROOM_BYTES_MAX: u64 = 64 * 1024 * 1024;
const UNIT_BYTES: u64 = 1024;
/// SDKs wait longer than that for an answer, and come again after a 503.
const WAIT_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::{ROOM_BYTES_MAX, Room};

    #[tokio::test(start_paused = true)]
    async fn there_is_room_again_when_a_share_is_given_back() {
        let room = Room::empty();
        let half = room.take(ROOM_BYTES_MAX / 2).await.unwrap();
        let other_half = room.take(ROOM_BYTES_MAX / 2).await.unwrap();
        assert!(room.take(0).await.is_err(), "the smallest takes some too");
        let document = half.hold("document".into());
        assert_eq!(document, "document");
        drop(document);
        assert!(room.take(ROOM_BYTES_MAX).await.is_err());
        assert!(room.take(1).await.is_ok());
        drop(other_half);
        assert!(room.take(u64::MAX).await.is_ok(), "nothing is larger than all of it");
    }
}
