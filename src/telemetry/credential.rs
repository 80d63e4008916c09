//! What is told of one upstream credential. Invariant: its name comes from the configuration, and
//! nothing else of it is shown.

use std::time::SystemTime;

use prometheus::{GaugeVec, IntCounterVec, Registry};

use super::metrics::{CREDENTIAL_EXPIRY, CREDENTIAL_RENEWALS, counters, gauges, seconds};

#[derive(Debug)]
pub(super) struct AllCredentials {
    expiry: GaugeVec,
    renewals: IntCounterVec,
}

/// Metrics of one credential that is renewed.
#[derive(Clone, Debug)]
pub struct UpstreamCredential {
    name: String,
    expiry: GaugeVec,
    renewals: IntCounterVec,
}

impl AllCredentials {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            expiry: gauges(
                registry,
                CREDENTIAL_EXPIRY,
                "When a credential for the backend expires, unless it is renewed before.",
                &["credential"],
            )?,
            renewals: counters(
                registry,
                CREDENTIAL_RENEWALS,
                "Questions for a new credential for the backend, by result (success, failure).",
                &["credential", "result"],
            )?,
        })
    }

    pub(super) fn named(&self, name: &str) -> UpstreamCredential {
        UpstreamCredential {
            name: name.to_owned(),
            expiry: self.expiry.clone(),
            renewals: self.renewals.clone(),
        }
    }
}

impl UpstreamCredential {
    /// As configured.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The credential in use expires then; `None`: never.
    pub fn expires_at(&self, at: Option<SystemTime>) {
        let at = at.map_or(f64::INFINITY, seconds);
        self.expiry.with_label_values(&[&self.name]).set(at);
    }

    /// The source was asked for a successor.
    pub fn renewed(&self, succeeded: bool) {
        let result = if succeeded { "success" } else { "failure" };
        self.renewals.with_label_values(&[self.name.as_str(), result]).inc();
    }
}
