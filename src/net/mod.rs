//! Listeners: accept, PROXY v2, TLS, HTTP/1.1, drain. Knows nothing of S3.

mod drain;
mod listener;
mod peer;
mod proxy_protocol;
mod serve;
pub mod tls;

pub use drain::{Drain, Draining};
pub use listener::{Listener, ListenerSettings};
pub use peer::{Peer, TlsVersion};
