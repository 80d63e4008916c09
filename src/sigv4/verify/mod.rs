//! Head verification: who asks, and what their signature covers.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::{HeaderMap, HeaderName, HeaderValue, header::HOST, request::Parts};

use super::{
    Credential, Credentials, Refused, Session, VerifiedBody,
    canonical::{self, Form},
    chunked::Signatures,
    credential::Entry,
    forward,
    key::{Scope, SigningKey},
    mode::ContentSha256,
    parameters::Parameters,
    payload::Payload,
    presented::{self, Claim, Place, Presented},
    refused::mismatch,
    timestamp, v2,
};
use crate::{
    identity::{Identity, Limits},
    s3::{Code, Domains, Operation, headers},
};

/// What verification needs to know of this gate.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region that callers must sign for.
    pub region: String,
    /// Whether URLs may be presigned with Signature Version 2, too.
    pub accept_sigv2: bool,
    /// Base domains of virtual-hosted style: Version 2 signs the bucket as if it stood in the path.
    pub domains: Domains,
}

impl Settings {
    /// Of a gate that takes Version 4 alone, in path style alone.
    #[cfg(test)]
    pub(super) fn of_region(region: &str) -> Self {
        Self { region: region.to_owned(), accept_sigv2: false, domains: Domains::default() }
    }
}

/// How a request was authenticated (`s3:authType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthType {
    /// `REST-HEADER`.
    Header,
    /// `REST-QUERY-STRING`.
    Query,
    /// `POST`: in the fields of a form.
    Form,
}

impl AuthType {
    /// AWS's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Header => "REST-HEADER",
            Self::Query => "REST-QUERY-STRING",
            Self::Form => "POST",
        }
    }
}

/// The version of a signature (`s3:signatureversion`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureVersion {
    /// `AWS`.
    V2,
    /// `AWS4-HMAC-SHA256`.
    V4,
}

impl SignatureVersion {
    /// AWS's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "AWS",
            Self::V4 => canonical::ALGORITHM,
        }
    }
}

impl Place {
    pub(super) fn auth_type(self) -> AuthType {
        match self {
            Self::Header => AuthType::Header,
            Self::Query { .. } => AuthType::Query,
            Self::Form => AuthType::Form,
        }
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Caller {
    /// No credentials at all.
    Anonymous,
    /// Whoever reaches the gate.
    Ambient(Arc<Identity>),
    /// Who the request says, which the backend will find true or not.
    Claimed(forward::Claim),
    /// The holder of a credential.
    Authenticated {
        /// Which.
        credential: Arc<Credential>,
        /// How.
        auth_type: AuthType,
        /// Of the signature.
        version: SignatureVersion,
        /// When it was signed; the epoch where nobody can tell.
        signed_at: SystemTime,
    },
}

impl Caller {
    /// Who it is; `None`: nobody in particular, or nobody whom the gate knows.
    pub fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Anonymous => None,
            Self::Ambient(identity) => Some(identity),
            Self::Claimed(claim) => claim.credential.as_ref().map(|known| &known.identity),
            Self::Authenticated { credential, .. } => Some(&credential.identity),
        }
    }

    /// The upstream credential that it is mapped to.
    pub fn upstream(&self) -> Option<&str> {
        match self {
            Self::Anonymous | Self::Ambient(_) | Self::Claimed(_) => None,
            Self::Authenticated { credential, .. } => credential.upstream.as_deref(),
        }
    }

    /// What it may do at most; `None`: its credential says nothing.
    pub fn limits(&self) -> Option<&Limits> {
        match self {
            Self::Anonymous | Self::Ambient(_) => None,
            Self::Claimed(claim) => claim.credential.as_ref().map(|known| &known.limits),
            Self::Authenticated { credential, .. } => Some(&credential.limits),
        }
    }
}

/// Proof that the head's signature holds, or that none is needed: none was claimed, or callers are
/// known by where they come from, or the backend verifies it. Private: made by [`verify`],
/// [`super::ambient()`], [`super::forward()`] and [`super::verify_form`] alone.
#[derive(Debug)]
pub struct Verified {
    caller: Caller,
    payload: Payload,
}

impl Verified {
    pub(super) fn new(caller: Caller, payload: Payload) -> Self {
        Self { caller, payload }
    }

    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Binds the body to what the head promised: decoded, checked as it streams, its last bytes held
    /// back until the check has passed.
    pub fn body<B>(&self, raw: B) -> VerifiedBody<B> {
        VerifiedBody::new(raw, &self.payload)
    }
}

/// Verifies a request head against the untouched received headers and target.
///
/// # Errors
///
/// The first reason to refuse, in the order: form, scope, credential, time, coverage, payload mode,
/// signature, payload.
pub fn verify(
    head: &Parts,
    operation: Operation,
    credentials: &Credentials,
    settings: &Settings,
    now: SystemTime,
) -> Result<Verified, Refused> {
    let received = &head.headers;
    let parameters = Parameters::read(&head.uri)?;
    // A browser asks for leave with the URL that it will use, whose signature is for another method.
    let is_preflight = operation == Operation::OptionsPreflight;
    let claim = if is_preflight { Claim::None } else { presented::read(received, &parameters)? };
    let presented = match claim {
        Claim::V4(presented) => presented,
        Claim::V2 if settings.accept_sigv2 => {
            return v2::presigned(head, operation, credentials, settings, now);
        }
        Claim::V2 => return Err(presented::unsupported(PRESIGN_WITH_V4)),
        Claim::None => {
            let content = ContentSha256::read(received, &parameters, None)?;
            let payload = Payload::read(received, operation, &content, None)?;
            return Ok(Verified { caller: Caller::Anonymous, payload });
        }
    };
    check_scope(&presented, settings)?;
    let entry = entry(credentials, presented.access_key_id)?;
    check_token(&entry.credential.session, received, &parameters, now)?;
    check_time(&presented, now)?;
    check_coverage(received, &presented)?;
    let content = ContentSha256::read(received, &parameters, Some(presented.place))?;
    let key = entry.key.get(&entry.credential.secret_access_key, presented.scope);
    let has_token = parameters.security_token.is_some();
    check_signature(head, &presented, &key, content.line, has_token)?;
    entry.key.keep(&key);
    let is_seed = content.mode.is_signed() && presented.place == Place::Header;
    let signatures = is_seed.then(|| Signatures::after(&presented, &key));
    let payload = Payload::read(received, operation, &content, signatures)?;
    let caller = Caller::Authenticated {
        credential: Arc::clone(&entry.credential),
        auth_type: presented.place.auth_type(),
        version: SignatureVersion::V4,
        signed_at: presented.signed_at,
    };
    Ok(Verified { caller, payload })
}

/// The credential that a caller names.
pub(super) fn entry<'c>(
    credentials: &'c Credentials,
    access_key_id: &str,
) -> Result<&'c Entry, Refused> {
    credentials.entry(access_key_id).ok_or_else(|| {
        Refused::new(
            Code::InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records.",
        )
        .with("AWSAccessKeyId", access_key_id)
    })
}

pub(super) fn check_scope(presented: &Presented<'_>, settings: &Settings) -> Result<(), Refused> {
    let Scope { service, region, .. } = presented.scope;
    if service != SERVICE {
        return Err(presented.place.malformed(&format!(
            "incorrect service \"{service}\". This endpoint belongs to \"s3\"."
        )));
    }
    if region != settings.region {
        let right = &settings.region;
        return Err(presented
            .place
            .malformed(&format!("the region '{region}' is wrong; expecting '{right}'"))
            .with("Region", right));
    }
    Ok(())
}

/// In the header, in the query, or in both.
pub(super) fn check_token(
    session: &Session,
    received: &HeaderMap,
    parameters: &Parameters<'_>,
    now: SystemTime,
) -> Result<(), Refused> {
    let header = received.get(headers::X_AMZ_SECURITY_TOKEN).map(HeaderValue::as_bytes);
    let parameter = parameters.security_token.as_deref().map(str::as_bytes);
    session.check(header.or(parameter), now)?;
    session.check(parameter.or(header), now)
}

pub(super) fn check_time(presented: &Presented<'_>, now: SystemTime) -> Result<(), Refused> {
    let ahead = presented.signed_at.duration_since(now).unwrap_or_default();
    let behind = now.duration_since(presented.signed_at).unwrap_or_default();
    match presented.place {
        Place::Header if ahead > SKEW_MAX || behind > SKEW_MAX => Err(Refused::new(
            Code::RequestTimeTooSkewed,
            "The difference between the request time and the current time is too large.",
        )
        .with("RequestTime", &*presented.timestamp)
        .with("ServerTime", timestamp::extended(now))
        .with("MaxAllowedSkewMilliseconds", SKEW_MAX.as_millis().to_string())),
        Place::Query { .. } | Place::Form if ahead > SKEW_MAX => {
            Err(Refused::new(Code::AccessDenied, "Request is not valid yet"))
        }
        Place::Query { expires } if behind > expires => {
            Err(Refused::new(Code::AccessDenied, "Request has expired")
                .with("X-Amz-Expires", expires.as_secs().to_string())
                .with("Expires", timestamp::extended(presented.signed_at + expires))
                .with("ServerTime", timestamp::extended(now)))
        }
        Place::Header | Place::Query { .. } | Place::Form => Ok(()),
    }
}

/// `host` and every `x-amz-*` header must be signed: re-signing would lend the rest authority.
fn check_coverage(received: &HeaderMap, presented: &Presented<'_>) -> Result<(), Refused> {
    let is_signed = |name: &str| presented.signed_headers.binary_search(&name).is_ok();
    let mut unsigned: Vec<&str> = received
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| name.starts_with(headers::PREFIX))
        .chain([HOST.as_str()])
        .filter(|name| !is_signed(name))
        .collect();
    if unsigned.is_empty() {
        return Ok(());
    }
    unsigned.sort_unstable();
    Err(Refused::new(
        Code::AccessDenied,
        "There were headers present in the request which were not signed",
    )
    .with("HeadersNotSigned", unsigned.join(", ")))
}

fn check_signature(
    head: &Parts,
    presented: &Presented<'_>,
    key: &SigningKey,
    payload: &str,
    has_token: bool,
) -> Result<(), Refused> {
    let texts = |form| {
        let canonical = canonical::request(head, form, &presented.signed_headers, payload);
        let string_to_sign =
            canonical::string_to_sign(&presented.timestamp, presented.scope, &canonical);
        (canonical, string_to_sign)
    };
    let is_signed = |string_to_sign: &str| {
        let expected = key.sign(string_to_sign);
        verify_slices_are_equal(&expected, &presented.signature).is_ok()
    };
    let (canonical, string_to_sign) = texts(Form::Encoded);
    let is_signed_as = |form| is_signed(&texts(form).1);
    if is_signed(&string_to_sign)
        || is_signed_as(Form::Received)
        || has_token && is_signed_as(Form::TokenAppended)
    {
        return Ok(());
    }
    let claimed = hex::encode(presented.signature);
    Err(mismatch(presented.access_key_id, &claimed, string_to_sign.as_bytes(), Some(&canonical)))
}

/// The service of every scope.
pub(super) const SERVICE: &str = "s3";
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, `RequestTimeTooSkewed`.
const SKEW_MAX: Duration = Duration::from_mins(15);
const PRESIGN_WITH_V4: &str = "This URL was presigned with Signature Version 2: make one with \
    Version 4 (in boto3 Config(signature_version=\"s3v4\")), or let this proxy accept Version 2 by \
    `accept_sigv2 = true` in `[auth]`";

#[cfg(test)]
mod tests;
