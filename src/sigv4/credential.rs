//! The credentials that callers sign with.

use std::{collections::HashMap, sync::Arc};

use crate::secret::Secret;

/// One inbound credential, and the principal that it stands for.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Public.
    pub access_key_id: String,
    /// Signs.
    pub secret_access_key: Secret,
    /// The principal's name (`aws:username`).
    pub name: String,
    /// The principal's account, 12 digits.
    pub account: String,
}

impl Credential {
    /// `arn:aws:iam::ACCOUNT:user/NAME`.
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:user/{}", self.account, self.name)
    }
}

/// Credentials by access key id.
#[derive(Clone, Debug, Default)]
pub struct Credentials(HashMap<String, Arc<Credential>>);

impl Credentials {
    /// Later duplicates are the caller's mistake: the configuration refuses them before.
    pub fn new(credentials: Vec<Credential>) -> Self {
        Self(
            credentials
                .into_iter()
                .map(|credential| (credential.access_key_id.clone(), Arc::new(credential)))
                .collect(),
        )
    }

    /// Looks one up.
    pub fn find(&self, access_key_id: &str) -> Option<&Arc<Credential>> {
        self.0.get(access_key_id)
    }
}
