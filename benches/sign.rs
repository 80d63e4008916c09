//! What signatures cost a request: the client's verified, the gate's own made.
//!
//! `cargo bench --bench sign` prints the times; nothing is asserted. To reach: 30 µs for both together.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench that fails says so by failing")]

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as SigningCredentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use bytes::Bytes;
use divan::{Bencher, black_box, counter::BytesCount};
use http::{HeaderName, HeaderValue, request::Parts};
use http_body_util::{BodyExt as _, Full};
use portcullis::{
    identity::{Identity, Limits},
    s3::{Domains, Operation},
    secret::Secret,
    sigv4::{AccessKey, Credential, Credentials, Session, Settings, Signer, verify},
};

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const REGION: &str = "eu-central-1";

fn main() {
    divan::main();
}

/// 2026-11-23T12:00:00Z.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(498_732)
}

/// An upload as the SDKs send it over TLS; a download by a URL.
fn head(method: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder()
        .method(method)
        .uri("/bucket/some/folder/object.bin")
        .header("host", "s3.example.com");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

const UPLOAD: [(&str, &str); 8] = [
    ("content-type", "application/octet-stream"),
    ("content-encoding", "aws-chunked"),
    ("x-amz-decoded-content-length", "4096"),
    ("x-amz-meta-origin", "bench"),
    ("x-amz-sdk-checksum-algorithm", "CRC32"),
    ("x-amz-server-side-encryption", "AES256"),
    ("x-amz-storage-class", "STANDARD"),
    ("x-amz-trailer", "x-amz-checksum-crc32"),
];

/// Signs by AWS's crate; in the query where `expires` is given.
fn signed(mut head: Parts, payload: &str, expires: Option<Duration>) -> Parts {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if expires.is_some() {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.expires_in = expires;
    }
    let identity = SigningCredentials::new(ID, SECRET, None, None, "bench").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("s3")
        .time(now())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let uri = format!("https://s3.example.com{}", head.uri);
    let body = SignableBody::Precomputed(payload.to_owned());
    let request = SignableRequest::new(head.method.as_str(), uri, headers, body).unwrap();
    let (instructions, _) = sign(request, &parameters).unwrap().into_parts();
    let query: Vec<String> = instructions
        .params()
        .iter()
        .map(|(name, value)| {
            let all = percent_encoding::NON_ALPHANUMERIC;
            format!("{name}={}", percent_encoding::utf8_percent_encode(value, all))
        })
        .collect();
    if !query.is_empty() {
        head.uri = format!("{}?{}", head.uri, query.join("&")).parse().unwrap();
    }
    for (name, value) in instructions.headers() {
        let name = HeaderName::try_from(name).unwrap();
        head.headers.insert(name, HeaderValue::try_from(value).unwrap());
    }
    head
}

fn upload() -> Parts {
    signed(head("PUT", &UPLOAD), "STREAMING-UNSIGNED-PAYLOAD-TRAILER", None)
}

fn credentials() -> Credentials {
    Credentials::new(vec![Credential {
        access_key_id: ID.to_owned(),
        secret_access_key: Secret::new(SECRET),
        identity: Identity::user("123456789012", "alice").unwrap(),
        limits: Limits::default(),
        upstream: None,
        session: Session::default(),
    }])
}

fn settings() -> Settings {
    Settings { region: REGION.to_owned(), accept_sigv2: false, domains: Domains::default() }
}

/// What leaves for the backend.
fn outbound() -> Parts {
    let headers = [
        ("content-length", "4096"),
        ("content-type", "application/octet-stream"),
        ("x-amz-meta-origin", "bench"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-storage-class", "STANDARD"),
    ];
    head("PUT", &headers)
}

fn signer() -> Signer {
    let key = AccessKey { id: ID.to_owned(), secret: Secret::new(SECRET), session_token: None };
    Signer::new(key).unwrap()
}

#[divan::bench]
fn verify_an_upload(bencher: Bencher<'_, '_>) {
    let (head, credentials, settings) = (upload(), credentials(), settings());
    bencher.bench_local(|| {
        verify(black_box(&head), Operation::PutObject, &credentials, &settings, now()).unwrap()
    });
}

#[divan::bench]
fn sign_what_leaves(bencher: Bencher<'_, '_>) {
    let signer = signer();
    bencher
        .with_inputs(outbound)
        .bench_local_refs(|head| signer.sign(head, REGION, now()).unwrap());
}

#[divan::bench]
fn verify_an_upload_and_sign_what_leaves(bencher: Bencher<'_, '_>) {
    let (head, credentials, settings) = (upload(), credentials(), settings());
    let signer = signer();
    bencher.with_inputs(outbound).bench_local_refs(|outbound| {
        verify(black_box(&head), Operation::PutObject, &credentials, &settings, now()).unwrap();
        signer.sign(outbound, REGION, now()).unwrap();
    });
}

#[divan::bench]
fn verify_a_presigned_download(bencher: Bencher<'_, '_>) {
    let (credentials, settings) = (credentials(), settings());
    let head = signed(head("GET", &[]), "UNSIGNED-PAYLOAD", Some(Duration::from_hours(1)));
    bencher.bench_local(|| {
        verify(black_box(&head), Operation::GetObject, &credentials, &settings, now()).unwrap()
    });
}

/// The body of each payload mode: no hash is computed that nothing was promised of.
#[divan::bench(args = ["UNSIGNED-PAYLOAD", "CRC32", "SHA-256"])]
fn take_a_body(bencher: Bencher<'_, '_>, promise: &str) {
    let body = Bytes::from(vec![7; BODY_BYTES]);
    let length = BODY_BYTES.to_string();
    let mut headers = vec![("content-length", length.as_str())];
    let sha256 = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &body));
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, &body);
    let crc = u32::try_from(crc).unwrap().to_be_bytes();
    let crc = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, crc);
    if promise == "CRC32" {
        headers.push(("x-amz-checksum-crc32", &crc));
    }
    let payload = if promise == "SHA-256" { &sha256 } else { "UNSIGNED-PAYLOAD" };
    let head = signed(head("PUT", &headers), payload, None);
    let verified = verify(&head, Operation::PutObject, &credentials(), &settings(), now()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    bencher.counter(BytesCount::new(BODY_BYTES)).bench_local(|| {
        let taken = verified.body(Full::new(body.clone())).collect();
        runtime.block_on(taken).unwrap()
    });
}

const BODY_BYTES: usize = 1024 * 1024;
