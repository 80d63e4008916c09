//! The life of a request, one file a stage. Each stage is a type that holds what it proved, and the
//! next can only be built from it:
//!
//! ```text
//!                       ┌─▶ Filled ─┐
//! Received ─▶ Classified ─▶ Authenticated ─▶ Confined ─▶ Resumed ─▶ Treated ─▶ Authorized ─▶ Prepared ─▶ Answered ─▶ the reply
//! ```
//!
//! Invariant: nothing is sent to the backend but what an `authorize::Authorized` became.

mod absence;
mod ambient;
mod authenticate;
mod authorize;
mod checksum;
mod circumstances;
mod classify;
mod completion;
mod confine;
mod context;
mod deletion;
mod document;
mod form;
mod forward;
mod judge;
pub mod maintenance;
mod prepare;
mod receive;
mod rehearse;
mod relay;
mod reply;
mod rescue;
mod resume;
mod room;
mod seal;
mod send;
mod settings;
mod trace;
mod treat;
mod working;

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;

pub use self::{
    circumstances::Circumstances,
    rehearse::{Asked, Ground, Question, Refusal, Rehearsed, rehearse},
    reply::{ReplyBody, ReplyError},
    seal::{Fault, Place, Uncopyable},
    settings::Settings,
};
use self::{
    receive::{Received, Sends},
    rescue::Error,
    room::Room,
    seal::{Course, Endings, Looks},
    trace::Trace,
};
use crate::{
    net::Peer,
    telemetry::{audit::Audit, metrics::Metrics},
};

/// What all requests share.
#[derive(Debug)]
pub struct Pipeline {
    /// Read once a request; a reload replaces it whole.
    settings: ArcSwap<Settings>,
    /// Shared by requests that were judged by different settings, too.
    room: Room,
    endings: Endings,
    looks: Looks,
    metrics: Arc<Metrics>,
    audit: Audit,
}

impl Pipeline {
    /// A pipeline that judges by `settings`.
    pub fn new(settings: Settings, metrics: Arc<Metrics>, audit: Audit) -> Self {
        let settings = ArcSwap::from_pointee(settings);
        let (room, endings, looks) = (Room::empty(), Endings::default(), Looks::default());
        Self { settings, room, endings, looks, metrics, audit }
    }

    /// What requests are judged by now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Requests received from now on are judged by `settings`; those under way keep theirs.
    pub fn reload(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// Takes one request from its head to the head of its reply. Always replies.
    pub async fn handle(&self, peer: Peer, request: Request<Incoming>) -> Response<ReplyBody> {
        let _in_flight = self.metrics.in_flight();
        let shared = (self.room.clone(), self.endings.clone(), self.looks.clone());
        let received = Received::new(peer, request, self.settings.load_full(), shared);
        let mut trace = Trace::begin(&received, Arc::clone(&self.metrics), self.audit.clone());
        let received_facts = received.facts();
        let mut reply = match run(received, &mut trace).await {
            Ok(reply) => reply,
            Err(error) => rescue::rescue(&error, &received_facts, &mut trace),
        };
        if received_facts.sends == Sends::NothingAndWaits {
            // botocore takes an answer that comes in place of the 100 for the head of the next one, too.
            reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        trace.finish(&mut reply).await;
        reply
    }
}

/// The stages in order. This is the whole path; there is no other.
async fn run(received: Received, trace: &mut Trace) -> Result<Response<ReplyBody>, Error> {
    let classified = received.classify()?;
    trace.classified(&classified);
    let authenticated = if classified.is_form() {
        let filled =
            classified.fill_in().await.inspect_err(|error| trace.unauthenticated(error))?;
        trace.filled(&filled);
        filled.authenticate()
    } else {
        classified.authenticate()
    };
    let authenticated = authenticated.inspect_err(|error| trace.unauthenticated(error))?;
    trace.authenticated(&authenticated);
    let treated = Box::pin(authenticated.confine()?.resume()).await?.treat()?;
    trace.treated(&treated);
    let authorized = treated.authorize().await?;
    trace.authorized(&authorized);
    match Box::pin(authorized.seal(trace.metrics())).await? {
        Course::Send(authorized) => {
            let answered = authorized.prepare()?.send(trace.metrics()).await?;
            Box::pin(answered.relay(trace)).await
        }
        Course::Complete(completion) => Box::pin(completion.reply(trace)).await,
        Course::Bring(copy) => Box::pin(copy.reply(trace)).await,
    }
}
