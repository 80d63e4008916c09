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
    resume::Resumed,
};
use crate::{
    policy::{Mode, Principal},
    s3::{self, Resource, headers},
    sigv4::{Caller, Forwarded, Verified},
    transform::{
        rules::{Rule, Rules},
        seal::Sealing,
        sse::{self, CustomerKey, Family},
        upload_id::Upload,
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
    /// How the rule seals, where it does.
    pub(super) sealing: Option<Arc<Sealing>>,
    /// The rule of what it copies, where that one seals.
    pub(super) source: Option<SourceRule>,
    /// The headers as they came, where they must leave so although others are judged.
    as_sent: Option<HeaderMap>,
}

/// The rule of what a copy reads.
#[derive(Clone, Debug)]
pub(super) struct SourceRule {
    pub(super) sealing: Arc<Sealing>,
    pub(super) mode: Mode,
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

impl Resumed {
    /// Finds the rule, and does to the encryption headers what it says.
    pub(super) fn treat(self) -> Result<Treated, Error> {
        let Self { confined: Confined { authenticated, .. }, upload } = self;
        let Authenticated { mut request, verified, body, forwarded, context } = authenticated;
        let (caller, rules) = (verified.caller(), &context.settings.rules);
        let treatment = Treatment::give(&mut request, caller, upload.as_ref(), rules)?;
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
            && let (Some(rule), Resource::Object(bucket, key)) = (rule, &request.resource)
            && rule.has_say(&request.headers, Family::Object)
        {
            let keys = rule.keys(bucket.as_str(), key.as_str())?;
            match upload {
                Some(upload) => continue_with(request, &keys, upload),
                None => ring.offer(request, Family::Object, keys, rules.mode(Some(rule))),
            }
        }
        if let Some(source) = request.copy_source() {
            let (bucket, key) = (source.bucket.as_str(), source.key.as_str());
            if let Some(rule) = rules.find(bucket, Some(key))
                && rule.has_say(&request.headers, Family::CopySource)
            {
                let keys = rule.keys(bucket, key)?;
                ring.offer(request, Family::CopySource, keys, rules.mode(Some(rule)));
            }
        }
        Ok(ring)
    }

    /// The key that objects are written with comes first, then none at all, last the client's own; in
    /// audit mode, where nothing is written with the rule's, what the client says comes first.
    fn offer(
        &mut self,
        request: &mut s3::Request,
        family: Family,
        keys: Vec<CustomerKey>,
        mode: Mode,
    ) {
        let own = CustomerKey::brought(&request.headers, family);
        let mut candidates: Vec<_> = keys.into_iter().map(Some).chain([None]).collect();
        candidates.extend(own.map(Some));
        if mode == Mode::Audit {
            candidates.rotate_right(1);
        }
        let mut candidates = candidates.into_iter();
        family.remove(&mut request.headers);
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

/// Parts and completion go on with the key that the upload was created with: one of ours, or none, or
/// the client's own from before the rule.
fn continue_with(request: &mut s3::Request, keys: &[CustomerKey], upload: &Upload) {
    let md5 = headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5;
    let created_with = upload.accepted(md5.as_str());
    let own = CustomerKey::brought(&request.headers, Family::Object);
    let mut known = keys.iter().chain(&own);
    let key = created_with.and_then(|created_with| known.find(|key| key.md5() == created_with));
    Family::Object.remove(&mut request.headers);
    if let Some(key) = key {
        key.insert(&mut request.headers, Family::Object);
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
        let (keys, sealing) = (KeyRing::default(), rule.and_then(Rule::sealing).cloned());
        let (arrival, as_sent, source) = (None, None, SourceRule::find(request, rules)?);
        let mut treatment = Self { rule: name, arrival, mode, keys, sealing, source, as_sent };
        if request.operation.accepts_sse() {
            let adds = rule.is_some_and(|it| it.injection().is_some() || it.sealing().is_some());
            let is_for_show = mode == Mode::Audit && adds;
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
            let judged = std::mem::replace(&mut request.headers, as_sent);
            // What is read has to be read, whatever becomes of what is written.
            Family::CopySource.carry(&judged, &mut request.headers);
        }
    }
}

impl SourceRule {
    fn find(request: &s3::Request, rules: &Rules) -> Result<Option<Self>, Error> {
        let Some(source) = request.copy_source() else { return Ok(None) };
        let rule = rule_of(source.bucket.as_str(), &source.key, rules)?;
        let (sealing, mode) = (rule.and_then(Rule::sealing).cloned(), rules.mode(rule));
        Ok(sealing.map(|sealing| Self { sealing, mode }))
    }
}

/// The rule of what a request is about.
pub(super) fn rule<'s>(request: &s3::Request, rules: &'s Rules) -> Result<Option<&'s Rule>, Error> {
    let Some(bucket) = request.resource.bucket().map(s3::BucketName::as_str) else {
        return Ok(None);
    };
    match request.resource.key() {
        Some(key) => rule_of(bucket, key, rules),
        None => Ok(rules.find(bucket, None)),
    }
}

/// A key that a backend may take for another one must not thereby escape the other one's rule.
fn rule_of<'s>(
    bucket: &str,
    key: &s3::ObjectKey,
    rules: &'s Rules,
) -> Result<Option<&'s Rule>, Error> {
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
    if let Some(sealing) = rule.and_then(Rule::sealing) {
        let is_bare = sealing.present(&mut request.headers);
        return Ok(if is_bare { Arrival::Mended } else { Arrival::Compliant });
    }
    let brings = |name: &http::HeaderName| name.as_str().starts_with(headers::SSE_PREFIX);
    let compliant = request.headers.keys().any(brings);
    Ok(if compliant { Arrival::Compliant } else { Arrival::Bare })
}
