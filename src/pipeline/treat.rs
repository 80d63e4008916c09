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
    identity,
    policy::{Mode, Principal},
    s3::{self, Resource, headers},
    sigv4::{Caller, Forwarded, Verified},
    transform::{
        rules::{Rule, Rules},
        sse::{self, CustomerKey, Family},
        upload_id::{self, Place, TokenKeys, Upload},
    },
};

/// A request with its effective encryption headers.
#[derive(Debug)]
pub(super) struct Treated {
    pub(super) request: s3::Request,
    pub(super) verified: Verified,
    pub(super) body: Option<ClientBody>,
    /// The head to go on, where it keeps its own signature.
    pub(super) forwarded: Option<Forwarded>,
    /// The multipart upload that the request belongs to.
    pub(super) upload: Option<Upload>,
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
    pub(super) keys: KeyRing,
    /// The headers as they came, where they must leave so although others are judged.
    as_sent: Option<HeaderMap>,
}

/// The customer's keys that a read may have to be sent with instead of the first: objects outlive a
/// rotation, and some were there before any rule.
#[derive(Debug, Default)]
pub(super) struct KeyRing(Vec<(Family, Option<CustomerKey>)>);

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
        let Authenticated { mut request, verified, body, forwarded, context } = self.authenticated;
        let settings = &context.settings;
        let upload = match settings.mode {
            // Its id is the backend's own.
            identity::Mode::Forward => None,
            identity::Mode::Verify | identity::Mode::Ambient(_) => {
                upload(&request, &settings.token_keys)?
            }
        };
        let caller = verified.caller();
        let treatment = Treatment::give(&mut request, caller, upload.as_ref(), &settings.rules)?;
        Ok(Treated { request, verified, body, forwarded, upload, treatment, context })
    }
}

impl KeyRing {
    /// Puts the customer's keys of the rules into a request that reads, or goes on with an upload.
    fn fill(
        request: &mut s3::Request,
        rule: Option<&Rule>,
        upload: Option<&Upload>,
        rules: &Rules,
    ) -> Result<Self, Error> {
        let mut ring = Self::default();
        if request.operation.accepts_customer_key()
            && !request.operation.accepts_sse()
            && let (Some(keys), Resource::Object(bucket, key)) =
                (rule.and_then(Rule::customer_keys), &request.resource)
            && !Family::Object.is_in(&request.headers)
        {
            let keys = keys.of(bucket.as_str(), key.as_str())?;
            match upload {
                Some(upload) => continue_with(request, &keys, upload),
                None => ring.offer(request, Family::Object, keys, rules.mode(rule)),
            }
        }
        if let Some(source) = request.copy_source() {
            let rule = rules.find(source.bucket.as_str(), Some(source.key.as_str()));
            if let Some(keys) = rule.and_then(Rule::customer_keys)
                && !Family::CopySource.is_in(&request.headers)
            {
                let keys = keys.of(source.bucket.as_str(), source.key.as_str())?;
                ring.offer(request, Family::CopySource, keys, rules.mode(rule));
            }
        }
        Ok(ring)
    }

    /// The key that objects are written with comes first, and no key at all last; in audit mode, where
    /// nothing is written with one, first.
    fn offer(
        &mut self,
        request: &mut s3::Request,
        family: Family,
        keys: Vec<CustomerKey>,
        mode: Mode,
    ) {
        let mut candidates: Vec<_> = keys.into_iter().map(Some).collect();
        match mode {
            Mode::Enforce => candidates.push(None),
            Mode::Audit => candidates.insert(0, None),
        }
        let mut candidates = candidates.into_iter();
        if let Some(Some(first)) = candidates.next() {
            first.insert(&mut request.headers, family);
        }
        self.0.extend(candidates.map(|candidate| (family, candidate)));
    }

    /// The headers to try next where the backend refused those before.
    pub(super) fn alternatives(self, sent: &HeaderMap) -> impl Iterator<Item = HeaderMap> {
        self.0.into_iter().map(|(family, key)| {
            let mut headers = sent.clone();
            family.remove(&mut headers);
            if let Some(key) = key {
                key.insert(&mut headers, family);
            }
            headers
        })
    }
}

/// Parts and completion go on with the key that the upload was created with, if it was one of ours.
fn continue_with(request: &mut s3::Request, keys: &[CustomerKey], upload: &Upload) {
    let md5 = headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5;
    let Some(created_with) = upload.accepted(md5.as_str()) else { return };
    if let Some(key) = keys.iter().find(|key| key.md5() == created_with) {
        key.insert(&mut request.headers, Family::Object);
    }
}

/// Parts and completion are judged by what the upload was created with; the other operations on an
/// upload show and abort only, and need no more than the backend's id.
pub(super) fn upload(
    request: &s3::Request,
    token_keys: &TokenKeys,
) -> Result<Option<Upload>, Error> {
    let Some(presented) = request.query.get("uploadId") else { return Ok(None) };
    let Resource::Object(bucket, key) = &request.resource else { return Ok(None) };
    if request.operation.continues_upload() {
        Ok(Some(token_keys.open(presented, Place { bucket, key })?))
    } else {
        let upstream_id = upload_id::upstream_id(presented).to_owned();
        Ok(Some(Upload { upstream_id, accepted: Vec::new() }))
    }
}

impl Treatment {
    /// Finds the rule of a request, and does to its encryption headers what it says.
    pub(super) fn give(
        request: &mut s3::Request,
        caller: &Caller,
        upload: Option<&Upload>,
        rules: &Rules,
    ) -> Result<Self, Error> {
        let rule = rule(request, rules)?;
        let mode = rules.mode(rule);
        let name = rule.map(|rule| Arc::clone(&rule.name));
        let keys = KeyRing::default();
        let mut treatment = Self { rule: name, arrival: None, mode, keys, as_sent: None };
        if request.operation.accepts_sse() {
            let is_for_show = mode == Mode::Audit && rule.and_then(Rule::injection).is_some();
            let as_sent = is_for_show.then(|| request.headers.clone());
            let arrival = arrive(request, rule, context::principal(caller))?;
            treatment.arrival = Some(arrival);
            treatment.as_sent = as_sent.filter(|_| arrival == Arrival::Mended);
        }
        treatment.keys = KeyRing::fill(request, rule, upload, rules)?;
        Ok(treatment)
    }

    /// Undoes what was judged and must not leave.
    pub(super) fn settle(&mut self, request: &mut s3::Request) {
        if let Some(as_sent) = self.as_sent.take() {
            request.headers = as_sent;
        }
    }
}

/// A key that a backend may take for another one must not thereby escape the other one's rule.
fn rule<'s>(request: &s3::Request, rules: &'s Rules) -> Result<Option<&'s Rule>, Error> {
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

fn arrive(
    request: &mut s3::Request,
    rule: Option<&Rule>,
    principal: &Principal,
) -> Result<Arrival, Error> {
    let place = (request.resource.bucket(), request.resource.key());
    if let (Some(injection), (Some(bucket), Some(key))) = (rule.and_then(Rule::injection), place) {
        let principal = match principal {
            Principal::Aws { arn, .. } => arn,
            Principal::Anonymous | Principal::Unknown => "",
        };
        let place = sse::Place { bucket: bucket.as_str(), key: key.as_str(), principal };
        return Ok(match injection.apply(&mut request.headers, place)? {
            sse::Arrival::Brought => Arrival::Compliant,
            sse::Arrival::Added | sse::Arrival::Replaced => Arrival::Mended,
        });
    }
    let brings = |name: &http::HeaderName| name.as_str().starts_with(headers::SSE_PREFIX);
    let compliant = request.headers.keys().any(brings);
    Ok(if compliant { Arrival::Compliant } else { Arrival::Bare })
}
