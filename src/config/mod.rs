//! Configuration: as written → as validated → reload. Every fault at once, with file, line and the mend.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{net, policy, s3, sigv4, telemetry::audit};

/// A configuration that was validated whole: files read, policies parsed, certificates checked, secrets resolved.
#[derive(Debug)]
pub struct Config {
    /// At least one.
    pub listeners: Vec<net::ListenerSettings>,
    /// The admin listener's address.
    pub admin: SocketAddr,
    /// Where audit lines go.
    pub audit: audit::Target,
    /// How long a drain waits for open requests.
    pub drain_limit: Duration,
    /// What is read anew for each request.
    pub gate: Gate,
    /// Every file that was read (configuration, policies, credentials, certificates, secrets): watched for reload.
    pub files: Vec<PathBuf>,
}

/// The part of the configuration that requests are judged by.
#[derive(Debug)]
pub struct Gate {
    /// The region that callers sign for.
    pub region: String,
    /// Base domains for virtual-hosted style.
    pub domains: s3::Domains,
    /// Who may call.
    pub credentials: sigv4::Credentials,
    /// Treatments.
    pub rules: policy::Rules,
    /// Policy documents.
    pub policies: policy::Policies,
    /// Whether a 403 names policy, statement and condition.
    pub explain_refusals: bool,
    /// The backend.
    pub upstream: Upstream,
    /// Shared by replicas, for upload ids: the current secret, then predecessors that are still accepted. 32 bytes or more each.
    pub token_secrets: Vec<crate::secret::Secret>,
}

/// The backend, as validated.
#[derive(Debug)]
pub struct Upstream {
    /// `http` or `https`, host and optional port; no path.
    pub endpoint: http::Uri,
    /// The region to sign for.
    pub region: String,
    /// The proxy's own credential there.
    pub credential: sigv4::Credential,
    /// PEM file of CAs trusted for it; `None`: the system's.
    pub ca: Option<PathBuf>,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// The longest silence while waiting for a response head or for bytes either way.
    pub idle_timeout: Duration,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// 1-based line and column, where they are known.
    pub place: Option<(usize, usize)>,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Loads and validates everything; `now` judges certificates.
pub fn load(_path: &Path, _now: std::time::SystemTime) -> Result<Config, Vec<Fault>> {
    todo!()
}
