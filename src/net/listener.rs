//! One listening socket.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;

use super::{Draining, Peer};

/// A listener as validated.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Port 0 picks a free one.
    pub address: SocketAddr,
    /// `None`: plain HTTP.
    pub tls: Option<super::tls::Settings>,
    /// Networks whose connections must begin with a PROXY v2 header.
    pub proxy_protocol_from: Vec<ipnet::IpNet>,
    /// Open connections at most; above it accepting waits.
    pub connections_max: usize,
}

/// A bound socket, not yet accepting.
#[derive(Debug)]
pub struct Listener {}

impl Listener {
    /// Binds.
    pub async fn bind(
        _settings: &ListenerSettings,
        _tls: Option<Arc<ArcSwap<rustls::ServerConfig>>>,
    ) -> std::io::Result<Self> {
        todo!()
    }
    /// Where it listens.
    pub fn local_address(&self) -> SocketAddr {
        todo!()
    }
    /// Accepts until `draining` fires; then finishes what is open. `service` is called once a request.
    pub async fn serve<S, F, B>(self, _service: S, _draining: Draining)
    where
        S: Fn(Peer, http::Request<hyper::body::Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = http::Response<B>> + Send + 'static,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        todo!()
    }
}
