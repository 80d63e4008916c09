//! Forms: who signed them, and for what. A form is signed by its policy, a document that says which
//! fields it may have. Invariant: a signed form goes on only where its policy holds in every condition.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html>

mod policy;

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderMap;

pub use self::policy::PostPolicy;
use self::policy::Submitted;
use super::{
    AuthType, Caller, Credentials, Refused, Settings, SignatureVersion, Verified,
    key::SigningKey,
    parameters::Parameters,
    payload::Payload,
    presented::{self, Claims, Place, Presented},
    refused::mismatch,
    verify,
};
use crate::{
    identity::Identity,
    s3::{
        self,
        form::{FileReader, Form},
        headers::form as fields,
    },
};

/// A form, the upload that it asks for, and its file.
#[derive(Debug)]
pub struct Submission {
    /// Its fields.
    pub form: Form,
    /// As [`s3::Request::upload`] gives it.
    pub upload: s3::Request,
    /// As [`Form::file`] gives it.
    pub file: FileReader,
}

/// Verifies the signature of a form and its policy. Without either the caller is anonymous.
///
/// # Errors
///
/// The first reason to refuse, in the order: form, scope, credential, time, signature, policy,
/// payload.
pub fn verify_form(
    submission: &Submission,
    credentials: &Credentials,
    settings: &Settings,
    now: SystemTime,
) -> Result<Verified, Refused> {
    let Submission { form, upload, file } = submission;
    let Some(presented) = presented(form)? else {
        return verified(submission, Caller::Anonymous);
    };
    let policy = form.need(fields::POLICY)?;
    verify::check_scope(&presented, settings)?;
    let entry = verify::entry(credentials, presented.access_key_id)?;
    let security_token = form.get(fields::SECURITY_TOKEN).map(Cow::Borrowed);
    let parameters = Parameters { security_token, ..Parameters::default() };
    verify::check_token(&entry.credential.session, &HeaderMap::new(), &parameters, now)?;
    verify::check_time(&presented, now)?;
    let key = entry.key.get(&entry.credential.secret_access_key, presented.scope);
    check_signature(&presented, &key, policy)?;
    entry.key.keep(&key);
    let bucket = upload.resource.bucket().map_or("", s3::BucketName::as_str);
    let submitted = Submitted { form, bucket, file_bytes: file.length() };
    PostPolicy::parse(policy)?.check(&submitted, now)?;
    let caller = Caller::Authenticated {
        credential: Arc::clone(&entry.credential),
        auth_type: AuthType::Form,
        version: SignatureVersion::V4,
        signed_at: presented.signed_at,
    };
    verified(submission, caller)
}

/// Takes a form for that of `identity`. A signature or policy that it bears is not looked at.
///
/// # Errors
///
/// The file cannot be what the fields say.
pub fn ambient_form(
    submission: &Submission,
    identity: &Arc<Identity>,
) -> Result<Verified, Refused> {
    verified(submission, Caller::Ambient(Arc::clone(identity)))
}

fn verified(submission: &Submission, caller: Caller) -> Result<Verified, Refused> {
    let payload = Payload::form(&submission.upload.headers, submission.file.clone())?;
    Ok(Verified::new(caller, payload))
}

/// Where any of the fields is there, all must be.
fn presented(form: &Form) -> Result<Option<Presented<'_>>, Refused> {
    let is_there = |names: &[&str]| names.iter().any(|name| form.get(name).is_some());
    if is_there(&fields::V2) {
        return Err(presented::unsupported(SIGN_WITH_V4));
    }
    if !is_there(&fields::V4) && !is_there(&[fields::POLICY]) {
        return Ok(None);
    }
    form.need(fields::POLICY)?;
    presented::check_algorithm(form.need(fields::ALGORITHM)?, || {
        presented::incomplete("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
    })?;
    let claims = Claims {
        credential: form.need(fields::CREDENTIAL)?,
        timestamp: Cow::Borrowed(form.need(fields::DATE)?),
        signature: form.need(fields::SIGNATURE)?,
        signed_headers: "",
    };
    presented::presented(Place::Form, claims).map(Some)
}

/// What is signed is the policy as it stands in the form.
fn check_signature(
    presented: &Presented<'_>,
    key: &SigningKey,
    policy: &str,
) -> Result<(), Refused> {
    if verify_slices_are_equal(&key.sign(policy), &presented.signature).is_ok() {
        return Ok(());
    }
    let claimed = hex::encode(presented.signature);
    Err(mismatch(presented.access_key_id, &claimed, policy.as_bytes(), None))
}

const SIGN_WITH_V4: &str = "This form was signed with Signature Version 2: make one with Version 4 (in \
    boto3 Config(signature_version=\"s3v4\"))";

#[cfg(test)]
mod tests;
