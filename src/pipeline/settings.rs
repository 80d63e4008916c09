//! What a request is judged by: one snapshot, carried from its first stage to its last.

use std::time::Duration;

use crate::{
    identity::Mode,
    keyring::Keyrings,
    policy, s3, sigv4,
    transform::{rules::Rules, upload_id::TokenKeys},
    upstream,
};

/// Everything that a reload may change, whole.
pub struct Settings {
    /// The region that callers sign for.
    pub verify: sigv4::Settings,
    /// Base domains for virtual-hosted style.
    pub domains: s3::Domains,
    /// How callers say who they are.
    pub mode: Mode,
    /// Who may call.
    pub credentials: sigv4::Credentials,
    /// The keys that objects are sealed with.
    pub keyrings: Keyrings,
    /// Treatments.
    pub rules: Rules,
    /// Policy documents.
    pub policies: policy::Policies,
    /// Whether a 403 names policy, statement and condition.
    pub explain_refusals: bool,
    /// The way to the backend.
    pub upstream: upstream::Client,
    /// For upload ids.
    pub token_keys: TokenKeys,
    /// The longest silence of a client that owes bytes of a body.
    pub client_idle_timeout: Duration,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}
