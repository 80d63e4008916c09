//! Forms: who signed them, and for what. A form is signed by its policy, a document that says which
//! fields it may have. Invariant: a signed form goes on only where its policy holds in every condition.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html>

mod policy;

use std::{
    borrow::Cow,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine as _, engine::general_purpose::STANDARD};

pub use self::policy::PostPolicy;
use self::policy::Submitted;
use super::{
    AuthType, Caller, Credential, Credentials, Refused, Settings, SignatureVersion, Verified,
    credential::Entry,
    payload::Payload,
    presented::{self, Claims, Place, Presented},
    refused::mismatch,
    verify,
};
use crate::{
    identity::Identity,
    s3::{
        self, Code,
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
    let Some(claim) = claim(form, settings.accept_sigv2)? else {
        return verified(submission, Caller::Anonymous);
    };
    let policy = form.need(fields::POLICY)?;
    let caller = match &claim {
        Claim::V2 { access_key_id, signature } => {
            let entry = entry(form, access_key_id, credentials, now)?;
            check_v2(entry, signature, policy)?;
            // Nothing says when it was signed: it is as old as can be to those who ask for its age.
            caller(entry, SignatureVersion::V2, UNIX_EPOCH)
        }
        Claim::V4(presented) => {
            verify::check_scope(presented, settings)?;
            let entry = entry(form, presented.access_key_id, credentials, now)?;
            verify::check_time(presented, now)?;
            check_v4(entry, presented, policy)?;
            caller(entry, SignatureVersion::V4, presented.signed_at)
        }
    };
    let bucket = upload.resource.bucket().map_or("", s3::BucketName::as_str);
    let submitted = Submitted { form, bucket, file_bytes: file.length() };
    PostPolicy::parse(policy)?.check(&submitted, now)?;
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

/// What the fields of a form claim of who signed it.
enum Claim<'a> {
    V2 { access_key_id: &'a str, signature: &'a str },
    V4(Presented<'a>),
}

/// Where any of the fields is there, all of its version must be, and none of the other; `None`: there
/// is none.
fn claim(form: &Form, accept_sigv2: bool) -> Result<Option<Claim<'_>>, Refused> {
    let is_there = |names: &[&str]| names.iter().any(|name| form.get(name).is_some());
    let (is_v2, is_v4) = (is_there(&fields::V2), is_there(&fields::V4));
    match (is_v2, is_v4) {
        (true, true) => Err(Refused::new(
            Code::InvalidArgument,
            "Only one auth mechanism allowed; the form has fields of Signature Version 2 and of 4",
        )),
        (true, false) if !accept_sigv2 => Err(presented::unsupported(SIGN_WITH_V4)),
        (true, false) => {
            form.need(fields::POLICY)?;
            let [access_key_id, signature] = fields::V2;
            let access_key_id = form.need(access_key_id)?;
            Ok(Some(Claim::V2 { access_key_id, signature: form.need(signature)? }))
        }
        (false, false) if !is_there(&[fields::POLICY, fields::SECURITY_TOKEN]) => Ok(None),
        (false, _) => presented(form).map(|presented| Some(Claim::V4(presented))),
    }
}

fn presented(form: &Form) -> Result<Presented<'_>, Refused> {
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
    presented::presented(Place::Form, claims)
}

/// The credential of this id, with the token that came.
fn entry<'c>(
    form: &Form,
    access_key_id: &str,
    credentials: &'c Credentials,
    now: SystemTime,
) -> Result<&'c Entry, Refused> {
    let entry = verify::entry(credentials, access_key_id)?;
    entry.credential.session.check(form.get(fields::SECURITY_TOKEN).map(str::as_bytes), now)?;
    Ok(entry)
}

fn caller(entry: &Entry, version: SignatureVersion, signed_at: SystemTime) -> Caller {
    let credential = Arc::clone(&entry.credential);
    Caller::Authenticated { credential, auth_type: AuthType::Form, version, signed_at }
}

/// In either version the policy is signed as it stands in the form, in base64.
fn check_v4(entry: &Entry, presented: &Presented<'_>, policy: &str) -> Result<(), Refused> {
    let key = entry.key.get(&entry.credential.secret_access_key, presented.scope);
    if verify_slices_are_equal(&key.sign(policy), &presented.signature).is_err() {
        let claimed = hex::encode(presented.signature);
        return Err(mismatch(presented.access_key_id, &claimed, policy.as_bytes(), None));
    }
    entry.key.keep(&key);
    Ok(())
}

fn check_v2(entry: &Entry, signature: &str, policy: &str) -> Result<(), Refused> {
    let Credential { access_key_id, secret_access_key, .. } = &*entry.credential;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret_access_key.expose());
    let expected = hmac::sign(&key, policy.as_bytes());
    let claimed = STANDARD.decode(signature).unwrap_or_default();
    if verify_slices_are_equal(expected.as_ref(), &claimed).is_err() {
        return Err(mismatch(access_key_id, signature, policy.as_bytes(), None));
    }
    Ok(())
}

const SIGN_WITH_V4: &str = "This form was signed with Signature Version 2: sign with Version 4 (in \
    boto3 Config(signature_version=\"s3v4\")), or let this proxy accept Version 2 by \
    `accept_sigv2 = true` in `[auth]`";

#[cfg(test)]
mod tests;
