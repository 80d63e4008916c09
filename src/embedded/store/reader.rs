//! An object's bytes as a response body.
//!
//! Invariant: the body ends cleanly only after every byte of the span was sent; anything else is
//! an error, upon which the connection is cut.

use std::{
    io,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::Object;

/// Bytes read from disk at once; a response holds two such chunks at most.
const CHUNK_BYTES: u64 = 256 * 1024;

/// Streams a span of an object, reading one chunk ahead.
#[derive(Debug)]
pub(in crate::embedded) struct Reader {
    object: Arc<Object>,
    /// What is not yet asked from the disk.
    unread: Range<u64>,
    unsent: u64,
    pending: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Reader {
    /// The span must lie within the object.
    pub(in crate::embedded) fn new(object: Arc<Object>, span: Range<u64>) -> Self {
        Self { object, unsent: span.end - span.start, unread: span, pending: None }
    }

    fn read_ahead(&mut self) {
        if self.pending.is_none() && !self.unread.is_empty() {
            let end = self.unread.end.min(self.unread.start + CHUNK_BYTES);
            let chunk = self.unread.start..end;
            self.unread.start = end;
            let object = Arc::clone(&self.object);
            self.pending = Some(spawn_blocking(move || object.read(&chunk).map(Bytes::from)));
        }
    }
}

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.read_ahead();
        let Some(pending) = self.pending.as_mut() else { return Poll::Ready(None) };
        let chunk = ready!(Pin::new(pending).poll(cx)).map_err(io::Error::other).flatten();
        self.pending = None;
        match &chunk {
            Ok(bytes) => {
                self.unsent -= bytes.len() as u64;
                self.read_ahead();
            }
            Err(_) => self.unread = 0..0,
        }
        Poll::Ready(Some(chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.unsent == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.unsent)
    }
}
