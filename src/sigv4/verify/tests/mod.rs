//! Heads signed by AWS's own crate, whole and tampered with, and each refusal with what it tells.

mod presigned;
mod properties;
mod signing;
mod vectors;

use std::time::{Duration, SystemTime};

use http::{HeaderValue, Request, request::Parts};

use self::signing::Signing;
use super::{AuthType, Caller, Refused, Settings, verify};
use crate::{
    identity::{Identity, Limits},
    s3::{Code, Operation},
    secret::Secret,
    sigv4::{
        Credential, Credentials, Session,
        canonical::{self, Form},
        key::{Scope, SigningKey},
        timestamp,
    },
};

const ID: &str = "AKID/EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const REGION: &str = "eu-central-1";
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const WEEK: Duration = Duration::from_hours(168);

/// 2015-08-30T12:36:00Z.
fn now() -> SystemTime {
    timestamp::parse("20150830T123600Z").unwrap()
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

fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target).header("host", "gate:8443");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn verified(head: &Parts) -> Result<Caller, Refused> {
    let settings = Settings::of_region(REGION);
    verify(head, Operation::PutObject, &credentials(), &settings, now())
        .map(|verified| verified.caller().clone())
}

fn check_passes(head: &Parts, expected: AuthType) {
    match verified(head) {
        Ok(Caller::Authenticated { credential, auth_type, version, signed_at }) => {
            assert_eq!(credential.identity.user_name(), Some("alice"));
            assert_eq!((auth_type, signed_at), (expected, now()));
            assert_eq!(version.as_str(), "AWS4-HMAC-SHA256");
        }
        other => panic!("{other:?}"),
    }
}

fn check_refused(head: &Parts, code: Code, elements: &[(&str, &str)]) {
    let refused = verified(head).unwrap_err();
    assert_eq!(refused.code, code, "{refused:?}");
    for (name, text) in elements {
        let found = refused.elements.iter().find(|(element, _)| element == name);
        assert_eq!(found.map(|(_, text)| text.as_str()), Some(*text), "{name}: {refused:?}");
    }
}

fn with(mut head: Parts, name: &'static str, value: &str) -> Parts {
    head.headers.insert(name, HeaderValue::try_from(value).unwrap());
    head
}

fn without(mut head: Parts, name: &'static str) -> Parts {
    head.headers.remove(name);
    head
}

/// Changes text within the Authorization header.
fn rewritten(head: Parts, from: &str, to: &str) -> Parts {
    let value = head.headers["authorization"].to_str().unwrap().replace(from, to);
    with(head, "authorization", &value)
}

/// Changes text within the target.
fn retargeted(mut head: Parts, from: &str, to: &str) -> Parts {
    let target = head.uri.to_string();
    assert!(target.contains(from), "{target}");
    head.uri = target.replace(from, to).parse().unwrap();
    head
}

fn get() -> Parts {
    head("GET", "/bucket/key?versionId=1", &[("x-amz-meta-colour", "red")])
}

fn signed() -> Parts {
    Signing::default().sign(get())
}

fn presigned() -> Parts {
    Signing::presigning().sign(get())
}

#[test]
fn both_forms_pass() {
    check_passes(&signed(), AuthType::Header);
    check_passes(&presigned(), AuthType::Query);
}

#[test]
fn nobody_is_anonymous() {
    assert!(matches!(verified(&get()), Ok(Caller::Anonymous)));
}

#[test]
fn a_preflight_is_anonymous_whatever_it_bears() {
    let settings = Settings::of_region(REGION);
    let verified =
        verify(&presigned(), Operation::OptionsPreflight, &credentials(), &settings, now());
    assert!(matches!(verified.unwrap().caller(), Caller::Anonymous));
}

#[test]
fn a_path_may_be_signed_as_sent_or_as_encoded_afresh() {
    let raw = || head("GET", "/bucket/(%7e+%2f)", &[]);
    check_passes(&Signing::default().sign(raw()), AuthType::Header);
    let encoded = Signing::default().sign(head("GET", "/bucket/%28~%2B%2F%29", &[]));
    check_passes(&encoded, AuthType::Header);
    let mut respelled = encoded;
    respelled.uri = raw().uri;
    check_passes(&respelled, AuthType::Header);
}

#[test]
fn separators_in_the_header_may_be_spaced_in_any_way() {
    for separator in [",", " ,", ",   ", " , "] {
        check_passes(&rewritten(signed(), ", ", separator), AuthType::Header);
    }
}

/// Signed by this code, since AWS's crate always adds `x-amz-date`.
fn dated(date: &str) -> Parts {
    let mut dated = head("GET", "/bucket/key", &[("x-amz-content-sha256", EMPTY_SHA256)]);
    dated.headers.insert("date", HeaderValue::try_from(date).unwrap());
    let signed_headers = ["date", "host", "x-amz-content-sha256"];
    let canonical = canonical::request(&dated, Form::Encoded, &signed_headers, EMPTY_SHA256);
    let text = format!("20150830/{REGION}/s3/aws4_request");
    let scope = Scope { text: &text, date: "20150830", region: REGION, service: "s3" };
    let string_to_sign = canonical::string_to_sign("20150830T123600Z", scope, &canonical);
    let signature = SigningKey::derive(&Secret::new(SECRET), scope).sign(&string_to_sign);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={ID}/{text}, SignedHeaders={}, Signature={}",
        signed_headers.join(";"),
        hex::encode(signature)
    );
    with(dated, "authorization", &authorization)
}

#[test]
fn a_date_header_serves_where_there_is_no_x_amz_date() {
    for date in
        ["20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT", "Sun, 30 Aug 2015 12:36:00 +0000"]
    {
        check_passes(&dated(date), AuthType::Header);
    }
    check_refused(&dated("yesterday"), Code::AccessDenied, &[]);
    check_refused(&without(signed(), "x-amz-date"), Code::AccessDenied, &[]);
}

/// A canonical request can be as long as the head, and is shown as text and three bytes a byte.
#[test]
fn a_mismatch_is_shown_in_bounds() {
    let long = head("GET", "/bucket/key", &[("x-amz-meta-long", &"x".repeat(60_000))]);
    let refused = verified(&retargeted(Signing::default().sign(long), "key", "yek")).unwrap_err();
    assert_eq!(refused.code, Code::SignatureDoesNotMatch);
    let bytes: usize = refused.elements.iter().map(|(_, text)| text.len()).sum();
    assert!((30_000..40_000).contains(&bytes), "{bytes}");
}

#[test]
fn a_mismatch_shows_what_was_compared() {
    let refused = verified(&with(signed(), "x-amz-meta-colour", "blue")).unwrap_err();
    let names: Vec<&str> = refused.elements.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "AWSAccessKeyId",
            "StringToSign",
            "SignatureProvided",
            "StringToSignBytes",
            "CanonicalRequest",
            "CanonicalRequestBytes"
        ]
    );
    let canonical = "GET\n/bucket/key\nversionId=1\nhost:gate:8443\n\
                     x-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:20150830T123600Z\n\
                     x-amz-meta-colour:blue\n\nhost;x-amz-content-sha256;x-amz-date;x-amz-meta-colour\n\
                     UNSIGNED-PAYLOAD";
    assert_eq!(refused.elements[4].1, canonical);
    assert!(refused.elements[1].1.starts_with("AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/"));
    assert!(refused.elements[3].1.starts_with("41 57 53 34 2d"));
    assert!(!format!("{refused:?}").contains(SECRET));
}

#[test]
fn whatever_is_signed_cannot_be_changed() {
    let mut post = signed();
    post.method = http::Method::POST;
    for tampered in [
        post,
        retargeted(signed(), "/key", "/kez"),
        retargeted(signed(), "/key", "//key"),
        retargeted(signed(), "/key", "%2Fkey"),
        retargeted(signed(), "versionId=1", "versionId=2"),
        retargeted(signed(), "versionId=1", "versionId=1&acl"),
        with(signed(), "host", "gate"),
        with(signed(), "x-amz-meta-colour", "re d"),
        with(signed(), "x-amz-content-sha256", EMPTY_SHA256),
        with(signed(), "x-amz-date", "20150830T123601Z"),
        without(signed(), "x-amz-meta-colour"),
        rewritten(signed(), ";x-amz-meta-colour", ";x-amz-meta-color;x-amz-meta-colour"),
        retargeted(presigned(), "X-Amz-Expires=60", "X-Amz-Expires=61"),
        retargeted(presigned(), "X-Amz-Date=20150830T123600Z", "X-Amz-Date=20150830T123601Z"),
        retargeted(presigned(), "versionId=1", "versionId=2"),
    ] {
        check_refused(&tampered, Code::SignatureDoesNotMatch, &[("AWSAccessKeyId", ID)]);
    }
}

#[test]
fn values_that_differ_in_bytes_that_are_no_text_differ() {
    let head = |value: &[u8]| {
        let mut head = signed();
        head.headers.insert("x-amz-meta-colour", HeaderValue::from_bytes(value).unwrap());
        let refused = verified(&head).unwrap_err();
        refused.elements[1].1.clone()
    };
    assert_ne!(head(b"\xff"), head(b"\xfe"));
}

#[test]
fn what_is_not_signed_is_named() {
    let unsigned = with(with(signed(), "x-amz-acl", "public-read"), "x-amz-tagging", "a=b");
    check_refused(
        &unsigned,
        Code::AccessDenied,
        &[("HeadersNotSigned", "x-amz-acl, x-amz-tagging")],
    );
    check_refused(
        &with(presigned(), "x-amz-acl", "public-read"),
        Code::AccessDenied,
        &[("HeadersNotSigned", "x-amz-acl")],
    );
    let hostless = rewritten(signed(), "=host;", "=");
    check_refused(&hostless, Code::AccessDenied, &[("HeadersNotSigned", "host")]);
    // In another case it is another name.
    let cased = rewritten(signed(), "=host;", "=Host;");
    check_refused(&cased, Code::AccessDenied, &[("HeadersNotSigned", "host")]);
}

#[test]
fn a_header_named_twice_does_not_count_twice() {
    let repeated = rewritten(signed(), "=host;", "=host;host;");
    check_refused(&repeated, Code::AuthorizationHeaderMalformed, &[]);
    let repeated = retargeted(presigned(), "SignedHeaders=host", "SignedHeaders=host%3Bhost");
    check_refused(&repeated, Code::AuthorizationQueryParametersError, &[]);
}

#[test]
fn strangers_and_other_scopes_are_told_apart() {
    let signing = Signing::default();
    check_refused(
        &Signing { id: "AKIDNOBODY", ..signing }.sign(get()),
        Code::InvalidAccessKeyId,
        &[("AWSAccessKeyId", "AKIDNOBODY")],
    );
    let region = Signing { region: "us-east-1", ..signing };
    let malformed = Code::AuthorizationHeaderMalformed;
    check_refused(&region.sign(get()), malformed, &[("Region", REGION)]);
    let presigned = Signing { region: "us-east-1", ..Signing::presigning() }.sign(get());
    check_refused(&presigned, Code::AuthorizationQueryParametersError, &[("Region", REGION)]);
    check_refused(&Signing { service: "ec2", ..signing }.sign(get()), malformed, &[]);
    check_refused(&rewritten(signed(), "aws4_request", "aws5_request"), malformed, &[]);
    check_refused(&rewritten(signed(), "/20150830/", "/20150831/"), malformed, &[]);
    check_refused(&rewritten(signed(), "/20150830/", "/"), malformed, &[]);
}

#[test]
fn headers_that_are_not_of_the_form_are_malformed() {
    for (from, to) in [
        ("Signature=", "Signature=0"),
        ("Signature=", "Signature=zz"),
        ("Signature=", "Sig="),
        ("SignedHeaders=", "Credential="),
        (", Signature=", " Signature="),
        ("Credential=", ""),
        ("Credential=", "Credential=,"),
    ] {
        check_refused(&rewritten(signed(), from, to), Code::AuthorizationHeaderMalformed, &[]);
    }
    let bare = with(get(), "authorization", "AWS4-HMAC-SHA256");
    check_refused(&bare, Code::AuthorizationHeaderMalformed, &[]);
}

#[test]
fn other_mechanisms_are_refused() {
    for value in ["AWS AKID:frJIUN8DYpKDtOLCwo//yllqDzg=", "Bearer token", "", "AWS4-HMAC-SHA1 a=b"]
    {
        check_refused(&with(get(), "authorization", value), Code::InvalidRequest, &[]);
    }
    let v4a = rewritten(signed(), "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256");
    check_refused(&v4a, Code::NotImplemented, &[]);
    let v2 = head("GET", "/b/k?AWSAccessKeyId=AKID&Expires=1440938160&Signature=a%3D", &[]);
    check_refused(&v2, Code::InvalidRequest, &[]);
    let both = with(presigned(), "authorization", "AWS4-HMAC-SHA256 a=b");
    check_refused(&both, Code::InvalidArgument, &[]);
}

#[test]
fn clocks_may_be_off_by_a_quarter_of_an_hour() {
    let at = |at: SystemTime| Signing { at, ..Signing::default() }.sign(get());
    let (most, more) = (Duration::from_mins(15), Duration::from_secs(901));
    assert!(verified(&at(now() - most)).is_ok() && verified(&at(now() + most)).is_ok());
    let refused = verified(&at(now() - more)).unwrap_err();
    assert_eq!(refused.code, Code::RequestTimeTooSkewed);
    let expected = [
        ("RequestTime", "20150830T122059Z".to_owned()),
        ("ServerTime", "2015-08-30T12:36:00Z".to_owned()),
        ("MaxAllowedSkewMilliseconds", "900000".to_owned()),
    ];
    assert_eq!(refused.elements, expected);
    check_refused(&at(now() + more), Code::RequestTimeTooSkewed, &[]);
}

#[test]
fn session_tokens_belong_to_no_credential_here() {
    let with_token = head("GET", "/bucket/key", &[("x-amz-security-token", "token")]);
    check_refused(&Signing::default().sign(with_token), Code::InvalidToken, &[]);
    let with_token = head("GET", "/bucket/key?X-Amz-Security-Token=token", &[]);
    check_refused(&Signing::presigning().sign(with_token), Code::InvalidToken, &[]);
}

#[test]
fn the_payload_must_be_spoken_of() {
    check_refused(&without(signed(), "x-amz-content-sha256"), Code::InvalidRequest, &[]);
    for value in ["", "STREAMING-UNSIGNED-PAYLOAD", "e3b0"] {
        check_refused(
            &Signing { payload: value, ..Signing::default() }.sign(get()),
            Code::InvalidArgument,
            &[("ArgumentName", "x-amz-content-sha256"), ("ArgumentValue", value)],
        );
    }
}

#[test]
fn a_url_that_fixes_its_payload_is_held_to_it() {
    let target = format!("/bucket/key?X-Amz-Content-Sha256={EMPTY_SHA256}");
    let signing = Signing { payload: EMPTY_SHA256, ..Signing::presigning() };
    let settings = Settings::of_region(REGION);
    let fixed = signing.sign(head("PUT", &target, &[("content-length", "7")]));
    let verified = verify(&fixed, Operation::PutObject, &credentials(), &settings, now()).unwrap();
    assert_eq!(verified.payload.expected.len(), 1);
    let target = "/bucket/key?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD";
    let differs = head("PUT", target, &[("x-amz-content-sha256", EMPTY_SHA256)]);
    check_refused(&signing.sign(differs), Code::InvalidRequest, &[]);
}

#[test]
fn the_signing_key_of_another_day_does_not_stay_in_the_way() {
    let (credentials, settings) = (credentials(), Settings::of_region(REGION));
    let day = Duration::from_hours(24);
    for now in [now(), now() + day, now()] {
        let head = Signing { at: now, ..Signing::default() }.sign(get());
        assert!(verify(&head, Operation::GetObject, &credentials, &settings, now).is_ok());
    }
}
