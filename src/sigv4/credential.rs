//! The credentials that callers sign with.

use std::{collections::HashMap, sync::Arc};

use super::{Session, key::LastKey};
use crate::{
    identity::{Identity, Limits},
    secret::Secret,
};

/// One inbound credential, the principal that it stands for, and what it may do at most.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Public.
    pub access_key_id: String,
    /// Signs.
    pub secret_access_key: Secret,
    /// Who its holder is.
    pub identity: Identity,
    /// Whatever policy says.
    pub limits: Limits,
    /// The upstream credential that its requests leave with; `None`: the common one.
    pub upstream: Option<String>,
    /// Of a temporary one.
    pub session: Session,
}

/// What a signer signs with: a key pair and, where it was issued for a while, its session token.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessKey {
    /// Public.
    pub id: String,
    /// Signs.
    pub secret: Secret,
    /// Sent along as `x-amz-security-token`, and signed.
    pub session_token: Option<Secret>,
}

/// Credentials by access key id.
#[derive(Clone, Debug, Default)]
pub struct Credentials(HashMap<String, Arc<Entry>>);

/// A credential, with the signing key that it was last used by.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) credential: Arc<Credential>,
    pub(super) key: LastKey,
}

impl Credentials {
    /// Later duplicates are the caller's mistake: the configuration refuses them before.
    pub fn new(credentials: Vec<Credential>) -> Self {
        let entry = |credential: Credential| {
            let id = credential.access_key_id.clone();
            (id, Arc::new(Entry { credential: Arc::new(credential), key: LastKey::default() }))
        };
        Self(credentials.into_iter().map(entry).collect())
    }

    /// Looks one up.
    pub fn find(&self, access_key_id: &str) -> Option<&Arc<Credential>> {
        self.entry(access_key_id).map(|entry| &entry.credential)
    }

    /// One whose holder has this ARN: the first by access key id.
    pub fn held_by(&self, arn: &str) -> Option<&Arc<Credential>> {
        let credentials = self.0.values().map(|entry| &entry.credential);
        credentials.filter(|it| it.identity.arn() == arn).min_by_key(|it| &it.access_key_id)
    }

    pub(super) fn entry(&self, access_key_id: &str) -> Option<&Entry> {
        self.0.get(access_key_id).map(Arc::as_ref)
    }
}
