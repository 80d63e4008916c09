//! Bodies that are sealed or opened as they stream. Invariant: an opened body's last bytes come out
//! only after every check of the format has held, so that a client which counts bytes is not told of
//! success too early.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use http_body::{Body, Frame, SizeHint};

use crate::seal::{Broken, Opener, Sealer, Unsealable};

/// A plaintext body, sealed on its way.
pub struct SealedBody<B> {
    /// `None`: a body of no bytes.
    plain: Option<B>,
    sealer: Option<Sealer>,
    input: Bytes,
    /// Stored bytes that are still to come.
    left: u64,
}

/// Why a body could not be sealed to its end.
#[derive(Debug, thiserror::Error)]
pub enum Unsealed<E> {
    /// The plaintext failed.
    #[error(transparent)]
    Plain(E),
    /// It is not of the announced length.
    #[error(transparent)]
    Length(#[from] Unsealable),
}

/// A stored body, opened on its way.
pub struct OpenedBody<B> {
    stored: B,
    /// What has come of it already.
    input: Bytes,
    /// `None`: it has ended.
    opener: Option<Opener>,
    /// Stored bytes before those that are opened.
    skip: u64,
    /// Stored bytes that are opened; the others are left where they are.
    take: u64,
    /// The newest piece, held until another comes or every check has held.
    held: Option<Bytes>,
    /// The first piece, if it has been waited for.
    first: Option<Bytes>,
    /// Plaintext that is still to come; `None`: only the end will tell.
    left: Option<u64>,
}

/// What is to be opened of a stored body.
pub struct Opening<B> {
    /// The body.
    pub stored: B,
    /// What was read of it already.
    pub begun: Bytes,
    /// Stored bytes that come before those which are opened.
    pub skip: u64,
    /// How many are opened.
    pub take: u64,
    /// How much plaintext that is; `None`: only the end will tell.
    pub bytes: Option<u64>,
}

/// Why a body could not be opened to its end.
#[derive(Debug, thiserror::Error)]
pub enum Unopened<E> {
    /// The stored bytes failed.
    #[error(transparent)]
    Stored(E),
    /// A check did.
    #[error(transparent)]
    Broken(#[from] Broken),
}

// === impl SealedBody ===

impl<B> SealedBody<B> {
    /// Seals `plain`, or nothing at all, for which the sealer was made.
    pub fn new(plain: Option<B>, sealer: Sealer) -> Self {
        let left = sealer.stored_bytes();
        Self { plain, sealer: Some(sealer), input: Bytes::new(), left }
    }

    /// The plaintext, where there is any.
    pub fn plain(&self) -> Option<&B> {
        self.plain.as_ref()
    }

    /// Stored bytes that are still to come; all of them, at first.
    pub fn length(&self) -> u64 {
        self.left
    }

    fn frame(&mut self, data: Bytes) -> Frame<Bytes> {
        self.left = self.left.saturating_sub(data.len() as u64);
        Frame::data(data)
    }
}

impl<B> Body for SealedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = Unsealed<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        while let Some(sealer) = &mut this.sealer {
            match sealer.seal(&mut this.input) {
                Ok(Some(record)) => return Poll::Ready(Some(Ok(this.frame(record)))),
                Ok(None) => {}
                Err(error) => {
                    this.sealer = None;
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
            let next = match &mut this.plain {
                Some(plain) => ready!(Pin::new(plain).poll_frame(cx)),
                None => None,
            };
            match next {
                Some(Ok(frame)) => this.input = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    this.sealer = None;
                    return Poll::Ready(Some(Err(Unsealed::Plain(error))));
                }
                None => match this.sealer.take().map(Sealer::finish).transpose() {
                    Ok(footer) => {
                        let footer = footer.flatten().map(|footer| Ok(this.frame(footer)));
                        return Poll::Ready(footer);
                    }
                    Err(error) => return Poll::Ready(Some(Err(error.into()))),
                },
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.sealer.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl<B> std::fmt::Debug for SealedBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedBody").field("left", &self.left).finish_non_exhaustive()
    }
}

// === impl OpenedBody ===

impl<B> OpenedBody<B> {
    /// Opens what `opening` names with the opener that was made for it.
    pub fn new(opening: Opening<B>, opener: Opener) -> Self {
        let Opening { stored, begun, skip, take, bytes } = opening;
        let opener = Some(opener);
        Self { stored, input: begun, opener, skip, take, held: None, first: None, left: bytes }
    }

    /// Waits for the first piece, so that what is wrong with it can still be told.
    ///
    /// # Errors
    ///
    /// As the body's own.
    pub async fn begin(&mut self) -> Result<(), Unopened<B::Error>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let first = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await;
        self.first = first.transpose()?.and_then(|frame| frame.into_data().ok());
        Ok(())
    }

    /// Takes what is to be opened of the input; the plaintext that may go.
    fn step(&mut self) -> Result<Option<Bytes>, Broken> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.input.len());
        self.input.advance(skipped);
        self.skip -= skipped as u64;
        let Some(opener) = &mut self.opener else { return Ok(None) };
        let before = self.input.len();
        let wanted = usize::try_from(self.take).unwrap_or(usize::MAX);
        let piece = opener.open(&mut (&mut self.input).take(wanted))?;
        self.take -= (before - self.input.len()) as u64;
        let Some(plaintext) = piece else { return Ok(None) };
        let bytes = plaintext.len() as u64;
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(bytes).ok_or(Broken::Size)?;
        }
        Ok(self.held.replace(plaintext))
    }

    /// All of it has come: the last piece, if every check has held.
    fn finish(&mut self) -> Result<Option<Bytes>, Broken> {
        let Some(opener) = self.opener.take() else { return Ok(None) };
        opener.finish()?;
        if self.left.is_some_and(|left| left > 0) {
            return Err(Broken::Size);
        }
        Ok(self.held.take())
    }
}

impl<B> Body for OpenedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = Unopened<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        while this.opener.is_some() {
            let stepped = match this.take {
                0 => this.finish(),
                _ if !this.input.is_empty() => this.step(),
                _ => match ready!(Pin::new(&mut this.stored).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        this.input = frame.into_data().unwrap_or_default();
                        continue;
                    }
                    Some(Err(error)) => {
                        this.opener = None;
                        return Poll::Ready(Some(Err(Unopened::Stored(error))));
                    }
                    None => this.finish(),
                },
            };
            match stepped {
                Ok(None) => {}
                Ok(Some(plaintext)) => return Poll::Ready(Some(Ok(Frame::data(plaintext)))),
                Err(broken) => {
                    this.opener = None;
                    return Poll::Ready(Some(Err(broken.into())));
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.opener.is_none() && self.first.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let waiting = self.first.iter().chain(&self.held);
        let held = waiting.map(Bytes::len).sum::<usize>() as u64;
        self.left.map_or_else(SizeHint::default, |left| SizeHint::with_exact(left + held))
    }
}

impl<B> std::fmt::Debug for OpenedBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedBody").field("left", &self.left).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, convert::Infallible};

    use http_body_util::BodyExt as _;
    use proptest::{
        prelude::{any, prop_assert, prop_assert_eq, proptest},
        sample::Index,
    };

    use super::*;
    use crate::seal::{Dek, Layout, ObjectId, ObjectKeys, Salt};

    struct Pieces(VecDeque<Bytes>);

    impl Pieces {
        fn of(bytes: &[u8], each: usize) -> Self {
            Self(bytes.chunks(each.max(1)).map(Bytes::copy_from_slice).collect())
        }
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    fn keys() -> ObjectKeys {
        ObjectKeys::of_new(&Dek::from_bytes(&[1; 32]), ObjectId::from_bytes([2; 32]))
    }

    fn plaintext(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    fn size(bytes: u64) -> usize {
        usize::try_from(bytes).unwrap()
    }

    /// What came before the end, and the error that it ended with.
    async fn drain<B>(mut body: B) -> (Vec<u8>, Option<B::Error>)
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let mut all = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => all.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(error) => return (all, Some(error)),
            }
        }
        (all, None)
    }

    async fn seal(plain: &[u8], each: usize) -> Vec<u8> {
        let sealer = Sealer::single(&keys(), Salt::from_bytes([3; 7]), plain.len() as u64).unwrap();
        let body = SealedBody::new(Some(Pieces::of(plain, each)), sealer);
        let announced = body.length();
        let (stored, error) = drain(body).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(stored.len() as u64, announced);
        stored
    }

    fn whole(stored: &[u8], each: usize, bytes: u64) -> OpenedBody<Pieces> {
        let (pieces, take) = (Pieces::of(stored, each), stored.len() as u64);
        let opening =
            Opening { stored: pieces, begun: Bytes::new(), skip: 0, take, bytes: Some(bytes) };
        OpenedBody::new(opening, Opener::new(&keys()))
    }

    #[tokio::test]
    async fn what_was_sealed_is_opened_whatever_the_pieces() {
        for bytes in [0, 1, 65_535, 65_536, 65_537, 200_000] {
            let plain = plaintext(bytes);
            let stored = seal(&plain, 7000).await;
            for each in [1000, 65_568, 100_000, 1 << 20] {
                let body = whole(&stored, each, plain.len() as u64);
                assert_eq!(body.size_hint().exact(), Some(plain.len() as u64));
                let (opened, error) = drain(body).await;
                assert!(error.is_none() && opened == plain, "{bytes} {each} {error:?}");
            }
        }
    }

    #[tokio::test]
    async fn nothing_at_all_is_sealed_as_a_footer() {
        let sealer = Sealer::single(&keys(), Salt::from_bytes([3; 7]), 0).unwrap();
        let (stored, error) = drain(SealedBody::<Pieces>::new(None, sealer)).await;
        assert!(error.is_none() && stored.len() == 32);
    }

    #[tokio::test]
    async fn more_or_less_than_was_announced_is_never_completed() {
        for (announced, comes) in [(10, 9), (10, 11), (0, 1), (70_000, 65_536)] {
            let sealer = Sealer::single(&keys(), Salt::from_bytes([3; 7]), announced).unwrap();
            let body = SealedBody::new(Some(Pieces::of(&plaintext(comes), 100)), sealer);
            let length = body.length();
            let (stored, error) = drain(body).await;
            assert!(matches!(error, Some(Unsealed::Length(_))), "{announced} {comes}");
            assert!((stored.len() as u64) < length);
        }
    }

    /// A client counts bytes: the last ones must not reach it before the footer was checked.
    #[tokio::test]
    async fn the_last_bytes_wait_for_the_footer() {
        let plain = plaintext(100_000);
        let mut stored = seal(&plain, 7000).await;
        *stored.last_mut().unwrap() ^= 1;
        let (opened, error) = drain(whole(&stored, 5000, 100_000)).await;
        assert!(matches!(error, Some(Unopened::Broken(Broken::Footer))), "{error:?}");
        assert_eq!(opened, plain[..65_536]);
        stored.truncate(stored.len() - 32);
        let (opened, error) = drain(whole(&stored, 5000, 100_000)).await;
        assert!(matches!(error, Some(Unopened::Broken(Broken::Truncated))), "{error:?}");
        assert_eq!(opened.len(), 65_536);
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_first_piece_is_told_before_it() {
        let plain = plaintext(100_000);
        let mut stored = seal(&plain, 7000).await;
        let mut body = whole(&stored, 5000, 100_000);
        body.begin().await.unwrap();
        assert_eq!(body.size_hint().exact(), Some(100_000));
        assert_eq!(drain(body).await.0, plain);
        stored[100] ^= 1;
        let error = whole(&stored, 5000, 100_000).begin().await.unwrap_err();
        assert!(matches!(error, Unopened::Broken(Broken::Record { .. })), "{error:?}");
    }

    #[tokio::test]
    async fn no_more_and_no_less_comes_than_was_promised() {
        let stored = seal(&plaintext(100_000), 7000).await;
        for promised in [99_999, 100_001, 0] {
            let (opened, error) = drain(whole(&stored, 5000, promised)).await;
            assert!(matches!(error, Some(Unopened::Broken(Broken::Size))), "{error:?}");
            assert!((opened.len() as u64) <= promised);
        }
    }

    proptest! {
        #[test]
        fn a_range_is_the_slice(
            bytes in 1..300_000usize,
            (from, to) in (any::<Index>(), any::<Index>()),
            (before, after, each) in (0..70_000usize, 0..70_000usize, 1..80_000usize),
        ) {
            let plain = plaintext(bytes);
            let (from, to) = (from.index(bytes), to.index(bytes));
            let wanted = from.min(to) as u64..from.max(to) as u64 + 1;
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let stored = runtime.block_on(seal(&plain, 9999));
            let layout = Layout::single(stored.len() as u64).unwrap();
            let span = layout.span(wanted.clone()).unwrap();
            let (start, end) = (size(span.stored.start), size(span.stored.end));
            // More came than is opened, in front and behind.
            let first = start.saturating_sub(before);
            let last = (end + after).min(stored.len());
            let opening = Opening {
                stored: Pieces::of(&stored[first..last], each),
                begun: Bytes::new(),
                skip: (start - first) as u64,
                take: (end - start) as u64,
                bytes: Some(wanted.end - wanted.start),
            };
            let body = OpenedBody::new(opening, Opener::range(&keys(), &layout, &span));
            let (opened, error) = runtime.block_on(drain(body));
            prop_assert!(error.is_none(), "{:?}", error);
            prop_assert_eq!(opened, &plain[size(wanted.start)..size(wanted.end)]);
        }
    }
}
