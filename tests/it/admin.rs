//! The admin listener: probes and metrics.

use crate::support::{Gate, Request, Upstream, documents::require_sse};

async fn get(gate: &Gate, path: &str) -> (u16, String) {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let answer = gate.admin().send_raw(head.as_bytes()).await;
    (answer.status, answer.text())
}

/// The value of a metric with exactly these labels.
fn value(metrics: &str, metric: &str) -> Option<f64> {
    let line = metrics
        .lines()
        .find(|line| line.strip_prefix(metric).is_some_and(|it| it.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn a_gate_that_serves_is_healthy_and_ready() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    assert_eq!(get(&gate, "/healthz").await.0, 200);
    assert_eq!(get(&gate, "/readyz").await.0, 200);
    assert_eq!(get(&gate, "/elsewhere").await.0, 404);
}

#[tokio::test]
async fn requests_are_counted_by_operation_code_and_outcome() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().policy(&require_sse()).start(&upstream).await;
    gate.send(Request::put("/bucket/key", "body").encrypted()).await.is_ok();
    gate.send(Request::put("/bucket/key", "body")).await.is_refused_with(403, "AccessDenied");
    gate.send(Request::get("/bucket/key").with_tampered_signature()).await;
    let (status, metrics) = get(&gate, "/metrics").await;
    assert_eq!(status, 200);
    for metric in [
        "portcullis_requests_total{code=\"200\",operation=\"PutObject\",outcome=\"relayed\"}",
        "portcullis_requests_total{code=\"403\",operation=\"PutObject\",outcome=\"denied\"}",
        "portcullis_auth_failures_total{reason=\"SignatureDoesNotMatch\"}",
        "portcullis_upstream_requests_total{code=\"200\"}",
    ] {
        assert_eq!(value(&metrics, metric), Some(1.0), "{metric}\n{metrics}");
    }
}

#[tokio::test]
async fn metrics_name_no_bucket_key_or_credential() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().policy(&require_sse()).start(&upstream).await;
    gate.send(Request::put("/private-bucket/private-key", "body")).await;
    let (_, metrics) = get(&gate, "/metrics").await;
    for private in ["private-bucket", "private-key", "AKIDCLIENT", "alice"] {
        assert!(!metrics.contains(private), "{private}");
    }
}
