//! What one request costs before its first byte moves: reading it, and deciding it.
//!
//! `cargo bench` prints the times; nothing is asserted.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench that fails says so by failing")]

use divan::{Bencher, black_box};
use http::request::Parts;
use portcullis::{
    policy::{Attachment, Document, Glob, Inquiry, Keys, Otherwise, Policies, Principal, Terms},
    s3::{Domains, classify},
};

fn main() {
    divan::main();
}

/// An upload as the AWS CLI sends it.
fn upload() -> Parts {
    let request = http::Request::put("/bucket/some/folder/object.bin")
        .header("host", "127.0.0.1:8443")
        .header("content-length", "4096")
        .header("expect", "100-continue")
        .header("user-agent", "aws-cli/1.45")
        .header("x-amz-date", "20261123T120000Z")
        .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        .header("x-amz-decoded-content-length", "4096")
        .header("x-amz-server-side-encryption", "AES256")
        .header("x-amz-trailer", "x-amz-checksum-crc32");
    request.body(()).unwrap().into_parts().0
}

fn attached(text: &str) -> Attachment {
    let document = Document::parse(text).unwrap();
    Attachment { name: "bench.json".to_owned(), buckets: vec![Glob::new("*")], document }
}

fn seed() -> Policies {
    let documents = [
        include_str!("../config/policies/require-sse.json"),
        include_str!("../config/policies/require-tls-all.json"),
    ];
    Policies::new(documents.map(attached).to_vec(), Otherwise::AllowAuthenticated)
}

/// A document near S3's limit of 20 KB, each statement of which applies down to its condition.
fn large() -> Policies {
    let statements: Vec<String> = (0..110)
        .map(|number| {
            format!(
                r#"{{"Sid":"S{number}","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bucket/*","Condition":{{"StringLike":{{"s3:x-amz-storage-class":"NO{number}*"}}}}}}"#
            )
        })
        .collect();
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    Policies::new(vec![attached(&text)], Otherwise::AllowAuthenticated)
}

fn decide(bencher: Bencher<'_, '_>, policies: &Policies) {
    let principal = Principal::Aws {
        arn: "arn:aws:iam::123456789012:user/alice".to_owned(),
        account: "123456789012".to_owned(),
    };
    let mut keys = Keys::default();
    keys.set("aws:SecureTransport", "true");
    keys.set("aws:SourceIp", "192.0.2.7");
    keys.set("s3:x-amz-server-side-encryption", "AES256");
    keys.set("s3:x-amz-storage-class", "STANDARD");
    let inquiry = Inquiry {
        principal: &principal,
        action: "s3:PutObject",
        resource: "arn:aws:s3:::bucket/some/folder/object.bin",
        bucket: Some("bucket"),
        keys: &keys,
    };
    bencher.bench_local(|| policies.decide(Terms::PLAIN, black_box(&[inquiry])).unwrap());
}

#[divan::bench]
fn decide_the_seed_policy(bencher: Bencher<'_, '_>) {
    decide(bencher, &seed());
}

#[divan::bench]
fn decide_a_20_kb_policy(bencher: Bencher<'_, '_>) {
    decide(bencher, &large());
}

#[divan::bench]
fn classify_an_upload(bencher: Bencher<'_, '_>) {
    let (head, domains) = (upload(), Domains::new(vec!["localhost".to_owned()]));
    bencher.bench_local(|| classify(black_box(&head), &domains).unwrap());
}
