//! Requests that two readers of HTTP could read in two ways, byte for byte over a bare socket.

use crate::support::{Gate, Request, Upstream};

async fn answers(gate: &Gate, bytes: &str) -> u16 {
    gate.plain().send_raw(bytes.as_bytes()).await.status
}

#[tokio::test]
async fn what_has_two_readings_does_not_pass() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().auth(OPEN).start(&upstream).await;
    let get = |lines: &str| format!("GET /bucket/key HTTP/1.1\r\n{lines}\r\n");
    assert_eq!(answers(&gate, &get("host: localhost\r\n")).await, 200);
    for lines in [
        // - who is asked
        "",
        "host: localhost\r\nhost: localhost\r\n",
        "host: localhost\r\nhost: elsewhere\r\n",
        "host: localhost, elsewhere\r\n",
        "host: local host\r\n",
        "host: localhost/../elsewhere\r\n",
        // - where the head ends, and what stands in it
        "host: localhost\r\nx-amz-acl : private\r\n",
        "host: localhost\r\nx-a: one\r\n two\r\n",
        " host: localhost\r\n",
        "host: localhost\r\nx-a: a\0b\r\n",
        "host: localhost\r\nx-a: a\rb\r\n",
        "host: localhost\r\n: none\r\n",
        "host: localhost\r\nno colon\r\n",
        "host: localhost\r\nx_amz_acl: private\r\n",
        // - where the body ends
        "host: localhost\r\ncontent-length: 0, 0\r\n",
        "host: localhost\r\ncontent-length: 0x0\r\n",
        "host: localhost\r\ncontent-length: 18446744073709551616\r\n",
        "host: localhost\r\ntransfer-encoding: chunked\r\ncontent-length: 0\r\n",
        "host: localhost\r\ntransfer-encoding: identity\r\n",
        "host: localhost\r\ntransfer-encoding: chunked, chunked\r\n",
        "host: localhost\r\ntransfer-encoding: x, chunked\r\n",
        // - what the connection takes along
        "host: localhost\r\nconnection: x-amz-acl\r\n",
    ] {
        let status = answers(&gate, &get(lines)).await;
        assert!((400..=501).contains(&status), "{lines:?}: {status}");
    }
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn request_lines_that_are_none_do_not_pass() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().auth(OPEN).start(&upstream).await;
    for line in [
        "GET  /bucket/key HTTP/1.1",
        "GET /bucket/ key HTTP/1.1",
        "GET bucket/key HTTP/1.1",
        "GET /bucket/key HTTP/2.0",
        "GET /bucket/key",
        "GET * HTTP/1.1",
        "get /bucket/key HTTP/1.1",
        "GET http://elsewhere/bucket/key HTTP/1.1",
        "GET http://user@localhost/bucket/key HTTP/1.1",
        "CONNECT localhost:443 HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        let status = answers(&gate, &format!("{line}\r\nhost: localhost\r\n\r\n")).await;
        assert!(status == 0 || (400..=505).contains(&status), "{line}: {status}");
    }
    upstream.is_untouched();
}

#[tokio::test]
async fn a_target_in_absolute_form_is_read_like_any_other() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder().auth(OPEN).start(&upstream).await;
    let request = "GET http://localhost/bucket/key?versionId=1 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert_eq!(answers(&gate, request).await, 200);
    assert_eq!(upstream.next().await.target, "/bucket/key?versionId=1");
}

/// What follows a request that was refused is not taken for a request.
#[tokio::test]
async fn a_body_that_was_not_taken_is_no_request() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let inner = "GET /bucket/smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let client = gate.plain();
    let mut connection = client.connect().await.unwrap();
    let refused = Request::put("/bucket/key", inner).anonymous();
    let (head, body) = refused.to_bytes(&client.address.to_string());
    connection.write(&[head, body].concat()).await;
    let answer = connection.answer(false).await;
    answer.is_refused_with(403, "AccessDenied");
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(connection.is_closed().await);
    upstream.is_untouched();
}

/// The limits that a listener is given are those of its connections.
#[tokio::test]
async fn a_listener_has_limits_of_its_own() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder()
        .with_listener(
            "head_bytes_max = 8192\nheader_timeout_seconds = 1\nidle_timeout_seconds = 1",
        )
        .start(&upstream)
        .await;
    let large = Request::get("/bucket/key").header("x-large", &"x".repeat(20_000));
    assert_eq!(gate.send(large).await.status, 431);
    for begun in ["", "GET /bucket/key HTTP/1.1\r\nhost: local"] {
        let mut connection = gate.plain().connect().await.unwrap();
        connection.write(begun.as_bytes()).await;
        assert!(connection.is_closed().await, "{begun:?}");
    }
    let mut connection = gate.plain().connect().await.unwrap();
    connection.send(&Request::get("/bucket/key")).await.is_ok();
    assert!(connection.is_closed().await);
}

/// Nobody needs to sign here: what is looked at comes before that.
const OPEN: &str = "[auth]\nmode = \"ambient\"\n\
                    [auth.principal]\nname = \"app\"\naccount = \"123456789012\"\n";
