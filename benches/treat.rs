//! What a rule costs a request: finding it, and what it does to the encryption headers.
//!
//! `cargo bench --bench treat` prints the times; nothing is asserted. Each times a whole treatment, its
//! headers copied afresh, so that `off` is what to take from the others.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench that fails says so by failing")]

use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderValue};
use portcullis::{
    policy::{Glob, Mode},
    secret::Secret,
    transform::{
        rules::{Rule, Rules, Treatment},
        sse::{Context, CustomerKeys, Encryption, Injection, Kms, Place, Template},
    },
};

fn main() {
    divan::main();
}

/// Behind nine others, with globs and prefixes.
fn rules(treatment: Treatment) -> Rules {
    let rule = |name: &str, bucket: &str, treatment| Rule {
        name: name.into(),
        buckets: vec![Glob::new(bucket)],
        prefixes: vec!["some/".to_owned()],
        treatment,
        mode: None,
        protection: Vec::new(),
    };
    let others = (0..9).map(|number| format!("other-{number}-*"));
    let mut rules: Vec<Rule> = others.map(|name| rule(&name, &name, Treatment::Off)).collect();
    rules.push(rule("mine", "buck*", treatment));
    Rules::new(rules, Mode::Enforce)
}

fn received() -> HeaderMap {
    let mut received = HeaderMap::new();
    for (name, value) in [
        ("host", "127.0.0.1:8443"),
        ("content-length", "4096"),
        ("content-type", "application/octet-stream"),
        ("user-agent", "rclone/v1.60.1"),
        ("x-amz-date", "20261123T120000Z"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-meta-mtime", "1700000000.123456789"),
    ] {
        received.insert(name, HeaderValue::from_static(value));
    }
    received
}

fn treat(bencher: Bencher<'_, '_>, treatment: Treatment) {
    let (rules, received) = (rules(treatment), received());
    let (bucket, key) = ("bucket", "some/folder/object.bin");
    let place = Place { bucket, key, principal: "arn:aws:iam::123456789012:user/alice" };
    bencher.bench_local(|| {
        let mut headers = black_box(&received).clone();
        let rule = rules.find(black_box(bucket), Some(black_box(key))).unwrap();
        if let Some(injection) = rule.injection() {
            injection.apply(&mut headers, place).unwrap();
        }
        headers
    });
}

fn inject(encryption: Encryption) -> Treatment {
    Treatment::Inject(Injection { encryption, overrides: false })
}

#[divan::bench]
fn off(bencher: Bencher<'_, '_>) {
    treat(bencher, Treatment::Off);
}

#[divan::bench]
fn inject_aes256(bencher: Bencher<'_, '_>) {
    treat(bencher, inject(Encryption::S3));
}

#[divan::bench]
fn inject_kms_with_key_and_context(bencher: Bencher<'_, '_>) {
    let template = Template::parse("${bucket}/${key}").unwrap();
    let kms = Kms {
        key_id: Some(HeaderValue::from_static("alias/backups")),
        context: Context::new([("object".to_owned(), template)]),
        bucket_key: Some(true),
        ..Kms::default()
    };
    treat(bencher, inject(Encryption::Kms(kms)));
}

#[divan::bench]
fn inject_a_customers_key(bencher: Bencher<'_, '_>) {
    let secret = Secret::new("0123456789abcdef0123456789abcdef");
    treat(bencher, inject(Encryption::Customer(CustomerKeys::new(&[secret]))));
}
