//! Certificates and TLS settings, swapped without dropping a connection.

use std::{path::PathBuf, sync::Arc};

/// TLS of one listener, as configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Certificate chain and key files; the first is the default, others are chosen by SNI.
    pub certificates: Vec<CertificateFiles>,
    /// Client certificates must be signed by one of these CAs (mTLS). `None`: not asked for.
    pub client_ca: Option<PathBuf>,
}

/// PEM files.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// Chain, leaf first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// A file that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct Fault {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub message: String,
}

/// Reads and checks every file (key fits certificate, not a CA used as leaf, not expired at `now`); all faults at once.
pub fn load(
    _settings: &Settings,
    _now: std::time::SystemTime,
) -> Result<Arc<rustls::ServerConfig>, Vec<Fault>> {
    todo!()
}
