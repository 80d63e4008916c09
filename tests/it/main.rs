//! One binary for all in-process tests: a whole gate between a client and a backend over real
//! sockets, each of which can misbehave in every way that has a name.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "a helper that fails fails the test that called it; tests are read more than run"
)]

mod absence;
mod actions;
mod admin;
mod audit;
mod auth;
mod auth_modes;
mod checksums;
mod classic_policies;
mod condition_keys;
mod copies;
mod credential_limits;
mod credentials;
mod customer_keys;
mod deletion;
mod documents;
mod drain;
mod error_table;
mod errors;
mod forms;
mod forward;
mod get;
mod hygiene;
mod key_service_trust;
mod keyrings;
mod limits;
mod maintenance;
mod multipart;
mod policy;
mod proxy_protocol;
mod put;
mod regions;
mod reload;
mod rules;
mod sealed_listings;
mod sealed_uploads;
mod sealing;
mod secrets;
mod sessions;
mod sigv2;
mod support;
mod tls;
mod treatments;
