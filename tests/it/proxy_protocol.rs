//! Behind a balancer that speaks PROXY v2: its header is needed from trusted networks, and read from
//! no other.

use serde_json::json;

use crate::support::{Gate, Request, Upstream, client::Answer};

/// A PROXY v2 header for a TCP connection over IPv4 from this client.
fn header(client: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(client);
    header.extend([10, 0, 0, 1, 0x80, 0x00, 0x01, 0xbb]);
    header
}

/// Sends a request with `before` in front of it through a balanced listener of `network`.
async fn send(network: &'static str, before: &[u8]) -> (Answer, Vec<serde_json::Value>) {
    let upstream = Upstream::start().await;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
    }]});
    let gate = Gate::builder().policy(&policy).balanced_listener(network).start(&upstream).await;
    let mut connection = gate.balanced().connect().await.unwrap();
    connection.write(before).await;
    let answer = connection.send(&Request::get("/bucket/key")).await;
    (answer, gate.audit().await)
}

#[tokio::test]
async fn the_client_is_the_one_that_the_balancer_names() {
    let (answer, lines) = send("127.0.0.0/8", &header([192, 0, 2, 7])).await;
    answer.is_ok();
    assert_eq!(lines[0]["remote_ip"], "192.0.2.7", "{lines:?}");
    let (answer, _) = send("127.0.0.0/8", &header([198, 51, 100, 7])).await;
    answer.is_refused_with(403, "AccessDenied");
}

#[tokio::test]
async fn a_trusted_network_must_send_the_header() {
    let (answer, lines) = send("127.0.0.0/8", b"").await;
    assert_eq!((answer.status, lines.len()), (0, 0), "{answer:?}");
}

#[tokio::test]
async fn nobody_else_can_name_a_client() {
    let (answer, lines) = send("10.0.0.0/8", &header([192, 0, 2, 7])).await;
    assert_ne!(answer.status, 200);
    assert_eq!(lines.len(), 0, "{lines:?}");
}
