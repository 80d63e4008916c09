//! Certificates and TLS settings, swapped without dropping a connection. Invariant: a
//! [`rustls::ServerConfig`] that leaves here has certificates that a client can accept now.

mod certificate;
mod files;
mod names;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use rustls::{
    ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    crypto::CryptoProvider,
    pki_types::CertificateDer,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
};

use self::{certificate::Facts, names::ByName};
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

/// What a listener serves with.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// For rustls.
    pub server: Arc<ServerConfig>,
    /// In the order of [`Settings::certificates`].
    pub certificates: Vec<CertificateInfo>,
}

/// One server certificate, for those who watch over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    /// The file.
    pub path: PathBuf,
    /// DNS names, in lower case, and IP addresses that it is good for.
    pub names: Vec<String>,
    /// The last second of its validity.
    pub not_after: SystemTime,
}

/// A file that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct Fault {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub message: String,
}

/// Reads and checks every file: the key fits the certificate, which is a server's own, no CA's, and
/// valid at `now`. All faults at once.
pub fn load(settings: &Settings, now: SystemTime) -> Result<Loaded, Vec<Fault>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut faults = Vec::new();
    let mut certified_all = Vec::new();
    for files in &settings.certificates {
        match certified(files, &provider, now) {
            Ok(certified) => certified_all.push(certified),
            Err(found) => faults.extend(found),
        }
    }
    let clients = settings.client_ca.as_ref().map(|path| clients(path, &provider, now));
    let clients = clients.transpose().unwrap_or_else(|found| {
        faults.extend(found);
        None
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    let keys = certified_all.iter().map(|(key, facts)| (Arc::clone(key), &*facts.names));
    let names = ByName::new(keys).ok_or_else(|| vec![no_file("no certificate is named")])?;
    let server =
        server(provider, clients, names).map_err(|error| vec![no_file(&error.to_string())])?;
    let certificates = std::iter::zip(&settings.certificates, certified_all)
        .map(|(files, (_, facts))| CertificateInfo {
            path: files.certificate.clone(),
            names: facts.names,
            not_after: facts.not_after,
        })
        .collect();
    Ok(Loaded { server: Arc::new(server), certificates })
}

/// What a finished handshake tells of the other end.
pub(super) fn describe(connection: &ServerConnection, peer: &mut Peer) {
    peer.tls = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => Some(TlsVersion::Tls13),
        _ => Some(TlsVersion::Tls12),
    };
    let leaf = connection.peer_certificates().and_then(<[_]>::first);
    peer.client_certificate = leaf.map(|leaf| certificate::identity(leaf));
}

fn server(
    provider: Arc<CryptoProvider>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    names: ByName,
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let names = Arc::new(names);
    let mut server = match clients {
        None => builder.with_no_client_auth().with_cert_resolver(names),
        Some(verifier) => {
            let mut server = builder.with_client_cert_verifier(verifier).with_cert_resolver(names);
            // A resumed session does not show its certificate again, which may have ended since.
            server.session_storage = Arc::new(NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
            server
        }
    };
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(server)
}

/// A pair of files, each looked at whatever the other is.
fn certified(
    files: &CertificateFiles,
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<(Arc<CertifiedKey>, Facts), Vec<Fault>> {
    let chain = chain(&files.certificate, now).map_err(|text| fault(&files.certificate, text));
    let key = files::private_key(&files.key).map_err(|text| fault(&files.key, text));
    let ((chain, facts), key) = match (chain, key) {
        (Ok(chain), Ok(key)) => (chain, key),
        (chain, key) => return Err(chain.err().into_iter().chain(key.err()).collect()),
    };
    let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| {
        let text = if let rustls::Error::InconsistentKeys(_) = error {
            let certificate = files.certificate.display();
            format!("this is not the key of {certificate}; name the pair that belongs together")
        } else {
            format!("this key cannot be used: {error}")
        };
        vec![fault(&files.key, text)]
    })?;
    Ok((Arc::new(certified), facts))
}

/// A chain that a client can accept at `now`, and what its leaf says.
fn chain(path: &Path, now: SystemTime) -> Result<(Vec<CertificateDer<'static>>, Facts), String> {
    let chain = files::certificates(path)?;
    let facts = chain.first().and_then(|leaf| Facts::of(leaf)).ok_or(NOT_X509)?;
    facts.complaint(now).map_or(Ok((chain, facts)), |complaint| Err(complaint.to_owned()))
}

fn clients(
    path: &Path,
    provider: &Arc<CryptoProvider>,
    now: SystemTime,
) -> Result<Arc<dyn ClientCertVerifier>, Vec<Fault>> {
    let authorities = files::certificates(path).map_err(|text| vec![fault(path, text)])?;
    let mut roots = RootCertStore::empty();
    let mut faults = Vec::new();
    for authority in authorities {
        let facts = Facts::of(&authority);
        let complaint = facts.map_or(Some(NOT_X509), |facts| facts.complaint_as_authority(now));
        faults.extend(complaint.map(|text| fault(path, text)));
        if let Err(error) = roots.add(authority) {
            faults.push(fault(path, format!("this CA cannot be used: {error}")));
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| vec![fault(path, error.to_string())])
}

fn fault(path: &Path, message: impl Into<String>) -> Fault {
    Fault { path: path.to_owned(), message: message.into() }
}

/// What no file is to blame for.
fn no_file(message: &str) -> Fault {
    fault(Path::new(""), message)
}

const NOT_X509: &str = "this is not an X.509 certificate";
