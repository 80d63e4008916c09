//! Configuration: as written → as validated → reload. Every fault at once, with file, line and the
//! mend. Invariant: a [`Config`] is whole: no file that it names needs to be read or checked again.

mod assemble;
mod auth;
mod backend;
mod credentials;
mod declare;
mod identity;
mod keyrings;
mod listener;
mod loading;
mod policy;
mod reader;
pub mod reload;
mod rules;
mod sealing;
mod secrets;
mod session;
mod source;
mod stamps;
mod suggest;
mod upstream;
mod upstream_credentials;
mod written;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use self::keyrings::{KeyVersion, KeyringFile};
use self::stamps::Stamps;
use crate::{
    identity::Mode, keyring, net, policy as policies, s3, secret::Secret, sigv4, telemetry::audit,
    transform,
};

/// A configuration that was validated whole: files read, policies parsed, certificates checked,
/// secrets resolved.
#[derive(Debug)]
pub struct Config {
    /// At least one.
    pub listeners: Vec<Listener>,
    /// The admin listener's address.
    pub admin: SocketAddr,
    /// Where audit lines go.
    pub audit: audit::Target,
    /// How long a drain waits for open requests.
    pub drain_limit: Duration,
    /// What is read anew for each request.
    pub gate: Gate,
    /// Every file that was read (configuration, policies, credentials, certificates, secrets):
    /// watched for reload.
    pub files: Vec<PathBuf>,
    /// What works but should be mended.
    pub warnings: Vec<Fault>,
    /// What was loaded, for people.
    pub inventory: Inventory,
    /// What `files` were like when they were read.
    stamps: Stamps,
}

/// A listener, and what its certificate files held.
#[derive(Clone, Debug)]
pub struct Listener {
    /// What to bind.
    pub settings: net::ListenerSettings,
    /// The loaded form of `settings.tls`; `None`: plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Its certificates and when they end.
    pub certificates: Vec<Certificate>,
}

/// A leaf certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its file.
    pub path: PathBuf,
    /// The last second of its validity.
    pub not_after: SystemTime,
}

/// Names of what was loaded. Nothing is decided by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The mode of authentication.
    pub auth: &'static str,
    /// ARNs of those who may call.
    pub callers: Vec<String>,
    /// Documents' names and their numbers of statements.
    pub policies: Vec<(String, usize)>,
    /// How many rules there are.
    pub rules: usize,
    /// The kind of backend, where it is named.
    pub backend: Option<&'static str>,
}

/// The part of the configuration that requests are judged by.
#[derive(Debug)]
pub struct Gate {
    /// The region that callers sign for.
    pub region: String,
    /// Base domains for virtual-hosted style.
    pub domains: s3::Domains,
    /// Whether URLs may be presigned with Signature Version 2.
    pub accept_sigv2: bool,
    /// How callers say who they are.
    pub mode: Mode,
    /// Who may call.
    pub credentials: sigv4::Credentials,
    /// The keys that objects are sealed with.
    pub keyrings: Vec<keyring::Settings>,
    /// Treatments.
    pub rules: transform::rules::Rules,
    /// Policy documents.
    pub policies: policies::Policies,
    /// Whether a 403 names policy, statement and condition.
    pub explain_refusals: bool,
    /// The longest silence of a client in the middle of a body.
    pub client_idle_timeout: Duration,
    /// The backend.
    pub upstream: crate::upstream::Settings,
    /// Shared by replicas, for upload ids: the current secret, then predecessors that are still
    /// accepted. [`TOKEN_SECRET_BYTES_MIN`] or more each.
    pub token_secrets: Vec<Secret>,
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

/// `file:line:column: message`, as compilers write it and editors read it.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)
    }
}

/// The environment that `env:NAME` is looked up in.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Loads and validates everything; `now` judges certificates.
///
/// # Errors
/// All faults, in the order of the file; then those of the files that it names.
pub fn load(path: &Path, now: SystemTime) -> Result<Config, Vec<Fault>> {
    load_with(path, now, &process_environment)
}

/// [`load`], with an environment of the caller's.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    path: &Path,
    now: SystemTime,
    environment: Environment<'_>,
) -> Result<Config, Vec<Fault>> {
    load_watched(path, now, environment).0
}

/// Reads a keyring's file by itself, and what should be mended of it.
///
/// # Errors
/// All faults, in the order of the file.
pub fn load_keyring_file(path: &Path) -> Result<(KeyringFile, Vec<Fault>), Vec<Fault>> {
    let mut loading = loading::Loading::new(now(), &process_environment);
    let file = loading.keyring_file(path);
    match file {
        Some(file) if loading.faults.is_empty() => Ok((file, loading.warnings)),
        _ => Err(loading.faults),
    }
}

/// Today, for [`load`].
#[expect(clippy::disallowed_methods, reason = "certificates are judged by the day of their load")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// [`load_with`], and every file that was named, also where the result is faults: whoever mends one
/// of them expects that it is read again.
fn load_watched(
    path: &Path,
    now: SystemTime,
    environment: Environment<'_>,
) -> (Result<Config, Vec<Fault>>, Stamps) {
    let mut loading = loading::Loading::new(now, environment);
    let config = loading.configuration(path);
    let loading::Loading { mut faults, mut warnings, stamps, .. } = loading;
    for list in [&mut faults, &mut warnings] {
        list.sort_by_key(|fault| (fault.path != path, fault.path.clone(), fault.place));
        // Listeners may share a certificate, and then share what is wrong with it.
        list.dedup();
    }
    let result = match config {
        Some(config) if faults.is_empty() => {
            let files = stamps.paths().map(Path::to_path_buf).collect();
            Ok(Config { files, warnings, stamps: stamps.clone(), ..config })
        }
        _ => Err(faults),
    };
    (result, stamps)
}

fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The fewest bytes of a token secret: as long as the key of HMAC-SHA-256 should be (RFC 2104, 3).
pub const TOKEN_SECRET_BYTES_MIN: usize = 32;
