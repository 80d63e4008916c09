//! What a caller presents: a signature in the Authorization header, in the query, or nothing.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use std::time::{Duration, SystemTime};

use http::{header::AUTHORIZATION, request::Parts};
use time::{PrimitiveDateTime, macros::format_description};

use super::{Refused, canonical::query_pairs};
use crate::s3::{Code, headers};

/// A signature and what it claims. Nothing of it has been checked but its form.
#[derive(Debug)]
pub(super) struct Presented {
    pub(super) place: Place,
    pub(super) access_key_id: String,
    pub(super) scope: Scope,
    /// Lower case, in the order presented.
    pub(super) signed_headers: Vec<String>,
    /// 64 hex digits.
    pub(super) signature: String,
    /// `20150830T123600Z`.
    pub(super) timestamp: String,
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
}

/// `20150830/us-east-1/s3/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
}

impl Scope {
    pub(super) fn text(&self) -> String {
        format!("{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// Reads what is presented; `None`: the caller is anonymous.
pub(super) fn read(head: &Parts) -> Result<Option<Presented>, Refused> {
    let query = head.uri.query().unwrap_or_default();
    let in_query = query_pairs(query).any(|(name, _)| {
        let name = decode(name);
        name == "X-Amz-Signature" || name == "X-Amz-Algorithm" || name == "AWSAccessKeyId"
    });
    match (head.headers.get(AUTHORIZATION), in_query) {
        (None, false) => Ok(None),
        (Some(_), true) => Err(Refused::new(
            Code::InvalidArgument,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature \
             query string parameter or the Authorization header should be specified",
        )),
        (Some(value), false) => {
            let value = value.to_str().map_err(|_| malformed("The header is not ASCII."))?;
            from_header(head, value).map(Some)
        }
        (None, true) => from_query(query).map(Some),
    }
}

fn from_header(head: &Parts, value: &str) -> Result<Presented, Refused> {
    let (algorithm, rest) = value.trim().split_once(' ').unwrap_or((value, ""));
    check_algorithm(algorithm)?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in rest.split(',') {
        let (name, value) = part
            .trim()
            .split_once('=')
            .ok_or_else(|| malformed("Each part must be of the form name=value."))?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => {
                return Err(malformed(
                    "It has a part other than Credential, SignedHeaders, Signature.",
                ));
            }
        };
        if slot.replace(value).is_some() {
            return Err(malformed("It names a part twice."));
        }
    }
    let (Some(credential), Some(signed_headers), Some(signature)) =
        (credential, signed_headers, signature)
    else {
        return Err(malformed("Credential, SignedHeaders and Signature are all needed."));
    };
    let timestamp = header_timestamp(head)?;
    presented(Place::Header, credential, signed_headers, signature, &timestamp, malformed)
}

/// `x-amz-date`, else `Date` in the same form.
fn header_timestamp(head: &Parts) -> Result<String, Refused> {
    let date = head.headers.get(headers::X_AMZ_DATE).or(head.headers.get(http::header::DATE));
    let undated = || {
        Refused::new(
            Code::AccessDenied,
            "AWS authentication requires a valid Date or x-amz-date header.",
        )
    };
    let date = date.and_then(|date| date.to_str().ok()).ok_or_else(undated)?;
    if parse_timestamp(date).is_some() {
        return Ok(date.to_owned());
    }
    // The Date header may be in the form of RFC 9110; the string to sign holds ISO 8601 all the same.
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = PrimitiveDateTime::parse(date, format).map_err(|_| undated())?;
    date.format(TIMESTAMP).map_err(|_| undated())
}

fn from_query(query: &str) -> Result<Presented, Refused> {
    let find = |wanted: &str| {
        query_pairs(query).find(|(name, _)| decode(name) == wanted).map(|(_, value)| decode(value))
    };
    if find("X-Amz-Algorithm").is_none() && find("AWSAccessKeyId").is_some() {
        return Err(unsupported());
    }
    let need = |name: &str| {
        find(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            incomplete(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, \
                 X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and \
                 X-Amz-Expires parameters.",
            )
        })
    };
    let algorithm = need("X-Amz-Algorithm")?;
    check_algorithm(&algorithm).map_err(|refused| {
        let known = refused.code == Code::NotImplemented;
        if known {
            refused
        } else {
            incomplete("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
        }
    })?;
    let (credential, date) = (need("X-Amz-Credential")?, need("X-Amz-Date")?);
    let (signed_headers, signature) = (need("X-Amz-SignedHeaders")?, need("X-Amz-Signature")?);
    let expires = need("X-Amz-Expires")?;
    let expires: i64 =
        expires.parse().map_err(|_| incomplete("X-Amz-Expires should be a number"))?;
    let expires =
        u64::try_from(expires).map_err(|_| incomplete("X-Amz-Expires must be non-negative"))?;
    if expires > EXPIRES_SECONDS_MAX {
        return Err(incomplete(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires \
             must be less than 604800 seconds",
        ));
    }
    let place = Place::Query { expires: Duration::from_secs(expires) };
    presented(place, &credential, &signed_headers, &signature, &date, incomplete)
}

fn presented(
    place: Place,
    credential: &str,
    signed_headers: &str,
    signature: &str,
    timestamp: &str,
    refuse: fn(&str) -> Refused,
) -> Result<Presented, Refused> {
    let signed_at = parse_timestamp(timestamp)
        .ok_or_else(|| refuse("The date must be in the ISO 8601 form YYYYMMDD'T'HHMMSS'Z'."))?;
    // From the right, since some stores' access keys hold slashes.
    let mut fields = credential.rsplitn(5, '/');
    let (terminator, service, region, date, access_key_id) =
        (fields.next(), fields.next(), fields.next(), fields.next(), fields.next());
    let (Some(TERMINATOR), Some(service), Some(region), Some(date), Some(access_key_id)) =
        (terminator, service, region, date, access_key_id)
    else {
        return Err(refuse(
            "The credential must be of the form ACCESS-KEY/YYYYMMDD/REGION/SERVICE/aws4_request.",
        ));
    };
    if !timestamp.starts_with(date) || date.len() != 8 {
        return Err(refuse("The date in the credential scope does not match the request's date."));
    }
    let is_hex = signature.len() == 64 && signature.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hex {
        return Err(refuse("The signature must be 64 hexadecimal digits."));
    }
    let scope =
        Scope { date: date.to_owned(), region: region.to_owned(), service: service.to_owned() };
    Ok(Presented {
        place,
        access_key_id: access_key_id.to_owned(),
        scope,
        signed_headers: signed_headers.split(';').map(str::to_ascii_lowercase).collect(),
        signature: signature.to_owned(),
        timestamp: timestamp.to_owned(),
        signed_at,
    })
}

fn check_algorithm(algorithm: &str) -> Result<(), Refused> {
    match algorithm {
        ALGORITHM => Ok(()),
        "AWS4-ECDSA-P256-SHA256" => Err(Refused::new(
            Code::NotImplemented,
            "SigV4A (AWS4-ECDSA-P256-SHA256) is not supported. Sign with AWS4-HMAC-SHA256.",
        )),
        _ => Err(unsupported()),
    }
}

fn parse_timestamp(text: &str) -> Option<SystemTime> {
    PrimitiveDateTime::parse(text, TIMESTAMP).ok().map(|at| at.assume_utc().into())
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn malformed(message: &str) -> Refused {
    let text = "The authorization header you provided is malformed. ".to_owned() + message;
    Refused::new(Code::AuthorizationHeaderMalformed, &text)
}

fn incomplete(message: &str) -> Refused {
    Refused::new(Code::AuthorizationQueryParametersError, message)
}

fn unsupported() -> Refused {
    Refused::new(
        Code::InvalidRequest,
        "The authorization mechanism you have provided is not supported. Please use \
         AWS4-HMAC-SHA256.",
    )
}

pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const EXPIRES_SECONDS_MAX: u64 = 604_800;
const TIMESTAMP: &[time::format_description::BorrowedFormatItem<'static>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
