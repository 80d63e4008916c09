//! One listening socket: accept, PROXY v2 where it is trusted, TLS, and on to HTTP.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{Draining, Peer, proxy_protocol, serve, tls};

/// A listener as validated.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Port 0 picks a free one.
    pub address: SocketAddr,
    /// `None`: plain HTTP.
    pub tls: Option<tls::Settings>,
    /// Networks whose connections must begin with a PROXY v2 header.
    pub proxy_protocol_from: Vec<ipnet::IpNet>,
    /// Open connections at most; above it accepting waits.
    pub connections_max: usize,
}

/// A bound socket, not yet accepting.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    connections: Arc<Semaphore>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tls: Option<Arc<ArcSwap<ServerConfig>>>,
    proxy_protocol_from: Vec<ipnet::IpNet>,
}

impl Listener {
    /// Binds. `tls` is read anew for each connection, so that a reload reaches new ones.
    pub async fn bind(
        settings: &ListenerSettings,
        tls: Option<Arc<ArcSwap<ServerConfig>>>,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(settings.address).await?;
        let address = socket.local_addr()?;
        let connections = Arc::new(Semaphore::new(settings.connections_max));
        let proxy_protocol_from = settings.proxy_protocol_from.clone();
        let shared = Arc::new(Shared { tls, proxy_protocol_from });
        Ok(Self { socket, address, connections, shared })
    }

    /// Where it listens.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until `draining` fires; then finishes what is open. `service` is called once a
    /// request.
    pub async fn serve<S, F, B>(self, service: S, draining: Draining)
    where
        S: Fn(Peer, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut begun = draining.clone();
        loop {
            let accepted = tokio::select! {
                () = begun.begun() => return,
                accepted = self.accept() => accepted,
            };
            let (stream, address, slot) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, mostly: what is open must end first.
                    tracing::warn!(%error, listener = %self.address, "cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (shared, service, draining) =
                (Arc::clone(&self.shared), service.clone(), draining.clone());
            tokio::spawn(async move {
                let mut end = draining.clone();
                tokio::select! {
                    opened = shared.open(stream, address, service, draining) => {
                        if let Err(error) = opened {
                            tracing::debug!(%address, %error, "a connection did not come to HTTP");
                        }
                    }
                    () = end.over() => tracing::debug!(%address, "a connection was cut off"),
                }
                drop(slot);
            });
        }
    }

    async fn accept(
        &self,
    ) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
        let slot = Arc::clone(&self.connections).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, address) = self.socket.accept().await?;
        Ok((stream, address, slot))
    }
}

impl Shared {
    async fn open<S, F, B>(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
        service: S,
        draining: Draining,
    ) -> io::Result<()>
    where
        S: Fn(Peer, Request<Incoming>) -> F,
        F: Future<Output = Response<B>>,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        stream.set_nodelay(true)?;
        let peer_ip = address.ip().to_canonical();
        let mut address = address;
        if self.proxy_protocol_from.iter().any(|network| network.contains(&peer_ip)) {
            let header = timeout(HANDSHAKE_MAX, proxy_protocol::read(&mut stream)).await??;
            address = header.unwrap_or(address);
        }
        let mut peer = Peer { address, tls: None, client_certificate: None };
        let Some(tls) = &self.tls else {
            serve::connection(stream, peer, service, draining).await;
            return Ok(());
        };
        let acceptor = TlsAcceptor::from(tls.load_full());
        let stream = timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await??;
        tls::describe(stream.get_ref().1, &mut peer);
        serve::connection(stream, peer, service, draining).await;
        Ok(())
    }
}

/// Time for a PROXY header, and for a TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
