//! Plaintext on its way to the backend. Invariant: its last bytes come only once whatever vouches for it
//! has held: a client's signature and checksums, or the seals and the length of an object that is
//! copied.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{Copied, CopyError, CopyOutcome, Idle};
use crate::sigv4::{BodyError, BodyOutcome, VerifiedBody};

/// A body, before it is sealed.
#[derive(Debug)]
pub enum Plaintext {
    /// A client's, as it is verified.
    Client(Box<VerifiedBody<Idle<Incoming>>>),
    /// An object of the backend's, that is copied.
    Copied(Box<Copied>),
}

/// Tells what became of a body after it was given away.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Of a client's.
    Client(BodyOutcome),
    /// Of one that is copied.
    Copied(CopyOutcome),
}

/// Why a body could not be sent to its end.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlaintextError {
    /// A client's.
    #[error(transparent)]
    Client(#[from] BodyError),
    /// One that is copied.
    #[error(transparent)]
    Copied(#[from] CopyError),
}

impl Plaintext {
    /// Its exact length, in bytes; known before the first of them.
    pub fn length(&self) -> u64 {
        match self {
            Self::Client(body) => body.decoded_len(),
            Self::Copied(body) => body.length(),
        }
    }

    /// A handle that tells what became of the body.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Client(body) => Outcome::Client(body.outcome()),
            Self::Copied(body) => Outcome::Copied(body.outcome()),
        }
    }
}

impl Body for Plaintext {
    type Data = Bytes;
    type Error = PlaintextError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PlaintextError>>> {
        match &mut *self {
            Self::Client(body) => Pin::new(&mut **body).poll_frame(cx).map_err(Into::into),
            Self::Copied(body) => Pin::new(&mut **body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Client(body) => body.is_end_stream(),
            Self::Copied(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Client(body) => body.size_hint(),
            Self::Copied(body) => body.size_hint(),
        }
    }
}
