//! What is added, what stays, what is replaced.

use super::{Arrival, Context, Encryption, Injection, Kms, Place, Template};
use http::{HeaderMap, HeaderName, HeaderValue};

const PLACE: Place<'static> = Place { bucket: "b", key: "k", principal: "arn:aws:iam::1:user/a" };
const SSE: &str = "x-amz-server-side-encryption";
const KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";
const SSE_C: &str = "x-amz-server-side-encryption-customer-algorithm";

fn map(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |&(name, value): &(&str, &str)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn kms(kms: Kms) -> Encryption {
    Encryption::Kms(Kms { key_id: Some(HeaderValue::from_static("key-1")), ..kms })
}

fn check(
    encryption: &Encryption,
    overrides: bool,
    sent: &[(&str, &str)],
    expected: (Arrival, &[(&str, &str)]),
) {
    let mut headers = map(sent);
    let injection = Injection { encryption: encryption.clone(), overrides };
    let arrival = injection.apply(&mut headers, PLACE).unwrap();
    assert_eq!((arrival, &headers), (expected.0, &map(expected.1)), "{sent:?} {overrides}");
}

#[test]
fn a_write_without_headers_gets_the_rules() {
    let sent = [("content-type", "text/plain")];
    let with = |added: &[(&'static str, &'static str)]| [&sent[..], added].concat();
    check(&Encryption::S3, false, &sent, (Arrival::Added, &with(&[(SSE, "AES256")])));
    let plain = Encryption::Kms(Kms::default());
    check(&plain, false, &sent, (Arrival::Added, &with(&[(SSE, "aws:kms")])));
    let whole = kms(Kms { bucket_key: Some(true), ..Kms::default() });
    let expected = with(&[(SSE, "aws:kms"), (KEY, "key-1"), (BUCKET_KEY, "true")]);
    check(&whole, false, &sent, (Arrival::Added, &expected));
    let dual = kms(Kms { is_dual_layer: true, ..Kms::default() });
    let expected = with(&[(SSE, "aws:kms:dsse"), (KEY, "key-1")]);
    check(&dual, false, &sent, (Arrival::Added, &expected));
}

#[test]
fn the_context_speaks_of_the_object() {
    let context = Context::new([("o".to_owned(), Template::parse("${bucket}/${key}").unwrap())]);
    let encryption = Encryption::Kms(Kms { context, ..Kms::default() });
    let expected = [(SSE, "aws:kms"), ("x-amz-server-side-encryption-context", "eyJvIjoiYi9rIn0=")];
    check(&encryption, false, &[], (Arrival::Added, &expected));
}

#[test]
fn what_the_client_says_itself_stays() {
    for sent in [
        &[(SSE, "AES256")][..],
        &[(SSE, "nonsense")],
        &[(SSE_C, "AES256")],
        &[(KEY, "other")],
        &[(BUCKET_KEY, "false")],
    ] {
        check(&kms(Kms::default()), false, sent, (Arrival::Brought, sent));
    }
}

#[test]
fn an_override_takes_the_clients_place() {
    let rules = [(SSE, "aws:kms"), (KEY, "key-1")];
    let encryption = kms(Kms::default());
    for sent in [&[(SSE, "AES256")][..], &[(SSE_C, "AES256")], &[(SSE, "aws:kms"), (KEY, "x")]] {
        check(&encryption, true, sent, (Arrival::Replaced, &rules));
    }
    check(&encryption, true, &rules, (Arrival::Brought, &rules));
    check(&encryption, true, &[], (Arrival::Added, &rules));
}
