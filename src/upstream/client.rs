//! The pooled client. Invariant: it sends [`Signed`] requests only, and to the configured endpoint
//! only; it follows no redirect.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use http::{Response, Uri, header::HOST, uri::PathAndQuery};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{
    Idle, Outbound, Sources, Wallet,
    watch::{Watch, Watched},
};
use crate::sigv4::{Signer, SigningError};

/// The backend, as validated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `http` or `https`, host and optional port; no path.
    pub endpoint: Uri,
    /// The region to sign for.
    pub region: String,
    /// The proxy's own credentials there.
    pub credentials: Sources,
    /// PEM file of CAs trusted for it; `None`: the system's.
    pub ca: Option<PathBuf>,
    /// Time to connect, TLS not included.
    pub connect_timeout: Duration,
    /// The longest silence of the backend, while a request is sent, awaited or answered.
    pub idle_timeout: Duration,
}

/// Connections to one backend.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Watched>,
    wallet: Wallet,
    endpoint: Uri,
    region: String,
    idle_timeout: Duration,
}

/// A request that bears the proxy's own signature. Only [`Client::sign`] makes one.
#[derive(Debug)]
pub struct Signed {
    head: http::request::Parts,
    body: Outbound,
}

/// What went wrong on the way to the backend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The trusted CAs could not be read.
    #[error("{}: {message}", path.display())]
    Roots {
        /// The file, or the system's store.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The connection was refused, reset, or closed before an answer.
    #[error("the backend did not answer: {0}")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// It neither took bytes nor answered.
    #[error("the backend was silent for {} seconds", .0.as_secs())]
    Silent(Duration),
    /// The source of a credential has given none, or none that is still valid.
    #[error("there is no valid upstream credential {name:?}")]
    NoCredential {
        /// Its name in the configuration.
        name: String,
    },
    /// The request could not be built or signed.
    #[error(transparent)]
    Unsigned(#[from] SigningError),
    /// The request could not be written down.
    #[error("the upstream request could not be built: {0}")]
    Unbuilt(#[from] http::Error),
}

// === impl Client ===

impl Client {
    /// Reads the trusted CAs and prepares the pool; connects to nothing yet.
    pub fn new(settings: &Settings, wallet: Wallet) -> Result<Self, Error> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(settings.connect_timeout));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls(settings.ca.as_deref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_IDLE_CONNECTIONS_MAX)
            .http1_max_buf_size(BUFFER_BYTES_MAX)
            .http1_max_headers(HEADERS_MAX)
            .build(connector);
        Ok(Self {
            pool,
            wallet,
            endpoint: settings.endpoint.clone(),
            region: settings.region.clone(),
            idle_timeout: settings.idle_timeout,
        })
    }

    /// The backend's region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The credentials that requests leave with.
    pub fn wallet(&self) -> &Wallet {
        &self.wallet
    }

    /// The signer of the credential that a caller is mapped to; `None`: the common one.
    pub async fn signer(&self, name: Option<&str>, now: SystemTime) -> Result<Signer, Error> {
        self.wallet.signer(name, now).await
    }

    /// Addresses a head to the backend and signs it: `target` is path and query, encoded.
    pub fn sign(
        &self,
        mut head: http::request::Parts,
        target: &str,
        body: Outbound,
        (signer, now): (&Signer, SystemTime),
    ) -> Result<Signed, Error> {
        let mut uri = self.endpoint.clone().into_parts();
        uri.path_and_query = Some(PathAndQuery::try_from(target).map_err(http::Error::from)?);
        head.uri = Uri::from_parts(uri).map_err(http::Error::from)?;
        if let Some(authority) = head.uri.authority() {
            let host =
                http::HeaderValue::try_from(authority.as_str()).map_err(http::Error::from)?;
            head.headers.insert(HOST, host);
        }
        signer.sign(&mut head, &self.region, now)?;
        Ok(Signed { head, body })
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// Dropping the future, or the answer's body, closes the connection where the request is still
    /// being sent: what was sent by then is never a complete request.
    pub async fn send(&self, signed: Signed) -> Result<Response<Idle<Incoming>>, Error> {
        let (body, watch, exchange) = Watch::over(signed.body);
        let request = http::Request::from_parts(signed.head, body);
        tokio::select! {
            answer = self.pool.request(request) => answer
                .map(|answer| answer.map(|body| Idle::answer(body, self.idle_timeout, exchange)))
                .map_err(Error::Unreachable),
            () = watch.silent_for(self.idle_timeout) => Err(Error::Silent(self.idle_timeout)),
        }
    }
}

/// A TLS client configuration that trusts the CAs in `ca`, or the system's.
pub fn tls(ca: Option<&Path>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let unreadable = |error: rustls::pki_types::pem::Error| Error::Roots {
                path: path.to_owned(),
                message: format!("cannot be read as PEM certificates: {error}"),
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                roots.add(certificate.map_err(unreadable)?).map_err(|error| Error::Roots {
                    path: path.to_owned(),
                    message: format!("holds a certificate that cannot be trusted: {error}"),
                })?;
            }
            if roots.is_empty() {
                let message = "holds no certificate".to_owned();
                return Err(Error::Roots { path: path.to_owned(), message });
            }
        }
        // Broken certificates of the system's store are skipped, as every TLS client does; a store
        // without any shows when the first handshake fails.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Roots { path: PathBuf::new(), message: error.to_string() })?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Below the keep-alive time of common backends, so that they rarely close what is just taken up.
const POOL_IDLE: Duration = Duration::from_secs(20);
const POOL_IDLE_CONNECTIONS_MAX: usize = 256;
/// Of an answer: more than a request may have (200), since its metadata comes back.
const HEADERS_MAX: usize = 256;
/// Head and read buffer of one upstream connection.
const BUFFER_BYTES_MAX: usize = 128 * 1024;
