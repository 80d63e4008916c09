//! The way to the backend: a pooled client over plain TCP or TLS, and the only bodies that it takes.

mod client;
mod idle;
mod outbound;
mod watch;

pub use client::{Client, Error, Settings, Signed, tls};
pub use idle::{Idle, IdleError};
pub use outbound::Outbound;
