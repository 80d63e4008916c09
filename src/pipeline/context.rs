//! What policy is told of a request: the principal, and every condition key that the gate knows.
//!
//! Invariant: values come from the one reading of the request, as it would leave for the backend. A
//! key that does not belong to the operation is absent, as in S3
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html>).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, header};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::circumstances::Circumstances;
use crate::{
    identity::Identity,
    net::TlsVersion,
    policy::{self, Keys, Principal},
    s3::{self, Operation, Told, headers},
    sigv4::{AuthType, Caller, Claim},
    transform::upload_id::{Accepted, TooMuch, Upload},
};

/// The principal that a caller is.
pub(super) fn principal(caller: &Caller) -> &Principal {
    match (caller, caller.identity()) {
        (_, Some(identity)) => identity.principal(),
        (Caller::Claimed(_), None) => &Principal::Unknown,
        (_, None) => &Principal::Anonymous,
    }
}

/// The condition keys of one request.
pub(super) fn keys<'a>(
    request: &'a s3::Request,
    caller: &'a Caller,
    upload: Option<&'a Upload>,
    circumstances: Circumstances<'a>,
) -> Keys<'a> {
    let mut keys = surroundings(caller, circumstances);
    plain_headers(&mut keys, request);
    encryption(&mut keys, request, upload);
    if circumstances.is_forwarded && request.operation.continues_upload() {
        // Its id is the backend's own, and says nothing of how the upload was permitted.
        keys.leave_open(&INHERITED);
    }
    parameters(&mut keys, request);
    tags(&mut keys, request);
    if let Some(creates) = request.operation.creates_object() {
        keys.set("s3:ObjectCreationOperation", if creates { "true" } else { "false" });
    }
    keys
}

/// Those that every request of this caller has here and now.
pub(super) fn surroundings<'a>(caller: &'a Caller, circumstances: Circumstances<'a>) -> Keys<'a> {
    let mut keys = Keys::default();
    keys.declare(circumstances.policies.declared());
    connection(&mut keys, circumstances);
    identity(&mut keys, caller, circumstances.now);
    keys
}

/// A retention date that cannot be read here, but perhaps by the backend: policy would judge less than
/// is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The retain until date must be provided in ISO 8601 format")]
pub(super) struct UnreadableDate;

/// `aws:SecureTransport` is always there, or `Bool … false` would let plain HTTP pass.
fn connection<'a>(keys: &mut Keys<'a>, circumstances: Circumstances<'a>) {
    let Circumstances { peer, now, region, .. } = circumstances;
    keys.set("aws:SecureTransport", if peer.tls.is_some() { "true" } else { "false" });
    keys.set("aws:SourceIp", peer.address.ip().to_canonical().to_string());
    match peer.tls {
        Some(TlsVersion::Tls12) => keys.set("s3:TlsVersion", "1.2"),
        Some(TlsVersion::Tls13) => keys.set("s3:TlsVersion", "1.3"),
        None => {}
    }
    keys.set("aws:ViaAWSService", "false");
    keys.set("aws:RequestedRegion", region);
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    keys.set("aws:EpochTime", since_epoch.as_secs().to_string());
    if let Ok(text) = OffsetDateTime::from(now).format(&Rfc3339) {
        keys.set("aws:CurrentTime", text);
    }
}

fn identity<'a>(keys: &mut Keys<'a>, caller: &'a Caller, now: SystemTime) {
    match caller {
        Caller::Anonymous => {
            keys.set("aws:PrincipalType", "Anonymous");
            keys.set("aws:PrincipalAccount", "anonymous");
            keys.set("aws:userid", "anonymous");
        }
        Caller::Ambient(identity) => principal_keys(keys, identity, None),
        Caller::Claimed(claim) => claimed(keys, claim, now),
        Caller::Authenticated { credential, auth_type, version, signed_at } => {
            principal_keys(keys, &credential.identity, Some(&credential.access_key_id));
            keys.set("s3:signatureversion", version.as_str());
            keys.set("s3:authType", auth_type.as_str());
            signature_age(keys, *auth_type, *signed_at, now);
        }
    }
}

/// As if it were true: where it is not, the backend refuses the request.
fn claimed<'a>(keys: &mut Keys<'a>, claim: &'a Claim, now: SystemTime) {
    match &claim.credential {
        Some(known) => principal_keys(keys, &known.identity, Some(&claim.access_key_id)),
        None => keys.set("aws:userid", claim.access_key_id.as_str()),
    }
    keys.set("s3:signatureversion", claim.version.as_str());
    keys.set("s3:authType", claim.auth_type.as_str());
    if let Some(signed_at) = claim.signed_at {
        signature_age(keys, claim.auth_type, signed_at, now);
    }
}

fn signature_age(keys: &mut Keys<'_>, auth_type: AuthType, signed_at: SystemTime, now: SystemTime) {
    if matches!(auth_type, AuthType::Query | AuthType::Form) {
        let age = now.duration_since(signed_at).unwrap_or(Duration::ZERO);
        keys.set("s3:signatureAge", age.as_millis().to_string());
    }
}

/// Where the configuration gives no unique id, that of the access key stands in for it.
fn principal_keys<'a>(
    keys: &mut Keys<'a>,
    identity: &'a Identity,
    access_key_id: Option<&'a String>,
) {
    keys.set("aws:PrincipalIsAWSService", "false");
    keys.set("aws:PrincipalType", identity.principal_type().as_str());
    keys.set("aws:PrincipalArn", identity.principal_arn());
    keys.set("aws:PrincipalAccount", identity.account());
    if let Some(name) = identity.user_name() {
        keys.set("aws:username", name);
    }
    if let Some(id) = identity.user_id().or(access_key_id.map(String::as_str)) {
        keys.set("aws:userid", id);
    }
}

fn plain_headers<'a>(keys: &mut Keys<'a>, request: &'a s3::Request) {
    for (key, name) in &ANY_OPERATION {
        set_header(keys, key, &request.headers, name);
    }
    if request.operation.is_write() {
        for (key, name) in &WRITES {
            set_header(keys, key, &request.headers, name);
        }
    }
    if let Some(source) = request.copy_source() {
        let bucket = source.bucket.as_str();
        keys.set("s3:x-amz-copy-source", format!("{bucket}/{}", source.key.as_str()));
    }
}

/// SSE type and KMS key of parts and completion are those of the upload's creation: S3 takes no such
/// header there. SSE-C is each request's own; completion, which needs none, has the upload's.
fn encryption<'a>(keys: &mut Keys<'a>, request: &'a s3::Request, upload: Option<&'a Upload>) {
    let customer = &headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM;
    if let Some(algorithm) = upload.and_then(|upload| upload.accepted(customer.as_str()))
        && !request.headers.contains_key(customer)
    {
        keys.set("s3:x-amz-server-side-encryption-customer-algorithm", algorithm);
    }
    for (key, name) in &ENCRYPTION {
        if request.operation.accepts_sse() {
            set_header(keys, key, &request.headers, name);
        } else if let Some(value) = upload.and_then(|upload| upload.accepted(name.as_str())) {
            keys.set(*key, value);
        }
    }
}

/// What the parts of an upload will be judged by, and which customer's key they are written with; of
/// all SSE headers no other reaches policy there. Never a key itself. And what else has to be known then.
pub(super) fn accepted(headers: &HeaderMap, besides: &[HeaderName]) -> Result<Accepted, TooMuch> {
    let inherited = ENCRYPTION
        .iter()
        .map(|(_, name)| name)
        .chain(&CUSTOMERS)
        .chain(besides)
        .filter_map(|name| Some((name.to_string(), text(headers, name)?.to_owned())));
    Accepted::new(inherited.collect())
}

fn parameters<'a>(keys: &mut Keys<'a>, request: &'a s3::Request) {
    let query = &request.query;
    if request.operation.is_listing() {
        set_parameters(keys, query, [("s3:prefix", "prefix"), ("s3:delimiter", "delimiter")]);
        if request.operation != Operation::ListMultipartUploads {
            keys.set("s3:max-keys", query.get("max-keys").unwrap_or("1000"));
        }
    }
    if request.operation == Operation::ListObjectAnnotations {
        let names = [
            ("s3:annotation-prefix", "annotation-prefix"),
            ("s3:max-annotation-results", "max-annotation-results"),
        ];
        set_parameters(keys, query, names);
    }
    let source_version = request.copy_source().and_then(|source| source.version_id.as_deref());
    if let Some(version) = query.get("versionId").or(source_version) {
        keys.set("s3:VersionId", version);
    }
}

/// Tags that a write brings along in `x-amz-tagging`.
fn tags<'a>(keys: &mut Keys<'a>, request: &'a s3::Request) {
    let Some(tags) = request.tags().filter(|_| request.operation.is_write()) else { return };
    keys.set_all("s3:RequestObjectTagKeys", tags.pairs().iter().map(|(tag, _)| tag.as_str()));
    for (tag, value) in tags.pairs() {
        keys.set(format!("s3:RequestObjectTag/{tag}"), value.as_str());
    }
}

/// What stands in the request's document.
pub(super) fn tell<'a>(keys: &mut Keys<'a>, told: &'a Told) {
    for (key, value) in &told.single {
        keys.set(key.as_str(), value.as_str());
    }
    for (key, values) in &told.multiple {
        keys.set_all(*key, values.iter().map(String::as_str));
    }
}

/// Days from now to the date until which a write locks, begun ones counted whole.
pub(super) fn retention(keys: &mut Keys<'_>, now: SystemTime) -> Result<(), UnreadableDate> {
    let until = keys.values("s3:object-lock-retain-until-date").and_then(<[_]>::first);
    let Some(until) = until else { return Ok(()) };
    let until = policy::instant(until).ok_or(UnreadableDate)?;
    let seconds = (until - OffsetDateTime::from(now)).whole_seconds();
    let days = seconds.div_euclid(DAY_SECONDS) + i64::from(seconds.rem_euclid(DAY_SECONDS) > 0);
    keys.set("s3:object-lock-remaining-retention-days", days.to_string());
    Ok(())
}

fn set_parameters<'a>(keys: &mut Keys<'a>, query: &'a s3::Query, names: [(&'a str, &str); 2]) {
    for (key, parameter) in names {
        if let Some(value) = query.get(parameter) {
            keys.set(key, value);
        }
    }
}

fn set_header<'a>(keys: &mut Keys<'a>, key: &'a str, headers: &'a HeaderMap, name: &HeaderName) {
    if let Some(value) = text(headers, name) {
        keys.set(key, value);
    }
}

/// Classification has refused `x-amz-*` values that are not visible ASCII; of the rest, what is not
/// text (a Referer in Latin-1) cannot be compared and counts as absent.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Keys that a document may set, or change.
pub(super) const TOLD: [&str; Told::KEYS.len() + 1] = {
    let mut keys = ["s3:object-lock-remaining-retention-days"; Told::KEYS.len() + 1];
    let (told, _) = keys.split_at_mut(Told::KEYS.len());
    told.copy_from_slice(&Told::KEYS);
    keys
};
const DAY_SECONDS: i64 = 24 * 60 * 60;
static ANY_OPERATION: [(&str, HeaderName); 5] = [
    ("aws:UserAgent", header::USER_AGENT),
    ("aws:Referer", header::REFERER),
    ("s3:x-amz-content-sha256", headers::X_AMZ_CONTENT_SHA256),
    (
        "s3:x-amz-server-side-encryption-customer-algorithm",
        headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
    ),
    ("s3:x-amz-object-ownership", headers::X_AMZ_OBJECT_OWNERSHIP),
];

static WRITES: [(&str, HeaderName); 14] = [
    ("s3:if-match", header::IF_MATCH),
    ("s3:if-none-match", header::IF_NONE_MATCH),
    ("s3:object-lock-legal-hold", headers::X_AMZ_OBJECT_LOCK_LEGAL_HOLD),
    ("s3:object-lock-mode", headers::X_AMZ_OBJECT_LOCK_MODE),
    ("s3:object-lock-retain-until-date", headers::X_AMZ_OBJECT_LOCK_RETAIN_UNTIL_DATE),
    ("s3:x-amz-acl", headers::X_AMZ_ACL),
    ("s3:x-amz-grant-full-control", headers::X_AMZ_GRANT_FULL_CONTROL),
    ("s3:x-amz-grant-read", headers::X_AMZ_GRANT_READ),
    ("s3:x-amz-grant-read-acp", headers::X_AMZ_GRANT_READ_ACP),
    ("s3:x-amz-grant-write", headers::X_AMZ_GRANT_WRITE),
    ("s3:x-amz-grant-write-acp", headers::X_AMZ_GRANT_WRITE_ACP),
    ("s3:x-amz-metadata-directive", headers::X_AMZ_METADATA_DIRECTIVE),
    ("s3:x-amz-storage-class", headers::X_AMZ_STORAGE_CLASS),
    ("s3:x-amz-website-redirect-location", headers::X_AMZ_WEBSITE_REDIRECT_LOCATION),
];

static CUSTOMERS: [HeaderName; 2] = [
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5,
];

/// The keys of [`ENCRYPTION`].
const INHERITED: [&str; 2] =
    ["s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"];

static ENCRYPTION: [(&str, HeaderName); 2] = [
    ("s3:x-amz-server-side-encryption", headers::X_AMZ_SERVER_SIDE_ENCRYPTION),
    (
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        headers::X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID,
    ),
];
