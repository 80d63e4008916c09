//! The example of AWS's documentation, and each way in which a form fails its policy.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use proptest::prelude::*;

use super::{Caller, PostPolicy, Refused, Submission, Submitted, verify_form};
use crate::{
    identity::{Identity, Limits},
    s3::{
        self, Code, Domains,
        form::{self, Form},
    },
    secret::Secret,
    sigv4::{AuthType, Credential, Credentials, Session, Settings, timestamp},
};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html>
const EXAMPLE_POLICY: &str = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
const EXAMPLE_SIGNATURE: &str = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e";

fn example() -> Vec<(&'static str, &'static str)> {
    vec![
        ("key", "user/user1/${filename}"),
        ("acl", "public-read"),
        (
            "success_action_redirect",
            "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html",
        ),
        ("Content-Type", "image/jpeg"),
        ("x-amz-meta-uuid", "14365123651274"),
        ("x-amz-server-side-encryption", "AES256"),
        ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Date", "20151229T000000Z"),
        ("x-amz-meta-tag", ""),
        ("Policy", EXAMPLE_POLICY),
        ("X-Amz-Signature", EXAMPLE_SIGNATURE),
    ]
}

fn read(fields: &[(&str, &str)], file: &str) -> (Form, form::FileReader) {
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n")
    };
    let fields: Vec<String> = fields.iter().map(|(name, value)| part(name, value)).collect();
    let body = fields.concat() + &part("file; filename=photo.jpg", file) + "--b--\r\n";
    let length = body.len() as u64;
    let mut rest = Bytes::from(body);
    let mut reader = form::Reader::new(b"multipart/form-data; boundary=b").unwrap();
    let form = reader.step(&mut rest).unwrap().unwrap();
    let file = form.file(length, rest).unwrap();
    (form, file)
}

fn verify(fields: &[(&str, &str)], now: SystemTime) -> Result<Caller, Refused> {
    let (form, file) = read(fields, "jpeg");
    let request = http::Request::post("/sigv4examplebucket")
        .header("host", "h")
        .header("content-type", "multipart/form-data; boundary=b");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let request = s3::classify(&head, &Domains::default()).unwrap();
    let upload = request.upload(&form, file.length(), "http://h/sigv4examplebucket").unwrap();
    let credentials = Credentials::new(vec![Credential {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        identity: Identity::user("123456789012", "alice").unwrap(),
        limits: Limits::default(),
        session: Session::default(),
        upstream: None,
    }]);
    let settings = Settings::of_region("us-east-1");
    verify_form(&Submission { form, upload, file }, &credentials, &settings, now)
        .map(|verified| verified.caller().clone())
}

fn at(text: &str) -> SystemTime {
    timestamp::parse(text).unwrap()
}

#[test]
fn the_example_of_the_documentation_verifies() {
    let caller = verify(&example(), at("20151229T120000Z")).unwrap();
    let Caller::Authenticated { auth_type, signed_at, .. } = caller else {
        panic!("the caller is {caller:?}");
    };
    assert_eq!((auth_type, signed_at), (AuthType::Form, at("20151229T000000Z")));
}

#[test]
fn it_is_good_until_it_expires() {
    let expires = at("20151230T120000Z");
    assert!(verify(&example(), expires - Duration::from_secs(1)).is_ok());
    let refused = verify(&example(), expires).unwrap_err();
    assert_eq!(refused.code, Code::AccessDenied);
    assert_eq!(refused.message, "Invalid according to Policy: Policy expired.");
}

#[test]
fn one_digit_of_the_signature_or_of_the_policy_makes_it_another() {
    let tampered = EXAMPLE_SIGNATURE.replace("9699e", "9699f");
    let policy = EXAMPLE_POLICY.replace("eyAi", "eyAj");
    for (name, value) in [("X-Amz-Signature", tampered.as_str()), ("Policy", policy.as_str())] {
        let mut fields = example();
        fields.iter_mut().find(|(known, _)| *known == name).unwrap().1 = value;
        let refused = verify(&fields, at("20151229T120000Z")).unwrap_err();
        assert_eq!(refused.code, Code::SignatureDoesNotMatch);
    }
}

#[test]
fn fields_of_two_versions_are_refused() {
    for name in ["AWSAccessKeyId", "signature"] {
        let mut fields = example();
        fields.push((name, "x"));
        assert_eq!(
            verify(&fields, at("20151229T120000Z")).unwrap_err().code,
            Code::InvalidArgument
        );
    }
}

fn policy(conditions: &str) -> String {
    STANDARD
        .encode(format!("{{\"expiration\":\"2999-01-01T00:00:00Z\",\"conditions\":{conditions}}}"))
}

/// What a policy of these conditions, besides that of the bucket, says to these fields and `12345`.
fn judge(conditions: &str, fields: &[(&str, &str)]) -> Result<(), Refused> {
    let (form, file) = read(fields, "12345");
    let submitted = Submitted { form: &form, bucket: "bbb", file_bytes: file.length() };
    let comma = if conditions.is_empty() { "" } else { "," };
    let policy = policy(&format!("[{{\"bucket\": \"bbb\"}}{comma}{conditions}]"));
    PostPolicy::parse(&policy)?.check(&submitted, SystemTime::UNIX_EPOCH)
}

#[track_caller]
fn check(conditions: &str, fields: &[(&str, &str)], expected: Result<(), &str>) {
    let found = judge(conditions, fields).map_err(|refused| refused.message);
    let expected = expected.map_err(|reason| format!("Invalid according to Policy: {reason}"));
    assert_eq!(found, expected, "{conditions} {fields:?}");
}

#[test]
fn conditions_hold_or_are_named() {
    let key = &[("key", "a/b")];
    check(r#"{"key": "a/b"}"#, key, Ok(()));
    check(r#"["eq", "$key", "a/b"]"#, key, Ok(()));
    check(r#"["StArTs-WiTh", "$KeY", "a/"]"#, key, Ok(()));
    check(r#"["starts-with", "$key", ""]"#, key, Ok(()));
    check(r#"{"Key": "A/b"}"#, key, Err(r#"Policy Condition failed: ["eq", "$Key", "A/b"]"#));
    let failed = r#"Policy Condition failed: ["starts-with", "$key", "b"]"#;
    check(r#"["starts-with", "$key", "b"]"#, key, Err(failed));
    let both = r#"{"key": "a/b"}, ["starts-with", "$key", "b"]"#;
    check(both, key, Err(failed));
}

#[test]
fn each_content_type_of_a_list_must_begin_so() {
    let images = r#"["starts-with", "$Content-Type", "image/"]"#;
    let failed = r#"Policy Condition failed: ["starts-with", "$Content-Type", "image/"]"#;
    check(images, &[("content-type", "image/png, image/gif")], Ok(()));
    check(images, &[("content-type", "image/png,text/html")], Err(failed));
    check(images, &[], Err(failed));
    let names = r#"["starts-with", "$x-amz-meta-a", "a"]"#;
    check(names, &[("x-amz-meta-a", "a,b")], Ok(()));
}

#[test]
fn fields_need_a_condition_and_some_do_not() {
    check("", &[("x-ignore-a", "1"), ("Policy", "p"), ("X-Amz-Signature", "s")], Ok(()));
    check("", &[("AWSAccessKeyId", "a"), ("signature", "s"), ("bucket", "bbb")], Ok(()));
    check("", &[("key", "k"), ("Expires", "0")], Err("Extra input fields: key, expires"));
    check("", &[("x-amz-date", "d")], Err("Extra input fields: x-amz-date"));
    check("", &[("x-amz-security-token", "t")], Err("Extra input fields: x-amz-security-token"));
}

#[test]
fn a_policy_names_its_bucket() {
    let (form, _) = read(&[], "");
    let submitted = Submitted { form: &form, bucket: "bbb", file_bytes: 0 };
    let message = |conditions| {
        let policy = PostPolicy::parse(&policy(conditions)).unwrap();
        policy.check(&submitted, SystemTime::UNIX_EPOCH).unwrap_err().message
    };
    assert_eq!(message("[]"), "Invalid according to Policy: Extra input fields: bucket");
    let failed =
        "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$bucket\", \"other\"]";
    assert_eq!(message(r#"[{"bucket": "other"}]"#), failed);
}

#[test]
fn the_files_length_has_a_range() {
    for (range, expected) in [
        ("5, 5", Ok(())),
        (r#""5", "6""#, Ok(())),
        ("0, 4", Err(Code::EntityTooLarge)),
        ("6, 10", Err(Code::EntityTooSmall)),
    ] {
        let condition = format!(r#"["content-length-range", {range}]"#);
        assert_eq!(judge(&condition, &[]).map_err(|refused| refused.code), expected, "{range}");
    }
}

#[test]
fn documents_that_s3_does_not_define_are_refused() {
    let whole = |text: &str| STANDARD.encode(text);
    for document in [
        "{not base64}".to_owned(),
        String::new(),
        whole("expiration"),
        whole("[]"),
        whole(r#"{"expiration":"2999-01-01T00:00:00Z"}"#),
        whole(r#"{"conditions":[]}"#),
        whole(r#"{"expiration":"tomorrow","conditions":[]}"#),
        whole(r#"{"expiration":"2999-01-01T00:00:00+01:00","conditions":[]}"#),
        whole(r#"{"expiration":"2999-02-30T00:00:00Z","conditions":[]}"#),
        whole(r#"{"expiration":4102444800,"conditions":[]}"#),
        whole(r#"{"expiration":"2999-01-01T00:00:00Z","conditions":[],"version":1}"#),
        whole(r#"{"expiration":"2999-01-01T00:00:00Z","conditions":[],"conditions":[]}"#),
        whole(r#"{"expiration":"2999-01-01T00:00:00Z","Conditions":[]}"#),
        policy("{}"),
        policy(r#"["bucket"]"#),
        policy("[[]]"),
        policy("[{}]"),
        policy(r#"[{"acl": "private", "key": "k"}]"#),
        policy(r#"[{"acl": "private", "acl": "private"}]"#),
        policy(r#"[{"acl": 1}]"#),
        policy(r#"[["eq", "$key"]]"#),
        policy(r#"[["eq", "key", "k"]]"#),
        policy(r#"[["eq", "$", "k"]]"#),
        policy(r#"[["eq", "$key", 1]]"#),
        policy(r#"[["ends-with", "$key", "k"]]"#),
        policy(r#"[["content-length-range", 0]]"#),
        policy(r#"[["content-length-range", -1, 0]]"#),
        policy(r#"[["content-length-range", 2, 1]]"#),
        policy(r#"[["content-length-range", 0, "+1"]]"#),
        policy(r#"[["content-length-range", 0, 1.5]]"#),
    ] {
        let refused = PostPolicy::parse(&document).map_err(|refused| refused.code);
        assert_eq!(refused, Err(Code::InvalidPolicyDocument), "{document}");
    }
}

proptest! {
    #[test]
    fn no_document_makes_it_panic(bytes: Vec<u8>, text: String) {
        let _ = PostPolicy::parse(&STANDARD.encode(bytes));
        let _ = PostPolicy::parse(&policy(&text));
        let _ = PostPolicy::parse(&text);
    }
}
