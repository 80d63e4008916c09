//! Answers that take long. As S3 does, they begin before their outcome is known, and blanks keep the
//! connection alive until it is
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>). Invariant: the
//! declaration comes first, since blanks before it would be no XML, and the document comes once.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Interval, interval};

/// How long an answer may take before it begins without its outcome: until then a failure has a status
/// of its own, and afterwards it is told in a 200.
pub(super) const FIRST_WORD: Duration = Duration::from_secs(3);

/// A document that is still being made.
pub(super) struct Working {
    document: Pin<Box<dyn Future<Output = Bytes> + Send>>,
    blanks: Interval,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Silent,
    Declared,
    Ended,
}

impl Working {
    /// The document comes without a declaration, or with one, which is left out.
    pub(super) fn on(document: impl Future<Output = Bytes> + Send + 'static) -> Self {
        let document = Box::pin(document);
        Self { document, blanks: interval(BETWEEN_BLANKS), state: State::Silent }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.state {
            State::Ended => return Poll::Ready(None),
            State::Silent => {
                self.state = State::Declared;
                self.blanks.reset();
                return Poll::Ready(Some(Bytes::from_static(DECLARATION)));
            }
            State::Declared => {}
        }
        if let Poll::Ready(document) = self.document.as_mut().poll(cx) {
            self.state = State::Ended;
            return Poll::Ready(Some(undeclared(&document)));
        }
        ready!(self.blanks.poll_tick(cx));
        Poll::Ready(Some(Bytes::from_static(b" ")))
    }

    pub(super) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }
}

impl std::fmt::Debug for Working {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Working").finish_non_exhaustive()
    }
}

/// A document behind its declaration.
fn undeclared(document: &Bytes) -> Bytes {
    let end = document.windows(2).position(|pair| pair == b"?>");
    match end.filter(|_| document.starts_with(b"<?xml")) {
        Some(end) => document.slice(end + 2..),
        None => document.clone(),
    }
}

const DECLARATION: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
/// Below the idle limits of clients and of balancers, which are a minute most often.
const BETWEEN_BLANKS: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{sync::oneshot, time::Instant};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn blanks_come_between_the_declaration_and_the_document() {
        let (sender, document) = oneshot::channel();
        let mut working = Working::on(async move { document.await.unwrap() });
        let began = Instant::now();
        let mut pieces = Vec::new();
        for _ in 0..3 {
            pieces.push(poll_fn(|cx| working.poll(cx)).await.unwrap());
        }
        assert_eq!(began.elapsed(), 2 * BETWEEN_BLANKS);
        sender.send(Bytes::from_static(b"<?xml version=\"1.0\"?>\n<R/>")).unwrap();
        pieces.push(poll_fn(|cx| working.poll(cx)).await.unwrap());
        assert_eq!(pieces, [DECLARATION, b" ", b" ", b"\n<R/>"]);
        assert!(working.is_ended() && poll_fn(|cx| working.poll(cx)).await.is_none());
    }

    #[test]
    fn a_declaration_is_left_out() {
        for (document, expected) in [("<?xml a?><R/>", "<R/>"), ("<R/>", "<R/>"), ("", "")] {
            assert_eq!(undeclared(&Bytes::from(document)), expected);
        }
    }
}
