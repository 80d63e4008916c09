//! Every metric's name, in one place.

use std::time::Duration;

/// All metrics of one running gate, with a registry of their own.
#[derive(Debug)]
pub struct Metrics {}

/// How a request ended (label `outcome`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Relayed from upstream.
    Relayed,
    /// Refused: bad shape or bad signature.
    Refused,
    /// Denied by policy.
    Denied,
    /// Upstream, keys or proxy failed.
    Failed,
}

impl Metrics {
    /// Registers everything, and the build info.
    pub fn new() -> Self {
        todo!()
    }
    /// `portcullis_inflight_requests` +1 until the guard is dropped.
    pub fn in_flight(&self) -> InFlight {
        todo!()
    }
    /// `portcullis_requests_total{operation,code,outcome}`, `portcullis_request_duration_seconds{operation}`.
    pub fn request(
        &self,
        _operation: &'static str,
        _code: u16,
        _outcome: Outcome,
        _took: Duration,
    ) {
        todo!()
    }
    /// `portcullis_auth_failures_total{reason}`; reason is an S3 code.
    pub fn auth_failure(&self, _reason: &'static str) {
        todo!()
    }
    /// `portcullis_policy_decisions_total{effect,policy,statement}`.
    pub fn decision(&self, _effect: &'static str, _policy: &str, _statement: &str) {
        todo!()
    }
    /// `portcullis_upstream_requests_total{code}`, `portcullis_upstream_duration_seconds` (to the response head); code 0: none came.
    pub fn upstream(&self, _code: u16, _took: Duration) {
        todo!()
    }
    /// `portcullis_body_bytes_total{direction="received"}`.
    pub fn received(&self, _bytes: u64) {
        todo!()
    }
    /// `portcullis_body_bytes_total{direction="sent"}`.
    pub fn sent(&self, _bytes: u64) {
        todo!()
    }
    /// `portcullis_config_reloads_total{result}`, `portcullis_config_last_reload_success_timestamp_seconds`.
    pub fn reload(&self, _succeeded: bool, _at: std::time::SystemTime) {
        todo!()
    }
    /// `portcullis_certificate_expiry_timestamp_seconds{listener}`.
    pub fn certificate_expiry(&self, _listener: &str, _at: std::time::SystemTime) {
        todo!()
    }
    /// The Prometheus text format.
    pub fn render(&self) -> String {
        todo!()
    }
}

/// One request in flight.
#[derive(Debug)]
pub struct InFlight {}
