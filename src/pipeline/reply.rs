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

use super::{
    completion::{Completion, Mend},
    seal::{Alarm, Listed},
    working::Working,
};
use crate::{
    s3::xml::MalformedXml,
    seal::Broken,
    telemetry::metrics::Metrics,
    transform::seal::{OpenedBody, Unopened},
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
    Opened(Box<Opened>),
    Listed(Box<Listed>),
    Working(Working),
}

/// A sealed object, opened on its way, and whom to tell if it breaks.
#[derive(Debug)]
struct Opened {
    body: OpenedBody<Idle<Incoming>>,
    alarm: Option<Alarm>,
}

/// Why a reply was cut off.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// The backend's answer broke off.
    #[error("the backend's answer broke off: {0}")]
    Backend(#[from] IdleError),
    /// A listing whose sizes could not be translated.
    #[error("the backend's listing cannot be read: {0}")]
    Listing(#[from] MalformedXml),
    /// What came is not what was sealed.
    #[error("the object is not what was sealed: {0}")]
    Broken(#[from] Broken),
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

    /// The backend's word on a completed upload or a copy, mended.
    pub(super) fn mended(body: Idle<Incoming>, mend: Mend) -> Self {
        let completion = Box::new(Completion::new(body, mend));
        Self { kind: Kind::Completion(completion), counted: None }
    }

    /// A sealed object as it is opened.
    pub(super) fn opened(body: OpenedBody<Idle<Incoming>>, alarm: Alarm) -> Self {
        let alarm = Some(alarm);
        Self { kind: Kind::Opened(Box::new(Opened { body, alarm })), counted: None }
    }

    /// A listing as it is translated.
    pub(super) fn listed(listed: Listed) -> Self {
        Self { kind: Kind::Listed(Box::new(listed)), counted: None }
    }

    /// A document that takes long.
    pub(super) fn working(document: impl Future<Output = Bytes> + Send + 'static) -> Self {
        Self { kind: Kind::Working(Working::on(document)), counted: None }
    }

    /// Its bytes are counted as they leave.
    pub(super) fn count(&mut self, metrics: Arc<Metrics>) {
        self.counted = Some(metrics);
    }
}

impl Opened {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReplyError>>> {
        Pin::new(&mut self.body).poll_frame(cx).map_err(|error| match error {
            Unopened::Stored(error) => error.into(),
            Unopened::Broken(broken) => {
                if let Some(alarm) = self.alarm.take() {
                    alarm.ring(broken);
                }
                broken.into()
            }
        })
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = ReplyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReplyError>>> {
        let polled = match &mut self.kind {
            Kind::Text(text) => Pin::new(text).poll_frame(cx).map_err(|never| match never {}),
            Kind::Stream(stream) => Pin::new(stream).poll_frame(cx).map_err(Into::into),
            Kind::Completion(body) => Pin::new(&mut **body).poll_frame(cx).map_err(Into::into),
            Kind::Opened(opened) => opened.poll_frame(cx),
            Kind::Listed(listed) => listed.poll(cx).map_ok(Frame::data),
            Kind::Working(working) => working.poll(cx).map(|data| Some(Ok(Frame::data(data?)))),
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(metrics), Some(data)) = (&self.counted, frame.data_ref()) {
                    metrics.sent(data.len() as u64);
                }
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::warn!(%error, "the client's answer is cut off");
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
            Kind::Opened(opened) => opened.body.is_end_stream(),
            Kind::Listed(listed) => listed.is_ended(),
            Kind::Working(working) => working.is_ended(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Text(text) => text.size_hint(),
            Kind::Stream(stream) => stream.size_hint(),
            Kind::Completion(body) => body.size_hint(),
            Kind::Opened(opened) => opened.body.size_hint(),
            Kind::Listed(_) | Kind::Working(_) => SizeHint::default(),
        }
    }
}
