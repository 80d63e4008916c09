//! Buffers for records that are filled again once whoever was given one has let go of it. Invariant:
//! a buffer is taken only while nobody else can see it; at most [`LENT_MAX`] are remembered.
//!
//! A stream would else clear 64 KiB of fresh memory for each record, which costs a quarter of what
//! encrypting it does.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// The buffers of one stream.
#[derive(Default)]
pub(super) struct Buffers(VecDeque<Bytes>);

impl Buffers {
    /// A buffer of this length. What stands in it is of no meaning.
    pub(super) fn take(&mut self, length: usize) -> BytesMut {
        let oldest = self.0.pop_front().map(Bytes::try_into_mut);
        match oldest {
            Some(Ok(mut free)) if free.len() >= length => {
                free.truncate(length);
                free
            }
            Some(Err(still_lent)) if self.0.len() < LENT_MAX => {
                self.0.push_back(still_lent);
                BytesMut::zeroed(length)
            }
            _ => BytesMut::zeroed(length),
        }
    }

    /// Gives a buffer away, to be taken again later.
    pub(super) fn lend(&mut self, buffer: BytesMut) -> Bytes {
        let lent = buffer.freeze();
        if self.0.len() == LENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(lent.clone());
        lent
    }
}

/// The one that is held back, the one that is being sent, and the one before it, of which the socket may
/// hold a part.
const LENT_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::Buffers;

    #[test]
    fn a_buffer_is_used_again_once_it_is_free() {
        let mut buffers = Buffers::default();
        let first = buffers.take(100);
        let place = first.as_ptr();
        let lent = buffers.lend(first);
        let second = buffers.take(100);
        assert_ne!(second.as_ptr(), place);
        drop(lent);
        assert_eq!(buffers.take(50).as_ptr(), place);
    }

    #[test]
    fn what_is_still_seen_is_never_taken() {
        let mut buffers = Buffers::default();
        let lent: Vec<_> = (0..5u8)
            .map(|byte| {
                let mut buffer = buffers.take(10);
                buffer.fill(byte);
                buffers.lend(buffer)
            })
            .collect();
        for (byte, buffer) in (0..5u8).zip(lent) {
            assert_eq!(&buffer[..], [byte; 10]);
        }
    }
}
