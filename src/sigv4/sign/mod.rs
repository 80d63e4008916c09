//! Outbound signing. Invariant: what is signed is written by the same code that verifies, which AWS's
//! vectors and AWS's own signer hold to the standard.
//!
//! (The `aws-sigv4` crate cannot sign values that are not ASCII, as user metadata may be.)

use std::{sync::Arc, time::SystemTime};

use http::{
    HeaderName, HeaderValue,
    header::{AUTHORIZATION, HOST, InvalidHeaderValue},
    request::Parts,
};

use super::{
    Credential,
    canonical::{self, ALGORITHM, Path},
    key::{LastKey, Scope, TERMINATOR},
    mode::UNSIGNED_PAYLOAD,
    timestamp,
    verify::SERVICE,
};
use crate::{s3::headers, secret::Secret};

/// Signs requests to one backend.
#[derive(Clone, Debug)]
pub struct Signer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    access_key_id: String,
    secret_access_key: Secret,
    region: String,
    key: LastKey,
}

/// The head could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the upstream request could not be signed: {0}")]
pub struct SigningError(pub String);

impl Signer {
    /// For a credential and region; service `s3`.
    pub fn new(credential: &Credential, region: &str) -> Self {
        Self(Arc::new(Shared {
            access_key_id: credential.access_key_id.clone(),
            secret_access_key: credential.secret_access_key.clone(),
            region: region.to_owned(),
            key: LastKey::default(),
        }))
    }

    /// Adds `x-amz-date`, `x-amz-content-sha256: UNSIGNED-PAYLOAD` and `authorization`. Every header
    /// that is there is signed, but those that intermediaries may change.
    ///
    /// # Errors
    ///
    /// There is no host to sign for, or the access key id cannot stand in a header.
    pub fn sign(&self, head: &mut Parts, now: SystemTime) -> Result<(), SigningError> {
        if !head.headers.contains_key(HOST) && head.uri.authority().is_none() {
            return Err(SigningError("it names no host".to_owned()));
        }
        let timestamp = timestamp::basic(now);
        let date = HeaderValue::try_from(&timestamp).map_err(SigningError::from)?;
        head.headers.insert(headers::X_AMZ_DATE, date);
        let payload = HeaderValue::from_static(UNSIGNED_PAYLOAD);
        head.headers.insert(headers::X_AMZ_CONTENT_SHA256, payload);
        let authorization = self.0.authorization(head, &timestamp);
        let authorization = HeaderValue::try_from(authorization).map_err(SigningError::from)?;
        head.headers.insert(AUTHORIZATION, authorization);
        Ok(())
    }
}

impl Shared {
    fn authorization(&self, head: &Parts, timestamp: &str) -> String {
        let date = timestamp.get(..timestamp::DATE_BYTES).unwrap_or_default();
        let text = [date, &self.region, SERVICE, TERMINATOR].join("/");
        let scope = Scope { text: &text, date, region: &self.region, service: SERVICE };
        let names = signed_headers(head);
        let canonical = canonical::request(head, Path::Received, &names, UNSIGNED_PAYLOAD);
        let string_to_sign = canonical::string_to_sign(timestamp, scope, &canonical);
        let key = self.key.get(&self.secret_access_key, scope);
        self.key.keep(&key);
        let signature = hex::encode(key.sign(&string_to_sign));
        let (id, names) = (&self.access_key_id, names.join(";"));
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
