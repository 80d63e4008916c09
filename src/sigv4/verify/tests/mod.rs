//! Heads signed by AWS's own crate, whole and tampered with, and each refusal with what it tells.

mod vectors;

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials as SigningCredentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::{HeaderName, HeaderValue, Request, request::Parts};
use proptest::{collection::vec, prelude::*, sample::Index};

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

/// How a test signs.
#[derive(Clone, Copy)]
struct Signing<'a> {
    id: &'a str,
    region: &'a str,
    service: &'a str,
    at: SystemTime,
    /// In the query, good for so long.
    expires: Option<Duration>,
    payload: &'a str,
}

impl Default for Signing<'_> {
    fn default() -> Self {
        let payload = "UNSIGNED-PAYLOAD";
        Self { id: ID, region: REGION, service: "s3", at: now(), expires: None, payload }
    }
}

impl Signing<'_> {
    fn presigning() -> Self {
        Self { expires: Some(Duration::from_mins(1)), ..Self::default() }
    }

    /// Signs by AWS's crate.
    fn sign(self, mut head: Parts) -> Parts {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        if let Some(expires) = self.expires {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(expires);
        }
        let identity = SigningCredentials::new(self.id, SECRET, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.at)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let headers =
            head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let uri = format!("http://gate:8443{}", head.uri);
        let body = SignableBody::Precomputed(self.payload.to_owned());
        let request = SignableRequest::new(head.method.as_str(), uri, headers, body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut target = head.uri.to_string();
        for (name, value) in instructions.params() {
            target.push(if target.contains('?') { '&' } else { '?' });
            let value =
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            let _ = write!(target, "{name}={value}");
        }
        head.uri = target.parse().unwrap();
        for (name, value) in instructions.headers() {
            let name = HeaderName::try_from(name).unwrap();
            head.headers.insert(name, HeaderValue::try_from(value).unwrap());
        }
        head
    }
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
fn presigned_urls_live_as_long_as_they_say() {
    let at = |at: SystemTime| Signing { at, ..Signing::presigning() }.sign(get());
    assert!(verified(&at(now() - Duration::from_mins(1))).is_ok());
    check_refused(
        &at(now() - Duration::from_secs(61)),
        Code::AccessDenied,
        &[
            ("X-Amz-Expires", "60"),
            ("Expires", "2015-08-30T12:35:59Z"),
            ("ServerTime", "2015-08-30T12:36:00Z"),
        ],
    );
    let early = verified(&at(now() + Duration::from_secs(901))).unwrap_err();
    assert_eq!(early.message, "Request is not valid yet");
    let week = Signing { expires: Some(WEEK), at: now() - WEEK, ..Signing::default() };
    assert!(verified(&week.sign(get())).is_ok());
}

#[test]
fn presigned_urls_need_all_their_parameters_in_form() {
    let form = Code::AuthorizationQueryParametersError;
    for name in ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"] {
        let (from, to) = (format!("X-Amz-{name}="), format!("X-Not-{name}="));
        check_refused(&retargeted(presigned(), &from, &to), form, &[]);
        let twice = format!("X-Amz-{name}=&X-Amz-{name}=");
        check_refused(&retargeted(presigned(), &from, &twice), form, &[]);
    }
    for expires in ["0", "00", "-1", "604801", "", "+60", "1e3", "99999999999999999999", "-"] {
        let to = format!("X-Amz-Expires={expires}");
        check_refused(&retargeted(presigned(), "X-Amz-Expires=60", &to), form, &[]);
    }
    check_refused(&retargeted(presigned(), "HMAC", "HMAK"), form, &[]);
    check_refused(&retargeted(presigned(), "HMAC", "ECDSA-P256"), Code::NotImplemented, &[]);
    check_refused(&retargeted(presigned(), "Date=2015", "Date=x015"), form, &[]);
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

/// Text that needs no encoding, bytes that do, and characters that clients leave as they are,
/// although AWS's rules encode them.
fn component() -> impl Strategy<Value = String> {
    vec(prop_oneof!["[A-Za-z0-9._~-]", "%(20|2F|2B|3D|26|25|C3%A9|00|7E)", "[!$'()*,:;@]"], 0..6)
        .prop_map(|pieces| pieces.concat())
}

prop_compose! {
    fn any_head()(
        method in prop_oneof!["GET", "PUT", "POST", "DELETE", "HEAD"],
        path in vec(component(), 0..5),
        query in vec((component(), component()), 0..5),
        values in vec("([!-~]{0,5} {0,3}){0,4}", 0..4),
    ) -> Parts {
        let mut target = format!("/{}", path.join("/"));
        let mut separator = '?';
        for (place, (name, value)) in query.iter().enumerate() {
            let _ = write!(target, "{separator}{place}{name}={value}");
            separator = '&';
        }
        let mut head = head(&method, &target, &[]);
        for (place, value) in values.iter().enumerate() {
            // Some share a name.
            let name = HeaderName::try_from(format!("x-amz-meta-{}", place / 2)).unwrap();
            head.headers.append(name, HeaderValue::try_from(value).unwrap());
        }
        head
    }
}

proptest! {
    #[test]
    fn what_the_crate_signs_is_accepted(head in any_head(), in_query in any::<bool>()) {
        let signing = if in_query { Signing::presigning() } else { Signing::default() };
        check_passes(
            &signing.sign(head),
            if in_query { AuthType::Query } else { AuthType::Header },
        );
    }

    #[test]
    fn whatever_is_presented_without_the_secret_is_refused(
        authorization in prop_oneof![
            "[ -~]{0,60}",
            "AWS4-HMAC-SHA256 ([,=;/ ]|Credential=|SignedHeaders=|Signature=|AKID|host|[0-9a-f]{64}\
             |20150830|eu-central-1|s3|aws4_request){0,20}",
        ],
    ) {
        prop_assert!(verified(&with(signed(), "authorization", &authorization)).is_err());
    }

    #[test]
    fn whatever_stands_in_the_query_is_read_without_panic(
        query in "(X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature)|[&=+%/;]\
                  |AWS4-HMAC-SHA256|20150830T123600Z|60|[0-9a-f]{64}|%2F|[a-z%]{1,3}){0,30}",
    ) {
        let target = format!("/bucket/key?{query}");
        let mut head = get();
        prop_assume!(target.parse::<http::Uri>().is_ok());
        head.uri = target.parse().unwrap();
        let is_authenticated = matches!(verified(&head), Ok(Caller::Authenticated { .. }));
        prop_assert!(!is_authenticated);
    }

    #[test]
    fn a_changed_character_of_the_target_is_not(head in any_head(), at in any::<Index>()) {
        let mut signed = Signing::default().sign(head);
        let mut target = signed.uri.to_string().into_bytes();
        // Within an escape a change may give another spelling of the same.
        let changeable: Vec<usize> = (1..target.len())
            .filter(|at| target[*at].is_ascii_alphanumeric())
            .filter(|at| !target[at.saturating_sub(2)..*at].contains(&b'%'))
            .collect();
        prop_assume!(!changeable.is_empty());
        let at = changeable[at.index(changeable.len())];
        target[at] = if target[at] == b'x' { b'y' } else { b'x' };
        signed.uri = String::from_utf8(target).unwrap().parse().unwrap();
        check_refused(&signed, Code::SignatureDoesNotMatch, &[]);
    }
}
