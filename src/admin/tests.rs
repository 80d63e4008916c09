//! Each path, by a client that speaks HTTP as it comes.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Readiness, start};
use crate::{net::Drain, telemetry::metrics::Metrics};

struct Started {
    address: SocketAddr,
    readiness: Readiness,
    _drain: Drain,
}

async fn started() -> Started {
    let (readiness, (drain, draining)) = (Readiness::default(), Drain::new());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let metrics: Arc<Metrics> = Metrics::new().unwrap();
    let (address, _) = start(any, metrics, readiness.clone(), draining).await.unwrap();
    Started { address, readiness, _drain: drain }
}

impl Started {
    /// Head and body of the answer.
    async fn send(&self, method: &str, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    async fn check(&self, method: &str, path: &str, expected: &str) {
        let (head, body) = self.send(method, path).await;
        let status = head.lines().next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
        assert_eq!(format!("{status}: {body}").trim_end(), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn readiness_is_what_was_last_said() {
    let admin = started().await;
    let unready = |reason| format!("503 Service Unavailable: not ready: {reason}");
    admin.check("GET", "/readyz", &unready("starting")).await;
    admin.readiness.ready();
    admin.check("GET", "/readyz", "200 OK: ready").await;
    admin.readiness.not_ready("draining");
    admin.check("GET", "/readyz", &unready("draining")).await;
    admin.check("GET", "/healthz", "200 OK: ok").await;
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let (head, body) = started().await.send("GET", "/metrics").await;
    assert!(head.contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(body.contains("\n# TYPE portcullis_build_info gauge\n"), "{body}");
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let (head, body) = started().await.send("HEAD", "/healthz").await;
    assert!(head.contains("\r\ncontent-length: 3"), "{head}");
    assert_eq!(body, "");
}

#[tokio::test]
async fn nothing_else_is_there() {
    let admin = started().await;
    let paths = "404 Not Found: Here are /metrics, /healthz and /readyz.";
    for path in ["/", "/metrics/", "/bucket/key"] {
        admin.check("GET", path, paths).await;
    }
}

#[tokio::test]
async fn nothing_can_be_changed() {
    let admin = started().await;
    for method in ["POST", "PUT", "DELETE"] {
        admin.check(method, "/metrics", "405 Method Not Allowed: Only GET and HEAD.").await;
    }
    assert!(admin.send("POST", "/metrics").await.0.contains("\r\nallow: GET, HEAD"));
}
