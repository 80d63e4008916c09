//! What surrounds a request: its connection, its time, and what it is judged by. Invariant: it comes
//! from one snapshot, that which the request was received with.

use std::time::SystemTime;

use super::receive::Context;
use crate::{identity::Mode, net::Peer, policy::Policies, transform::rules::Rules};

/// All that a judgement needs and the request itself does not tell.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Who is at the other end.
    pub peer: &'a Peer,
    /// When the request arrived.
    pub now: SystemTime,
    /// The region that callers sign for.
    pub region: &'a str,
    /// Treatments.
    pub rules: &'a Rules,
    /// Whether the client's signature goes on, and the backend knows uploads by ids of its own.
    pub is_forwarded: bool,
    /// Policy documents.
    pub policies: &'a Policies,
}

impl Context {
    pub(super) fn circumstances(&self) -> Circumstances<'_> {
        Circumstances {
            peer: &self.peer,
            now: self.now,
            region: &self.settings.verify.region,
            is_forwarded: matches!(self.settings.mode, Mode::Forward),
            rules: &self.settings.rules,
            policies: &self.settings.policies,
        }
    }
}
