//! A new configuration takes effect whole, or not at all.

use std::fs;

use crate::support::{
    Gate, Request, Upstream,
    documents::{deny, require_sse},
};

#[tokio::test]
async fn a_new_policy_judges_the_next_request_of_an_open_connection() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().policy(&require_sse()).start(&upstream).await;
    let mut connection = gate.plain().connect().await.unwrap();
    connection.send(&Request::get("/bucket/key")).await.is_ok();
    let denying = deny("s3:GetObject", "arn:aws:s3:::bucket/*").to_string();
    fs::write(gate.file("policy-0.json"), denying).unwrap();
    connection.send(&Request::get("/bucket/key")).await.is_ok();
    gate.reload().unwrap();
    connection.send(&Request::get("/bucket/key")).await.is_refused_with(403, "AccessDenied");
}

#[tokio::test]
async fn a_faulty_policy_leaves_the_old_one_in_force() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().policy(&require_sse()).start(&upstream).await;
    let faulty = require_sse().to_string().replace("StringNotEquals", "StringNotEqual");
    fs::write(gate.file("policy-0.json"), faulty).unwrap();
    let fault = gate.reload().unwrap_err();
    assert!(fault.contains("policy-0.json") && fault.contains("StringNotEqual"), "{fault}");
    let answer = gate.send(Request::put("/bucket/key", "body")).await;
    answer.is_refused_with(403, "AccessDenied");
    gate.send(Request::put("/bucket/key", "body").encrypted()).await.is_ok();
}

#[tokio::test]
async fn a_withdrawn_credential_is_unknown_from_then_on() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    gate.send(Request::get("/bucket/key")).await.is_ok();
    let file = gate.file("credentials.toml");
    let credentials = fs::read_to_string(&file).unwrap();
    fs::write(&file, credentials.replace("AKIDCLIENT", "AKIDSUCCESSOR")).unwrap();
    gate.reload().unwrap();
    let answer = gate.send(Request::get("/bucket/key")).await;
    answer.is_refused_with(403, "InvalidAccessKeyId");
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_connection() {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().tls_listener().start(&upstream).await;
    let mut old = gate.tls().connect().await.unwrap();
    let other = crate::support::certs::Authority::new();
    let leaf = other.server();
    fs::write(gate.file("tls.pem"), &leaf.certificate).unwrap();
    fs::write(gate.file("tls.key"), &leaf.key).unwrap();
    gate.reload().unwrap();
    assert!(gate.tls().connect().await.is_err(), "the old certificate is still shown");
    old.send(&Request::get("/bucket/key")).await.is_ok();
}
