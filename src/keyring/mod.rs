//! Keyrings: the keys above bucket keys (`docs/format.md`, *The key box*). Invariant: a key box only
//! chooses among the keyrings and keys that the configuration names.

mod cache;
mod calls;
mod circuit;
mod error;
mod flights;
mod http;
mod kms;
mod limits;
mod local;
mod probe;
mod ring;
mod service;
mod shared;
mod upkeep;
mod vault;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub use self::{
    error::Error,
    kms::KmsSettings,
    limits::Limits,
    local::{Local, State},
    probe::{PROBE_BUCKET, Unfit},
    ring::Keyring,
    vault::{Login, VaultSettings},
};
use self::{kms::Kms, vault::Vault};
use crate::{
    seal::{BucketKey, WrappedBucketKey},
    sigv4::SigningError,
    telemetry::metrics::Metrics,
};

/// Every keyring of a configuration, by name.
#[derive(Clone, Debug, Default)]
pub struct Keyrings(BTreeMap<String, Arc<Keyring>>);

/// A keyring as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Key boxes bear it.
    pub name: String,
    /// Where its keys are.
    pub kind: Kind,
    /// How long and how often they are used.
    pub limits: Limits,
}

impl Settings {
    /// The KMS key that new objects are sealed under; `None`: none, and they count as `AES256`.
    pub fn kms_key_id(&self) -> Option<&str> {
        match &self.kind {
            Kind::AwsKms(kms) => kms.key_ids.first().map(String::as_str),
            Kind::Local(_) | Kind::Vault(_) => None,
        }
    }
}

/// Where a keyring's keys are.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// In a file.
    Local(Local),
    /// In AWS's Key Management Service, or what speaks its protocol.
    AwsKms(Box<KmsSettings>),
    /// In the transit engine of HashiCorp Vault or OpenBao.
    Vault(Box<VaultSettings>),
}

/// A bucket key that new objects are wrapped with, and its wrapped form.
#[derive(Debug)]
pub struct Current {
    /// The key.
    pub key: BucketKey,
    /// What travels in each object.
    pub wrapped: WrappedBucketKey,
}

/// Why a keyring cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// Its credential.
    #[error(transparent)]
    Credential(#[from] SigningError),
}

impl Keyrings {
    /// Those with these names.
    pub fn new(rings: impl IntoIterator<Item = Keyring>) -> Self {
        Self(rings.into_iter().map(|ring| (ring.name().to_owned(), Arc::new(ring))).collect())
    }

    /// Opens what is configured; calls no service yet. Those that `predecessor` has open go on as they
    /// are, with what they have cached. To be called within a runtime: without one, nothing is renewed
    /// and nothing wiped after its time.
    pub fn open(
        settings: &[Settings],
        predecessor: Option<&Self>,
        metrics: &Metrics,
    ) -> Result<Self, Unopened> {
        let open = |settings: &Settings| {
            let same = predecessor.and_then(|rings| rings.find(&settings.name));
            match same.filter(|ring| ring.settings() == settings) {
                Some(same) => Ok(Arc::clone(same)),
                None => Keyring::open(settings, metrics).map(Arc::new),
            }
        };
        let rings = settings.iter().map(|ring| Ok((ring.name.clone(), open(ring)?)));
        rings.collect::<Result<_, _>>().map(Self)
    }

    /// Finds out whether their key services are there. See [`Keyring::reach`].
    pub fn reach(&self) {
        self.all().for_each(|ring| ring.reach());
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Keyring>> {
        self.0.get(name)
    }

    /// The one that is meant where none is named; `None`: there is none, or more than one.
    pub fn only(&self) -> Option<&Arc<Keyring>> {
        let mut all = self.0.values();
        all.next().filter(|_| all.next().is_none())
    }

    /// All, in the order of their names.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Keyring>> {
        self.0.values()
    }
}

impl Keyring {
    /// Opens one that is configured. See [`Keyrings::open`].
    pub fn open(settings: &Settings, metrics: &Metrics) -> Result<Self, Unopened> {
        let told = metrics.keyring(&settings.name);
        let service: Box<dyn service::Service> = match &settings.kind {
            Kind::Local(local) => {
                return Ok(Self::local(settings.clone(), local.clone(), &told));
            }
            Kind::AwsKms(kms) => Box::new(Kms::open(&settings.name, kms, metrics)?),
            Kind::Vault(vault) => Box::new(Vault::open(vault, &told)?),
        };
        Ok(Self::remote(settings.clone(), service, &told))
    }
}

impl Kind {
    /// As the configuration spells it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
            Self::AwsKms(_) => "aws-kms",
            Self::Vault(_) => "vault",
        }
    }
}
