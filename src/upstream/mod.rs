//! The way to the backend: a pooled client over plain TCP or TLS, and the only bodies that it takes.

mod client;
mod credential;
mod forward;
mod idle;
mod outbound;
mod region;
mod watch;

pub use client::{Client, Error, REGION_PLACEHOLDER, Settings, Signed, Signing, tls};
pub use credential::{COMMON, Origin, Role, Source, Sources, Wallet};
pub use idle::{Idle, IdleError};
pub use outbound::Outbound;
