//! The credentials that requests to AWS's services and their like leave with. Invariant: a request is
//! signed with a credential while that one is valid, or not sent at all.

mod provider;
mod rotation;

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use self::{provider::provider, rotation::Rotation};
use crate::{
    sigv4::{AccessKey, Signer, SigningError},
    telemetry::metrics::Metrics,
};

/// Where a credential comes from, as validated.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Who gives it.
    pub origin: Origin,
    /// The role that is assumed with it, whose temporary credential then signs.
    pub role: Option<Role>,
    /// Whose STS is asked.
    pub region: String,
}

/// Who gives a credential
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>).
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// The configuration.
    Static(AccessKey),
    /// The first that has one: environment, profile, web identity, container, instance.
    Chain {
        /// Instead of `AWS_PROFILE`.
        profile: Option<String>,
    },
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
    Environment,
    /// AWS's shared files, with all that a profile may say: keys, roles, processes.
    Profile {
        /// Instead of `AWS_PROFILE`.
        profile: Option<String>,
    },
    /// `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`, as EKS sets them (IRSA).
    WebIdentity,
    /// `AWS_CONTAINER_CREDENTIALS_*_URI`, as ECS and EKS Pod Identity set them.
    Container,
    /// The EC2 instance's metadata service, version 2.
    Instance,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// `arn:aws:iam::123456789012:role/NAME`
    pub arn: String,
    /// What its trust policy asks of others' accounts.
    pub external_id: Option<String>,
}

/// The sources of one configuration.
#[derive(Clone, Debug)]
pub struct Sources {
    /// For callers that are mapped to no other. `None`: every request keeps its caller's signature.
    pub common: Option<Source>,
    /// By name.
    pub named: BTreeMap<String, Source>,
}

/// A credential has not been given, or has expired.
#[derive(Clone, Debug, thiserror::Error)]
#[error("there is no valid credential {name:?}")]
pub struct Missing {
    /// Its name in the configuration.
    pub name: String,
}

/// All credentials towards the backend of a running gate.
#[derive(Clone, Debug)]
pub struct Wallet(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    common: Option<Arc<Credential>>,
    named: BTreeMap<String, Arc<Credential>>,
}

/// A credential in use, and what it was made of.
#[derive(Debug)]
pub struct Credential {
    name: String,
    source: Source,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Static(Signer),
    Rotating(Rotation),
}

// === impl Wallet ===

impl Wallet {
    /// Opens every source. Those that `predecessor` has open go on as they are, so that a reload asks
    /// nobody anew. To be called within a runtime: what expires is renewed by a task of its own, which
    /// ends with the last wallet that holds it.
    pub fn open(
        sources: &Sources,
        predecessor: Option<&Self>,
        metrics: &Metrics,
    ) -> Result<Self, SigningError> {
        let open = |name: &str, source: &Source| {
            let same = predecessor.and_then(|wallet| wallet.find(name));
            match same.filter(|credential| credential.source == *source) {
                Some(same) => Ok(Arc::clone(same)),
                None => Credential::open(name, source, metrics).map(Arc::new),
            }
        };
        let common = sources.common.as_ref().map(|source| open(COMMON, source)).transpose()?;
        let named =
            sources.named.iter().map(|(name, source)| Ok((name.clone(), open(name, source)?)));
        Ok(Self(Arc::new(Kept { common, named: named.collect::<Result<_, SigningError>>()? })))
    }

    /// The signer of a named credential, or of the common one. Waits only where the first answer of
    /// its source is still awaited.
    pub async fn signer(&self, name: Option<&str>, now: SystemTime) -> Result<Signer, Missing> {
        let name = name.unwrap_or(COMMON);
        match self.find(name) {
            Some(credential) => credential.signer(now).await,
            None => Err(Missing { name: name.to_owned() }),
        }
    }

    /// Whether the common credential, where one is needed, is there and valid.
    pub fn is_ready(&self, now: SystemTime) -> bool {
        match self.0.common.as_ref().map(|credential| &credential.held) {
            None | Some(Held::Static(_)) => true,
            Some(Held::Rotating(rotation)) => rotation.current(now).is_some(),
        }
    }

    fn find(&self, name: &str) -> Option<&Arc<Credential>> {
        if name == COMMON { self.0.common.as_ref() } else { self.0.named.get(name) }
    }
}

// === impl Credential ===

impl Credential {
    /// Opens a source. To be called within a runtime, as [`Wallet::open`].
    pub fn open(name: &str, source: &Source, metrics: &Metrics) -> Result<Self, SigningError> {
        let held = match (&source.origin, &source.role) {
            (Origin::Static(access_key), None) => Held::Static(Signer::new(access_key.clone())?),
            _ => Held::Rotating(Rotation::start(
                provider(source.clone()),
                metrics.upstream_credential(name),
            )),
        };
        Ok(Self { name: name.to_owned(), source: source.clone(), held })
    }

    /// What signs with it. Waits only where the first answer of its source is still awaited.
    pub async fn signer(&self, now: SystemTime) -> Result<Signer, Missing> {
        let missing = || Missing { name: self.name.clone() };
        match &self.held {
            Held::Static(signer) => Ok(signer.clone()),
            Held::Rotating(rotation) => rotation.signer(now).await.ok_or_else(missing),
        }
    }
}

/// The name of the common credential in metrics, logs and errors; no other may have it.
pub const COMMON: &str = "default";
