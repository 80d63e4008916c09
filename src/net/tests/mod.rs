//! Real sockets on free ports: a listener, and clients that behave and that do not.

mod connection;
mod load;
mod pki;
mod plain;
mod proxy;
mod tls;

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

use super::{Drain, Limits, Listener, ListenerSettings, Peer};

/// A listener that serves.
struct Served {
    address: SocketAddr,
    drain: Drain,
    task: JoinHandle<()>,
}

impl Served {
    async fn by<S, F, B>(settings: ListenerSettings, tls: Tls, service: S) -> Self
    where
        S: Fn(Peer, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let listener = Listener::bind(&settings, tls).await.unwrap();
        Self::start(listener, service)
    }

    fn start<S, F, B>(listener: Listener, service: S) -> Self
    where
        S: Fn(Peer, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (drain, draining) = Drain::new();
        let address = listener.local_address();
        Self { address, drain, task: tokio::spawn(listener.serve(service, draining)) }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Everything that comes back until the other end closes, which must be cleanly.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Everything that comes back until the other end closes, however it does.
    async fn try_exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        let mut answer = Vec::new();
        let _ = stream.write_all(bytes).await;
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }
}

type Tls = Option<Arc<ArcSwap<ServerConfig>>>;

fn settings() -> ListenerSettings {
    ListenerSettings {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: None,
        proxy_protocol_from: Vec::new(),
        connections_max: 100,
        limits: Limits::default(),
    }
}

/// Replies with who asks.
async fn who(peer: Peer, _request: Request<Incoming>) -> Response<Full<Bytes>> {
    Response::new(Full::from(format!("{peer:?}")))
}

/// Replies without reading what is sent.
async fn forbid(_peer: Peer, _request: Request<Incoming>) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::from("no"));
    *reply.status_mut() = StatusCode::FORBIDDEN;
    reply
}

/// Reads a reply's head, byte by byte, so that nothing after it is taken.
async fn head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: s3.test\r\n\r\n";
const GET_AND_CLOSE: &[u8] = b"GET / HTTP/1.1\r\nhost: s3.test\r\nconnection: close\r\n\r\n";
