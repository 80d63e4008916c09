//! Who signed a request, as the request says it. Invariant: nothing of it has been checked but its
//! form.

use std::{sync::Arc, time::SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{header, request::Parts};

use crate::{
    s3::{Code, headers::presigned},
    sigv4::{
        AuthType, Credential, Credentials, Refused, SignatureVersion, canonical,
        parameters::Parameters,
        presented::{self, Presented},
    },
};

/// A claim to be somebody. Only the backend can tell whether it is true.
#[derive(Clone, Debug)]
pub struct Claim {
    /// As presented.
    pub access_key_id: String,
    /// That of the credentials file, if it knows the id; its secret proves nothing here.
    pub credential: Option<Arc<Credential>>,
    /// Where the signature stands.
    pub auth_type: AuthType,
    /// Of the signature (`s3:signatureversion`).
    pub version: SignatureVersion,
    /// When it was signed; Version 2 does not say it in a URL.
    pub signed_at: Option<SystemTime>,
}

/// A claim, and the headers that it says to have signed, apart from those that S3 knows.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) claim: Claim,
    pub(super) signed_headers: Vec<String>,
}

/// Reads the claim of a request; `None`: nobody claims anything.
pub(super) fn read(head: &Parts, credentials: &Credentials) -> Result<Option<Claimed>, Refused> {
    let parameters = Parameters::read(&head.uri)?;
    let version2 = match (version2_header(head)?, version2_query(head)?) {
        (Some(id), _) => Some((id, AuthType::Header)),
        (None, Some(id)) => Some((id, AuthType::Query)),
        (None, None) => None,
    };
    if let Some((access_key_id, auth_type)) = version2 {
        let claim = Claim {
            credential: credentials.find(&access_key_id).cloned(),
            access_key_id,
            auth_type,
            version: SignatureVersion::V2,
            signed_at: None,
        };
        return Ok(Some(Claimed { claim, signed_headers: Vec::new() }));
    }
    match presented::read(&head.headers, &parameters)? {
        presented::Claim::V4(presented) => Ok(Some(version4(&presented, credentials))),
        presented::Claim::None => Ok(None),
        presented::Claim::V2 => Err(malformed()),
    }
}

fn version4(presented: &Presented<'_>, credentials: &Credentials) -> Claimed {
    let claim = Claim {
        access_key_id: presented.access_key_id.to_owned(),
        credential: credentials.find(presented.access_key_id).cloned(),
        auth_type: presented.place.auth_type(),
        version: SignatureVersion::V4,
        signed_at: Some(presented.signed_at),
    };
    let signed_headers = presented.signed_headers.iter().map(|name| (*name).to_owned()).collect();
    Claimed { claim, signed_headers }
}

/// `AWS AKID:signature`
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html>).
fn version2_header(head: &Parts) -> Result<Option<String>, Refused> {
    let value = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(rest) = value.and_then(|value| value.trim_ascii().strip_prefix("AWS ")) else {
        return Ok(None);
    };
    match rest.trim_ascii().rsplit_once(':') {
        Some((id, signature)) if is_id(id) && is_signature(signature) => Ok(Some(id.to_owned())),
        Some(_) | None => Err(malformed()),
    }
}

/// `AWSAccessKeyId`, `Signature` and `Expires`, all three.
fn version2_query(head: &Parts) -> Result<Option<String>, Refused> {
    let mut values: [Option<String>; presigned::V2.len()] = Default::default();
    for (name, value) in canonical::query_pairs(head.uri.query().unwrap_or_default()) {
        let place = presigned::V2.iter().position(|known| *known == name);
        if let Some(slot) = place.and_then(|place| values.get_mut(place)) {
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            *slot = Some(value.into_owned());
        }
    }
    match values {
        [None, ..] => Ok(None),
        [Some(id), Some(expires), Some(signature)]
            if is_id(&id) && is_signature(&signature) && is_number(&expires) =>
        {
            Ok(Some(id))
        }
        [Some(_), ..] => Err(malformed()),
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An HMAC-SHA-1.
fn is_signature(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|signature| signature.len() == 20)
}

fn malformed() -> Refused {
    Refused::new(
        Code::InvalidArgument,
        "AWS authorization header or query is invalid: Version 2 needs an access key id and a \
         base64-encoded HMAC-SHA-1, in a URL an expiry too.",
    )
}
