//! Handshakes: protocols, names, client certificates, new certificates.

use std::{io, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{ClientConfig, ProtocolVersion, ServerConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    GET_AND_CLOSE, Served,
    pki::{self, Pki},
    settings, who,
};
use crate::{
    net::{
        Listener,
        tls::{Settings, load},
    },
    telemetry::metrics::Metrics,
};

fn loaded(settings: &Settings) -> Arc<ArcSwap<ServerConfig>> {
    Arc::new(ArcSwap::new(load(settings, pki::now()).unwrap().server))
}

async fn served(settings: &Settings) -> Served {
    Served::by(super::settings(), Some(loaded(settings)), who).await
}

async fn handshake(
    served: &Served,
    client: ClientConfig,
    name: &'static str,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(name).unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, served.connect().await).await
}

async fn answer(mut stream: TlsStream<TcpStream>) -> io::Result<String> {
    stream.write_all(GET_AND_CLOSE).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn requests_pass_and_tell_their_version() {
    let pki = Pki::new();
    let served = served(&pki::settings(&[pki.leaf(&["s3.test"])])).await;
    let stream = handshake(&served, pki.connects(None), "s3.test").await.unwrap();
    let answer = answer(stream).await.unwrap();
    assert!(answer.contains("tls: Some(Tls13), client_certificate: None"), "{answer}");
}

#[tokio::test]
async fn http_1_is_the_only_protocol() {
    let pki = Pki::new();
    let served = served(&pki::settings(&[pki.leaf(&["s3.test"])])).await;
    let offer = |protocols: &[&[u8]]| {
        let mut client = pki.connects(None);
        client.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
        handshake(&served, client, "s3.test")
    };
    let both = offer(&[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(both.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(both.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert!(offer(&[b"h2"]).await.is_err());
}

#[tokio::test]
async fn a_certificate_is_chosen_by_name() {
    let pki = Pki::new();
    let leaves = [pki.leaf(&["first.test"]), pki.leaf(&["s3.test", "*.s3.test"])];
    let served = served(&pki::settings(&leaves)).await;
    for name in ["first.test", "s3.test", "bucket.s3.test"] {
        assert!(handshake(&served, pki.connects(None), name).await.is_ok(), "{name}");
    }
    assert!(handshake(&served, pki.connects(None), "a.b.s3.test").await.is_err());
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_connection() {
    let pki = Pki::new();
    let tls = loaded(&pki::settings(&[pki.leaf(&["old.test"])]));
    let served = Served::by(settings(), Some(Arc::clone(&tls)), who).await;
    let old = handshake(&served, pki.connects(None), "old.test").await.unwrap();
    let new = load(&pki::settings(&[pki.leaf(&["new.test"])]), pki::now()).unwrap().server;
    tls.store(new);
    assert!(handshake(&served, pki.connects(None), "old.test").await.is_err());
    assert!(handshake(&served, pki.connects(None), "new.test").await.is_ok());
    assert!(answer(old).await.unwrap().starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_client_is_who_its_certificate_names() {
    let pki = Pki::new();
    let mut settings = pki::settings(&[pki.leaf(&["s3.test"])]);
    settings.client_ca = Some(pki.path("ca.pem"));
    let served = served(&settings).await;
    let client = pki.connects(Some(&pki.client("alice.test")));
    let stream = handshake(&served, client, "s3.test").await.unwrap();
    let answer = answer(stream).await.unwrap();
    assert!(answer.contains(r#"client_certificate: Some("alice.test")"#), "{answer}");
}

#[tokio::test]
async fn a_client_without_a_certificate_of_the_ca_is_not_served() {
    let (pki, stranger) = (Pki::new(), Pki::new());
    let mut settings = pki::settings(&[pki.leaf(&["s3.test"])]);
    settings.client_ca = Some(pki.path("ca.pem"));
    let served = served(&settings).await;
    for certificate in [None, Some(stranger.client("alice.test"))] {
        // In TLS 1.3 a client learns of its refusal only when it reads.
        let stream = handshake(&served, pki.connects(certificate.as_ref()), "s3.test").await;
        let Ok(stream) = stream else { continue };
        assert!(answer(stream).await.is_err(), "{certificate:?}");
    }
}

#[tokio::test]
async fn a_session_with_a_client_certificate_is_not_resumed() {
    let pki = Pki::new();
    let mut settings = pki::settings(&[pki.leaf(&["s3.test"])]);
    settings.client_ca = Some(pki.path("ca.pem"));
    let served = served(&settings).await;
    let client = pki.connects(Some(&pki.client("alice.test")));
    for _ in 0..2 {
        let mut stream = handshake(&served, client.clone(), "s3.test").await.unwrap();
        stream.write_all(GET_AND_CLOSE).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        let kind = stream.get_ref().1.handshake_kind();
        assert_ne!(kind, Some(rustls::HandshakeKind::Resumed));
    }
}

#[tokio::test]
async fn plain_http_is_told_of_https() {
    let pki = Pki::new();
    let served = served(&pki::settings(&[pki.leaf(&["s3.test"])])).await;
    let answer = served.exchange(GET_AND_CLOSE).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    assert!(body.contains("https://"), "{body}");
}

#[tokio::test]
async fn tls_on_a_plain_port_is_refused() {
    let pki = Pki::new();
    let served = Served::by(settings(), None, who).await;
    assert!(handshake(&served, pki.connects(None), "s3.test").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_let_go() {
    let pki = Pki::new();
    let served = served(&pki::settings(&[pki.leaf(&["s3.test"])])).await;
    assert_eq!(served.try_exchange(b"").await, "");
}

#[tokio::test]
async fn connections_that_do_not_come_to_http_are_counted() {
    let (pki, metrics) = (Pki::new(), Metrics::new().unwrap());
    let tls = loaded(&pki::settings(&[pki.leaf(&["s3.test"])]));
    let listener = Listener::bind(&settings(), Some(tls)).await.unwrap().counted_in(&metrics);
    let served = Served::start(listener, who);
    drop(served.connect().await);
    served.try_exchange(GET_AND_CLOSE).await;
    served.try_exchange(b"\x16 and no handshake").await;
    for reason in ["plain-http", "tls"] {
        let labels = format!("{{listener=\"{}\",reason=\"{reason}\"}}", served.address);
        let line = format!("portcullis_connections_refused_total{labels} 1\n");
        // The other end learns of its refusal before it is counted.
        while !metrics.render().contains(&line) {
            tokio::task::yield_now().await;
        }
    }
    assert!(!metrics.render().contains("reason=\"left\""));
}
