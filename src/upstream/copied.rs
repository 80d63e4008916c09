//! An object of the backend's, on its way back to it as another. Invariant: its last bytes come only
//! once its source has ended as it had to, so that a copy of less is never completed.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{Idle, IdleError};
use crate::transform::seal::{OpenedBody, Unopened};

/// The plaintext of an object that the backend sends.
pub struct Copied<B = Idle<Incoming>> {
    source: Source<B>,
    /// Bytes that are still to come.
    left: u64,
    /// The newest piece of a source that nothing else holds back.
    held: Option<Bytes>,
    outcome: CopyOutcome,
}

enum Source<B> {
    AsItIs(B),
    Opened(Box<OpenedBody<B>>),
    Ended,
}

/// Tells what became of a copied body, also after it was given away.
#[derive(Clone, Debug, Default)]
pub struct CopyOutcome(Arc<OnceLock<Result<(), CopyError>>>);

/// Why an object could not be copied to its end.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CopyError {
    /// It could not be opened to its end.
    #[error(transparent)]
    Unopened(Arc<Unopened<IdleError>>),
    /// The backend's answer broke off.
    #[error("the source broke off: {0}")]
    BrokeOff(String),
    /// It is not as long as the backend said.
    #[error("the source is not as long as the backend said")]
    Length,
}

// === impl Copied ===

impl<B> Copied<B> {
    /// An object that is not sealed, of so many bytes.
    pub fn as_it_is(body: B, bytes: u64) -> Self {
        Self::new(Source::AsItIs(body), bytes)
    }

    /// An object, or a range of it, that is opened on its way, with so much plaintext.
    pub fn opened(body: OpenedBody<B>, bytes: u64) -> Self {
        Self::new(Source::Opened(Box::new(body)), bytes)
    }

    fn new(source: Source<B>, bytes: u64) -> Self {
        Self { source, left: bytes, held: None, outcome: CopyOutcome::default() }
    }

    /// Bytes that are still to come; all of them, at first.
    pub fn length(&self) -> u64 {
        self.left
    }

    /// A handle that tells what became of the body.
    pub fn outcome(&self) -> CopyOutcome {
        self.outcome.clone()
    }

    fn end(&mut self, result: Result<(), CopyError>) -> Option<Result<Frame<Bytes>, CopyError>> {
        self.source = Source::Ended;
        let result = result.and_then(|()| match self.held.as_ref().map_or(0, Bytes::len) as u64 {
            held if held == self.left => Ok(()),
            _ => Err(CopyError::Length),
        });
        let held = self.held.take();
        let frame = match &result {
            Ok(()) => held.map(|data| Ok(self.send(data))),
            Err(error) => Some(Err(error.clone())),
        };
        let _ = self.outcome.0.set(result);
        frame
    }

    fn send(&mut self, data: Bytes) -> Frame<Bytes> {
        self.left = self.left.saturating_sub(data.len() as u64);
        Frame::data(data)
    }

    /// Another piece has come; the one before it may go, as long as there is no more than there has to
    /// be.
    fn take(&mut self, data: Bytes) -> Result<Option<Bytes>, CopyError> {
        let held = self.held.as_ref().map_or(0, Bytes::len) as u64;
        if held + data.len() as u64 > self.left {
            return Err(CopyError::Length);
        }
        Ok(self.held.replace(data))
    }
}

impl<B> Body for Copied<B>
where
    B: Body<Data = Bytes, Error = IdleError> + Unpin,
{
    type Data = Bytes;
    type Error = CopyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CopyError>>> {
        let this = &mut *self;
        loop {
            let polled = match &mut this.source {
                Source::AsItIs(body) => ready!(Pin::new(body).poll_frame(cx))
                    .map(|frame| frame.map_err(|error| CopyError::BrokeOff(error.to_string()))),
                Source::Opened(body) => ready!(Pin::new(&mut **body).poll_frame(cx))
                    .map(|frame| frame.map_err(Into::into)),
                Source::Ended => return Poll::Ready(None),
            };
            let data = match polled {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(this.end(Err(error))),
                None => return Poll::Ready(this.end(Ok(()))),
            };
            if data.is_empty() {
                continue;
            }
            match this.take(data) {
                Ok(None) => {}
                Ok(Some(data)) => return Poll::Ready(Some(Ok(this.send(data)))),
                Err(error) => return Poll::Ready(this.end(Err(error))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.source, Source::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl<B> std::fmt::Debug for Copied<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Copied").field("left", &self.left).finish_non_exhaustive()
    }
}

// === impl CopyOutcome ===

impl CopyOutcome {
    /// The source was taken to its end, and ended as it had to.
    pub fn is_complete(&self) -> bool {
        matches!(self.0.get(), Some(Ok(())))
    }

    /// The source failed, and why.
    pub fn failed(&self) -> Option<&CopyError> {
        self.0.get()?.as_ref().err()
    }
}

impl From<Unopened<IdleError>> for CopyError {
    fn from(error: Unopened<IdleError>) -> Self {
        Self::Unopened(Arc::new(error))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, time::Duration};

    use http_body_util::BodyExt as _;

    use super::*;

    struct Pieces(VecDeque<Result<&'static str, IdleError>>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = IdleError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, IdleError>>> {
            let next = self.0.pop_front();
            Poll::Ready(next.map(|piece| piece.map(|text| Frame::data(Bytes::from(text)))))
        }
    }

    async fn drain(pieces: &[&'static str], breaks: bool, bytes: u64) -> (String, CopyOutcome) {
        let broken = breaks.then(|| Err(IdleError::Silent(Duration::ZERO)));
        let pieces = pieces.iter().map(|text| Ok(*text)).chain(broken).collect();
        let mut body = Copied::as_it_is(Pieces(pieces), bytes);
        let (outcome, mut text) = (body.outcome(), String::new());
        assert_eq!(body.size_hint().exact(), Some(bytes));
        while let Some(Ok(frame)) = body.frame().await {
            text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
        }
        assert!(body.is_end_stream());
        (text, outcome)
    }

    #[tokio::test]
    async fn a_whole_source_comes_whole() {
        for pieces in [&["abc", "", "de"][..], &["abcde"]] {
            let (text, outcome) = drain(pieces, false, 5).await;
            assert_eq!(text, "abcde");
            assert!(outcome.is_complete() && outcome.failed().is_none());
        }
    }

    #[tokio::test]
    async fn the_last_bytes_never_come_of_another() {
        for (breaks, bytes) in [(true, 5), (false, 6), (false, 4), (false, 0)] {
            let (text, outcome) = drain(&["abc", "de"], breaks, bytes).await;
            assert!(text.len() < 5 && (bytes == 0 || (text.len() as u64) < bytes), "{text}");
            assert!(!outcome.is_complete());
            match outcome.failed().unwrap() {
                CopyError::BrokeOff(_) => assert!(breaks),
                CopyError::Length => assert!(!breaks),
                CopyError::Unopened(_) => panic!("nothing was sealed"),
            }
        }
    }
}
