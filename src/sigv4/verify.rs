//! Head verification: who asks, and what their signature covers.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{constant_time, digest, hmac};
use http::{HeaderMap, request::Parts};
use time::{OffsetDateTime, macros::format_description};

use super::{
    Credential, Credentials, VerifiedBody, canonical,
    payload::Payload,
    presented::{self, ALGORITHM, Place, Presented},
};
use crate::s3::{Code, Operation, headers};

/// What verification needs to know of this gate.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region that callers must sign for.
    pub region: String,
}

/// How a request was authenticated (`s3:authType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthType {
    /// `REST-HEADER`.
    Header,
    /// `REST-QUERY-STRING`.
    Query,
}

impl AuthType {
    /// AWS's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Header => "REST-HEADER",
            Self::Query => "REST-QUERY-STRING",
        }
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Caller {
    /// No credentials at all.
    Anonymous,
    /// The holder of a credential.
    Authenticated {
        /// Which.
        credential: Arc<Credential>,
        /// How.
        auth_type: AuthType,
        /// When it was signed.
        signed_at: SystemTime,
    },
}

/// Proof that the head's signature holds (or that there is none and none was claimed). Private: made
/// by [`verify`] alone.
#[derive(Debug)]
pub struct Verified {
    caller: Caller,
    payload: Payload,
}

impl Verified {
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
/// The first reason to refuse, in the order: form, credential, scope, time, coverage, signature,
/// payload.
pub fn verify(
    head: &Parts,
    operation: Operation,
    credentials: &Credentials,
    settings: &Settings,
    now: SystemTime,
) -> Result<Verified, Refused> {
    // A browser asks for leave with the URL that it will use, whose signature is for another method.
    let is_preflight = operation == Operation::OptionsPreflight;
    let presented = if is_preflight { None } else { presented::read(head)? };
    let Some(presented) = presented else {
        let payload = Payload::read(head, operation, None)?;
        return Ok(Verified { caller: Caller::Anonymous, payload });
    };
    let credential = credentials.find(&presented.access_key_id).ok_or_else(|| {
        Refused::new(
            Code::InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records.",
        )
        .with("AWSAccessKeyId", &presented.access_key_id)
    })?;
    check_scope(&presented, settings)?;
    check_token(head)?;
    check_time(&presented, now)?;
    check_coverage(&head.headers, &presented)?;
    check_signature(head, &presented, credential)?;
    let payload = Payload::read(head, operation, Some(presented.place))?;
    let auth_type = match presented.place {
        Place::Header => AuthType::Header,
        Place::Query { .. } => AuthType::Query,
    };
    let caller = Caller::Authenticated {
        credential: Arc::clone(credential),
        auth_type,
        signed_at: presented.signed_at,
    };
    Ok(Verified { caller, payload })
}

fn check_scope(presented: &Presented, settings: &Settings) -> Result<(), Refused> {
    let (code, begin) = match presented.place {
        Place::Header => {
            (Code::AuthorizationHeaderMalformed, "The authorization header is malformed; ")
        }
        Place::Query { .. } => (
            Code::AuthorizationQueryParametersError,
            "Error parsing the X-Amz-Credential parameter; ",
        ),
    };
    if presented.scope.service != SERVICE {
        let service = &presented.scope.service;
        let message =
            format!("{begin}incorrect service \"{service}\". This endpoint belongs to \"s3\".");
        return Err(Refused::new(code, &message));
    }
    if presented.scope.region != settings.region {
        let (wrong, right) = (&presented.scope.region, &settings.region);
        let message = format!("{begin}the region '{wrong}' is wrong; expecting '{right}'");
        return Err(Refused::new(code, &message).with("Region", right));
    }
    Ok(())
}

/// Credentials here are long-lived ones; a token belongs to none of them.
fn check_token(head: &Parts) -> Result<(), Refused> {
    let in_query = canonical::query_pairs(head.uri.query().unwrap_or_default())
        .any(|(name, _)| name.eq_ignore_ascii_case("X-Amz-Security-Token"));
    if in_query || head.headers.contains_key(headers::X_AMZ_SECURITY_TOKEN) {
        return Err(Refused::new(
            Code::InvalidToken,
            "The provided token is malformed or otherwise invalid.",
        ));
    }
    Ok(())
}

fn check_time(presented: &Presented, now: SystemTime) -> Result<(), Refused> {
    let ahead = presented.signed_at.duration_since(now).unwrap_or_default();
    let behind = now.duration_since(presented.signed_at).unwrap_or_default();
    match presented.place {
        Place::Header if ahead > SKEW_MAX || behind > SKEW_MAX => Err(Refused::new(
            Code::RequestTimeTooSkewed,
            "The difference between the request time and the current time is too large.",
        )
        .with("RequestTime", &presented.timestamp)
        .with("ServerTime", &timestamp(now))
        .with("MaxAllowedSkewMilliseconds", &SKEW_MAX.as_millis().to_string())),
        Place::Query { .. } if ahead > SKEW_MAX => {
            Err(Refused::new(Code::AccessDenied, "Request is not valid yet"))
        }
        Place::Query { expires } if behind > expires => {
            Err(Refused::new(Code::AccessDenied, "Request has expired")
                .with("X-Amz-Expires", &expires.as_secs().to_string())
                .with("Expires", &timestamp(presented.signed_at + expires))
                .with("ServerTime", &timestamp(now)))
        }
        Place::Header | Place::Query { .. } => Ok(()),
    }
}

/// `host` and every `x-amz-*` header must be signed: re-signing would lend the rest authority.
fn check_coverage(received: &HeaderMap, presented: &Presented) -> Result<(), Refused> {
    let is_signed = |name: &str| presented.signed_headers.iter().any(|signed| signed == name);
    let mut unsigned: Vec<&str> = received
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with(headers::PREFIX) && !is_signed(name))
        .collect();
    if !is_signed("host") {
        unsigned.push("host");
    }
    if unsigned.is_empty() {
        return Ok(());
    }
    unsigned.sort_unstable();
    Err(Refused::new(
        Code::AccessDenied,
        "There were headers present in the request which were not signed",
    )
    .with("HeadersNotSigned", &unsigned.join(", ")))
}

fn check_signature(
    head: &Parts,
    presented: &Presented,
    credential: &Credential,
) -> Result<(), Refused> {
    let payload = payload_line(head, presented.place);
    let canonical = canonical::request(head, &presented.signed_headers, &payload);
    let string_to_sign = string_to_sign(presented, &canonical);
    let expected = sign(presented, credential, &string_to_sign);
    let offered = presented.signature.to_ascii_lowercase();
    let expected = hex::encode(expected.as_ref());
    if constant_time::verify_slices_are_equal(expected.as_bytes(), offered.as_bytes()).is_ok() {
        return Ok(());
    }
    Err(Refused::new(
        Code::SignatureDoesNotMatch,
        "The request signature we calculated does not match the signature you provided. Check your \
         key and signing method.",
    )
    .with("AWSAccessKeyId", &presented.access_key_id)
    .with("StringToSign", &string_to_sign)
    .with("SignatureProvided", &presented.signature)
    .with("StringToSignBytes", &spaced_hex(&string_to_sign))
    .with("CanonicalRequest", &canonical)
    .with("CanonicalRequestBytes", &spaced_hex(&canonical)))
}

/// The last line of the canonical request.
fn payload_line(head: &Parts, place: Place) -> String {
    let header = head.headers.get(headers::X_AMZ_CONTENT_SHA256);
    if let Some(value) = header.and_then(|value| value.to_str().ok()) {
        return value.to_owned();
    }
    let in_query = || {
        canonical::query_pairs(head.uri.query().unwrap_or_default())
            .find(|(name, _)| *name == "X-Amz-Content-Sha256")
            .map(|(_, value)| value.to_owned())
    };
    match place {
        Place::Header => String::new(),
        Place::Query { .. } => in_query().unwrap_or_else(|| "UNSIGNED-PAYLOAD".to_owned()),
    }
}

fn string_to_sign(presented: &Presented, canonical: &str) -> String {
    let hash = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
    format!("{ALGORITHM}\n{}\n{}\n{hash}", presented.timestamp, presented.scope.text())
}

fn sign(presented: &Presented, credential: &Credential, string_to_sign: &str) -> hmac::Tag {
    let secret = credential.secret_access_key.expose();
    let seed = zeroize::Zeroizing::new([b"AWS4", secret].concat());
    let scope = &presented.scope;
    let steps = [&scope.date, &scope.region, &scope.service, "aws4_request", string_to_sign];
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, &seed);
    let mut tag = hmac::sign(&key, b"");
    for step in steps {
        tag = hmac::sign(&key, step.as_bytes());
        key = hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref());
    }
    tag
}

fn spaced_hex(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

fn timestamp(at: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    OffsetDateTime::from(at).format(format).unwrap_or_default()
}

/// Why a signature was refused, with the XML elements that AWS adds.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// S3's code.
    pub code: Code,
    /// AWS's words where they are known.
    pub message: String,
    /// Such as `("HeadersNotSigned", "x-amz-acl")`.
    pub elements: Vec<(&'static str, String)>,
}

impl Refused {
    pub(super) fn new(code: Code, message: &str) -> Self {
        Self { code, message: message.to_owned(), elements: Vec::new() }
    }

    pub(super) fn with(mut self, element: &'static str, text: &str) -> Self {
        self.elements.push((element, text.to_owned()));
        self
    }
}

const SERVICE: &str = "s3";
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, `RequestTimeTooSkewed`.
const SKEW_MAX: Duration = Duration::from_secs(15 * 60);
