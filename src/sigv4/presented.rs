//! What a caller presents: a signature in the Authorization header, in the query, or nothing.
//! Invariant: nothing of it has been checked but its form.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, header};

use super::{
    Refused,
    canonical::ALGORITHM,
    key::{Scope, Signature, TERMINATOR},
    parameters::Parameters,
    timestamp,
};
use crate::s3::{Code, headers};

/// A signature and what it claims.
#[derive(Debug)]
pub(super) struct Presented<'a> {
    pub(super) place: Place,
    pub(super) access_key_id: &'a str,
    pub(super) scope: Scope<'a>,
    /// Sorted, each once.
    pub(super) signed_headers: Vec<&'a str>,
    pub(super) signature: Signature,
    /// `20150830T123600Z`.
    pub(super) timestamp: Cow<'a, str>,
    pub(super) signed_at: SystemTime,
}

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Header,
    /// A presigned URL, good for this long.
    Query {
        expires: Duration,
    },
    /// The fields of a form, good for as long as its policy says.
    Form,
}

/// What a signature consists of in any place, as it came.
pub(super) struct Claims<'a> {
    pub(super) credential: &'a str,
    pub(super) signed_headers: &'a str,
    pub(super) signature: &'a str,
    pub(super) timestamp: Cow<'a, str>,
}

/// What a request claims of who signed it.
#[derive(Debug)]
pub(super) enum Claim<'a> {
    /// Nobody did.
    None,
    /// A URL was presigned with Version 2.
    V2,
    /// Version 4.
    V4(Presented<'a>),
}

/// Reads what is presented.
pub(super) fn read<'a>(
    received: &'a HeaderMap,
    parameters: &'a Parameters<'_>,
) -> Result<Claim<'a>, Refused> {
    let (is_v4, is_v2) = (parameters.is_v4(), parameters.is_v2());
    match (received.get(header::AUTHORIZATION), is_v4 || is_v2) {
        (None, false) => Ok(Claim::None),
        (Some(_), true) => Err(Refused::new(
            Code::InvalidArgument,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature \
             query string parameter or the Authorization header should be specified",
        )),
        (Some(value), false) => {
            let value = value.to_str().map_err(|_| Place::Header.malformed("it is not ASCII"))?;
            from_header(received, value).map(Claim::V4)
        }
        (None, true) if !is_v4 => Ok(Claim::V2),
        (None, true) => from_query(parameters).map(Claim::V4),
    }
}

impl Place {
    /// A fault in the credential, or in what it goes with.
    pub(super) fn malformed(self, fault: &str) -> Refused {
        match self {
            Self::Header => Refused::new(
                Code::AuthorizationHeaderMalformed,
                format!("The authorization header is malformed; {fault}"),
            ),
            Self::Query { .. } | Self::Form => {
                incomplete(format!("Error parsing the X-Amz-Credential parameter; {fault}"))
            }
        }
    }
}

fn from_header<'a>(received: &'a HeaderMap, value: &'a str) -> Result<Presented<'a>, Refused> {
    let value = value.trim_ascii();
    let (algorithm, rest) = value.split_once(' ').unwrap_or((value, ""));
    check_algorithm(algorithm, || unsupported("Version 2 is taken in presigned URLs at most"))?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in rest.split(',') {
        let (name, value) = part.trim_ascii().split_once('=').unwrap_or((part, ""));
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(Place::Header.malformed(COMPONENTS)),
        };
        if slot.replace(value).is_some() {
            return Err(Place::Header.malformed(COMPONENTS));
        }
    }
    let (Some(credential), Some(signed_headers), Some(signature)) =
        (credential, signed_headers, signature)
    else {
        return Err(Place::Header.malformed(COMPONENTS));
    };
    let timestamp = header_timestamp(received)?;
    presented(Place::Header, Claims { credential, signed_headers, signature, timestamp })
}

/// `x-amz-date`, else `Date`, which may be in HTTP's own form: the string to sign holds ISO 8601 all
/// the same.
fn header_timestamp(received: &HeaderMap) -> Result<Cow<'_, str>, Refused> {
    received
        .get(headers::X_AMZ_DATE)
        .or_else(|| received.get(header::DATE))
        .and_then(|date| date.to_str().ok())
        .and_then(|date| match timestamp::parse(date) {
            Some(_) => Some(Cow::Borrowed(date)),
            None => timestamp::from_http_date(date).map(Cow::Owned),
        })
        .ok_or_else(|| {
            Refused::new(
                Code::AccessDenied,
                "AWS authentication requires a valid Date or x-amz-date header.",
            )
        })
}

fn from_query<'a>(parameters: &'a Parameters<'_>) -> Result<Presented<'a>, Refused> {
    let need = |parameter: &'a Option<Cow<'_, str>>| {
        parameter.as_deref().filter(|value| !value.is_empty()).ok_or_else(|| {
            incomplete(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, \
                 X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and \
                 X-Amz-Expires parameters.",
            )
        })
    };
    check_algorithm(need(&parameters.algorithm)?, || {
        incomplete("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
    })?;
    let claims = Claims {
        credential: need(&parameters.credential)?,
        signed_headers: need(&parameters.signed_headers)?,
        signature: need(&parameters.signature)?,
        timestamp: Cow::Borrowed(need(&parameters.date)?),
    };
    let expires = expires(need(&parameters.expires)?)?;
    presented(Place::Query { expires }, claims)
}

fn expires(text: &str) -> Result<Duration, Refused> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(incomplete("X-Amz-Expires should be a number"));
    }
    if digits.len() < text.len() {
        return Err(incomplete("X-Amz-Expires must be non-negative"));
    }
    let seconds: Option<u64> = digits.parse().ok();
    if seconds == Some(0) {
        return Err(incomplete("X-Amz-Expires must be greater than zero"));
    }
    let seconds = seconds.filter(|seconds| *seconds <= EXPIRES_SECONDS_MAX);
    seconds.map(Duration::from_secs).ok_or_else(|| {
        incomplete(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires \
             must be less than 604800 seconds",
        )
    })
}

/// Reads the claims, wherever they stood.
pub(super) fn presented(place: Place, claims: Claims<'_>) -> Result<Presented<'_>, Refused> {
    let signed_at = timestamp::parse(&claims.timestamp).ok_or_else(|| {
        incomplete("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    })?;
    let (access_key_id, scope) = credential(place, claims.credential)?;
    let day = claims.timestamp.get(..timestamp::DATE_BYTES).unwrap_or_default();
    if scope.date != day {
        let date = scope.date;
        return Err(place.malformed(&format!(
            "Invalid credential date \"{date}\". This date is not the same as X-Amz-Date: \"{day}\"."
        )));
    }
    let mut signature = Signature::default();
    hex::decode_to_slice(claims.signature, &mut signature)
        .map_err(|_| place.malformed("the signature must be 64 hexadecimal digits"))?;
    let signed_headers = signed_headers(place, claims.signed_headers)?;
    let timestamp = claims.timestamp;
    Ok(Presented { place, access_key_id, scope, signed_headers, signature, timestamp, signed_at })
}

/// From the right, since some stores' access keys hold slashes.
fn credential(place: Place, text: &str) -> Result<(&str, Scope<'_>), Refused> {
    let mut fields = text.rsplitn(5, '/');
    let (terminator, service, region, date, access_key_id) =
        (fields.next(), fields.next(), fields.next(), fields.next(), fields.next());
    let (Some(terminator), Some(service), Some(region), Some(date), Some(access_key_id)) =
        (terminator, service, region, date, access_key_id)
    else {
        return Err(place.malformed(
            "the Credential is mal-formed; expecting \
             \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ));
    };
    if terminator != TERMINATOR {
        return Err(place.malformed(&format!(
            "incorrect terminal \"{terminator}\". This endpoint uses \"aws4_request\"."
        )));
    }
    let scope = text.get(access_key_id.len() + 1..).unwrap_or_default();
    Ok((access_key_id, Scope { text: scope, date, region, service }))
}

/// Each name once: the canonical request holds a header's value for every time that it is named, and
/// must not grow beyond the head.
fn signed_headers(place: Place, text: &str) -> Result<Vec<&str>, Refused> {
    let mut names: Vec<&str> = text.split(';').collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(place.malformed("SignedHeaders names a header more than once"));
    }
    Ok(names)
}

/// `otherwise` tells of all but the one that is known and not supported.
pub(super) fn check_algorithm(algorithm: &str, otherwise: fn() -> Refused) -> Result<(), Refused> {
    match algorithm {
        ALGORITHM => Ok(()),
        "AWS4-ECDSA-P256-SHA256" => Err(Refused::new(
            Code::NotImplemented,
            "SigV4A (AWS4-ECDSA-P256-SHA256) is not supported. Sign with AWS4-HMAC-SHA256.",
        )),
        _ => Err(otherwise()),
    }
}

pub(super) fn incomplete(message: impl Into<String>) -> Refused {
    Refused::new(Code::AuthorizationQueryParametersError, message)
}

/// Version 2 where it is not taken, or what is no mechanism at all.
pub(super) fn unsupported(mend: &str) -> Refused {
    Refused::new(
        Code::InvalidRequest,
        format!(
            "The authorization mechanism you have provided is not supported. Please use \
             AWS4-HMAC-SHA256. {mend}."
        ),
    )
}

const COMPONENTS: &str = "the authorization header requires three components: Credential, \
                          SignedHeaders, and Signature.";
/// A week (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>).
const EXPIRES_SECONDS_MAX: u64 = 604_800;
