//! First stage: a head and a raw body, as they came. The only reader of the wall clock.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Instant, SystemTime},
};

use http::{Method, Request, header, request::Parts};
use hyper::body::{Body as _, Incoming};

use super::{
    Settings,
    room::Room,
    seal::{Endings, Looks},
};
use crate::net::Peer;

/// A request of which nothing has been checked.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) head: Parts,
    pub(super) body: Incoming,
    pub(super) context: Context,
}

/// What is known of a request before it is read, and does not change on its way.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) peer: Peer,
    pub(super) request_id: String,
    /// Wall-clock time of arrival; every later stage is given this one.
    pub(super) now: SystemTime,
    began: Instant,
    pub(super) settings: Arc<Settings>,
    /// For documents that must be read whole.
    pub(super) room: Room,
    /// How sealed objects end.
    pub(super) endings: Endings,
    /// What was found of listed objects.
    pub(super) looks: Looks,
}

/// What a reply must know of its request, whatever became of it.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) request_id: String,
    pub(super) is_head: bool,
    pub(super) sends: Sends,
    pub(super) explain_refusals: bool,
}

/// What of a request comes after its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sends {
    Nothing,
    /// Nothing, and the client waits for a 100 all the same; it will not come.
    NothingAndWaits,
    /// A body, or the client waits for leave to send it.
    Body,
}

impl Context {
    /// Of what the operator does, for which nobody sent a request.
    pub(super) fn of_operator(
        settings: Arc<Settings>,
        (room, endings, looks): (Room, Endings, Looks),
    ) -> Self {
        let peer = Peer {
            address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            tls: None,
            client_certificate: None,
        };
        let (now, began) = (now(), monotonic());
        Self { peer, request_id: request_id(), now, began, settings, room, endings, looks }
    }

    /// The time by now, for what is signed long after the arrival.
    pub(super) fn time(&self) -> SystemTime {
        self.now + self.began.elapsed()
    }
}

impl Received {
    pub(super) fn new(
        peer: Peer,
        request: Request<Incoming>,
        settings: Arc<Settings>,
        (room, endings, looks): (Room, Endings, Looks),
    ) -> Self {
        let (head, body) = request.into_parts();
        let (request_id, now) = (request_id(), now());
        let began = monotonic();
        let context = Context { peer, request_id, now, began, settings, room, endings, looks };
        Self { head, body, context }
    }

    pub(super) fn facts(&self) -> Facts {
        let sends = match (self.body.is_end_stream(), self.head.headers.get(header::EXPECT)) {
            (false, _) => Sends::Body,
            (true, Some(_)) => Sends::NothingAndWaits,
            (true, None) => Sends::Nothing,
        };
        Facts {
            request_id: self.context.request_id.clone(),
            is_head: self.head.method == Method::HEAD,
            sends,
            explain_refusals: self.context.settings.explain_refusals,
        }
    }

    pub(super) fn user_agent(&self) -> Option<&str> {
        self.head.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the wall clock is read; it is handed down from here"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// When a request's journey began, for durations.
pub(super) fn monotonic() -> Instant {
    Instant::now()
}

/// 16 upper-case hex digits, in the form of S3's request ids.
fn request_id() -> String {
    let mut bytes = [0; 8];
    // A request id is for finding log lines; where the system has no randomness, TLS has failed long before.
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        bytes = [0; 8];
    }
    hex::encode_upper(bytes)
}
