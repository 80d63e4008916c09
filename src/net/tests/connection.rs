//! Time, which stands still but for timers: what is waited for and what is not.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    time::{Instant, sleep},
};

use super::{GET, who};
use crate::net::{Drain, Peer, serve, stall::Unstalled};

const MINUTE: Duration = Duration::from_mins(1);

fn peer() -> Peer {
    Peer { address: ([192, 0, 2, 7], 1).into(), tls: None, client_certificate: None }
}

/// How long a connection lives with a client that sends `bytes` and nothing else.
async fn lifetime(bytes: &[u8]) -> Duration {
    let (io, mut client) = duplex(1024);
    let (_drain, draining) = Drain::new();
    client.write_all(bytes).await.unwrap();
    let began = Instant::now();
    let mut answer = Vec::new();
    let connection = serve::connection(io, peer(), who, draining);
    let (reset, _) = tokio::join!(connection, client.read_to_end(&mut answer));
    assert!(reset.is_none());
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_head_must_come_in_time() {
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\nho", GET] {
        let lifetime = lifetime(bytes).await;
        assert!((MINUTE / 2..MINUTE).contains(&lifetime), "{lifetime:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_service_is_waited_for() {
    let service = |_: Peer, _: Request<Incoming>| async {
        sleep(MINUTE * 60).await;
        Response::new(Full::<Bytes>::default())
    };
    let (io, client) = duplex(1024);
    let (_drain, draining) = Drain::new();
    let connection = serve::connection(Unstalled::new(io, MINUTE), peer(), service, draining);
    let (_, answer) = tokio::join!(connection, answer(client));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_its_reply_is_cut_off() {
    let service = |_: Peer, _: Request<Incoming>| async {
        Response::new(Full::<Bytes>::from(vec![0; 100_000]))
    };
    let (io, mut client) = duplex(1024);
    let (_drain, draining) = Drain::new();
    client.write_all(GET).await.unwrap();
    let began = Instant::now();
    let io = Unstalled::new(io, MINUTE);
    assert!(serve::connection(io, peer(), service, draining).await.is_some());
    assert!((MINUTE..MINUTE * 2).contains(&began.elapsed()));
}

async fn answer(mut client: DuplexStream) -> String {
    let mut answer = String::new();
    client.write_all(GET).await.unwrap();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}
