//! Clients that stop, hurry or wait, by hand over a socket.

use std::time::Duration;

use http::Request;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{Server, UNSIGNED};

/// The bytes of a request's head.
fn wire(head: &Request<()>) -> String {
    let target = head.uri().path_and_query().expect("a target");
    let host = head.uri().authority().expect("a host");
    let mut text = format!("{} {target} HTTP/1.1\r\nhost: {host}\r\n", head.method());
    for (name, value) in head.headers() {
        text = text + name.as_str() + ": " + value.to_str().expect("text") + "\r\n";
    }
    text + "\r\n"
}

/// Sends, then reads until the other side closes.
async fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.backend.address()).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    stream.shutdown().await.expect("half-closed");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("read");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_truncated_upload_is_never_seen() {
    let server = Server::start().await;
    let head = server.signed("PUT", "/bucket/k", &[("content-length", "1000000")], UNSIGNED);
    let mut bytes = wire(&head).into_bytes();
    bytes.resize(bytes.len() + 700_000, b'x');
    exchange(&server, &bytes).await;
    server.get("/bucket/k").await.refused(404, "NoSuchKey");
    // What was being written when the client went is removed by whoever wrote it.
    let removed = async {
        while server.contents() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), removed).await.expect("nothing stays");
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = Server::start().await;
    let length = ("content-length", "20000000");
    let head = server.signed("PUT", "/absent/k", &[length], UNSIGNED);
    let mut bytes = wire(&head).into_bytes();
    bytes.resize(bytes.len() + 20_000_000, b'x');
    let answer = exchange(&server, &bytes).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test]
async fn who_waits_to_send_is_told_to_or_answered_for_good() {
    let server = Server::start().await;
    for (target, length, expected) in [
        ("/bucket/k", "5", "HTTP/1.1 100 Continue"),
        ("/absent/k", "5", "HTTP/1.1 404"),
        ("/bucket/k", "0", "HTTP/1.1 200"),
    ] {
        let headers = [("content-length", length), ("expect", "100-continue")];
        let head = server.signed("PUT", target, &headers, UNSIGNED);
        let mut stream = TcpStream::connect(server.backend.address()).await.expect("a connection");
        stream.write_all(wire(&head).as_bytes()).await.expect("sent");
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..read]);
        assert!(answer.starts_with(expected), "{answer}");
        let closes = answer.contains("connection: close");
        assert_eq!(closes, !expected.contains("100"), "{answer}");
    }
}
