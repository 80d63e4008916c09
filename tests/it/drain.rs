//! A gate that ends lets requests finish, within its limit.

use tokio::net::TcpStream;

use crate::support::{Gate, Reply, Request, Upstream};

#[tokio::test]
async fn a_request_under_way_is_finished_and_a_new_one_not_taken() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let client = gate.plain();
    let mut connection = client.connect().await.unwrap();
    let request = Request::put("/bucket/key", vec![7; 100_000]).expecting_continue();
    let (head, body) = request.to_bytes(&client.address.to_string());
    connection.write(&head).await;
    assert_eq!(connection.answer(false).await.status, 100);
    let stopping = tokio::spawn(gate.stop());
    while TcpStream::connect(client.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished());
    connection.write(&body).await;
    connection.answer(false).await.is_ok();
    assert!(upstream.next().await.is_complete);
    assert!(stopping.await.unwrap(), "the request had to be cut off");
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let mut connection = gate.plain().connect().await.unwrap();
    connection.send(&Request::get("/bucket/key")).await.is_ok();
    assert!(gate.stop().await);
    assert!(connection.is_closed().await);
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_at_the_limit() {
    let mut upstream = Upstream::start().await;
    upstream.replies(Reply::silence());
    let gate = Gate::builder().with("drain_limit_seconds = 1").start(&upstream).await;
    let client = gate.plain();
    let waiting = tokio::spawn(async move { client.send(&Request::get("/bucket/key")).await });
    assert!(upstream.next().await.is_complete);
    assert!(!gate.stop().await);
    assert_ne!(waiting.await.unwrap().status, 200);
}
