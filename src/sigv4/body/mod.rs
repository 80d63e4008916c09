//! Request bodies: decoded and verified as they stream. Invariant: the last bytes of a body come out
//! only after everything that its head promised has held.

mod coding;

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderName;
use http_body::{Body, Frame, SizeHint};

use self::coding::Coding;
use super::{
    Refused,
    checksum::{Algorithm, Expected, Hasher},
    chunked::{Step, incomplete, malformed_trailer},
    payload::{Payload, Trailer},
};

/// A body whose hash, checksum or trailer is verified to its end. Its last bytes come only after the
/// check; if it fails, an error comes in their place, so that upstream never completes the object.
pub struct VerifiedBody<B> {
    raw: B,
    coding: Coding,
    /// Raw bytes that the coding has not taken yet.
    input: Bytes,
    expected: Vec<Expected>,
    trailer: Option<Trailer>,
    /// One for each algorithm that is needed.
    hashers: Vec<(Algorithm, Hasher)>,
    length: Option<u64>,
    received: u64,
    /// The newest piece, held until another comes or the end has been verified.
    held: Option<Bytes>,
    ended: bool,
    outcome: BodyOutcome,
}

/// Tells what became of a body, also after it was given away.
#[derive(Clone, Debug, Default)]
pub struct BodyOutcome(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    end: OnceLock<Result<(), BodyError>>,
    bytes: AtomicU64,
    checksum: OnceLock<(HeaderName, String)>,
}

/// Why a body was refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is not what the head promised.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The client stopped, or its connection broke.
    #[error("the request body ended early: {0}")]
    Client(String),
}

// === impl VerifiedBody ===

impl<B> VerifiedBody<B> {
    pub(super) fn new(raw: B, payload: &Payload) -> Self {
        let mut hashers: Vec<(Algorithm, Hasher)> = Vec::new();
        let promised = payload.expected.iter().map(|expected| expected.algorithm);
        for algorithm in promised.chain(payload.trailer.iter().map(|trailer| trailer.algorithm)) {
            if hashers.iter().all(|(known, _)| *known != algorithm) {
                hashers.push((algorithm, algorithm.hasher()));
            }
        }
        Self {
            raw,
            coding: Coding::of(&payload.framing),
            input: Bytes::new(),
            expected: payload.expected.clone(),
            trailer: payload.trailer.clone(),
            hashers,
            length: payload.length,
            received: 0,
            held: None,
            ended: false,
            outcome: BodyOutcome::default(),
        }
    }

    /// Bytes after decoding (`x-amz-decoded-content-length` or Content-Length); known before the
    /// first byte. `u64::MAX` for what is forwarded in chunks, where only the end will tell.
    pub fn decoded_len(&self) -> u64 {
        self.length.unwrap_or(u64::MAX)
    }

    /// A handle that tells what became of the body.
    pub fn outcome(&self) -> BodyOutcome {
        self.outcome.clone()
    }

    /// Takes a decoded piece; the one before it may go.
    fn take(&mut self, data: Bytes) -> Result<Option<Bytes>, Refused> {
        self.received += data.len() as u64;
        self.outcome.0.bytes.store(self.received, Ordering::Relaxed);
        if self.received > self.decoded_len() {
            return Err(incomplete("there are more"));
        }
        for (_, hasher) in &mut self.hashers {
            hasher.update(&data);
        }
        Ok(self.held.replace(data))
    }

    /// The raw body has ended: everything promised must hold now.
    fn verify(&mut self) -> Result<(), Refused> {
        let fields = std::mem::take(&mut self.coding).finish()?;
        if self.length.is_some_and(|length| self.received != length) {
            return Err(incomplete("there are fewer"));
        }
        let announced = trailing(self.trailer.as_ref(), &fields)?;
        let digests: Vec<(Algorithm, Vec<u8>)> =
            self.hashers.drain(..).map(|(known, hasher)| (known, hasher.finish())).collect();
        // The payload hash first: it is the one that the signature covers.
        for expected in self.expected.iter().chain(&announced) {
            let computed = digests.iter().find(|(known, _)| *known == expected.algorithm);
            expected.check(computed.map_or(&[], |(_, digest)| digest.as_slice()))?;
        }
        if let Some(confirmed) =
            self.expected.iter().chain(&announced).find_map(Expected::confirmed)
        {
            let _ = self.outcome.0.checksum.set(confirmed);
        }
        Ok(())
    }

    fn end(&mut self, result: Result<(), BodyError>) -> Option<Result<Frame<Bytes>, BodyError>> {
        self.ended = true;
        let held = self.held.take();
        let frame = match &result {
            Ok(()) => held.map(|data| Ok(Frame::data(data))),
            Err(error) => Some(Err(error.clone())),
        };
        let _ = self.outcome.0.end.set(result);
        frame
    }
}

/// The trailer must hold what was announced, and nothing else.
fn trailing(
    announced: Option<&Trailer>,
    fields: &[(String, String)],
) -> Result<Option<Expected>, Refused> {
    match (announced, fields) {
        (None, []) => Ok(None),
        (Some(Trailer { name, algorithm }), [(field, value)]) if name == field.as_str() => {
            Expected::checksum(name, *algorithm, value).map(Some)
        }
        _ => Err(malformed_trailer()),
    }
}

impl<B> Body for VerifiedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        while !this.ended {
            let taken = match this.coding.step(&mut this.input) {
                Ok(Step::Data(data)) => this.take(data),
                Ok(Step::More) => match ready!(Pin::new(&mut this.raw).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        // HTTP's own trailers are not S3's: they carry nothing here.
                        this.input = frame.into_data().unwrap_or_default();
                        continue;
                    }
                    Some(Err(error)) => {
                        let error = BodyError::Client(error.to_string());
                        return Poll::Ready(this.end(Err(error)));
                    }
                    None => {
                        let verified = this.verify().map_err(BodyError::from);
                        return Poll::Ready(this.end(verified));
                    }
                },
                Err(refused) => Err(refused),
            };
            match taken {
                Ok(None) => {}
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(refused) => return Poll::Ready(this.end(Err(refused.into()))),
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().map_or(0, Bytes::len) as u64;
        if self.ended {
            return SizeHint::with_exact(0);
        }
        match self.length {
            Some(length) => SizeHint::with_exact(length.saturating_sub(self.received) + held),
            None => SizeHint::default(),
        }
    }
}

impl<B> std::fmt::Debug for VerifiedBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedBody")
            .field("length", &self.length)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

// === impl BodyOutcome ===

impl BodyOutcome {
    /// The body was taken to its end and everything held.
    pub fn is_complete(&self) -> bool {
        matches!(self.0.end.get(), Some(Ok(())))
    }

    /// The body failed, and why.
    pub fn failed(&self) -> Option<&BodyError> {
        self.0.end.get()?.as_ref().err()
    }

    /// The `x-amz-checksum-…` that the body was promised to have, once it was found to have it.
    pub fn checksum(&self) -> Option<(HeaderName, String)> {
        self.0.checksum.get().cloned()
    }

    /// Decoded bytes so far.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
