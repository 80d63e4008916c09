//! Outbound signing. Invariant: what is signed is written by the same code that verifies, which AWS's
//! vectors and AWS's own signer hold to the standard.
//!
//! (The `aws-sigv4` crate cannot sign values that are not ASCII, as user metadata may be.)

use std::{sync::Arc, time::SystemTime};

use aws_lc_rs::digest;
use http::{
    HeaderName, HeaderValue,
    header::{AUTHORIZATION, HOST, InvalidHeaderValue},
    request::Parts,
};

use super::{
    AccessKey,
    canonical::{self, ALGORITHM, Form},
    key::{LastKey, Scope, TERMINATOR},
    mode::UNSIGNED_PAYLOAD,
    timestamp,
    verify::SERVICE,
};
use crate::s3::headers;

/// Signs requests with one access key, to one service at a time: it keeps the key of the last.
#[derive(Clone, Debug)]
pub struct Signer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    access_key: AccessKey,
    /// `x-amz-security-token`
    token: Option<HeaderValue>,
    key: LastKey,
}

/// The head could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the upstream request could not be signed: {0}")]
pub struct SigningError(pub String);

impl Signer {
    /// For an access key.
    ///
    /// # Errors
    ///
    /// The session token cannot stand in a header.
    pub fn new(access_key: AccessKey) -> Result<Self, SigningError> {
        let token = access_key.session_token.as_ref();
        let token = token.map(|token| HeaderValue::from_bytes(token.expose())).transpose()?;
        let token = token.map(|mut token| {
            token.set_sensitive(true);
            token
        });
        Ok(Self(Arc::new(Shared { access_key, token, key: LastKey::default() })))
    }

    /// For S3. Adds `x-amz-date`, `x-amz-content-sha256: UNSIGNED-PAYLOAD`, `authorization` and, where
    /// there is one, `x-amz-security-token`. Every header that is there is signed, but those that
    /// intermediaries may change.
    ///
    /// # Errors
    ///
    /// There is no host to sign for, or the access key id cannot stand in a header.
    pub fn sign(
        &self,
        head: &mut Parts,
        region: &str,
        now: SystemTime,
    ) -> Result<(), SigningError> {
        self.sign_for((SERVICE, region), head, UNSIGNED_PAYLOAD, now)
    }

    /// For another service, whose target is `/` and whose body is signed, too. As [`Self::sign`]
    /// otherwise.
    ///
    /// # Errors
    ///
    /// As [`Self::sign`].
    pub fn sign_call(
        &self,
        (service, region): (&str, &str),
        head: &mut Parts,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), SigningError> {
        let hash = hex::encode(digest::digest(&digest::SHA256, body));
        self.sign_for((service, region), head, &hash, now)
    }

    fn sign_for(
        &self,
        (service, region): (&str, &str),
        head: &mut Parts,
        payload: &str,
        now: SystemTime,
    ) -> Result<(), SigningError> {
        if !head.headers.contains_key(HOST) && head.uri.authority().is_none() {
            return Err(SigningError("it names no host".to_owned()));
        }
        let timestamp = timestamp::basic(now);
        let date = HeaderValue::try_from(&timestamp).map_err(SigningError::from)?;
        head.headers.insert(headers::X_AMZ_DATE, date);
        head.headers.insert(headers::X_AMZ_CONTENT_SHA256, HeaderValue::from_str(payload)?);
        match &self.0.token {
            Some(token) => head.headers.insert(headers::X_AMZ_SECURITY_TOKEN, token.clone()),
            None => head.headers.remove(headers::X_AMZ_SECURITY_TOKEN),
        };
        let scope = (service, region, timestamp.as_str());
        let authorization = self.0.authorization(head, scope, payload);
        let authorization = HeaderValue::try_from(authorization).map_err(SigningError::from)?;
        head.headers.insert(AUTHORIZATION, authorization);
        Ok(())
    }
}

impl Shared {
    fn authorization(
        &self,
        head: &Parts,
        (service, region, timestamp): (&str, &str, &str),
        payload: &str,
    ) -> String {
        let date = timestamp.get(..timestamp::DATE_BYTES).unwrap_or_default();
        let text = [date, region, service, TERMINATOR].join("/");
        let scope = Scope { text: &text, date, region, service };
        let names = signed_headers(head);
        let canonical = canonical::request(head, Form::Received, &names, payload);
        let string_to_sign = canonical::string_to_sign(timestamp, scope, &canonical);
        let key = self.key.get(&self.access_key.secret, scope);
        self.key.keep(&key);
        let signature = hex::encode(key.sign(&string_to_sign));
        let (id, names) = (&self.access_key.id, names.join(";"));
        format!("{ALGORITHM} Credential={id}/{text}, SignedHeaders={names}, Signature={signature}")
    }
}

/// Sorted, each once.
fn signed_headers(head: &Parts) -> Vec<&str> {
    let mut names: Vec<&str> =
        head.headers.keys().map(HeaderName::as_str).filter(|name| is_signable(name)).collect();
    if !head.headers.contains_key(HOST) {
        names.push(HOST.as_str());
    }
    names.sort_unstable();
    names
}

/// Not those that belong to the connection or change on the way.
fn is_signable(name: &str) -> bool {
    !UNSIGNABLE.contains(&name)
}

impl From<InvalidHeaderValue> for SigningError {
    fn from(error: InvalidHeaderValue) -> Self {
        Self(error.to_string())
    }
}

const UNSIGNABLE: [&str; 14] = [
    "accept-encoding",
    "authorization",
    "connection",
    "expect",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-amzn-trace-id",
];

#[cfg(test)]
mod tests;
