//! Whom outgoing TLS connections trust. Invariant: a file of CAs replaces the system's; it is never
//! added to them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject as _},
    },
};

/// The trusted CAs could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct Untrusted {
    /// The file, or the system's store.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

/// A TLS client configuration that trusts the CAs in `ca`, or the system's.
pub fn tls(ca: Option<&Path>) -> Result<ClientConfig, Untrusted> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let untrusted = |message| Untrusted { path: path.to_owned(), message };
            let unreadable = |error: pem::Error| {
                untrusted(format!("cannot be read as PEM certificates: {error}"))
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                roots.add(certificate.map_err(unreadable)?).map_err(|error| {
                    untrusted(format!("holds a certificate that cannot be trusted: {error}"))
                })?;
            }
            if roots.is_empty() {
                return Err(untrusted("holds no certificate".to_owned()));
            }
        }
        // Broken certificates of the system's store are skipped, as every TLS client does; a store
        // without any shows when the first handshake fails.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Untrusted { path: PathBuf::new(), message: error.to_string() })?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
