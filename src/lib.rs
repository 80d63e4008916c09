//! Portcullis: a transparent HTTP proxy that enforces encryption on S3 traffic.
//!
//! A request travels through the modules in this order; imports point the other way only
//! (`tests/tidy.rs` holds the rule):
//!
//! ```text
//! net ─▶ pipeline: receive ─▶ classify ─▶ authenticate ─▶ authorize ─▶ prepare ─▶ sign ─▶ send ─▶ relay
//!                             s3           sigv4           policy       transform  sigv4   upstream
//! ```

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod credential;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod identity;
pub mod keyring;
pub mod net;
pub mod pause;
pub mod pipeline;
pub mod policy;
pub mod s3;
pub mod seal;
pub mod secret;
pub mod sigv4;
pub mod telemetry;
pub mod transform;
pub mod trust;
pub mod upstream;
