//! What may leave for the backend. Invariant: plaintext, a client's or what was opened of the backend's,
//! is in an [`Outbound`] only where policy minted a [`PlainPermit`] for it, or sealed.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::Plaintext;
use crate::{
    policy::{PlainPermit, SealedPermit},
    transform::seal::SealedBody,
};

/// A body on its way to the backend.
#[derive(Debug)]
pub struct Outbound(Kind);

#[derive(Debug)]
enum Kind {
    Empty,
    Document(Full<Bytes>),
    Plain(Plaintext),
    Sealed(Box<SealedBody<Plaintext>>),
}

impl Outbound {
    /// No body at all.
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// A body, streamed as it is verified.
    pub fn plain(body: Plaintext, _permit: PlainPermit) -> Self {
        Self(Kind::Plain(body))
    }

    /// A body, sealed as it streams and is verified.
    pub fn sealed(body: SealedBody<Plaintext>, _permit: SealedPermit) -> Self {
        Self(Kind::Sealed(Box::new(body)))
    }

    /// A small document that was read whole (and verified) to be judged.
    pub fn document(document: Bytes, _permit: PlainPermit) -> Self {
        Self(Kind::Document(Full::new(document)))
    }

    /// Bytes that the proxy itself made, of which nothing is a client's: what is added behind sealed
    /// parts, and its own documents.
    pub fn own(bytes: Bytes) -> Self {
        Self(Kind::Document(Full::new(bytes)))
    }

    /// The exact length, in bytes; `None` for no body.
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Kind::Empty => None,
            Kind::Document(document) => document.size_hint().exact(),
            Kind::Plain(body) => Some(body.length()),
            Kind::Sealed(body) => Some(body.length()),
        }
    }
}

impl Body for Outbound {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Document(document) => {
                Pin::new(document).poll_frame(cx).map_err(|never| match never {})
            }
            Kind::Plain(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Kind::Sealed(body) => Pin::new(&mut **body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Document(document) => document.is_end_stream(),
            Kind::Plain(body) => body.is_end_stream(),
            Kind::Sealed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Document(document) => document.size_hint(),
            Kind::Plain(body) => body.size_hint(),
            Kind::Sealed(body) => body.size_hint(),
        }
    }
}
