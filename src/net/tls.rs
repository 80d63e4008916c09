//! Certificates and TLS settings, swapped without dropping a connection.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use rustls::{
    ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    client::verify_server_name,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::{
        ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier,
        danger::ClientCertVerifier,
    },
    sign::CertifiedKey,
};

use super::{Peer, TlsVersion};

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

/// Reads and checks every file; all faults at once.
pub fn load(settings: &Settings, _now: SystemTime) -> Result<Arc<ServerConfig>, Vec<Fault>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut faults = Vec::new();
    let mut keys = Vec::new();
    for files in &settings.certificates {
        match certified(files, &provider) {
            Ok(key) => keys.push(Arc::new(key)),
            Err(fault) => faults.push(fault),
        }
    }
    let clients = match settings.client_ca.as_deref().map(|path| clients(path, &provider)) {
        None => None,
        Some(Ok(verifier)) => Some(verifier),
        Some(Err(fault)) => {
            faults.push(fault);
            None
        }
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| vec![fault(Path::new(""), error)])?;
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(ByName { keys }));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What a finished handshake tells of the other end.
pub(super) fn describe(connection: &ServerConnection, peer: &mut Peer) {
    peer.tls = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => Some(TlsVersion::Tls13),
        _ => Some(TlsVersion::Tls12),
    };
    peer.client_certificate =
        connection.peer_certificates().and_then(|chain| chain.first()).map(identity);
}

/// A verified certificate's first DNS name, else its fingerprint.
fn identity(leaf: &CertificateDer<'_>) -> String {
    let parsed = webpki::EndEntityCert::try_from(leaf).ok();
    let name = parsed.as_ref().and_then(|leaf| leaf.valid_dns_names().next().map(str::to_owned));
    name.unwrap_or_else(|| {
        let fingerprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, leaf);
        format!("sha256:{}", hex::encode(fingerprint))
    })
}

/// The first certificate whose names cover the one that was asked for; else the first of all.
#[derive(Debug)]
struct ByName {
    keys: Vec<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let covers = |key: &&Arc<CertifiedKey>| {
            let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
            let leaf = key.cert.first().and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
            match (name, leaf) {
                (Some(name), Some(leaf)) => verify_server_name(&leaf, &name).is_ok(),
                _ => false,
            }
        };
        self.keys.iter().find(covers).or(self.keys.first()).cloned()
    }
}

fn certified(
    files: &CertificateFiles,
    provider: &Arc<CryptoProvider>,
) -> Result<CertifiedKey, Fault> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| {
        fault(&files.key, format!("cannot be read as a PEM private key: {error}"))
    })?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| {
        if let rustls::Error::InconsistentKeys(_) = error {
            let certificate = files.certificate.display();
            let message =
                format!("is not the key of {certificate}; name the pair that belongs together");
            return fault(&files.key, message);
        }
        fault(&files.certificate, error)
    })
}

fn clients(
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Fault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| fault(path, error))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| fault(path, error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let unreadable = |error| fault(path, format!("cannot be read as PEM certificates: {error}"));
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(fault(path, "holds no certificate"));
    }
    Ok(certificates)
}

fn fault(path: &Path, message: impl std::fmt::Display) -> Fault {
    Fault { path: path.to_owned(), message: message.to_string() }
}
