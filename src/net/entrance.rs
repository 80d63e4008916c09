//! From an accepted socket to one that speaks HTTP: PROXY v2 where it is trusted, then TLS. Invariant:
//! whoever is not through within [`ENTRANCE_MAX`] is not served.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use rustls::ServerConfig;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Peer, proxy_protocol, serve, stall::Unstalled, tls};

/// What every connection of a listener passes.
#[derive(Debug)]
pub(super) struct Entrance {
    /// Read for each connection, so that a reload reaches the next one.
    pub(super) tls: Option<Arc<ArcSwap<ServerConfig>>>,
    /// From these networks a PROXY header is required, from all others none is read.
    pub(super) proxy_protocol_from: Vec<IpNet>,
}

/// A connection that is ready for HTTP.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(Unstalled<TcpStream>),
    Tls(Box<TlsStream<Unstalled<TcpStream>>>),
}

/// Why a connection did not come to HTTP.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// Health checks of load balancers do this.
    #[error("it was closed before the first byte")]
    Left,
    #[error("no handshake within {} seconds", ENTRANCE_MAX.as_secs())]
    Late,
    #[error("plain HTTP on a TLS port")]
    PlainHttp,
    #[error("{0}")]
    ProxyProtocol(#[source] io::Error),
    #[error("{0}")]
    Tls(#[source] io::Error),
}

impl Refused {
    /// For the metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Late => "late",
            Self::PlainHttp => "plain-http",
            Self::ProxyProtocol(_) => "proxy-protocol",
            Self::Tls(_) => "tls",
        }
    }
}

impl Entrance {
    pub(super) async fn pass(
        &self,
        stream: TcpStream,
        address: SocketAddr,
    ) -> Result<(Wire, Peer), Refused> {
        timeout(ENTRANCE_MAX, self.pass_in_time(stream, address))
            .await
            .unwrap_or(Err(Refused::Late))
    }

    async fn pass_in_time(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
    ) -> Result<(Wire, Peer), Refused> {
        let mut address = canonical(address);
        if self.proxy_protocol_from.iter().any(|network| network.contains(&address.ip())) {
            first_byte(&stream).await?;
            let header = proxy_protocol::read(&mut stream).await.map_err(Refused::ProxyProtocol)?;
            address = header.map_or(address, canonical);
        }
        let mut peer = Peer { address, tls: None, client_certificate: None };
        let Some(tls) = &self.tls else {
            return Ok((Wire::Plain(Unstalled::new(stream, STALL_MAX)), peer));
        };
        // A TLS handshake begins with 22; this is a method's first letter.
        if first_byte(&stream).await?.is_ascii_uppercase() {
            return Err(explain(stream).await);
        }
        let acceptor = TlsAcceptor::from(tls.load_full());
        let stream = Unstalled::new(stream, STALL_MAX);
        let stream = acceptor.accept(stream).await.map_err(Refused::Tls)?;
        tls::describe(stream.get_ref().1, &mut peer);
        Ok((Wire::Tls(Box::new(stream)), peer))
    }
}

/// Closes with a reset, so that the other end cannot take it for a clean end.
pub(super) fn reset(stream: &Unstalled<TcpStream>) {
    // The socket closes either way.
    let _ = stream.get_ref().set_zero_linger();
}

/// Waits for the first byte and leaves it where it is.
async fn first_byte(stream: &TcpStream) -> Result<u8, Refused> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1..) => Ok(first[0]),
        Ok(0) | Err(_) => Err(Refused::Left),
    }
}

/// Tells a client of the wrong scheme, in a form that it can read.
async fn explain(mut stream: TcpStream) -> Refused {
    if stream.write_all(WRONG_SCHEME.as_bytes()).await.is_ok() {
        serve::linger(stream).await;
    }
    Refused::PlainHttp
}

/// A listener on `[::]` sees IPv4 clients at IPv6 addresses; policies and networks know them as IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

const WRONG_SCHEME: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; \
    charset=utf-8\r\nContent-Length: 59\r\nConnection: close\r\n\r\n\
    This port speaks HTTPS: write https:// instead of http://.\n";
/// Time for a PROXY header and a TLS handshake together.
pub(super) const ENTRANCE_MAX: Duration = Duration::from_secs(10);
/// The longest that a client may take none of the bytes that wait for it.
const STALL_MAX: Duration = Duration::from_mins(1);
