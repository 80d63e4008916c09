//! AWS's documented examples, and what a holder of a URL may not make of it.

use http::{Request, Uri};

use super::*;
use crate::{
    identity::{Identity, Limits},
    s3::Domains,
    secret::Secret,
    sigv4::{Credential, Session},
};

/// Those of AWS's page (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html>).
const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "a-session-token";
/// The documented URL's end.
const EXPIRES: u64 = 1_175_139_620;

fn domains() -> Domains {
    Domains::new(vec!["s3.amazonaws.com".to_owned()])
}

fn head(method: &str, host: &str, target: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target).header("host", host);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn sign(text: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
    STANDARD.encode(hmac::sign(&key, text))
}

fn text_of(head: &Parts, expires: &str) -> Result<Vec<u8>, Refused> {
    let query = text::Query::read(&head.uri)?;
    text::string_to_sign(head, &query, expires, &domains(), BucketPath::Received)
}

/// Presigns as a client would: what the query holds besides the signature is signed where it can be.
fn presigned(method: &str, host: &str, target: &str, fields: &[(&str, &str)]) -> Parts {
    let mut head = head(method, host, target, fields);
    let signature = sign(&text_of(&head, &EXPIRES.to_string()).unwrap());
    let separator = if target.contains('?') { '&' } else { '?' };
    let signature =
        percent_encoding::utf8_percent_encode(&signature, percent_encoding::NON_ALPHANUMERIC);
    let target =
        format!("{target}{separator}AWSAccessKeyId={ID}&Expires={EXPIRES}&Signature={signature}");
    head.uri = target.parse().unwrap();
    head
}

fn credentials(session: Session) -> Credentials {
    Credentials::new(vec![Credential {
        access_key_id: ID.to_owned(),
        secret_access_key: Secret::new(SECRET),
        identity: Identity::user("123456789012", "johnsmith").unwrap(),
        limits: Limits::default(),
        upstream: None,
        session,
    }])
}

fn verified(head: &Parts, session: Session, second: u64) -> Result<Verified, Refused> {
    let credentials = credentials(session);
    let settings =
        Settings { accept_sigv2: true, domains: domains(), ..Settings::of_region("any") };
    let now = UNIX_EPOCH + Duration::from_secs(second);
    verify(head, Operation::PutObject, &credentials, &settings, now)
}

fn check_passes(head: &Parts) {
    let verified = verified(head, Session::default(), EXPIRES).unwrap();
    let Caller::Authenticated { auth_type, version, signed_at, .. } = verified.caller() else {
        panic!("{verified:?}");
    };
    assert_eq!((*auth_type, version.as_str()), (AuthType::Query, "AWS"));
    assert_eq!(*signed_at, UNIX_EPOCH);
}

#[track_caller]
fn check_refused(head: &Parts, code: Code) {
    let refused = verified(head, Session::default(), EXPIRES).unwrap_err();
    assert_eq!(refused.code, code, "{refused:?}");
}

fn retargeted(mut head: Parts, from: &str, to: &str) -> Parts {
    let target = head.uri.to_string();
    assert!(target.contains(from), "{target}");
    head.uri = target.replace(from, to).parse::<Uri>().unwrap();
    head
}

/// The examples of the page in which a date stands where a URL has `Expires`.
#[test]
fn the_documented_signatures_come_out() {
    const JOHN: &str = "johnsmith.s3.amazonaws.com";
    const S3: &str = "s3.amazonaws.com";
    let put = [("content-type", "image/jpeg"), ("content-length", "94328")];
    let upload = [
        ("x-amz-acl", "public-read"),
        ("content-type", "application/x-download"),
        ("content-md5", "4gJE4saaMU4BqNR0kLY+lw=="),
        ("x-amz-meta-reviewedby", "joe@johnsmith.net"),
        ("x-amz-meta-reviewedby", "jane@johnsmith.net"),
        ("x-amz-meta-filechecksum", "0x02661779"),
        ("x-amz-meta-checksumalgorithm", "crc32"),
        ("content-encoding", "gzip"),
    ];
    for (method, host, target, fields, date, expected) in [
        (
            "GET",
            JOHN,
            "/photos/puppy.jpg",
            &[][..],
            "27 Mar 2007 19:36:42",
            "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
        ),
        (
            "PUT",
            JOHN,
            "/photos/puppy.jpg",
            &put,
            "27 Mar 2007 21:15:45",
            "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
        ),
        (
            "GET",
            JOHN,
            "/?prefix=photos&max-keys=50&marker=puppy",
            &[],
            "27 Mar 2007 19:42:41",
            "htDYFYduRNen8P9ZfE/s9SuKy0U=",
        ),
        ("GET", JOHN, "/?acl", &[], "27 Mar 2007 19:44:46", "c2WLPFtWHVgbEmeEG93a4cG37dM="),
        (
            "DELETE",
            JOHN,
            "/photos/puppy.jpg",
            &[],
            "27 Mar 2007 21:20:26",
            "lx3byBScXR6KzyMaifNkardMwNk=",
        ),
        (
            "PUT",
            S3,
            "/static.johnsmith.net/db-backup.dat.gz",
            &upload,
            "27 Mar 2007 21:06:08",
            "ilyl83RwaSoYIEdixDQcA4OnAnc=",
        ),
    ] {
        let text = text_of(&head(method, host, target, fields), &format!("Tue, {date} +0000"));
        assert_eq!(sign(&text.unwrap()), expected, "{method} {target}");
    }
    let keys = head("GET", S3, "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re", &[]);
    let text = text_of(&keys, "Wed, 28 Mar 2007 01:49:49 +0000").unwrap();
    assert_eq!(sign(&text), "DNEZGsoieTZ92F3bUfSPQcbGmlM=");
}

#[test]
fn the_documented_url_passes() {
    let target = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE\
                  &Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620";
    let head = head("GET", "johnsmith.s3.amazonaws.com", target, &[]);
    check_passes(&head);
    // Some clients leave the `+` as it is.
    check_passes(&retargeted(head.clone(), "%2B", "+"));
    check_refused(&retargeted(head.clone(), "puppy", "kitty"), Code::SignatureDoesNotMatch);
    check_refused(&retargeted(head.clone(), "5139620", "5139621"), Code::SignatureDoesNotMatch);
    check_refused(&retargeted(head, "NpgC", "npgC"), Code::SignatureDoesNotMatch);
}

/// What `HmacV1QueryAuth` made, and each of it with one character changed.
#[test]
fn botocore_agrees() {
    #[derive(serde::Deserialize)]
    struct Vector {
        method: String,
        host: String,
        target: String,
        has_token: bool,
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/sigv2/botocore.json");
    let vectors: Vec<Vector> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let domains = Domains::new(vec!["s3.example.com".to_owned()]);
    let settings = Settings { accept_sigv2: true, domains, ..Settings::of_region("any") };
    let now = UNIX_EPOCH + Duration::from_mins(24_015_636);
    for Vector { method, host, target, has_token } in vectors {
        let token = has_token.then(|| Secret::new("FwoGZXIvYXdzEXAMPLE/TOKEN+=="));
        let credentials = credentials(Session::new(token, None));
        let verified = |target: &str| {
            let head = head(&method, &host, target, &[]);
            verify(&head, Operation::PutObject, &credentials, &settings, now)
        };
        assert!(verified(&target).is_ok(), "{method} {host}{target}: {:?}", verified(&target));
        let (path, query) = target.split_once('?').unwrap();
        let changed = format!("{path}x?{query}");
        assert!(verified(&changed).is_err(), "{method} {host}{changed}");
    }
}

#[test]
fn it_ends_when_it_says() {
    let url = presigned("GET", "s3.amazonaws.com", "/b/k", &[]);
    let refused = verified(&url, Session::default(), EXPIRES + 1).unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (Code::AccessDenied, "Request has expired")
    );
    let told: Vec<_> = refused.elements.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let expected = [("Expires", "2007-03-29T03:40:20Z"), ("ServerTime", "2007-03-29T03:40:21Z")];
    assert_eq!(told, expected);
    for other in ["Expires=", "Expires=soon", "Expires=-1", "Expires=99999999999999999999"] {
        let url = retargeted(url.clone(), "Expires=1175139620", other);
        check_refused(&url, Code::AccessDenied);
    }
}

#[test]
fn all_three_parameters_are_needed_once() {
    let url = presigned("GET", "s3.amazonaws.com", "/b/k", &[]);
    for name in ["Expires", "Signature", "AWSAccessKeyId"] {
        check_refused(&retargeted(url.clone(), &format!("{name}="), "x-no="), Code::AccessDenied);
        let twice = retargeted(url.clone(), "/b/k?", &format!("/b/k?{name}=1&"));
        check_refused(&twice, Code::AuthorizationQueryParametersError);
    }
    let unknown = retargeted(url, ID, "AKIDNOBODY");
    check_refused(&unknown, Code::InvalidAccessKeyId);
}

#[test]
fn headers_of_s3_are_signed_wherever_they_stand() {
    let put = || presigned("PUT", "s3.amazonaws.com", "/b/k?x-amz-acl=private", &[]);
    check_passes(&put());
    let mut repeated = put();
    repeated.headers.insert("x-amz-acl", HeaderValue::from_static("private"));
    check_passes(&repeated);
    repeated.headers.insert("x-amz-acl", HeaderValue::from_static("public-read"));
    check_refused(&repeated, Code::InvalidRequest);
    let mut added = put();
    added.headers.insert("x-amz-storage-class", HeaderValue::from_static("GLACIER"));
    check_refused(&added, Code::SignatureDoesNotMatch);
    let respelled = retargeted(put(), "x-amz-acl", "X-Amz-Acl");
    check_passes(&respelled);
    check_refused(&retargeted(put(), "=private", "=public"), Code::SignatureDoesNotMatch);
}

#[test]
fn type_and_digest_are_signed_wherever_they_stand() {
    let target = "/b/k?content-type=text%2Fplain&content-md5=XUFAKrxLKna5cZ2REBfFkg%3D%3D";
    let mut url = presigned("PUT", "s3.amazonaws.com", target, &[("content-length", "5")]);
    let verified = verified(&url, Session::default(), EXPIRES).unwrap();
    assert_eq!(verified.body(http_body_util::Empty::<bytes::Bytes>::new()).decoded_len(), 5);
    check_passes(&url);
    url.headers.insert("content-type", HeaderValue::from_static("text/html"));
    check_refused(&url, Code::InvalidRequest);
    let mut url = presigned("PUT", "s3.amazonaws.com", "/b/k", &[("content-type", "text/plain")]);
    check_passes(&url);
    url.headers.insert("content-type", HeaderValue::from_static("text/html"));
    check_refused(&url, Code::SignatureDoesNotMatch);
}

/// A holder could make a URL for an object's data one for its retention.
#[test]
fn what_is_not_signed_cannot_be_added() {
    let url = presigned("GET", "s3.amazonaws.com", "/b/k", &[]);
    for added in ["acl", "versionId=1", "response-content-type=text%2Fhtml", "partNumber=1"] {
        let url = retargeted(url.clone(), "/b/k?", &format!("/b/k?{added}&"));
        check_refused(&url, Code::SignatureDoesNotMatch);
    }
    for added in ["attributes", "renameObject", "%61ttributes", "anything=1"] {
        let url = retargeted(url.clone(), "/b/k?", &format!("/b/k?{added}&"));
        check_refused(&url, Code::AccessDenied);
    }
    check_passes(&presigned("GET", "s3.amazonaws.com", "/b/k?versionId=1&acl", &[]));
    check_passes(&retargeted(url, "/b/k?", "/b/k?x-id=GetObject&"));
}

#[test]
fn overrides_are_signed_decoded() {
    let target = "/b/k?response-content-disposition=attachment%3B%20filename%3D%22a.txt%22&x-id=G";
    let url = presigned("GET", "s3.amazonaws.com", target, &[]);
    let text = String::from_utf8(text_of(&url, "1").unwrap()).unwrap();
    let expected = "GET\n\n\n1\n/b/k?response-content-disposition=attachment; filename=\"a.txt\"";
    assert_eq!(text, expected);
    check_passes(&url);
}

#[test]
fn a_bucket_in_the_host_is_not_one_in_the_path() {
    let url = presigned("GET", "b.s3.amazonaws.com", "/b/k", &[]);
    check_passes(&url);
    let mut elsewhere = url;
    elsewhere.headers.insert("host", HeaderValue::from_static("s3.amazonaws.com"));
    check_refused(&elsewhere, Code::SignatureDoesNotMatch);
}

#[test]
fn a_token_goes_with_its_credential_alone() {
    let session = || Session::new(Some(Secret::new(TOKEN)), None);
    let target = format!("/b/k?x-amz-security-token={TOKEN}");
    let url = presigned("GET", "s3.amazonaws.com", &target, &[]);
    assert!(verified(&url, session(), EXPIRES).is_ok());
    check_refused(&url, Code::InvalidToken);
    let without = presigned("GET", "s3.amazonaws.com", "/b/k", &[]);
    let refused = verified(&without, session(), EXPIRES).unwrap_err();
    assert_eq!(refused.code, Code::InvalidToken);
}

#[test]
fn signed_chunks_have_no_key_here() {
    for mode in ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"]
    {
        let fields = [("x-amz-content-sha256", mode), ("x-amz-decoded-content-length", "5")];
        let url = presigned("PUT", "s3.amazonaws.com", "/b/k", &fields);
        check_refused(&url, Code::InvalidRequest);
    }
}

#[test]
fn where_it_is_not_accepted_the_mend_is_told() {
    let url = presigned("GET", "s3.amazonaws.com", "/b/k", &[]);
    let settings = Settings::of_region("any");
    let now = UNIX_EPOCH + Duration::from_secs(EXPIRES);
    let credentials = Credentials::default();
    let refused = verify(&url, Operation::GetObject, &credentials, &settings, now).unwrap_err();
    assert_eq!(refused.code, Code::InvalidRequest);
    let message = "The authorization mechanism you have provided is not supported. Please use \
                   AWS4-HMAC-SHA256. ";
    assert!(refused.message.starts_with(message), "{refused}");
    assert!(refused.message.contains("accept_sigv2"), "{refused}");
}
