//! AWS's signing vectors, from the signed request back to the signature, in both forms.

use std::{collections::BTreeSet, fs, path::PathBuf};

use aws_lc_rs::digest;
use http::{HeaderName, HeaderValue, Request, request::Parts};

use crate::{
    secret::Secret,
    sigv4::{
        canonical::{self, Form},
        key::SigningKey,
        parameters::Parameters,
        presented::{self, Claim, Place},
    },
};

/// S3 leaves these paths as they are.
const NORMALIZED: [&str; 6] = [
    "get-relative-normalized",
    "get-relative-relative-normalized",
    "get-slash-dot-slash-normalized",
    "get-slash-normalized",
    "get-slash-pointless-dot-normalized",
    "get-slashes-normalized",
];
/// In S3 the signature covers every parameter of a presigned URL; here the token came after it.
const TOKEN_ADDED_AFTERWARDS: &str = "post-sts-header-after";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sigv4")
}

fn names() -> BTreeSet<String> {
    fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

fn read(name: &str, file: &str) -> String {
    fs::read_to_string(folder().join(name).join(file)).unwrap()
}

/// The head and the body. Folded header lines are unfolded, as HTTP parsers do.
fn parse(text: &str) -> (Parts, String) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let head = head.replace("\n ", " ");
    let (request_line, fields) = head.split_once('\n').unwrap();
    let (method, rest) = request_line.split_once(' ').unwrap();
    let (target, _) = rest.rsplit_once(' ').unwrap();
    let mut parts = Request::builder()
        .method(method)
        .uri(target.replace(' ', "%20"))
        .body(())
        .unwrap()
        .into_parts()
        .0;
    for field in fields.lines() {
        let (name, value) = field.split_once(':').unwrap();
        let name = HeaderName::try_from(name).unwrap();
        parts.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    (parts, body.to_owned())
}

/// What this code makes of a signed request.
struct Made {
    canonical: String,
    string_to_sign: String,
    signature: String,
    is_accepted: bool,
}

fn make(name: &str, form: &str) -> Made {
    let context: serde_json::Value = serde_json::from_str(&read(name, "context.json")).unwrap();
    let (head, body) = parse(&read(name, &format!("{form}-signed-request.txt")));
    let signed_body = if context["sign_body"].as_bool().unwrap() { body.as_str() } else { "" };
    let payload = hex::encode(digest::digest(&digest::SHA256, signed_body.as_bytes()));
    let parameters = Parameters::read(&head.uri).unwrap();
    let presented = presented::read(&head.headers, &parameters).unwrap();
    let Claim::V4(presented) = presented else { panic!("{presented:?}") };
    assert_eq!(presented.place == Place::Header, form == "header", "{name}");
    let canonical = canonical::request(&head, Form::Encoded, &presented.signed_headers, &payload);
    let string_to_sign =
        canonical::string_to_sign(&presented.timestamp, presented.scope, &canonical);
    let secret = context["credentials"]["secret_access_key"].as_str().unwrap();
    let key = SigningKey::derive(&Secret::new(secret), presented.scope);
    let signature = key.sign(&string_to_sign);
    Made {
        canonical: String::from_utf8(canonical).unwrap(),
        string_to_sign,
        is_accepted: signature == presented.signature,
        signature: hex::encode(signature),
    }
}

#[test]
fn every_vector_is_there() {
    assert_eq!(names().len(), 38);
}

#[test]
fn every_vector_gives_its_canonical_request_string_to_sign_and_signature() {
    for name in names().iter().filter(|name| !NORMALIZED.contains(&name.as_str())) {
        for form in ["header", "query"] {
            if name == TOKEN_ADDED_AFTERWARDS && form == "query" {
                continue;
            }
            let made = make(name, form);
            let expected = |file: &str| read(name, &format!("{form}-{file}.txt"));
            assert_eq!(made.canonical, expected("canonical-request"), "{name} {form}");
            assert_eq!(made.string_to_sign, expected("string-to-sign"), "{name} {form}");
            assert_eq!(made.signature, expected("signature"), "{name} {form}");
            assert!(made.is_accepted, "{name} {form}");
        }
    }
}

#[test]
fn paths_are_not_normalised() {
    for name in NORMALIZED {
        let made = make(name, "header");
        let normalized = read(name, "header-canonical-request.txt");
        let rest = |text: &str| {
            text.lines()
                .enumerate()
                .filter(|(line, _)| *line != 1)
                .map(|(_, text)| text.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(rest(&made.canonical), rest(&normalized), "{name}");
        assert_ne!(made.canonical, normalized, "{name}");
        assert!(!made.is_accepted, "{name}");
    }
}
