//! Every metric's name, in one place. Labels are bounded: operations, statuses and codes are closed
//! sets, policies and statements come from the configuration. No bucket, key or caller is a label.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, TextEncoder, core::Collector,
};

use super::{connection::AllConnections, credential::AllCredentials, keyring::AllKeyrings};
pub use super::{
    connection::{Connections, OpenConnection},
    credential::UpstreamCredential,
    keyring::{CacheMetrics, KeyringMetrics},
    sealing::Sealing,
};

/// All metrics of one running gate, with a registry of their own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    in_flight: IntGauge,
    requests: IntCounterVec,
    request_duration: HistogramVec,
    auth_failures: IntCounterVec,
    decisions: IntCounterVec,
    writes: IntCounterVec,
    upstream_requests: IntCounterVec,
    upstream_duration: Histogram,
    received: IntCounter,
    sent: IntCounter,
    reloads: IntCounterVec,
    reloaded: GaugeVec,
    certificate_expiry: GaugeVec,
    credentials: AllCredentials,
    keyrings: AllKeyrings,
    connections: AllConnections,
    audit_lines: AuditLines,
    sealing: Sealing,
}

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

/// One request in flight.
#[derive(Debug)]
pub struct InFlight(IntGauge);

/// What becomes of audit lines.
#[derive(Clone, Debug)]
pub struct AuditLines {
    /// Written, or in the writer's buffer.
    pub(super) written: IntCounter,
    /// Not written, since the target failed.
    pub(super) lost: IntCounter,
}

impl Metrics {
    /// Registers everything, and the build info.
    ///
    /// # Errors
    ///
    /// None in practice: names and labels are constants, and the registry is new.
    pub fn new() -> Result<Arc<Self>, prometheus::Error> {
        Self::register().map(Arc::new)
    }

    fn register() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let bytes = counters(
            &registry,
            "portcullis_body_bytes_total",
            "Bytes of bodies, received from clients and sent to them.",
            &["direction"],
        )?;
        build_info(&registry)?;
        Ok(Self {
            in_flight: in_flight(&registry)?,
            requests: counters(
                &registry,
                "portcullis_requests_total",
                "Requests by operation, status and outcome (relayed, refused, denied, failed).",
                &["operation", "code", "outcome"],
            )?,
            request_duration: request_duration(&registry)?,
            auth_failures: counters(
                &registry,
                "portcullis_auth_failures_total",
                "Requests whose signature was refused, by S3 error code.",
                &["reason"],
            )?,
            decisions: counters(
                &registry,
                "portcullis_policy_decisions_total",
                "Policy decisions by effect, and the document and statement that decided.",
                &["effect", "policy", "statement"],
            )?,
            writes: counters(
                &registry,
                "portcullis_encryption_writes_total",
                "Writes that S3 takes encryption headers with, by rule, client program, and how \
                 they arrived (compliant, absent, mended, refused, would-mend, would-refuse).",
                &["rule", "arrived", "client"],
            )?,
            upstream_requests: counters(
                &registry,
                "portcullis_upstream_requests_total",
                "Requests to the backend by status; 0: no answer came.",
                &["code"],
            )?,
            upstream_duration: upstream_duration(&registry)?,
            received: bytes.with_label_values(&["received"]),
            sent: bytes.with_label_values(&["sent"]),
            reloads: counters(
                &registry,
                "portcullis_config_reloads_total",
                "Reloads of the configuration by result (success, failure).",
                &["result"],
            )?,
            reloaded: gauges(
                &registry,
                "portcullis_config_last_reload_success_timestamp_seconds",
                "When the configuration in force was loaded by a reload.",
                &[],
            )?,
            certificate_expiry: gauges(
                &registry,
                "portcullis_certificate_expiry_timestamp_seconds",
                "When the first certificate of a listener expires.",
                &["listener"],
            )?,
            credentials: AllCredentials::register(&registry)?,
            keyrings: AllKeyrings::register(&registry)?,
            connections: AllConnections::register(&registry)?,
            audit_lines: AuditLines::register(&registry)?,
            sealing: Sealing::register(&registry)?,
            registry,
        })
    }

    /// `portcullis_inflight_requests` +1 until the guard is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A request has its reply.
    pub fn request(&self, operation: &'static str, code: u16, outcome: Outcome, took: Duration) {
        let code = http::StatusCode::from_u16(code).unwrap_or_default();
        self.requests.with_label_values(&[operation, code.as_str(), outcome.as_str()]).inc();
        self.request_duration.with_label_values(&[operation]).observe(took.as_secs_f64());
    }

    /// A signature was refused; `reason` is an S3 code.
    pub fn auth_failure(&self, reason: &'static str) {
        self.auth_failures.with_label_values(&[reason]).inc();
    }

    /// Policy decided.
    pub fn decision(&self, effect: &'static str, policy: &str, statement: &str) {
        self.decisions.with_label_values(&[effect, policy, statement]).inc();
    }

    /// A write that S3 takes encryption headers with was decided; `client` is one of few words.
    pub fn write(&self, rule: &str, arrived: &'static str, client: &'static str) {
        self.writes.with_label_values(&[rule, arrived, client]).inc();
    }

    /// What is told of sealed objects.
    pub fn sealing(&self) -> &Sealing {
        &self.sealing
    }

    /// The backend answered; 0: it did not.
    pub fn upstream(&self, code: u16, took: Duration) {
        let code = http::StatusCode::from_u16(code);
        let code = code.as_ref().map_or("0", http::StatusCode::as_str);
        self.upstream_requests.with_label_values(&[code]).inc();
        self.upstream_duration.observe(took.as_secs_f64());
    }

    /// Bytes of request bodies.
    pub fn received(&self, bytes: u64) {
        self.received.inc_by(bytes);
    }

    /// Bytes of reply bodies.
    pub fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }

    /// A reload was tried.
    pub fn reload(&self, succeeded: bool, at: SystemTime) {
        self.reloads.with_label_values(&[if succeeded { "success" } else { "failure" }]).inc();
        if succeeded {
            self.reloaded.with_label_values::<&str>(&[]).set(seconds(at));
        }
    }

    /// A listener's first certificate expires then.
    pub fn certificate_expiry(&self, listener: &str, at: SystemTime) {
        self.certificate_expiry.with_label_values(&[listener]).set(seconds(at));
    }

    /// A credential for the backend, by its name in the configuration.
    pub fn upstream_credential(&self, name: &str) -> UpstreamCredential {
        self.credentials.named(name)
    }

    /// A keyring, by its name in the configuration.
    pub fn keyring(&self, name: &str) -> KeyringMetrics {
        self.keyrings.named(name)
    }

    /// Connections of the listener at this address.
    pub fn connections(&self, listener: &str) -> Connections {
        self.connections.of(listener)
    }

    /// For an audit log.
    pub fn audit_lines(&self) -> AuditLines {
        self.audit_lines.clone()
    }

    /// The Prometheus text format, version 0.0.4.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Relayed => "relayed",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

impl AuditLines {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            written: counter(
                registry,
                "portcullis_audit_lines_total",
                "Audit lines that were written.",
            )?,
            lost: counter(
                registry,
                "portcullis_audit_lines_lost_total",
                "Audit lines that could not be written: any above 0 are an incident.",
            )?,
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    register(registry, IntCounter::new(name, help)?)
}

pub(super) fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

pub(super) fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<GaugeVec, prometheus::Error> {
    register(registry, GaugeVec::new(Opts::new(name, help), labels)?)
}

fn build_info(registry: &Registry) -> Result<(), prometheus::Error> {
    let help = "1, labelled with the version.";
    let info = gauges(registry, "portcullis_build_info", help, &["version"])?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
    Ok(())
}

fn in_flight(registry: &Registry) -> Result<IntGauge, prometheus::Error> {
    let help = "Requests that have come and have no reply yet.";
    register(registry, IntGauge::new("portcullis_inflight_requests", help)?)
}

pub(super) fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<HistogramVec, prometheus::Error> {
    register(registry, HistogramVec::new(histogram(name, help), labels)?)
}

fn request_duration(registry: &Registry) -> Result<HistogramVec, prometheus::Error> {
    let help = "From the request's head to the reply's, uploads included.";
    histograms(registry, "portcullis_request_duration_seconds", help, &["operation"])
}

fn upstream_duration(registry: &Registry) -> Result<Histogram, prometheus::Error> {
    let help = "From sending a request to the head of the backend's answer.";
    let options = histogram("portcullis_upstream_duration_seconds", help);
    register(registry, Histogram::with_opts(options)?)
}

pub(super) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn histogram(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(BUCKETS_SECONDS.to_vec())
}

pub(super) fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// See [`AllCredentials`].
pub(super) const CREDENTIAL_EXPIRY: &str =
    "portcullis_upstream_credential_expiry_timestamp_seconds";
/// See [`AllCredentials`].
pub(super) const CREDENTIAL_RENEWALS: &str = "portcullis_upstream_credential_renewals_total";

/// See [`AllConnections`].
pub(super) const CONNECTIONS: &str = "portcullis_connections";
/// See [`AllConnections`].
pub(super) const CONNECTIONS_OPENED: &str = "portcullis_connections_opened_total";
/// See [`AllConnections`].
pub(super) const CONNECTIONS_REFUSED: &str = "portcullis_connections_refused_total";
/// See [`Sealing`].
pub(super) const SEALED_OBJECTS: &str = "portcullis_sealed_objects_total";
/// See [`Sealing`].
pub(super) const SEAL_CHECKS_FAILED: &str = "portcullis_seal_checks_failed_total";

/// See [`AllKeyrings`].
pub(super) const KEYRING_REQUESTS: &str = "portcullis_keyring_requests_total";
/// See [`AllKeyrings`].
pub(super) const KEYRING_DURATION: &str = "portcullis_keyring_request_duration_seconds";
/// See [`AllKeyrings`].
pub(super) const KEYRING_CACHE_HITS: &str = "portcullis_keyring_cache_hits_total";
/// See [`AllKeyrings`].
pub(super) const KEYRING_CACHE_MISSES: &str = "portcullis_keyring_cache_misses_total";

/// From a cached 4 KiB GET to a part of 5 GiB.
const BUCKETS_SECONDS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Metrics, Outcome};

    #[test]
    fn what_is_counted_is_rendered() {
        let metrics = Metrics::new().unwrap();
        metrics.request("PutObject", 403, Outcome::Denied, Duration::from_millis(2));
        metrics.decision("explicit-deny", "require-sse.json", "DenyUnencrypted");
        let in_flight = metrics.in_flight();
        let text = metrics.render();
        for line in [
            r#"portcullis_requests_total{code="403",operation="PutObject",outcome="denied"} 1"#,
            r#"portcullis_policy_decisions_total{effect="explicit-deny",policy="require-sse.json",statement="DenyUnencrypted"} 1"#,
            r#"portcullis_request_duration_seconds_bucket{operation="PutObject",le="0.0025"} 1"#,
            "portcullis_inflight_requests 1",
            "portcullis_build_info{version=",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        drop(in_flight);
        assert!(metrics.render().contains("portcullis_inflight_requests 0"));
    }
}
