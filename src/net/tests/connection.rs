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
use crate::net::{Drain, Limits, Peer, serve, stall::Unstalled};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const LIMITS: Limits = Limits { head_bytes_max: 8192, header_timeout: MINUTE, idle_timeout: HOUR };

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
    let connection = serve::connection(io, peer(), who, LIMITS, draining);
    let (reset, _) = tokio::join!(connection, client.read_to_end(&mut answer));
    assert!(reset.is_none());
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_head_must_come_in_time() {
    for bytes in [&b""[..], b"G", b"GET / HTTP/1.1\r\nho"] {
        let lifetime = lifetime(bytes).await;
        assert!((MINUTE..MINUTE * 2).contains(&lifetime), "{lifetime:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_request_may_take_longer_to_begin() {
    let lifetime = lifetime(GET).await;
    assert!((HOUR..HOUR + MINUTE).contains(&lifetime), "{lifetime:?}");
}

/// However it trickles in, and whatever came before.
#[tokio::test(start_paused = true)]
async fn every_head_must_come_in_time() {
    let (io, mut client) = duplex(1024);
    let (_drain, draining) = Drain::new();
    let slow = async move {
        client.write_all(GET).await.unwrap();
        sleep(HOUR / 2).await;
        let began = Instant::now();
        for byte in b"GET / HTTP/1.1\r\nhost: s3.test\r\n" {
            sleep(MINUTE / 10).await;
            if client.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
        began.elapsed()
    };
    let connection = serve::connection(io, peer(), who, LIMITS, draining);
    let (reset, lived) = tokio::join!(connection, slow);
    assert!(reset.is_none());
    assert!((MINUTE..MINUTE * 2).contains(&lived), "{lived:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_keep_a_connection() {
    let (io, mut client) = duplex(1024);
    let (_drain, draining) = Drain::new();
    let steady = async move {
        for _ in 0..5 {
            client.write_all(GET).await.unwrap();
            super::head(&mut client).await;
            let mut body = [0; 512];
            assert!(client.read(&mut body).await.unwrap() > 0);
            sleep(HOUR * 9 / 10).await;
        }
    };
    let began = Instant::now();
    tokio::join!(serve::connection(io, peer(), who, LIMITS, draining), steady);
    assert!(began.elapsed() > HOUR * 4);
}

#[tokio::test(start_paused = true)]
async fn a_head_has_a_limit() {
    for (bytes, expected) in [(4000, "200 "), (20_000, "431 ")] {
        let (io, client) = duplex(64 * 1024);
        let (_drain, draining) = Drain::new();
        let head = format!("GET / HTTP/1.1\r\nhost: s3.test\r\nx: {}\r\n\r\n", "x".repeat(bytes));
        let asked = async move {
            let mut client = client;
            client.write_all(head.as_bytes()).await.unwrap();
            super::head(&mut client).await
        };
        let connection = serve::connection(io, peer(), who, LIMITS, draining);
        let (_, answer) = tokio::join!(connection, asked);
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{bytes}: {answer}");
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
    let connection =
        serve::connection(Unstalled::new(io, MINUTE), peer(), service, LIMITS, draining);
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
    assert!(serve::connection(io, peer(), service, LIMITS, draining).await.is_some());
    assert!((MINUTE..MINUTE * 2).contains(&began.elapsed()));
}

async fn answer(mut client: DuplexStream) -> String {
    let mut answer = String::new();
    client.write_all(GET).await.unwrap();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}
