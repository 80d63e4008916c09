//! Listeners: accept, PROXY v2, TLS, HTTP/1.1, drain. Knows nothing of S3.

mod drain;
mod entrance;
mod listener;
mod pace;
mod peer;
pub mod proxy_protocol;
mod serve;
mod stall;
pub mod tls;

pub use drain::{Drain, Draining};
pub use listener::{Listener, ListenerSettings};
pub use pace::Limits;
pub use peer::{Peer, TlsVersion};

#[cfg(test)]
mod tests;
