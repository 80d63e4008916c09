//! What the client receives.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

use super::completion::Completion;
use crate::{
    telemetry::metrics::Metrics,
    upstream::{Idle, IdleError},
};

/// The body of a reply. A stream that fails is cut off, never ended cleanly.
#[derive(Debug)]
pub struct ReplyBody {
    kind: Kind,
    counted: Option<Arc<Metrics>>,
}

#[derive(Debug)]
enum Kind {
    Text(Full<Bytes>),
    Stream(Idle<Incoming>),
    Completion(Box<Completion<Idle<Incoming>>>),
}

impl ReplyBody {
    /// A body that is here already.
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Text(Full::new(text.into())), counted: None }
    }

    /// The backend's body as it comes.
    pub(super) fn stream(body: Idle<Incoming>) -> Self {
        Self { kind: Kind::Stream(body), counted: None }
    }

    /// The backend's word on a completed upload, with the object's address put right.
    pub(super) fn completion(body: Idle<Incoming>, location: String) -> Self {
        let completion = Box::new(Completion::new(body, location));
        Self { kind: Kind::Completion(completion), counted: None }
    }

    /// Its bytes are counted as they leave.
    pub(super) fn count(&mut self, metrics: Arc<Metrics>) {
        self.counted = Some(metrics);
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = IdleError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IdleError>>> {
        let polled = match &mut self.kind {
            Kind::Text(text) => Pin::new(text).poll_frame(cx).map_err(|never| match never {}),
            Kind::Stream(stream) => Pin::new(stream).poll_frame(cx),
            Kind::Completion(body) => Pin::new(&mut **body).poll_frame(cx),
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(metrics), Some(data)) = (&self.counted, frame.data_ref()) {
                    metrics.sent(data.len() as u64);
                }
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::warn!(%error, "the backend's answer broke off; the client's is cut off too");
            }
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Text(text) => text.is_end_stream(),
            Kind::Stream(stream) => stream.is_end_stream(),
            Kind::Completion(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Text(text) => text.size_hint(),
            Kind::Stream(stream) => stream.size_hint(),
            Kind::Completion(body) => body.size_hint(),
        }
    }
}
