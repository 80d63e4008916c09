//! What a client may not make the gate hold, or wait for.

use crate::support::{Gate, Reply, Request, Upstream};

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let head = format!(
        "GET /bucket/key HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
        "x".repeat(200_000)
    );
    let answer = gate.plain().send_raw(head.as_bytes()).await;
    assert!(matches!(answer.status, 0 | 400 | 431), "{answer:?}");
    upstream.is_untouched();
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let headers: String = (0..1000).map(|n| format!("x-{n}: 1\r\n")).collect();
    let head = format!("GET /bucket/key HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    let answer = gate.plain().send_raw(head.as_bytes()).await;
    assert!(matches!(answer.status, 0 | 400 | 431), "{answer:?}");
    upstream.is_untouched();
}

#[tokio::test]
async fn a_flood_of_headers_from_the_backend_is_an_error() {
    let upstream = Upstream::start().await;
    let flood = (0..2000).fold(Reply::ok(), |reply, n| reply.header(&format!("x-{n}"), "1"));
    upstream.replies(flood.then_close());
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::get("/bucket/key")).await;
    assert!(matches!(answer.status, 500 | 502 | 503), "{answer:?}");
}

#[tokio::test]
async fn a_deletion_of_too_many_keys_is_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let objects = "<Object><Key>k</Key></Object>".repeat(1001);
    let document = format!("<Delete>{objects}</Delete>");
    gate.send(Request::post("/bucket?delete", document)).await.is_refused_with(400, "MalformedXML");
    upstream.is_untouched();
}

#[tokio::test]
async fn a_document_that_never_ends_is_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let document = vec![b' '; 20_000_000];
    let answer = gate.send(Request::post("/bucket?delete", document)).await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    upstream.is_untouched();
}

/// The client owes the rest of a body; the backend never has all of it.
#[tokio::test]
async fn a_client_that_falls_silent_is_given_up() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder().with("client_idle_timeout_seconds = 1").start(&upstream).await;
    let client = gate.plain();
    let mut connection = client.connect().await.unwrap();
    let (head, body) =
        Request::put("/bucket/key", vec![7; 1_000_000]).to_bytes(&client.address.to_string());
    connection.write(&head).await;
    connection.write(body.get(..500_000).unwrap()).await;
    connection.answer(false).await.is_refused_with(400, "RequestTimeout");
    assert!(!upstream.next().await.is_complete);
}

#[tokio::test]
async fn many_requests_at_once_are_all_served() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let client = gate.plain();
    let requests: Vec<_> = (0..50)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move {
                let request = Request::put(&format!("/bucket/{n}"), vec![7; 100_000]).in_chunks();
                client.send(&request).await
            })
        })
        .collect();
    for request in requests {
        request.await.unwrap().is_ok();
    }
    assert_eq!(upstream.requests(), 50);
}
