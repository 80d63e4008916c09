//! What is told of one keyring. Invariant: its name comes from the configuration, and no bucket and no
//! key is shown.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounter, IntCounterVec, Registry};

use super::metrics::{
    KEYRING_CACHE_HITS, KEYRING_CACHE_MISSES, KEYRING_DURATION, KEYRING_REQUESTS, counters,
    histograms,
};

#[derive(Debug)]
pub(super) struct AllKeyrings {
    requests: IntCounterVec,
    duration: HistogramVec,
    hits: IntCounterVec,
    misses: IntCounterVec,
}

/// Metrics of one keyring.
#[derive(Clone, Debug)]
pub struct KeyringMetrics {
    name: String,
    requests: IntCounterVec,
    duration: HistogramVec,
    hits: IntCounterVec,
    misses: IntCounterVec,
}

/// How often a key was at hand, and how often it had to be asked for.
#[derive(Clone, Debug)]
pub struct CacheMetrics {
    hits: IntCounter,
    misses: IntCounter,
}

impl AllKeyrings {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let operation = ["keyring", "operation"];
        Ok(Self {
            requests: counters(
                registry,
                KEYRING_REQUESTS,
                "Requests to the key service of a keyring by operation (wrap, unwrap, login, renew) \
                 and outcome (success, unavailable, refused, disabled, unknown, broken).",
                &["keyring", "operation", "outcome"],
            )?,
            duration: histograms(
                registry,
                KEYRING_DURATION,
                "From a request to a key service to its answer.",
                &operation,
            )?,
            hits: counters(
                registry,
                KEYRING_CACHE_HITS,
                "Bucket keys that were at hand, to wrap with or unwrapped.",
                &operation,
            )?,
            misses: counters(
                registry,
                KEYRING_CACHE_MISSES,
                "Bucket keys that a keyring had to be asked for.",
                &operation,
            )?,
        })
    }

    pub(super) fn named(&self, name: &str) -> KeyringMetrics {
        KeyringMetrics {
            name: name.to_owned(),
            requests: self.requests.clone(),
            duration: self.duration.clone(),
            hits: self.hits.clone(),
            misses: self.misses.clone(),
        }
    }
}

impl CacheMetrics {
    /// It was at hand.
    pub fn hit(&self) {
        self.hits.inc();
    }

    /// It had to be asked for.
    pub fn miss(&self) {
        self.misses.inc();
    }
}

impl KeyringMetrics {
    /// As configured.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key service was asked; `operation` and `outcome` are each one of few words.
    pub fn asked(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        self.requests.with_label_values(&[self.name.as_str(), operation, outcome]).inc();
        let duration = self.duration.with_label_values(&[self.name.as_str(), operation]);
        duration.observe(took.as_secs_f64());
    }

    /// Of the keys for one operation.
    pub fn cache(&self, operation: &'static str) -> CacheMetrics {
        let labels = [self.name.as_str(), operation];
        CacheMetrics {
            hits: self.hits.with_label_values(&labels),
            misses: self.misses.with_label_values(&labels),
        }
    }
}
