//! The transit engine of HashiCorp Vault and OpenBao. Invariant: bucket keys are bound to their bucket
//! by the key that is derived for it, by associated data, or by both, as the key's type has it.
//!
//! <https://openbao.org/api-docs/secret/transit/>

mod answer;
mod session;

use std::path::PathBuf;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue, Method, Uri, header::CONTENT_TYPE, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use self::{
    answer::{Decrypted, Encrypted},
    session::{Session, Use},
};
use super::{
    Unopened,
    error::Fault,
    http::Http,
    kms::CONTEXT,
    service::{Asked, Service, Wrapped},
};
use crate::{
    seal::BucketKey, secret::Secret, telemetry::metrics::KeyringMetrics, trust::Authorities,
};

/// A keyring of one transit key, as validated.
#[derive(Clone, Debug, PartialEq)]
pub struct VaultSettings {
    /// `http` or `https`, host and optional port; no path.
    pub address: Uri,
    /// PEM file of CAs trusted for it; `None`: the system's.
    pub ca: Option<Authorities>,
    /// Where everything below is, mounts of logins included; `None`: the root.
    pub namespace: Option<String>,
    /// The transit engine's mount, such as `transit`.
    pub mount: String,
    /// The transit key's name.
    pub key: String,
    /// How the proxy says who it is.
    pub login: Login,
}

/// How the proxy says who it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Login {
    /// By a token that it was given.
    Token(Secret),
    /// By a role's id and its secret.
    AppRole {
        /// Of the auth method, such as `approle`.
        mount: String,
        /// Which.
        role_id: String,
        /// Its secret.
        secret_id: Secret,
    },
    /// By the token of a Kubernetes service account, which is read anew for each login.
    Kubernetes {
        /// Of the auth method, such as `kubernetes`.
        mount: String,
        /// Vault's, not Kubernetes's.
        role: String,
        /// The token's file.
        token_file: PathBuf,
    },
}

/// A transit engine.
#[derive(Debug)]
pub(super) struct Vault {
    api: Api,
    session: Session,
    encrypt: String,
    decrypt: String,
    key: String,
}

/// How Vault is spoken to, whoever speaks.
#[derive(Clone, Debug)]
struct Api {
    http: Http,
    namespace: Option<HeaderValue>,
}

impl Vault {
    /// Connects to nothing yet. To be called within a runtime: it logs in by a task of its own, which
    /// ends with this.
    pub(super) fn open(
        settings: &VaultSettings,
        metrics: &KeyringMetrics,
    ) -> Result<Self, Unopened> {
        let VaultSettings { mount, key, namespace, .. } = settings;
        let http = Http::new(settings.address.clone(), settings.ca.as_ref())?;
        // What the configuration accepts as a namespace can stand in a header.
        let namespace = namespace.as_deref().and_then(|name| HeaderValue::from_str(name).ok());
        let api = Api { http, namespace };
        Ok(Self {
            session: Session::start(api.clone(), settings.login.clone(), metrics.clone()),
            api,
            encrypt: format!("/v1/{mount}/encrypt/{key}"),
            decrypt: format!("/v1/{mount}/decrypt/{key}"),
            key: key.clone(),
        })
    }

    /// The key is made here: what the engine would make need not be bound to anything.
    async fn encrypt(&self, bucket: &str) -> Result<Wrapped, Fault> {
        let key = BucketKey::generate()?;
        let context = context(bucket);
        let plaintext = Zeroizing::new(BASE64_STANDARD.encode(key.expose()));
        let asked = Encrypt { plaintext: &plaintext, context: &context, associated_data: &context };
        let made: Encrypted = self.ask(Use::Encrypt, &asked).await?;
        let (version, bytes) = made.parts()?;
        Ok(Wrapped { key, version, bytes })
    }

    async fn decrypt(
        &self,
        bucket: &str,
        version: &str,
        wrapped: &[u8],
    ) -> Result<BucketKey, Fault> {
        if !answer::is_version(version) {
            return Err(Fault::UnknownKey);
        }
        let context = context(bucket);
        let ciphertext = answer::ciphertext(version, wrapped);
        let asked =
            Decrypt { ciphertext: &ciphertext, context: &context, associated_data: &context };
        let opened: Decrypted = self.ask(Use::Decrypt, &asked).await?;
        Ok(opened.key())
    }

    /// Once more with a new token, where the old one may have been revoked.
    async fn ask<T: DeserializeOwned>(
        &self,
        used: Use,
        asked: &impl Serialize,
    ) -> Result<T, Fault> {
        let path = match used {
            Use::Encrypt => &self.encrypt,
            Use::Decrypt => &self.decrypt,
        };
        let token = self.session.token().await?;
        match self.api.ask(path, Some(&token.value), asked).await {
            Ok(answer) => {
                token.has_served(used);
                Ok(answer)
            }
            Err(Fault::Refused(reason)) => match self.session.successor(&token, used).await? {
                Some(token) => self.api.ask(path, Some(&token.value), asked).await,
                None => Err(Fault::Refused(reason)),
            },
            Err(fault) => Err(fault),
        }
    }
}

impl Service for Vault {
    fn wrap<'a>(&'a self, _place: usize, bucket: &'a str) -> Asked<'a, Wrapped> {
        Box::pin(self.encrypt(bucket))
    }

    fn unwrap<'a>(
        &'a self,
        bucket: &'a str,
        version: &'a str,
        wrapped: &'a [u8],
    ) -> Asked<'a, BucketKey> {
        Box::pin(self.decrypt(bucket, version, wrapped))
    }

    fn asked(&self, _place: usize) -> &str {
        &self.key
    }
}

impl Api {
    /// Asks, and reads the answer.
    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        token: Option<&Secret>,
        asked: &impl Serialize,
    ) -> Result<T, Fault> {
        let mut head = self.head(Method::POST, path, token)?;
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut body = Zeroizing::new(Vec::with_capacity(BODY_BYTES_USUAL));
        serde_json::to_writer(&mut *body, asked).map_err(|error| unmade(&error))?;
        answer::read(&self.http.send(head, body).await?)
    }

    /// Reads what is there.
    async fn look<T: DeserializeOwned>(&self, path: &str, token: &Secret) -> Result<T, Fault> {
        let head = self.head(Method::GET, path, Some(token))?;
        answer::read(&self.http.send(head, Zeroizing::default()).await?)
    }

    fn head(&self, method: Method, path: &str, token: Option<&Secret>) -> Result<Parts, Fault> {
        let mut head = self.http.head(method, path)?;
        head.headers.insert(REQUEST, HeaderValue::from_static("true"));
        if let Some(namespace) = &self.namespace {
            head.headers.insert(NAMESPACE, namespace.clone());
        }
        if let Some(token) = token {
            let value = HeaderValue::from_bytes(token.expose());
            let mut value = value.map_err(|_| unmade(&"the token cannot stand in a header"))?;
            value.set_sensitive(true);
            head.headers.insert(TOKEN, value);
        }
        Ok(head)
    }
}

fn unmade(error: &dyn std::fmt::Display) -> Fault {
    Fault::Refused(error.to_string())
}

/// What a bucket's keys are bound to, in base64. Keys that are derived for a context want it; others
/// ignore it, and authenticate associated data.
fn context(bucket: &str) -> String {
    BASE64_STANDARD.encode(serde_json::json!({ CONTEXT: bucket }).to_string())
}

#[derive(Serialize)]
struct Encrypt<'a> {
    plaintext: &'a str,
    context: &'a str,
    associated_data: &'a str,
}

#[derive(Serialize)]
struct Decrypt<'a> {
    ciphertext: &'a str,
    context: &'a str,
    associated_data: &'a str,
}

const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Some listeners ask for it, against requests that were forged by way of another server.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
/// So that a key is written into one piece of memory, which is wiped.
const BODY_BYTES_USUAL: usize = 16 * 1024;
