//! Every metric's name, the audit log, the program's log.

pub mod audit;
pub mod client;
mod credential;
pub mod log;
pub mod metrics;
