//! An S3 backend on a folder, for `portcullis dev` and for tests.
//!
//! The `s3s` crate speaks the protocol: it verifies signatures and reads requests by itself, so
//! that a request which the proxy misreads is not misread twice in the same way.
//!
//! ```text
//! serve ─▶ gate (s3s: signature) ─▶ s3s: operation ─▶ service ─▶ buckets list read ─▶ store
//!                                                                write multipart
//! ```
//!
//! Not there, and answered with 501 `NotImplemented`: versioning, ACLs, object lock, SSE-C, POST
//! forms, bucket policies and every other configuration of a bucket. SSE-S3 and SSE-KMS headers
//! are kept and answered; nothing is encrypted.

mod attributes;
mod buckets;
mod clock;
mod conditions;
mod errors;
mod gate;
mod list;
mod multipart;
mod read;
mod serve;
mod service;
mod store;
mod write;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use s3s::auth::SecretKey;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::secret::Secret;
use service::Operations;
use store::Store;

/// A running backend on a loopback socket. Dropped, it stops accepting; [`Backend::stop`] waits.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    stop: watch::Sender<()>,
    serving: JoinHandle<()>,
}

impl Backend {
    /// Opens the store in `directory` (made where it is missing) and serves it on `address`: plain
    /// HTTP, on loopback only; port 0 picks a free one. Requests must be signed with the
    /// credential, for `region`.
    pub async fn start(
        directory: &Path,
        address: SocketAddr,
        access_key_id: &str,
        secret_access_key: &Secret,
        region: &str,
    ) -> Result<Self, StartError> {
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        let secret =
            std::str::from_utf8(secret_access_key.expose()).map_err(|_| StartError::Secret)?;
        let credential = gate::Credential {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: SecretKey::from(secret),
        };
        let store = open(directory).await?;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| StartError::Bind { address, source })?;
        let address =
            listener.local_addr().map_err(|source| StartError::Bind { address, source })?;
        let operations = Operations { store: Arc::new(store), region: region.to_owned() };
        let service = gate::service(operations, credential, region);
        let (stop, stopping) = watch::channel(());
        let serving = tokio::spawn(serve::serve(listener, service, stopping));
        Ok(Self { address, stop, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets open requests end for some seconds, then cuts them off.
    pub async fn stop(self) {
        drop(self.stop);
        // A panic there was reported when it happened.
        let _ = self.serving.await;
    }
}

/// Why the backend did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It speaks plain HTTP.
    #[error("the embedded backend listens on loopback only; {0} is another address")]
    NotLoopback(SocketAddr),
    /// The secret is not text.
    #[error("the secret access key is not UTF-8")]
    Secret,
    /// The folder cannot be used.
    #[error("the embedded backend cannot use the folder {}", directory.display())]
    Directory {
        /// Which.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The socket cannot be had.
    #[error("the embedded backend cannot listen on {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

async fn open(directory: &Path) -> Result<Store, StartError> {
    let path = directory.to_owned();
    let opened = tokio::task::spawn_blocking(move || Store::open(&path)).await;
    opened
        .map_err(io::Error::other)
        .flatten()
        .map_err(|source| StartError::Directory { directory: directory.to_owned(), source })
}

#[cfg(test)]
mod tests;
