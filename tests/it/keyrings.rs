//! Keyrings of key services over real sockets: what is asked, what an answer is worth, and what becomes
//! of requests while a service is away.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use portcullis::{
    credential::{Origin, Source},
    keyring::{Error, Keyring, Kind, KmsSettings, Limits, Login, Settings, Unfit, VaultSettings},
    seal::WrappedBucketKey,
    secret::Secret,
    sigv4::AccessKey,
    telemetry::metrics::Metrics,
};
use serde_json::{Value, json};

use crate::support::{
    Gate, Reply, Request, Upstream,
    gate::Builder,
    key_service::{Fault, KeyService, arn},
    within,
};

/// A keyring of these KMS keys.
fn kms(service: &KeyService, key_ids: &[&str]) -> Keyring {
    let access_key =
        AccessKey { id: "AKID".to_owned(), secret: Secret::new("s"), session_token: None };
    let region = "eu-central-1".to_owned();
    open(Kind::AwsKms(Box::new(KmsSettings {
        endpoint: service.url().parse().unwrap(),
        ca: None,
        region: region.clone(),
        credential: Source { origin: Origin::Static(access_key), role: None, region },
        key_ids: key_ids.iter().map(|id| (*id).to_owned()).collect(),
    })))
}

fn vault(service: &KeyService, login: Login) -> Keyring {
    open(Kind::Vault(Box::new(VaultSettings {
        address: service.url().parse().unwrap(),
        ca: None,
        namespace: Some("team/a".to_owned()),
        mount: "transit".to_owned(),
        key: "ring".to_owned(),
        login,
    })))
}

fn open(kind: Kind) -> Keyring {
    // A silent service is given up within this test's patience.
    let limits = Limits { wait: Duration::from_secs(1), ..Limits::default() };
    let settings = Settings { name: "ring".to_owned(), kind, limits };
    Keyring::open(&settings, &Metrics::new().unwrap()).unwrap()
}

fn token() -> Login {
    Login::Token(Secret::new("a-given-token"))
}

fn approle() -> Login {
    Login::AppRole {
        mount: "approle".to_owned(),
        role_id: "role".to_owned(),
        secret_id: Secret::new("right"),
    }
}

async fn wrapped(ring: &Keyring, bucket: &str) -> WrappedBucketKey {
    ring.current(bucket, None).await.unwrap().wrapped.clone()
}

/// `wrap` or `unwrap` of a fresh keyring, after one fault or with it for good.
async fn error(ring: &Keyring, key: Option<&WrappedBucketKey>) -> Error {
    match key {
        Some(key) => ring.unwrap("bucket", key).await.map(drop).unwrap_err(),
        None => ring.current("bucket", None).await.map(drop).unwrap_err(),
    }
}

#[tokio::test]
async fn kms_is_asked_for_keys_of_one_bucket() {
    let mut service = KeyService::start().await;
    let ring = kms(&service, &[&arn("K1")]);
    let made = ring.current("bucket", None).await.unwrap();
    let asked = service.next().await;
    assert_eq!(asked.what, "GenerateDataKey");
    let context = json!({ "portcullis:bucket": "bucket" });
    let expected =
        json!({ "KeyId": arn("K1"), "KeySpec": "AES_256", "EncryptionContext": context });
    assert_eq!(asked.body, expected);
    for expected in [
        "content-type: application/x-amz-json-1.1",
        "/eu-central-1/kms/aws4_request,",
        "signedheaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target,",
    ] {
        assert!(asked.headers.contains(expected), "{expected} is not in\n{}", asked.headers);
    }
    assert!(!asked.headers.contains("unsigned-payload"), "the body is signed");
    // Another replica, which has nothing at hand.
    let replica = kms(&service, &[&arn("K1")]);
    let opened = replica.unwrap("bucket", &made.wrapped).await.unwrap();
    assert_eq!(opened.expose(), made.key.expose());
    let asked = service.next().await;
    let blob = BASE64_STANDARD.encode(&made.wrapped.bytes);
    let expected =
        json!({ "KeyId": arn("K1"), "CiphertextBlob": blob, "EncryptionContext": context });
    assert_eq!((asked.what.as_str(), asked.body), ("Decrypt", expected));
    let error = replica.unwrap("other", &made.wrapped).await.unwrap_err();
    assert!(matches!(error, Error::Broken(_)), "{error}");
}

#[tokio::test]
async fn a_box_chooses_among_the_configured_kms_keys_alone() {
    let mut service = KeyService::start().await;
    let both = kms(&service, &[&arn("K1"), &arn("K2")]);
    let second = both.current("bucket", Some("K2")).await.unwrap();
    assert_eq!(second.wrapped.version, "K2");
    assert_eq!(both.kms_key_id("K2"), Some(arn("K2").as_str()));
    assert_eq!(service.next().await.body["KeyId"], arn("K2"));
    let by_arn = both.current("bucket", Some(&arn("K2"))).await.unwrap();
    assert_eq!(by_arn.wrapped, second.wrapped, "it is the same key");
    let error = both.current("bucket", Some("K3")).await.unwrap_err();
    assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    let first = kms(&service, &[&arn("K1")]);
    let error = first.unwrap("bucket", &second.wrapped).await.unwrap_err();
    assert!(matches!(error, Error::UnknownKey { ref version, .. } if version == "K2"), "{error}");
    // Said to be of the configured key, it is not opened by another.
    let forged = WrappedBucketKey { version: "K1".to_owned(), ..second.wrapped.clone() };
    let error = first.unwrap("bucket", &forged).await.unwrap_err();
    assert!(matches!(error, Error::Broken(_)), "{error}");
    assert_eq!(service.next().await.body["KeyId"], arn("K1"));
    assert_eq!(service.unseen(), 0, "nothing else was asked");
}

#[tokio::test]
async fn an_alias_may_be_pointed_at_another_key() {
    let service = KeyService::start().await;
    let ring = kms(&service, &["alias/ring"]);
    let old = wrapped(&ring, "bucket").await;
    assert_eq!((old.version.as_str(), ring.kms_key_id("K1")), ("K1", Some("alias/ring")));
    kms(&service, &["alias/ring"]).unwrap("bucket", &old).await.unwrap();
    service.points_the_alias_at("K2");
    let error = kms(&service, &["alias/ring"]).unwrap("bucket", &old).await.unwrap_err();
    assert!(matches!(error, Error::UnknownKey { ref version, .. } if version == "K1"), "{error}");
    let both = kms(&service, &["alias/ring", "K1"]);
    both.unwrap("bucket", &old).await.unwrap();
    assert_eq!(wrapped(&both, "bucket").await.version, "K2");
}

#[tokio::test]
async fn an_answer_of_kms_is_worth_what_it_proves() {
    let says = |status, kind: &str| Fault::Says(status, json!({ "__type": kind }).to_string());
    let long = BASE64_STANDARD.encode([0; 400]);
    let cases = [
        (says(500, "KMSInternalException"), "Unavailable", 3),
        (says(400, "ThrottlingException"), "Unavailable", 3),
        (says(400, "AccessDeniedException"), "Refused", 1),
        (says(400, "NotFoundException"), "UnknownKey", 1),
        (says(400, "DisabledException"), "Disabled", 1),
        (says(400, "KMSInvalidStateException"), "Disabled", 1),
        (Fault::Says(200, "{\"Plaintext\": \"".to_owned()), "Unavailable", 3),
        (Fault::Says(200, "x".repeat(70_000)), "Refused", 1),
        (Fault::HangUp, "Unavailable", 3),
        (Fault::CutOff, "Unavailable", 3),
        (Fault::Altered(json!({ "Plaintext": "AAAA" })), "Unavailable", 3),
        (Fault::Altered(json!({ "KeyId": arn("K2") })), "Refused", 1),
        (Fault::Altered(json!({ "CiphertextBlob": long })), "TooLong", 1),
    ];
    for (fault, expected, times) in cases {
        let mut service = KeyService::start().await;
        service.always(Some(fault.clone()));
        let error = error(&kms(&service, &[&arn("K1")]), None).await;
        assert!(format!("{error:?}").starts_with(expected), "{fault:?} gave {error:?}");
        assert_eq!(service.unseen(), times, "{fault:?}");
    }
    let cases = [
        (says(400, "InvalidCiphertextException"), "Broken", 1),
        (Fault::Altered(json!({ "KeyId": arn("K2") })), "Broken", 1),
        (says(503, ""), "Unavailable", 3),
    ];
    for (fault, expected, times) in cases {
        let mut service = KeyService::start().await;
        let key = wrapped(&kms(&service, &[&arn("K1")]), "bucket").await;
        service.unseen();
        service.always(Some(fault.clone()));
        let error = error(&kms(&service, &[&arn("K1")]), Some(&key)).await;
        assert!(format!("{error:?}").starts_with(expected), "{fault:?} gave {error:?}");
        assert_eq!(service.unseen(), times, "{fault:?}");
    }
}

#[tokio::test]
async fn one_failure_is_made_up_for() {
    let mut service = KeyService::start().await;
    for fault in [Fault::HangUp, Fault::CutOff, Fault::Says(503, String::new())] {
        service.once(fault);
        kms(&service, &[&arn("K1")]).current("bucket", None).await.unwrap();
        assert_eq!(service.unseen(), 2);
    }
}

#[tokio::test]
async fn a_silent_service_is_given_up() {
    let service = KeyService::start().await;
    service.always(Some(Fault::Silence));
    let ring = kms(&service, &[&arn("K1")]);
    let error = within("the keyring to give up", error(&ring, None)).await;
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn many_who_want_a_key_make_one_call() {
    let mut service = KeyService::start().await;
    let ring = Arc::new(kms(&service, &[&arn("K1")]));
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let ring = Arc::clone(&ring);
            tokio::spawn(async move { wrapped(&ring, "bucket").await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(service.unseen(), 1);
}

#[tokio::test]
async fn vault_is_asked_for_keys_of_one_bucket() {
    let mut service = KeyService::start().await;
    let ring = vault(&service, token());
    let made = ring.current("bucket", None).await.unwrap();
    let asked = service.next_of("transit/encrypt/ring").await;
    let context = BASE64_STANDARD.encode(r#"{"portcullis:bucket":"bucket"}"#);
    assert_eq!(asked.body["associated_data"], context.as_str());
    assert_eq!(asked.body["context"], context.as_str(), "for keys that are derived");
    for expected in
        ["x-vault-token: a-given-token", "x-vault-namespace: team/a", "x-vault-request: t"]
    {
        assert!(asked.headers.contains(expected), "{expected} is not in\n{}", asked.headers);
    }
    assert_eq!((made.wrapped.version.as_str(), &made.wrapped.bytes[..9]), ("1", &b"wrapped: "[..]));
    let replica = vault(&service, token());
    let opened = replica.unwrap("bucket", &made.wrapped).await.unwrap();
    assert_eq!(opened.expose(), made.key.expose());
    let error = replica.unwrap("other", &made.wrapped).await.unwrap_err();
    assert!(matches!(error, Error::Broken(_)), "{error}");
    service.unseen();
    for version in ["", "v1", "01", "1:x", "12345678901"] {
        let forged = WrappedBucketKey { version: version.to_owned(), ..made.wrapped.clone() };
        let error = replica.unwrap("bucket", &forged).await.unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    }
    assert_eq!(service.unseen(), 0, "nothing was asked");
}

#[tokio::test]
async fn an_answer_of_vault_is_worth_what_it_proves() {
    let says = |status, error: &str| Fault::Says(status, json!({ "errors": [error] }).to_string());
    let data = |member: &str, value: &str| Fault::Altered(json!({ "data": { member: value } }));
    for (fault, expected) in [
        (says(503, "Vault is sealed"), "Unavailable"),
        (says(403, "permission denied"), "Refused"),
        (says(404, ""), "Refused"),
        (says(400, "encryption key not found"), "UnknownKey"),
        (data("ciphertext", "other:v1:AAAA"), "Refused"),
        (data("ciphertext", &format!("vault:v1:{}", BASE64_STANDARD.encode([0; 400]))), "TooLong"),
    ] {
        let service = KeyService::start().await;
        let ring = vault(&service, approle());
        ring.current("warm", None).await.unwrap();
        service.always(Some(fault.clone()));
        let error = error(&ring, None).await;
        assert!(format!("{error:?}").starts_with(expected), "{fault:?} gave {error:?}");
    }
    let too_old = "ciphertext or signature version is disallowed by policy (too old)";
    for (fault, expected) in [
        (says(400, too_old), "Disabled"),
        (data("plaintext", "AAAA"), "Unavailable"),
        (Fault::HangUp, "Unavailable"),
    ] {
        let service = KeyService::start().await;
        let key = wrapped(&vault(&service, token()), "bucket").await;
        let ring = vault(&service, token());
        ring.current("warm", None).await.unwrap();
        service.always(Some(fault.clone()));
        let error = error(&ring, Some(&key)).await;
        assert!(format!("{error:?}").starts_with(expected), "{fault:?} gave {error:?}");
    }
}

#[tokio::test]
async fn a_role_logs_in_and_again_when_its_token_is_revoked() {
    let mut service = KeyService::start().await;
    let ring = vault(&service, approle());
    ring.current("bucket", None).await.unwrap();
    let login = service.next().await;
    assert_eq!(login.what, "auth/approle/login");
    assert_eq!(login.body, json!({ "role_id": "role", "secret_id": "right" }));
    service.revokes_tokens();
    ring.current("other", None).await.unwrap();
    service.next_of("auth/approle/login").await;
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end() {
    let mut service = KeyService::start().await;
    service.gives_tokens_for(1);
    let ring = vault(&service, approle());
    ring.current("bucket", None).await.unwrap();
    service.next_of("auth/token/renew-self").await;
    service.next_of("auth/token/renew-self").await;
    // It nears the end of all that it may live.
    service.gives_tokens_for(0);
    service.next_of("auth/token/renew-self").await;
    drop(ring);
}

#[tokio::test]
async fn a_given_token_is_asked_about_and_renewed() {
    let mut service = KeyService::start().await;
    service.gives_tokens_for(1);
    let ring = vault(&service, token());
    ring.current("bucket", None).await.unwrap();
    let asked = service.next_of("auth/token/lookup-self").await;
    assert!(asked.body.is_null(), "the default policy lets it be read alone");
    service.next_of("auth/token/renew-self").await;
}

#[tokio::test]
async fn who_cannot_log_in_is_told_why() {
    let service = KeyService::start().await;
    let wrong = Login::AppRole {
        mount: "approle".to_owned(),
        role_id: "role".to_owned(),
        secret_id: Secret::new("wrong"),
    };
    let error = error(&vault(&service, wrong), None).await;
    let Error::Refused { reason, .. } = &error else { panic!("{error}") };
    assert!(reason.contains("403 permission denied"), "{reason}");
}

#[tokio::test]
async fn the_token_of_a_service_account_is_read_for_each_login() {
    let folder = tempfile::tempdir().unwrap();
    let token_file: PathBuf = folder.path().join("token");
    fs::write(&token_file, "first.jwt\n").unwrap();
    let mut service = KeyService::start().await;
    let login = Login::Kubernetes {
        mount: "kubernetes".to_owned(),
        role: "gate".to_owned(),
        token_file: token_file.clone(),
    };
    let ring = vault(&service, login);
    ring.current("bucket", None).await.unwrap();
    let asked = service.next_of("auth/kubernetes/login").await;
    assert_eq!(asked.body, json!({ "role": "gate", "jwt": "first.jwt" }));
    fs::write(&token_file, "second.jwt").unwrap();
    service.revokes_tokens();
    ring.current("other", None).await.unwrap();
    assert_eq!(service.next_of("auth/kubernetes/login").await.body["jwt"], "second.jwt");
}

#[tokio::test]
async fn a_probe_tells_a_service_that_gives_back_another_key() {
    let service = KeyService::start().await;
    kms(&service, &[&arn("K1")]).probe().await.unwrap();
    vault(&service, approle()).probe().await.unwrap();
    let ring = vault(&service, token());
    ring.current("warm", None).await.unwrap();
    let plaintext = BASE64_STANDARD.encode([7; 32]);
    let whatever = json!({ "data": { "ciphertext": "vault:v1:AAAA", "plaintext": plaintext } });
    service.always(Some(Fault::Says(200, whatever.to_string())));
    let unfit = ring.probe().await.unwrap_err();
    assert!(matches!(unfit, Unfit::Wrong { .. }), "{unfit}");
}

/// A gate that seals, with a keyring of KMS.
fn sealing(service: &KeyService) -> Builder {
    Gate::builder().rule("treatment = \"seal\"").sections(&format!(
        "[[keyring]]\nname = \"kms\"\ntype = \"aws-kms\"\nregion = \"eu-central-1\"\n\
         endpoint = \"{}\"\nkey_id = \"{}\"\ntimeout_seconds = 1\n\
         access_key_id = \"AKID\"\nsecret_access_key = \"file:token.secret\"\n",
        service.url(),
        arn("K1"),
    ))
}

#[tokio::test]
async fn what_is_at_hand_is_read_while_the_service_is_away() {
    let (service, mut upstream) = (KeyService::start().await, Upstream::start().await);
    let gate = sealing(&service).start(&upstream).await;
    let answer = gate.send(Request::put("/bucket/key", "body")).await;
    let key_id = "x-amz-server-side-encryption-aws-kms-key-id";
    assert_eq!(answer.is_ok().header(key_id), Some(arn("K1").as_str()));
    let stored = upstream.next().await;
    service.always(Some(Fault::HangUp));
    let mut reply = Reply::ok().body(stored.body.clone());
    for name in ["x-amz-meta-pcl-c", "x-amz-meta-pcl-k"] {
        reply = reply.header(name, stored.header(name).unwrap());
    }
    upstream.replies(reply);
    let answer = gate.send(Request::get("/bucket/key")).await;
    assert_eq!(answer.is_ok().body, b"body");
    gate.send(Request::put("/bucket/key", "body")).await.is_ok();
    let answer = gate.send(Request::put("/cold/key", "body")).await;
    answer.is_refused_with(503, "SlowDown");
    service.always(None);
    gate.send(Request::put("/other/key", "body")).await.is_ok();
}

async fn readiness(gate: &Gate) -> u16 {
    let head = "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    gate.admin().send_raw(head.as_bytes()).await.status
}

#[tokio::test]
async fn a_gate_is_ready_when_its_keys_have_been_reached_once() {
    let (mut service, upstream) = (KeyService::start().await, Upstream::start().await);
    service.always(Some(Fault::HangUp));
    let gate = sealing(&service).start(&upstream).await;
    assert_eq!(readiness(&gate).await, 503);
    service.always(None);
    let asked = service.next_of("GenerateDataKey").await;
    assert_eq!(asked.body["EncryptionContext"]["portcullis:bucket"], "portcullis-probe");
    within("the gate to be ready", async {
        while readiness(&gate).await != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    service.always(Some(Fault::HangUp));
    gate.send(Request::put("/bucket/key", "body")).await.is_refused_with(503, "SlowDown");
    assert_eq!(readiness(&gate).await, 200, "an outage must not take every replica out");
}

#[tokio::test]
async fn a_reload_keeps_what_an_unchanged_keyring_has_at_hand() {
    let (mut service, upstream) = (KeyService::start().await, Upstream::start().await);
    let gate = sealing(&service).start(&upstream).await;
    gate.send(Request::put("/bucket/key", "body")).await.is_ok();
    let of_bucket = |asked: &Value| asked["EncryptionContext"]["portcullis:bucket"] == "bucket";
    while !of_bucket(&service.next().await.body) {}
    gate.reload().unwrap();
    gate.send(Request::put("/bucket/key", "body")).await.is_ok();
    assert_eq!(service.unseen(), 0);
    let file = gate.file("portcullis.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(&arn("K1"), &arn("K2"))).unwrap();
    gate.reload().unwrap();
    gate.send(Request::put("/bucket/key", "body")).await.is_ok();
    let asked = loop {
        let asked = service.next().await.body;
        if of_bucket(&asked) {
            break asked;
        }
    };
    assert_eq!(asked["KeyId"], arn("K2"));
}

#[tokio::test]
async fn a_rotated_file_is_written_with_at_once_and_a_disabled_version_refused() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder().keyring().rule("treatment = \"seal\"").start(&upstream).await;
    let key = |version: u32, state: &str| {
        format!(
            "[[key]]\nversion = {version}\nstate = \"{state}\"\n\
             created = \"2026-01-31T12:00:00Z\"\nsecret = \"{version:064x}\"\n"
        )
    };
    let rotate = |first: &str| {
        fs::write(gate.file("main.keyring"), key(7, first) + &key(8, "active")).unwrap();
        gate.reload().unwrap();
    };
    fs::write(gate.file("main.keyring"), key(7, "active")).unwrap();
    gate.reload().unwrap();
    gate.send(Request::put("/bucket/key", "body")).await.is_ok();
    let stored = upstream.next().await;
    let reply = || {
        let mut reply = Reply::ok().body(stored.body.clone());
        for name in ["x-amz-meta-pcl-c", "x-amz-meta-pcl-k"] {
            reply = reply.header(name, stored.header(name).unwrap());
        }
        reply
    };
    rotate("enabled");
    upstream.replies(reply());
    assert_eq!(gate.send(Request::get("/bucket/key")).await.is_ok().body, b"body");
    upstream.next().await;
    gate.send(Request::put("/bucket/key", "body")).await.is_ok();
    let rewritten = upstream.next().await;
    let versions: BTreeMap<_, _> = [("before", &stored), ("after", &rewritten)]
        .map(|(when, seen)| (when, version(seen.header("x-amz-meta-pcl-k").unwrap())))
        .into();
    assert_eq!((versions["before"].as_str(), versions["after"].as_str()), ("7", "8"));
    rotate("disabled");
    upstream.replies(reply());
    let answer = gate.send(Request::get("/bucket/key")).await;
    answer.is_refused_with(400, "KMS.DisabledException");
}

/// The version in a key box.
fn version(key_box: &str) -> String {
    portcullis::seal::KeyBox::decode(key_box).unwrap().bucket_key().version.clone()
}
