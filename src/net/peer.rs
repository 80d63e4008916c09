//! What is known of a connection's other end.

use std::net::SocketAddr;

/// The other end of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client: from PROXY v2 where it is trusted, else the socket's.
    pub address: SocketAddr,
    /// `None` on a plain HTTP listener.
    pub tls: Option<TlsVersion>,
    /// Whose client certificate was verified, where one was given: its first DNS name, else
    /// `sha256:` and the certificate's fingerprint.
    pub client_certificate: Option<String>,
}

/// The negotiated version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}
