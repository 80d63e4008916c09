//! One listening socket: accepts, and sees each connection through to its end. Invariant: no more than
//! [`ListenerSettings::connections_max`] connections are open.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{
    Draining, Limits, Peer,
    entrance::{self, Entrance, Refused, Wire},
    serve, tls,
};
use crate::telemetry::metrics::{Connections, Metrics};

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
    /// Of each connection.
    pub limits: Limits,
}

/// A bound socket, not yet accepting.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    slots: Arc<Semaphore>,
    entrance: Arc<Entrance>,
    connections: Option<Connections>,
    limits: Limits,
}

impl Listener {
    /// Binds. `tls` is read anew for each connection, so that a reload reaches new ones.
    pub async fn bind(
        settings: &ListenerSettings,
        tls: Option<Arc<ArcSwap<ServerConfig>>>,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(settings.address).await?;
        let address = socket.local_addr()?;
        let slots = settings.connections_max.min(Semaphore::MAX_PERMITS);
        let proxy_protocol_from = settings.proxy_protocol_from.clone();
        Ok(Self {
            socket,
            address,
            slots: Arc::new(Semaphore::new(slots)),
            entrance: Arc::new(Entrance { tls, proxy_protocol_from }),
            connections: None,
            limits: settings.limits,
        })
    }

    /// Its connections are counted under its address.
    #[must_use]
    pub fn counted_in(mut self, metrics: &Metrics) -> Self {
        self.connections = Some(metrics.connections(&self.address.to_string()));
        self
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
            let (stream, address, slot) = tokio::select! {
                () = begun.begun() => return,
                accepted = self.accept() => accepted,
            };
            let connection = Connection {
                entrance: Arc::clone(&self.entrance),
                connections: self.connections.clone(),
                draining: draining.clone(),
                limits: self.limits,
            };
            let service = service.clone();
            tokio::spawn(async move {
                connection.run(stream, address, service).await;
                drop(slot);
            });
        }
    }

    /// The next connection, once there is a slot for it.
    async fn accept(&self) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        let mut is_failing = false;
        loop {
            let slot = Arc::clone(&self.slots).acquire_owned().await;
            match (slot, self.socket.accept().await) {
                (Ok(slot), Ok((stream, address))) => return (stream, address, slot),
                (_, Err(error)) if is_of_one_connection(&error) => {}
                (_, Err(error)) => {
                    // Out of descriptors, mostly: what is open must end first.
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(%error, listener = %self.address, "cannot accept");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                // Never closed.
                (Err(_), Ok(_)) => {}
            }
        }
    }
}

/// What a connection takes with it.
struct Connection {
    entrance: Arc<Entrance>,
    connections: Option<Connections>,
    draining: Draining,
    limits: Limits,
}

impl Connection {
    async fn run<S, F, B>(mut self, stream: TcpStream, address: SocketAddr, service: S)
    where
        S: Fn(Peer, Request<Incoming>) -> F,
        F: Future<Output = Response<B>>,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let _open = self.connections.as_ref().map(Connections::open);
        // Small replies leave at once; the socket works without it, too.
        let _ = stream.set_nodelay(true);
        let limits = self.limits;
        let passed = tokio::select! {
            () = self.draining.begun() => return,
            passed = self.entrance.pass(stream, address) => passed,
        };
        match passed {
            Ok((Wire::Plain(io), peer)) => {
                if let Some(io) = serve::connection(io, peer, service, limits, self.draining).await
                {
                    entrance::reset(&io);
                }
            }
            Ok((Wire::Tls(io), peer)) => {
                if let Some(io) = serve::connection(io, peer, service, limits, self.draining).await
                {
                    entrance::reset(io.get_ref().0);
                }
            }
            Err(Refused::Left) => {}
            Err(refused) => {
                tracing::debug!(%address, %refused, "a connection did not come to HTTP");
                if let Some(connections) = &self.connections {
                    connections.refused(refused.reason());
                }
            }
        }
    }
}

/// Failures that say nothing of the next connection (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
