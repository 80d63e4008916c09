//! Listeners with TLS, and with client certificates.

use crate::support::{Gate, Request, Upstream, certs::Authority};

#[tokio::test]
async fn requests_pass_over_tls() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder().tls_listener().start(&upstream).await;
    let request = Request::put("/bucket/key", vec![7; 300_000]).in_chunks().expecting_continue();
    assert!(gate.tls().send(&request).await.is_ok().was_continued);
    assert_eq!(upstream.next().await.body.len(), 300_000);
}

#[tokio::test]
async fn plain_http_on_a_tls_port_gets_no_answer_from_the_backend() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().tls_listener().start(&upstream).await;
    let plain = crate::support::client::Client { tls: None, ..gate.tls() };
    assert_ne!(plain.send(&Request::get("/bucket/key")).await.status, 200);
    upstream.is_untouched();
}

#[tokio::test]
async fn a_client_with_a_certificate_is_served() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().mutual_tls_listener().start(&upstream).await;
    let leaf = gate.authority().client("alice");
    gate.tls_as(&leaf).send(&Request::get("/bucket/key")).await.is_ok();
    let lines = gate.audit().await;
    assert_eq!(lines[0]["client_certificate"], "alice", "{lines:?}");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_not() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().mutual_tls_listener().start(&upstream).await;
    assert_eq!(answer_or_none(&gate.tls()).await, 0);
    upstream.is_untouched();
}

#[tokio::test]
async fn a_client_with_a_strangers_certificate_is_not() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().mutual_tls_listener().start(&upstream).await;
    let leaf = Authority::new().client("alice");
    assert_eq!(answer_or_none(&gate.tls_as(&leaf)).await, 0);
    upstream.is_untouched();
}

/// In TLS 1.3 a client learns of its refusal only when it reads.
async fn answer_or_none(client: &crate::support::client::Client) -> u16 {
    match client.connect().await {
        Ok(mut connection) => connection.send(&Request::get("/bucket/key")).await.status,
        Err(_) => 0,
    }
}
