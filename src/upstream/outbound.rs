//! What may leave for the backend. Invariant: bytes of a client's body are in an [`Outbound`] only
//! where policy minted a [`PlainPermit`] for them.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

use super::Idle;
use crate::{policy::PlainPermit, sigv4::VerifiedBody};

/// A body on its way to the backend.
#[derive(Debug)]
pub struct Outbound(Kind);

#[derive(Debug)]
enum Kind {
    Empty,
    Document(Full<Bytes>),
    Stream(Box<VerifiedBody<Idle<Incoming>>>),
}

impl Outbound {
    /// No body at all.
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// A client's body, streamed as it is verified.
    pub fn plain(body: VerifiedBody<Idle<Incoming>>, _permit: PlainPermit) -> Self {
        Self(Kind::Stream(Box::new(body)))
    }

    /// A small document that was read whole (and verified) to be judged.
    pub fn document(document: Bytes, _permit: PlainPermit) -> Self {
        Self(Kind::Document(Full::new(document)))
    }

    /// The exact length, in bytes; `None` for no body.
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Kind::Empty => None,
            Kind::Document(document) => document.size_hint().exact(),
            Kind::Stream(body) => Some(body.decoded_len()),
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
            Kind::Stream(body) => Pin::new(&mut **body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Document(document) => document.is_end_stream(),
            Kind::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Document(document) => document.size_hint(),
            Kind::Stream(body) => body.size_hint(),
        }
    }
}
