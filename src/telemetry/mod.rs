//! Every metric's name, the audit log, the program's log.

pub mod audit;
pub mod client;
mod connection;
mod credential;
mod keyring;
pub mod log;
pub mod metrics;
mod sealing;
