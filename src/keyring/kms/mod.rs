//! AWS's Key Management Service, and what speaks its protocol: JSON 1.1 over HTTPS, signed with Version
//! 4. Invariant: each call names a key of the configuration, also to decrypt, so that a box never
//! chooses another; and each is bound to the bucket by its encryption context.
//!
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html>,
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>

mod answer;

use std::{collections::BTreeMap, time::SystemTime};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue, Method, Uri, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use self::answer::{DataKey, Decrypted};
use super::{
    Unopened,
    error::Fault,
    http::Http,
    service::{Asked, Service, Wrapped},
};
use crate::{
    credential::{Credential, Source},
    seal::BucketKey,
    telemetry::metrics::Metrics,
    trust::Authorities,
};

/// A keyring of KMS keys, as validated.
#[derive(Clone, Debug, PartialEq)]
pub struct KmsSettings {
    /// `http` or `https`, host and optional port; no path.
    pub endpoint: Uri,
    /// PEM file of CAs trusted for it; `None`: the system's.
    pub ca: Option<Authorities>,
    /// To sign for.
    pub region: String,
    /// What signs.
    pub credential: Source,
    /// ARNs, ids, or the alias of one. The first wraps where clients ask for none.
    pub key_ids: Vec<String>,
}

/// KMS.
#[derive(Debug)]
pub(super) struct Kms {
    http: Http,
    region: String,
    credential: Credential,
    keys: Vec<Key>,
}

/// A key, as configured.
#[derive(Debug)]
struct Key {
    configured: String,
    /// What [`key_id`] makes of it; `None`: an alias, which says nothing of the key behind it.
    id: Option<String>,
}

impl Kms {
    /// Connects to nothing yet. To be called within a runtime, as [`Credential::open`].
    pub(super) fn open(
        keyring: &str,
        settings: &KmsSettings,
        metrics: &Metrics,
    ) -> Result<Self, Unopened> {
        // No name in the configuration holds a colon.
        let credential = format!("keyring:{keyring}");
        let keys = settings.key_ids.iter().map(|configured| Key {
            configured: configured.clone(),
            id: key_id(configured).map(str::to_owned),
        });
        Ok(Self {
            http: Http::new(settings.endpoint.clone(), settings.ca.as_ref())?,
            region: settings.region.clone(),
            credential: Credential::open(&credential, &settings.credential, metrics)?,
            keys: keys.collect(),
        })
    }

    async fn generate(&self, place: usize, bucket: &str) -> Result<Wrapped, Fault> {
        let key = self.keys.get(place).ok_or(Fault::UnknownKey)?;
        let asked = GenerateDataKey {
            key_id: &key.configured,
            key_spec: "AES_256",
            encryption_context: context(bucket),
        };
        let made: DataKey = self.ask("GenerateDataKey", &asked).await?;
        let version = made.key_id();
        if key.id.as_deref().is_some_and(|id| id != version) {
            return Err(Fault::Refused("it took another key than it was asked for".to_owned()));
        }
        let (version, bytes) = (version.to_owned(), made.wrapped()?);
        Ok(Wrapped { key: made.key(), version, bytes })
    }

    async fn decrypt(
        &self,
        bucket: &str,
        version: &str,
        wrapped: &[u8],
    ) -> Result<BucketKey, Fault> {
        let key = self.key(version).ok_or(Fault::UnknownKey)?;
        let asked = Decrypt {
            key_id: &key.configured,
            ciphertext_blob: BASE64_STANDARD.encode(wrapped),
            encryption_context: context(bucket),
        };
        let opened: Decrypted = match self.ask("Decrypt", &asked).await {
            // The alias has been pointed at another key since.
            Err(Fault::OtherKey) if key.id.is_none() => return Err(Fault::UnknownKey),
            answer => answer?,
        };
        if opened.key_id() != version {
            return Err(Fault::Broken);
        }
        Ok(opened.key())
    }

    /// The configured key of a version, or else the alias, which may stand for it.
    fn key(&self, version: &str) -> Option<&Key> {
        let known = self.keys.iter().find(|key| key.id.as_deref() == Some(version));
        known.or_else(|| self.keys.iter().find(|key| key.id.is_none()))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a call is made for all requests that wait for it, and signed when it is made"
    )]
    async fn ask<T: DeserializeOwned>(
        &self,
        operation: &str,
        asked: &impl Serialize,
    ) -> Result<T, Fault> {
        let unmade = |error: &dyn std::fmt::Display| Fault::Refused(error.to_string());
        let body = Zeroizing::new(serde_json::to_vec(asked).map_err(|error| unmade(&error))?);
        let mut head = self.http.head(Method::POST, "/")?;
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        let target = HeaderValue::try_from(format!("TrentService.{operation}"));
        head.headers.insert(TARGET, target.map_err(|error| unmade(&error))?);
        let now = SystemTime::now();
        let signer = self.credential.signer(now).await;
        let signer = signer.map_err(|error| Fault::Transient(error.to_string()))?;
        signer
            .sign_call((SERVICE, &self.region), &mut head, &body, now)
            .map_err(|error| unmade(&error))?;
        let answer = self.http.send(head, body).await?;
        answer::read(&answer)
    }
}

impl Service for Kms {
    fn wrap<'a>(&'a self, place: usize, bucket: &'a str) -> Asked<'a, Wrapped> {
        Box::pin(self.generate(place, bucket))
    }

    fn unwrap<'a>(
        &'a self,
        bucket: &'a str,
        version: &'a str,
        wrapped: &'a [u8],
    ) -> Asked<'a, BucketKey> {
        Box::pin(self.decrypt(bucket, version, wrapped))
    }

    fn asked(&self, place: usize) -> &str {
        self.keys.get(place).map_or("", |key| &key.configured)
    }

    /// By what is configured, or by the id of a key whose ARN is.
    fn place(&self, asked: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.configured == asked || key.id.as_deref() == Some(asked))
    }

    fn key_id(&self, version: &str) -> Option<&str> {
        self.key(version).map(|key| key.configured.as_str())
    }
}

/// What is the same of a key in its ARN and by itself: `1234abcd-…` or `mrk-1234abcd…`. `None`: an
/// alias.
fn key_id(configured: &str) -> Option<&str> {
    let resource = configured.rsplit(':').next().unwrap_or(configured);
    if resource.starts_with("alias/") {
        return None;
    }
    Some(resource.strip_prefix("key/").unwrap_or(resource))
}

fn context(bucket: &str) -> BTreeMap<&'static str, &str> {
    BTreeMap::from([(CONTEXT, bucket)])
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GenerateDataKey<'a> {
    key_id: &'a str,
    key_spec: &'a str,
    encryption_context: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt<'a> {
    key_id: &'a str,
    ciphertext_blob: String,
    encryption_context: BTreeMap<&'static str, &'a str>,
}

/// What wrapped keys are bound to (`docs/format.md`, *The key box*).
pub(super) const CONTEXT: &str = "portcullis:bucket";
const SERVICE: &str = "kms";
const JSON: &str = "application/x-amz-json-1.1";
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

#[cfg(test)]
mod tests {
    use super::key_id;

    #[test]
    fn a_key_has_one_id_however_it_is_named() {
        for (configured, id) in [
            ("1234abcd-12ab-34cd-56ef-1234567890ab", Some("1234abcd-12ab-34cd-56ef-1234567890ab")),
            ("arn:aws:kms:eu-central-1:123456789012:key/1234abcd", Some("1234abcd")),
            ("arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234", Some("mrk-1234")),
            ("alias/portcullis", None),
            ("arn:aws:kms:eu-central-1:123456789012:alias/portcullis", None),
        ] {
            assert_eq!(key_id(configured), id, "{configured}");
        }
    }
}
