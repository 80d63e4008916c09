//! The way to the backend: a pooled client over plain TCP or TLS, and the only bodies that it takes.

mod client;
mod copied;
mod forward;
mod idle;
mod outbound;
mod plaintext;
mod region;
mod watch;

pub use client::{Client, Error, REGION_PLACEHOLDER, Settings, Signed, Signing};
pub use copied::{Copied, CopyError, CopyOutcome};
pub use idle::{Idle, IdleError};
pub use outbound::Outbound;
pub use plaintext::{Outcome, Plaintext, PlaintextError};
