//! The tables of `tests/vectors/classify`, row by row, and what tables cannot say.

use http::{HeaderValue, Request as HttpRequest};
use proptest::prelude::*;

use super::*;
use crate::s3::{BucketName, Level, ObjectKey, encoding, operation::Selector, xml};

const ACCEPTED: &str = include_str!("../../../tests/vectors/classify/accepted.txt");
const REFUSED: &str = include_str!("../../../tests/vectors/classify/refused.txt");
const DOMAIN: &str = "s3.example.com";

/// A row: a head before `=>`, what is expected behind it.
fn rows(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(" => ").unwrap())
}

/// `METHOD TARGET {header: value}…`, path style.
fn head(text: &str) -> Parts {
    let (line, headers) = text.split_once(" {").unwrap_or((text, ""));
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = HttpRequest::builder().method(method).uri(target).header("host", DOMAIN);
    for header in headers.trim_end_matches('}').split("} {").filter(|header| !header.is_empty()) {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request.body(()).unwrap().into_parts().0
}

/// The same request in virtual-hosted style; `None` for those about the service.
fn virtual_hosted(mut head: Parts) -> Option<Parts> {
    let target = head.uri.to_string();
    let end = target[1..].find(['/', '?']).map_or(target.len(), |end| end + 1);
    let bucket = encoding::decode(&target[1..end], encoding::Plus::Literal).unwrap().into_owned();
    if bucket.is_empty() {
        return None;
    }
    let rest = &target[end..];
    let slash = if rest.starts_with('/') { "" } else { "/" };
    head.uri = format!("{slash}{rest}").parse().unwrap();
    let host = format!("{}.{}:8443", bucket.to_uppercase(), DOMAIN);
    head.headers.insert("host", HeaderValue::try_from(host).unwrap());
    Some(head)
}

fn domains() -> Domains {
    Domains::new(vec!["example.com".to_owned(), "S3.example.com.".to_owned()])
}

fn read(text: &str) -> Result<Request, Unclassified> {
    classify(&head(text), &domains())
}

/// `Operation resource action…`, as in the table.
fn summary(request: &Request) -> String {
    let short = |resource: &Resource| resource.arn().replace("arn:aws:s3:::", "");
    let own = short(&request.resource);
    let mut words = vec![request.operation.name().to_owned(), own.clone()];
    match request.actions() {
        Err(_) => words.push("(in the body)".to_owned()),
        Ok(actions) => words.extend(actions.iter().map(|action| match short(&action.resource) {
            resource if resource == own => action.name.to_owned(),
            resource => format!("{}({resource})", action.name),
        })),
    }
    words.join(" ")
}

#[test]
fn every_accepted_row_has_its_reading_in_both_styles() {
    for (text, expected) in rows(ACCEPTED) {
        let path_style = head(text);
        let styles = [Some(path_style.clone()), virtual_hosted(path_style)];
        for head in styles.into_iter().flatten() {
            let request = classify(&head, &domains());
            assert_eq!(request.as_ref().map(summary), Ok(expected.to_owned()), "{text}");
        }
    }
}

#[test]
fn every_refused_row_is_refused_for_its_reason() {
    for (text, expected) in rows(REFUSED) {
        let (code, part) = expected.split_once(' ').unwrap();
        let refusal = read(text).map(|request| summary(&request)).expect_err(text);
        assert_eq!(refusal.code.as_str(), code, "{text}: {refusal}");
        assert!(refusal.message.contains(part), "{text}: {refusal}");
    }
}

#[test]
fn every_operation_that_is_supported_has_a_row() {
    let rows: Vec<&str> = rows(ACCEPTED).map(|(_, expected)| expected).collect();
    for operation in Operation::ALL {
        let is_elsewhere =
            operation.directory_buckets_only() || *operation == Operation::WriteGetObjectResponse;
        let is_there = rows.iter().any(|row| row.split(' ').next() == Some(operation.name()));
        assert_ne!(is_there, is_elsewhere, "{operation:?}");
    }
}

#[test]
fn a_reading_is_its_own_reading() {
    for (text, _) in rows(ACCEPTED) {
        let head = head(text);
        let request = classify(&head, &domains()).unwrap();
        let again = classify(&outbound(&request, &head), &domains()).unwrap();
        assert_eq!(summary(&again), summary(&request), "{text}");
        assert_eq!(again.query, request.query, "{text}");
        assert_eq!(again.headers, request.headers, "{text}");
    }
}

/// The head that would go upstream.
fn outbound(request: &Request, received: &Parts) -> Parts {
    let mut head = received.clone();
    head.uri = format!("{}?{}", request.path(), request.query.encode()).parse().unwrap();
    head.headers.clone_from(&request.headers);
    head
}

fn check_host(host: &str, expected: Option<&str>) {
    let mut head = head("GET /path/key");
    head.headers.insert("host", HeaderValue::try_from(host).unwrap());
    let request = classify(&head, &domains()).ok();
    let bucket = request.as_ref().and_then(|request| request.resource.bucket());
    assert_eq!(bucket.map(BucketName::as_str), expected, "{host}");
}

#[test]
fn the_bucket_of_a_host_stands_before_the_longest_base_domain() {
    check_host("bucket.s3.example.com", Some("bucket"));
    check_host("BUCKET.S3.Example.COM:443", Some("bucket"));
    check_host("a.bucket.s3.example.com.", Some("a.bucket"));
    check_host("bucket.example.com", Some("bucket"));
}

#[test]
fn base_domains_and_other_hosts_are_path_style() {
    for host in ["s3.example.com", "example.com:80", "localhost", "127.0.0.1:9000", "[::1]:8443"] {
        check_host(host, Some("path"));
    }
    check_host("bucket.s3.example.org", Some("path"));
    check_host("buckets3.example.com.evil", Some("path"));
}

#[test]
fn hosts_that_are_none_are_refused() {
    for host in ["", ":80", "a b", "user@s3.example.com", "s3.example.com:http", "[::1", "a/b"] {
        check_host(host, None);
    }
    check_host("b_.s3.example.com:1:2", None);
    check_host("-b-.s3.example.com", None);
}

#[test]
fn a_host_must_be_named() {
    let mut head = head("GET /bucket/key");
    head.headers.remove("host");
    assert_eq!(classify(&head, &domains()).unwrap_err().code, Code::InvalidRequest);
}

#[test]
fn the_host_of_an_absolute_target_counts_and_must_agree() {
    let mut head = head("GET /");
    head.uri = "http://bucket.s3.example.com/key".parse().unwrap();
    assert_eq!(classify(&head, &domains()).unwrap_err().code, Code::InvalidRequest);
    head.headers.insert("host", HeaderValue::from_static("Bucket.s3.example.com"));
    assert_eq!(summary(&classify(&head, &domains()).unwrap()), "GetObject bucket/key s3:GetObject");
    head.headers.remove("host");
    assert_eq!(summary(&classify(&head, &domains()).unwrap()), "GetObject bucket/key s3:GetObject");
}

#[test]
fn targets_without_a_path_are_refused() {
    let mut head = head("OPTIONS /");
    head.uri = "*".parse().unwrap();
    assert_eq!(classify(&head, &domains()).unwrap_err().code, Code::InvalidURI);
    head.uri = "s3.example.com:443".parse().unwrap();
    assert!(classify(&head, &domains()).is_err());
}

#[test]
fn a_key_has_at_most_1024_bytes_decoded() {
    let longest = "%C3%A9".repeat(512);
    assert!(read(&format!("GET /bucket/{longest}")).is_ok());
    let refusal = read(&format!("GET /bucket/{longest}a")).unwrap_err();
    assert_eq!(refusal.code, Code::KeyTooLongError);
}

#[test]
fn user_metadata_may_repeat_and_be_utf8() {
    let request = read("PUT /bucket/key {x-amz-meta-a: é} {x-amz-meta-a: b} {x-amz-meta-b_c: d}");
    assert_eq!(request.unwrap().headers.get_all("x-amz-meta-a").iter().count(), 2);
}

#[test]
fn hoisted_headers_are_headers_and_checksums_are_not() {
    let request = read(
        "PUT /bucket/key?X-Amz-Signature=s&x-amz-server-side-encryption=AES256&x-amz-meta-a=b+c\
         &x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32\
         &x-amz-checksum-mode=ENABLED {x-amz-server-side-encryption: AES256}",
    )
    .unwrap();
    let mut headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    headers.sort_unstable();
    assert_eq!(
        headers,
        [("host", DOMAIN), ("x-amz-meta-a", "b c"), ("x-amz-server-side-encryption", "AES256")]
    );
    assert_eq!(request.query, Query::default());
}

#[test]
fn copy_sources_and_tags_leave_encoded_afresh() {
    let request = read(
        "PUT /bucket/key {x-amz-copy-source: /source/%61%2fb?versionId=%76} \
         {x-amz-tagging: a=b+c&d}",
    )
    .unwrap();
    assert_eq!(request.headers["x-amz-copy-source"], "source/a/b?versionId=v");
    assert_eq!(request.headers["x-amz-tagging"], "a=b%20c&d=");
    assert_eq!(request.tags().unwrap().get("a"), Some("b c"));
    assert_eq!(request.copy_source().unwrap().version_id.as_deref(), Some("v"));
}

#[test]
fn the_path_leaves_in_path_style_and_encoded_afresh() {
    let mut head = head("GET /a%2Fb//%C3%A9+%7e?");
    head.headers.insert("host", HeaderValue::from_static("bucket.s3.example.com"));
    assert_eq!(classify(&head, &domains()).unwrap().path(), "/bucket/a/b//%C3%A9%2B~");
    assert_eq!(read("GET /").unwrap().path(), "/");
    assert_eq!(read("GET /bucket/").unwrap().path(), "/bucket");
}

#[test]
fn permissions_in_the_body_are_no_empty_list() {
    let request = read("POST /bucket?delete").unwrap();
    assert_eq!(request.actions(), Err(PermissionsInBody(Operation::DeleteObjects)));
    let document = &b"<Delete><Object><Key>a</Key></Object></Delete>"[..];
    let bucket = request.resource.bucket().unwrap();
    let deletion = xml::Deletion::parse(document.into()).unwrap();
    let mut objects = deletion.objects.iter();
    assert_eq!(objects.next().unwrap().actions(bucket, &request.headers).count(), 1);
}

prop_compose! {
    /// A request of any operation, with parameters and headers that may or may not fit it.
    fn any_head()(
        operation in proptest::sample::select(Operation::ALL),
        key in any_key(),
        parameters in proptest::collection::vec((any_parameter(), "|1|2|v|[ -~é]{0,5}"), 0..2),
        optional in any::<proptest::sample::Index>(),
        headers in proptest::collection::vec((any_header(), "close|1|source/a|[ -~]{0,9}"), 0..3),
    ) -> Option<Parts> {
        let mut target = String::from(match operation.level() {
            Level::Service => "/",
            Level::Bucket => "/bucket",
            Level::Object => "/bucket/",
        });
        if operation.level() == Level::Object {
            encoding::encode_path(&mut target, &key);
        }
        let mut pairs: Vec<(&str, &str)> = operation
            .row()
            .selectors
            .iter()
            .map(|selector| match selector {
                Selector::Flag(name) => (*name, ""),
                Selector::Any(name) => (*name, "1"),
                Selector::Exactly(name, value) => (*name, *value),
            })
            .collect();
        if !operation.optional_parameters().is_empty() {
            let optional: &&str = optional.get(operation.optional_parameters());
            pairs.push((optional, "7"));
        }
        pairs.extend(parameters.iter().map(|(name, value)| (*name, value.as_str())));
        for (index, (name, value)) in pairs.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            encoding::encode_query(&mut target, name);
            target.push('=');
            encoding::encode_query(&mut target, value);
        }
        let mut request = HttpRequest::builder().method(operation.method()).uri(target);
        for (name, value) in headers {
            request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        }
        Some(request.header("host", DOMAIN).body(()).ok()?.into_parts().0)
    }
}

fn any_parameter() -> impl Strategy<Value = &'static str> {
    let of_operations = Operation::ALL.iter().flat_map(|operation| {
        operation.required_parameters().chain(operation.optional_parameters().iter().copied())
    });
    let others =
        ["x-id", "x-amz-acl", "X-Amz-Tagging", "X-Amz-Signature", "X-Amz-Date", "Acl", "é"];
    proptest::sample::select(of_operations.chain(others).collect::<Vec<_>>())
}

fn any_header() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&[
        "connection",
        "content-length",
        "content-type",
        "x-amz-acl",
        "x-amz-copy-source",
        "x-amz-meta-a",
        "x-amz-meta-b_c",
        "x-amz-tagging",
    ])
}

fn any_key() -> impl Strategy<Value = String> {
    "\\PC{1,20}|(a|/|\\.|%|\\+|&|é| |\\?|#){1,12}"
        .prop_filter("a key that can be", |key| ObjectKey::parse(key).is_ok())
}

proptest! {
    #[test]
    fn classification_never_panics(
        method in "[!-~]{1,9}",
        target in "(/|/[!-~é]{0,9}|/bucket/[!-~é]{0,40})",
        host in "[ -~]{0,20}",
        header in any_header(),
        value in "[ -~é]{0,20}",
    ) {
        let request = HttpRequest::builder().method(&*method).uri(target).header("host", host);
        if let Ok(request) = request.header(header, value).body(()) {
            let _ = classify(&request.into_parts().0, &domains()).map(|request| {
                (request.actions(), request.path(), request.query.encode())
            });
        }
    }

    #[test]
    fn what_was_read_once_reads_the_same_again(head in any_head()) {
        let Some(head) = head else { return Ok(()) };
        let Ok(request) = classify(&head, &domains()) else { return Ok(()) };
        let again = classify(&outbound(&request, &head), &domains()).unwrap();
        prop_assert_eq!(summary(&again), summary(&request));
        prop_assert_eq!(again.query, request.query);
        prop_assert_eq!(again.headers, request.headers);
    }

    #[test]
    fn every_parameter_that_is_let_through_belongs_to_the_operation(head in any_head()) {
        let Some(Ok(request)) = head.map(|head| classify(&head, &domains())) else {
            return Ok(());
        };
        let operation = request.operation;
        for (name, _) in request.query.pairs() {
            let belongs = operation.required_parameters().any(|required| required == name)
                || operation.optional_parameters().contains(&name.as_str());
            prop_assert!(belongs, "{operation:?} {name}");
        }
    }

    #[test]
    fn keys_survive_the_way_through(key in any_key()) {
        let mut path = String::from("/bucket/");
        encoding::encode_path(&mut path, &key);
        let request = read(&format!("GET {path}")).unwrap();
        prop_assert_eq!(request.resource.key().map(ObjectKey::as_str), Some(key.as_str()));
        prop_assert_eq!(request.path(), path);
    }

    #[test]
    fn both_addressing_styles_agree(key in any_key(), bucket in "[a-z0-9][a-z0-9-]{1,9}[a-z0-9]") {
        let mut path = format!("/{bucket}/");
        encoding::encode_path(&mut path, &key);
        let path_style = head(&format!("GET {path}"));
        let hosted = virtual_hosted(path_style.clone()).unwrap();
        let [one, other] = [path_style, hosted].map(|head| classify(&head, &domains()).unwrap());
        prop_assert_eq!(one.resource, other.resource);
    }
}
