//! Policy's questions about one request. Invariant: every question is answered by the one snapshot
//! that the request was received with.

use std::time::SystemTime;

use super::{
    circumstances::Circumstances,
    context::{self, UnreadableDate},
};
use crate::{
    policy::{Denied, Explanation, Inquiry, Keys, Permit, Policies, Principal, Prospect, Terms},
    s3::{self, Action, Resource, Told},
    sigv4::Caller,
    transform::{rules::About, upload_id::Upload},
};

/// What policy knows of a request, before it is asked about actions.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    principal: &'a Principal,
    /// The condition keys. What is asked about one object or bucket may need more of them.
    pub(super) keys: Keys<'a>,
    terms: Terms<'a>,
    policies: &'a Policies,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        request: &'a s3::Request,
        caller: &'a Caller,
        upload: Option<&'a Upload>,
        circumstances: Circumstances<'a>,
    ) -> Self {
        let bucket = request.resource.bucket().map(s3::BucketName::as_str);
        let key = request.resource.key().map(s3::ObjectKey::as_str);
        let rule = bucket.and_then(|bucket| circumstances.rules.find(bucket, key));
        Self {
            principal: context::principal(caller),
            keys: context::keys(request, caller, upload, circumstances),
            terms: circumstances.rules.terms(rule, about(request)),
            policies: circumstances.policies,
        }
    }

    /// Of what a caller asks outside any request: the keys are those of the surroundings alone, and no
    /// rule demands anything.
    pub(super) fn without_request(caller: &'a Caller, circumstances: Circumstances<'a>) -> Self {
        Self {
            principal: context::principal(caller),
            keys: context::surroundings(caller, circumstances),
            terms: Terms::PLAIN,
            policies: circumstances.policies,
        }
    }

    /// Adds what the request's document tells, and what follows from its dates.
    pub(super) fn tell(&mut self, told: &'a Told, now: SystemTime) -> Result<(), UnreadableDate> {
        context::tell(&mut self.keys, told);
        context::retention(&mut self.keys, now)
    }

    /// Whether all actions could pass, before the document is there that condition keys ask about.
    pub(super) fn foresee_told(&mut self, actions: &[Action]) -> Result<(), Denied> {
        self.keys.leave_open(&context::TOLD);
        // The permit is void: it was given for whatever the document may say.
        let foreseen = self.decide(actions).map(drop);
        self.keys.leave_open(&[]);
        foreseen
    }

    /// All actions must pass.
    pub(super) fn decide(&self, actions: &[Action]) -> Result<Permit, Denied> {
        let arns: Vec<String> = actions.iter().map(|action| action.resource.arn()).collect();
        let inquiries: Vec<Inquiry<'_>> = actions
            .iter()
            .zip(&arns)
            .map(|(action, arn)| self.inquiry(action.name, &action.resource, arn))
            .collect();
        self.policies.decide(self.terms, &inquiries)
    }

    /// Whether one of the actions could pass on some object of the bucket.
    pub(super) fn foresee(&self, actions: &[&str], bucket: &s3::BucketName) -> Result<(), Denied> {
        let (principal, bucket, keys) = (self.principal, bucket.as_str(), &self.keys);
        let prospect = Prospect { principal, actions, bucket, keys };
        self.policies.foresee(self.terms.mode, prospect)
    }

    /// One action by itself: what the documents say of it and why, and what is decided.
    pub(super) fn explain(
        &self,
        action: &str,
        arn: &str,
        bucket: Option<&str>,
    ) -> (Explanation, Result<Permit, Denied>) {
        let (principal, keys) = (self.principal, &self.keys);
        let inquiry = Inquiry { principal, action, resource: arn, bucket, keys };
        let explanation = self.policies.explain(self.terms, &inquiry);
        (explanation, self.policies.decide(self.terms, &[inquiry]))
    }

    fn inquiry<'i>(&'i self, action: &'i str, on: &'i Resource, arn: &'i str) -> Inquiry<'i> {
        Inquiry {
            principal: self.principal,
            action,
            resource: arn,
            bucket: on.bucket().map(s3::BucketName::as_str),
            keys: &self.keys,
        }
    }
}

/// What a request is about, as far as terms differ.
fn about(request: &s3::Request) -> About {
    match request.resource {
        Resource::Service | Resource::Bucket(_) => About::Bucket,
        Resource::Object(..) if request.operation.moves_object_data() => About::Data,
        Resource::Object(..) => About::Object,
    }
}
