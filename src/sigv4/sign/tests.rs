//! What is signed here is what AWS's own signer signs, and what the gate itself accepts.

use std::time::SystemTime;

use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::{HeaderName, HeaderValue, Request, request::Parts};
use proptest::{collection::vec, prelude::*};

use super::{AccessKey, Signer};
use crate::{
    identity::{Identity, Limits},
    s3::Operation,
    secret::Secret,
    sigv4::{Credential, Credentials, Session, Settings, timestamp, verify},
};

fn credential() -> Credential {
    Credential {
        access_key_id: "AKID".to_owned(),
        secret_access_key: Secret::new("a secret"),
        identity: Identity::user("123456789012", "gate").unwrap(),
        limits: Limits::default(),
        upstream: None,
        session: Session::default(),
    }
}

fn signer(session_token: Option<&str>) -> Signer {
    let access_key = AccessKey {
        id: "AKID".to_owned(),
        secret: Secret::new("a secret"),
        session_token: session_token.map(Secret::new),
    };
    Signer::new(access_key).unwrap()
}

fn now() -> SystemTime {
    timestamp::parse("20150830T123600Z").unwrap()
}

fn head(target: &str, headers: &[(&str, &[u8])]) -> Parts {
    let uri = format!("http://backend:9000{target}");
    let mut head = Request::put(uri).body(()).unwrap().into_parts().0;
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).unwrap();
        head.headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    head
}

fn signed(mut head: Parts) -> Parts {
    signer(None).sign(&mut head, "eu-central-1", now()).unwrap();
    head
}

/// The Authorization header that AWS's crate makes for S3.
fn by_the_crate(head: &Parts) -> String {
    by_the_crate_for("s3", head, SignableBody::UnsignedPayload)
}

fn by_the_crate_for(service: &str, head: &Parts, body: SignableBody<'_>) -> String {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let identity =
        aws_credential_types::Credentials::new("AKID", "a secret", None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name(service)
        .time(now())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let request =
        SignableRequest::new(head.method.as_str(), head.uri.to_string(), headers, body).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    let authorization = instructions.headers().find(|(name, _)| *name == "authorization");
    authorization.unwrap().1.to_owned()
}

fn is_accepted(signed: &Parts) -> bool {
    let settings = Settings::of_region("eu-central-1");
    let credentials = Credentials::new(vec![credential()]);
    verify(signed, Operation::PutObject, &credentials, &settings, now()).is_ok()
}

#[test]
fn metadata_that_is_not_ascii_is_signed() {
    let signed = signed(head("/b/k", &[("x-amz-meta-name", "Jürgen".as_bytes())]));
    let authorization = signed.headers["authorization"].to_str().unwrap();
    assert!(authorization.contains(";x-amz-meta-name,"), "{authorization}");
    assert!(is_accepted(&signed));
}

#[test]
fn what_changes_on_the_way_is_not_signed() {
    let signed = signed(head("/b/k", &[("connection", b"close"), ("accept-encoding", b"gzip")]));
    let authorization = signed.headers["authorization"].to_str().unwrap();
    assert!(
        authorization.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date,"),
        "{authorization}"
    );
}

#[test]
fn what_was_there_before_is_replaced() {
    let twice = signed(signed(head("/b/k", &[])));
    assert_eq!(twice.headers, signed(head("/b/k", &[])).headers);
}

#[test]
fn a_head_without_a_host_cannot_be_signed() {
    let mut head = Request::get("/b/k").body(()).unwrap().into_parts().0;
    assert!(signer(None).sign(&mut head, "eu-central-1", now()).is_err());
}

#[test]
fn a_session_token_is_sent_and_signed_and_never_shown() {
    let mut head = head("/b/k", &[("x-amz-security-token", b"the client's")]);
    signer(Some("the-token")).sign(&mut head, "eu-central-1", now()).unwrap();
    assert_eq!(head.headers["x-amz-security-token"], "the-token");
    let authorization = head.headers["authorization"].to_str().unwrap();
    assert!(authorization.contains(";x-amz-security-token,"), "{authorization}");
    let shown = format!("{head:?} {:?}", signer(Some("the-token")));
    assert!(!shown.contains("the-token"), "{shown}");
}

#[test]
fn a_token_that_no_header_can_hold_is_refused() {
    let session_token = Some(Secret::new("a\nb"));
    let access_key = AccessKey { id: "AKID".to_owned(), secret: Secret::new("s"), session_token };
    assert!(Signer::new(access_key).is_err());
}

#[test]
fn one_key_signs_for_several_regions() {
    let signer = signer(None);
    for region in ["eu-central-1", "us-west-2", "eu-central-1"] {
        let mut head = head("/b/k", &[]);
        signer.sign(&mut head, region, now()).unwrap();
        let authorization = head.headers["authorization"].to_str().unwrap();
        assert!(authorization.contains(&format!("/20150830/{region}/s3/")), "{authorization}");
    }
}

#[test]
fn the_crate_signs_calls_of_other_services_alike() {
    let target = ("x-amz-target", &b"TrentService.Decrypt"[..]);
    for body in [&b"{}"[..], "{\"Ciphertext\": \"é\"}".as_bytes()] {
        let mut head = head("/", &[("content-type", b"application/x-amz-json-1.1"), target]);
        let expected = by_the_crate_for("kms", &head, SignableBody::Bytes(body));
        signer(None).sign_call(("kms", "eu-central-1"), &mut head, body, now()).unwrap();
        assert_eq!(head.headers["authorization"].to_str().unwrap(), expected);
    }
}

proptest! {
    #[test]
    fn the_crate_agrees(
        path in "(/([A-Za-z0-9._~-]|%(20|2F|2B|C3%A9)){0,3}){1,4}",
        query in vec(("[a-z]{1,3}", "([A-Za-z0-9._~-]|%(20|2F|26|25)){0,3}"), 0..4),
        values in vec("[!-~]{0,3}( {1,2}[!-~]{1,3}){0,2}", 0..4),
    ) {
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let separator = if query.is_empty() { "" } else { "?" };
        let names: Vec<String> = (0..values.len()).map(|n| format!("x-amz-meta-{n}")).collect();
        let headers: Vec<(&str, &[u8])> =
            names.iter().map(String::as_str).zip(values.iter().map(String::as_bytes)).collect();
        let head = head(&format!("{path}{separator}{}", query.join("&")), &headers);
        let expected = by_the_crate(&head);
        let signed = signed(head);
        prop_assert_eq!(signed.headers["authorization"].to_str().unwrap(), expected);
        prop_assert!(is_accepted(&signed));
    }
}
