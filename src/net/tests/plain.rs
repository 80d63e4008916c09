//! Listeners of plain HTTP: limits, early replies, broken ones, and the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
};

use super::{GET, GET_AND_CLOSE, Served, forbid, head, settings, who};
use crate::{
    net::{Listener, Peer},
    telemetry::metrics::Metrics,
};

#[tokio::test]
async fn a_reply_has_a_reason_phrase_and_a_date() {
    let served = Served::by(settings(), None, forbid).await;
    let answer = served.exchange(GET_AND_CLOSE).await;
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(answer.contains("\r\ndate: "), "{answer}");
}

#[tokio::test]
async fn an_early_reply_reaches_a_client_that_is_still_sending() {
    const BODY_BYTES: usize = 3 * 1024 * 1024;
    let served = Served::by(settings(), None, forbid).await;
    let mut client = served.connect().await;
    let put = format!("PUT / HTTP/1.1\r\nhost: s3.test\r\ncontent-length: {BODY_BYTES}\r\n\r\n");
    client.write_all(put.as_bytes()).await.unwrap();
    client.write_all(&vec![0; BODY_BYTES]).await.expect("the connection was reset");
    assert!(head(&mut client).await.starts_with("HTTP/1.1 403 "));
    assert_eq!(client.read_to_end(&mut Vec::new()).await.expect("reset"), 2);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered() {
    let served = Served::by(settings(), None, who).await;
    let get = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(200_000));
    assert!(served.exchange(get.as_bytes()).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn too_many_headers_are_answered() {
    let served = Served::by(settings(), None, who).await;
    let get = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(1000));
    assert!(served.exchange(get.as_bytes()).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_reply_that_breaks_off_ends_in_a_reset() {
    let service = |_: Peer, _| async {
        let (sender, receiver) = tokio::sync::mpsc::channel(2);
        sender.send(Ok(Frame::data(Bytes::from("half")))).await.unwrap();
        sender.send(Err(std::io::Error::other("the backend broke off"))).await.unwrap();
        Response::new(Channel(receiver))
    };
    let served = Served::by(settings(), None, service).await;
    let mut client = served.connect().await;
    client.write_all(GET).await.unwrap();
    let error = client.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn no_more_connections_are_open_than_the_limit() {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut limited = settings();
    limited.connections_max = 2;
    let counted = Arc::clone(&most);
    let service = move |_: Peer, _| {
        let (open, most) = (Arc::clone(&open), Arc::clone(&counted));
        async move {
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            open.fetch_sub(1, Ordering::SeqCst);
            Response::new(Full::<Bytes>::default())
        }
    };
    let served = Arc::new(Served::by(limited, None, service).await);
    let clients = (0..8).map(|_| {
        let served = Arc::clone(&served);
        tokio::spawn(async move { served.exchange(GET_AND_CLOSE).await })
    });
    for client in clients.collect::<Vec<_>>() {
        assert!(client.await.unwrap().starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_takes_nothing_new() {
    let (started, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let told = (Arc::clone(&started), Arc::clone(&finish));
    let service = move |_: Peer, _| {
        let (started, finish) = (Arc::clone(&told.0), Arc::clone(&told.1));
        async move {
            started.notify_one();
            finish.notified().await;
            Response::new(Full::<Bytes>::from("done"))
        }
    };
    let served = Served::by(settings(), None, service).await;
    let mut client = served.connect().await;
    client.write_all(GET).await.unwrap();
    started.notified().await;
    let draining = tokio::spawn(served.drain.drain(Duration::from_hours(1)));
    served.task.await.unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
    finish.notify_one();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("done"), "{answer}");
    drop(client);
    assert!(draining.await.unwrap());
}

#[tokio::test]
async fn a_drain_closes_connections_without_a_request() {
    let served = Served::by(settings(), None, who).await;
    let (mut idle, mut silent) = (served.connect().await, served.connect().await);
    idle.write_all(GET).await.unwrap();
    head(&mut idle).await;
    let draining = tokio::spawn(served.drain.drain(Duration::from_hours(1)));
    let _ = idle.read_to_end(&mut Vec::new()).await;
    let _ = silent.read_to_end(&mut Vec::new()).await;
    drop((idle, silent));
    assert!(draining.await.unwrap());
}

#[tokio::test]
async fn what_outlives_the_drain_is_reset() {
    let started = Arc::new(Notify::new());
    let told = Arc::clone(&started);
    let service = move |_: Peer, _| {
        told.notify_one();
        std::future::pending::<Response<Full<Bytes>>>()
    };
    let served = Served::by(settings(), None, service).await;
    let mut client = served.connect().await;
    client.write_all(GET).await.unwrap();
    started.notified().await;
    assert!(!served.drain.drain(Duration::ZERO).await);
    let error = client.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn connections_are_counted() {
    let metrics = Metrics::new().unwrap();
    let listener = Listener::bind(&settings(), None).await.unwrap().counted_in(&metrics);
    let served = Served::start(listener, who);
    let mut client = served.connect().await;
    client.write_all(GET).await.unwrap();
    head(&mut client).await;
    let line = format!("portcullis_connections{{listener=\"{}\"}} 1\n", served.address);
    assert!(metrics.render().contains(&line), "{}", metrics.render());
}

/// A body from a channel.
struct Channel(tokio::sync::mpsc::Receiver<Result<Frame<Bytes>, std::io::Error>>);

impl http_body::Body for Channel {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.poll_recv(cx)
    }
}
