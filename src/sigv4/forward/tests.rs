//! What goes on, what stays behind, and what is refused; and whom a request claims to be of.

use http::{HeaderMap, Request, request::Parts};

use super::{Caller, Code, Credentials, Refused, forward};
use crate::{
    identity::{Identity, Limits},
    s3::{self, Domains},
    secret::Secret,
    sigv4::{AuthType, Credential, Session, SignatureVersion},
};

const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const V2: &str = "AWS AKIDKNOWN:AAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target).header("host", "gate:8443");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// Signed, as it says, by a known key, over host, date, hash and these.
fn signed(signed: &str, headers: &[(&str, &str)]) -> Parts {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDKNOWN/20150830/us-east-1/s3/aws4_request, \
         SignedHeaders=host;x-amz-content-sha256;x-amz-date{signed}, Signature={}",
        "0".repeat(64)
    );
    let own = [
        ("authorization", authorization.as_str()),
        ("x-amz-date", "20150830T123600Z"),
        ("x-amz-content-sha256", HASH),
    ];
    head("GET", "/bucket/a%2Fb?x-id=GetObject", &[&own[..], headers].concat())
}

fn forwarded(head: Parts) -> Result<(Caller, Parts), Refused> {
    let credentials = Credentials::new(vec![Credential {
        access_key_id: "AKIDKNOWN".to_owned(),
        secret_access_key: Secret::new("another secret than theirs"),
        identity: Identity::user("123456789012", "alice").unwrap(),
        limits: Limits::default(),
        upstream: None,
        session: Session::default(),
    }]);
    let request = s3::classify(&head, &Domains::default()).unwrap();
    let (verified, forwarded) = forward(head, &request, &credentials)?;
    Ok((verified.caller().clone(), forwarded.into_head()))
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_belongs_to_the_connection_or_to_nobody_stays_behind() {
    let unsigned = [
        ("connection", "keep-alive, te"),
        ("te", "trailers"),
        ("expect", "100-continue"),
        ("upgrade", "h2c"),
        ("x-forwarded-for", "10.0.0.1"),
        ("cookie", "a=b"),
        ("user-agent", "sdk"),
        ("if-match", "\"e\""),
    ];
    let (_, head) = forwarded(signed("", &unsigned)).unwrap();
    let expected =
        ["authorization", "host", "if-match", "user-agent", "x-amz-content-sha256", "x-amz-date"];
    assert_eq!(names(&head.headers), expected);
    assert_eq!(head.uri, "/bucket/a%2Fb?x-id=GetObject");
}

#[test]
fn what_is_signed_goes_on_if_anybody_here_knows_it() {
    for name in ["connection", "expect", "te", "amz-sdk-request", "traceparent", "accept-encoding"]
    {
        let (_, head) = forwarded(signed(&format!(";{name}"), &[(name, "close")])).unwrap();
        assert!(head.headers.contains_key(name), "{name}");
    }
    for name in ["upgrade", "cookie", "x-forwarded-host", "proxy-authorization", "x-vendor-force"] {
        let refused = forwarded(signed(&format!(";{name}"), &[(name, "a")])).unwrap_err();
        assert!(refused.message.contains(name), "{refused}");
    }
}

#[test]
fn a_claim_is_taken_as_it_stands() {
    let (caller, _) = forwarded(signed("", &[])).unwrap();
    let Caller::Claimed(claim) = caller else { panic!("{caller:?}") };
    assert_eq!(claim.credential.unwrap().identity.user_name(), Some("alice"));
    assert_eq!((claim.auth_type, claim.version), (AuthType::Header, SignatureVersion::V4));
    let (caller, _) = forwarded(head("GET", "/bucket/key", &[])).unwrap();
    assert!(matches!(caller, Caller::Anonymous));
}

#[test]
fn signatures_of_version_2_are_recognised_by_their_form() {
    let claim = |head| match forwarded(head) {
        Ok((Caller::Claimed(claim), _)) => Ok((claim.access_key_id, claim.auth_type)),
        Ok((caller, _)) => panic!("{caller:?}"),
        Err(refused) => Err(refused.code),
    };
    let known = |auth_type| Ok(("AKIDKNOWN".to_owned(), auth_type));
    let header = |value| head("GET", "/bucket/key", &[("authorization", value)]);
    assert_eq!(claim(header(V2)), known(AuthType::Header));
    for bad in ["AWS AKIDKNOWN", "AWS AKIDKNOWN:c2ln", "AWS :AAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
        assert_eq!(claim(header(bad)), Err(Code::InvalidArgument), "{bad}");
    }
    let query = |expires: &str| {
        let signature = "AAAAAAAAAAAAAAAAAAAAAAAAAAA%3D";
        let target =
            format!("/bucket/key?AWSAccessKeyId=AKIDKNOWN&Signature={signature}&Expires={expires}");
        head("GET", &target, &[])
    };
    assert_eq!(claim(query("1900000000")), known(AuthType::Query));
    assert_eq!(claim(query("soon")), Err(Code::InvalidArgument));
    assert_eq!(claim(header("Bearer x")), Err(Code::InvalidRequest));
}

#[test]
fn hoisted_headers_that_policy_reads_are_refused() {
    let presigned = |more: &str| {
        let target = format!(
            "/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDKNOWN%2F20150830%2F\
             us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&\
             X-Amz-SignedHeaders=host&X-Amz-Signature={}{more}",
            "0".repeat(64)
        );
        forwarded(head("PUT", &target, &[])).map(drop)
    };
    presigned("").unwrap();
    presigned("&x-amz-meta-a=b&x-amz-checksum-crc32=AAAAAA%3D%3D&x-id=PutObject").unwrap();
    for name in ["x-amz-server-side-encryption", "x-amz-acl", "x-amz-tagging"] {
        let refused = presigned(&format!("&{name}=AES256")).unwrap_err();
        assert!(refused.message.contains(name), "{refused}");
    }
}

#[test]
fn a_length_is_known_unless_chunks_tell_it() {
    let length = |target: &str, headers: &[(&str, &str)]| {
        let head = head("PUT", target, headers);
        let request = s3::classify(&head, &Domains::default()).unwrap();
        let (verified, _) =
            forward(head, &request, &Credentials::default()).map_err(|refused| refused.code)?;
        Ok(verified.body(()).decoded_len())
    };
    let streaming = ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    let in_chunks = ("transfer-encoding", "chunked");
    assert_eq!(length("/bucket/key", &[("content-length", "7"), streaming]), Ok(7));
    assert_eq!(length("/bucket/key", &[]), Ok(0));
    assert_eq!(length("/bucket/key", &[in_chunks, streaming]), Ok(u64::MAX));
    assert_eq!(length("/bucket/key", &[in_chunks]), Err(Code::MissingContentLength));
    assert_eq!(length("/bucket?acl", &[in_chunks, streaming]), Err(Code::InvalidRequest));
}

#[test]
fn a_preflight_takes_its_question_along_and_nothing_else() {
    let asked = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "PUT"),
        ("authorization", V2),
        ("x-amz-acl", "public-read"),
    ];
    let (caller, head) = forwarded(head("OPTIONS", "/bucket/a%20b?acl&x=y", &asked)).unwrap();
    assert!(matches!(caller, Caller::Anonymous));
    assert_eq!(head.uri, "/bucket/a%20b");
    assert_eq!(names(&head.headers), ["access-control-request-method", "host", "origin"]);
}
