//! Fifth stage, between who asks and whether they may: the request as it would leave. Invariant: what policy judges
//! is what the backend gets; only in audit mode, where nothing is changed, it is what the backend would
//! have got.

use std::sync::Arc;

use http::HeaderMap;

use super::{
    authenticate::{Authenticated, ClientBody},
    confine::Confined,
    context,
    receive::Context,
    rescue::Error,
};
use crate::{
    policy::{Mode, Principal},
    s3::{self, headers},
    sigv4::Verified,
    transform::{rules::Rule, sse},
};

/// A request with its effective encryption headers.
#[derive(Debug)]
pub(super) struct Treated {
    pub(super) request: s3::Request,
    pub(super) verified: Verified,
    pub(super) body: Option<ClientBody>,
    pub(super) treatment: Treatment,
    pub(super) context: Context,
}

/// What the rule of a request's bucket and key made of it.
#[derive(Debug)]
pub(super) struct Treatment {
    /// The rule's name; `None`: there is none for it.
    pub(super) rule: Option<Arc<str>>,
    /// What became of its encryption headers, where the operation takes any.
    pub(super) arrival: Option<Arrival>,
    pub(super) mode: Mode,
    /// The headers as they came, where they must leave so although others are judged.
    as_sent: Option<HeaderMap>,
}

/// How a write arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// With encryption headers, which stay.
    Compliant,
    /// Without; nothing adds any.
    Bare,
    /// Without, or with others than the rule's; it has the rule's now, or would have.
    Mended,
}

impl Confined {
    /// Finds the rule, and does to the encryption headers what it says.
    pub(super) fn treat(self) -> Result<Treated, Error> {
        let Authenticated { mut request, verified, body, context } = self.authenticated;
        let rules = &context.settings.rules;
        let rule = rule(&request, &context)?;
        let mode = rules.mode(rule);
        let mut treatment = Treatment {
            rule: rule.map(|r| Arc::clone(&r.name)),
            arrival: None,
            mode,
            as_sent: None,
        };
        if request.operation.accepts_sse() {
            let as_sent = (mode == Mode::Audit).then(|| request.headers.clone());
            let principal = context::principal(verified.caller());
            let arrival = arrive(&mut request, rule, principal);
            treatment.arrival = Some(arrival);
            treatment.as_sent = as_sent.filter(|_| arrival == Arrival::Mended);
        }
        Ok(Treated { request, verified, body, treatment, context })
    }
}

impl Treatment {
    /// Undoes what was judged and must not leave.
    pub(super) fn settle(&mut self, request: &mut s3::Request) {
        if let Some(as_sent) = self.as_sent.take() {
            request.headers = as_sent;
        }
    }
}

/// A key that a backend may take for another one must not thereby escape the other one's rule.
fn rule<'s>(request: &s3::Request, context: &'s Context) -> Result<Option<&'s Rule>, Error> {
    let rules = &context.settings.rules;
    let Some(bucket) = request.resource.bucket().map(s3::BucketName::as_str) else {
        return Ok(None);
    };
    let Some(key) = request.resource.key() else { return Ok(rules.find(bucket, None)) };
    let rule = rules.find(bucket, Some(key.as_str()));
    if let Some(collapsed) = key.collapsed() {
        let other = rules.find(bucket, Some(collapsed.as_str()));
        if !same(rule, other) {
            return Err(Error::TwoRules);
        }
    }
    Ok(rule)
}

fn same(one: Option<&Rule>, other: Option<&Rule>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => std::ptr::eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn arrive(request: &mut s3::Request, rule: Option<&Rule>, principal: &Principal) -> Arrival {
    let place = (request.resource.bucket(), request.resource.key());
    if let (Some(injection), (Some(bucket), Some(key))) = (rule.and_then(Rule::injection), place) {
        let principal = match principal {
            Principal::Aws { arn, .. } => arn,
            Principal::Anonymous => "",
        };
        let place = sse::Place { bucket: bucket.as_str(), key: key.as_str(), principal };
        return match injection.apply(&mut request.headers, place) {
            sse::Arrival::Brought => Arrival::Compliant,
            sse::Arrival::Added | sse::Arrival::Replaced => Arrival::Mended,
        };
    }
    let brings = |name: &http::HeaderName| name.as_str().starts_with(headers::SSE_PREFIX);
    if request.headers.keys().any(brings) { Arrival::Compliant } else { Arrival::Bare }
}
