//! Whom a keyring trusts for its key service, and that another trust, key or secret is another keyring.

use std::{path::Path, sync::Arc, time::Duration};

use portcullis::{
    credential::{Origin, Source},
    keyring::{
        Error, Keyring, Keyrings, Kind, KmsSettings, Limits, Login, Settings, VaultSettings,
    },
    secret::Secret,
    sigv4::AccessKey,
    telemetry::metrics::Metrics,
    trust::Authorities,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

use crate::support::certs::Authority;

/// A key service over TLS that refuses everything; what it was asked, or why it could not be.
async fn refusing(authority: &Authority) -> (String, mpsc::UnboundedReceiver<Result<(), String>>) {
    let leaf = authority.server();
    let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, questions) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, asked) = (acceptor.clone(), asked.clone());
            tokio::spawn(async move {
                let mut stream = match acceptor.accept(socket).await {
                    Ok(stream) => stream,
                    Err(error) => return asked.send(Err(error.to_string())).unwrap_or_default(),
                };
                let mut head = [0; 1024];
                if let Ok(1..) = stream.read(&mut head).await {
                    let _ = asked.send(Ok(()));
                }
                let refusal = "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n{}";
                let _ = stream.write_all(refusal.as_bytes()).await;
            });
        }
    });
    (format!("https://{address}"), questions)
}

fn authorities(authority: &Authority) -> Authorities {
    Authorities::parse(Path::new("ca.pem"), authority.pem().as_bytes()).unwrap()
}

fn kms(endpoint: &str, ca: Option<Authorities>, secret: &str) -> Settings {
    let access_key =
        AccessKey { id: "AKID".to_owned(), secret: Secret::new(secret), session_token: None };
    let region = "eu-central-1".to_owned();
    let kind = Kind::AwsKms(Box::new(KmsSettings {
        endpoint: endpoint.parse().unwrap(),
        ca,
        region: region.clone(),
        credential: Source { origin: Origin::Static(access_key), role: None, region },
        key_ids: vec!["arn:aws:kms:eu-central-1:123456789012:key/K1".to_owned()],
    }));
    named(kind)
}

fn vault(endpoint: &str, ca: Option<Authorities>, token: &str) -> Settings {
    named(Kind::Vault(Box::new(VaultSettings {
        address: endpoint.parse().unwrap(),
        ca,
        namespace: None,
        mount: "transit".to_owned(),
        key: "ring".to_owned(),
        login: Login::Token(Secret::new(token)),
    })))
}

fn named(kind: Kind) -> Settings {
    let limits = Limits { wait: Duration::from_secs(1), ..Limits::default() };
    Settings { name: "ring".to_owned(), kind, limits }
}

#[tokio::test]
async fn a_key_service_that_is_not_trusted_is_asked_nothing() {
    let (its_own, another) = (Authority::new(), Authority::new());
    let (url, mut questions) = refusing(&its_own).await;
    for settings in [
        kms(&url, Some(authorities(&another)), "s"),
        kms(&url, None, "s"),
        vault(&url, Some(authorities(&another)), "t"),
    ] {
        let ring = Keyring::open(&settings, &Metrics::new().unwrap()).unwrap();
        let error = ring.current("bucket", None).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        assert!(questions.recv().await.unwrap().is_err());
        while let Ok(question) = questions.try_recv() {
            assert!(question.is_err(), "it was asked something");
        }
    }
    let trusted = kms(&url, Some(authorities(&its_own)), "s");
    let ring = Keyring::open(&trusted, &Metrics::new().unwrap()).unwrap();
    let error = ring.current("bucket", None).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
}

#[tokio::test]
async fn another_trust_or_secret_is_another_keyring() {
    let (first, other) = (Authority::new(), Authority::new());
    let (first, other) = (authorities(&first), authorities(&other));
    let url = "https://keys.test";
    let metrics = Metrics::new().unwrap();
    for (before, after, is_same) in [
        (kms(url, Some(first.clone()), "s"), kms(url, Some(first.clone()), "s"), true),
        (kms(url, Some(first.clone()), "s"), kms(url, Some(other.clone()), "s"), false),
        (kms(url, Some(first.clone()), "s"), kms(url, None, "s"), false),
        (kms(url, None, "s"), kms(url, None, "another"), false),
        (kms(url, None, "s"), kms("https://other.test", None, "s"), false),
        (vault(url, Some(first.clone()), "t"), vault(url, Some(first.clone()), "t"), true),
        (vault(url, Some(first.clone()), "t"), vault(url, Some(other), "t"), false),
        (vault(url, None, "t"), vault(url, None, "another"), false),
    ] {
        let before = Keyrings::open(&[before], None, &metrics).unwrap();
        let now = Keyrings::open(&[after], Some(&before), &metrics).unwrap();
        let (before, now) = (before.find("ring").unwrap(), now.find("ring").unwrap());
        assert_eq!(Arc::ptr_eq(before, now), is_same);
    }
}
