//! Whom outgoing TLS connections trust. Invariant: a file of CAs replaces the system's; it is never
//! added to them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The trusted CAs cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct Untrusted {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

/// The CAs of a file, as they stood there when it was read. Two are the same if their certificates are.
#[derive(Clone, Debug)]
pub struct Authorities(Arc<RootCertStore>, Arc<[CertificateDer<'static>]>);

impl Authorities {
    /// Those of a PEM file, whose bytes these are.
    ///
    /// # Errors
    ///
    /// It holds no certificate, or one that cannot be trusted.
    pub fn parse(path: &Path, pem: &[u8]) -> Result<Self, Untrusted> {
        let untrusted = |message| Untrusted { path: path.to_owned(), message };
        let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| {
            untrusted(format!("it cannot be read as PEM certificates: {error}"))
        })?;
        if certificates.is_empty() {
            let message =
                "it holds no PEM certificate; it must begin `-----BEGIN CERTIFICATE-----`";
            return Err(untrusted(message.to_owned()));
        }
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|error| {
                untrusted(format!("it holds a certificate that cannot be trusted: {error}"))
            })?;
        }
        Ok(Self(Arc::new(roots), certificates.into()))
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.1 == other.1
    }
}

/// A TLS client configuration that trusts these CAs, or the system's.
///
/// # Errors
///
/// The TLS library has none of the versions that it was built with.
pub fn tls(authorities: Option<&Authorities>) -> Result<ClientConfig, rustls::Error> {
    let roots = if let Some(Authorities(roots, _)) = authorities {
        Arc::clone(roots)
    } else {
        // Broken certificates of the system's store are skipped, as every TLS client does; a store
        // without any shows when the first handshake fails.
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(name: &str) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    fn parse(pem: &str) -> Result<Authorities, Untrusted> {
        Authorities::parse(Path::new("ca.pem"), pem.as_bytes())
    }

    #[test]
    fn cas_are_compared_by_what_they_are() {
        let (first, other) = (authority("a.test"), authority("b.test"));
        assert_eq!(parse(&first), parse(&format!("# a comment\n{first}")));
        assert_ne!(parse(&first), parse(&other));
        assert_ne!(parse(&first), parse(&(first.clone() + &other)));
    }

    #[test]
    fn what_holds_no_ca_is_refused() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "text", broken, "-----BEGIN CERTIFICATE-----\n?"] {
            let error = parse(pem).unwrap_err().to_string();
            assert!(error.starts_with("ca.pem: it "), "{error}");
        }
    }
}
