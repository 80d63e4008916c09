//! URLs presigned with AWS Signature Version 2, for clients that make no others. Invariant: nothing
//! is taken from a query that its signature does not cover but what narrows a listing, since Version
//! 2 leaves the rest of a query to whoever holds the URL.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html>

mod text;

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, request::Parts};

use self::text::BucketPath;
use super::{
    AuthType, Caller, Credentials, Refused, Settings, SignatureVersion, Verified,
    mode::ContentSha256, parameters::Parameters, payload::Payload, refused::mismatch, timestamp,
    verify,
};
use crate::s3::{Code, Operation, headers};

/// Verifies a URL that claims to be presigned with Version 2.
pub(super) fn presigned(
    head: &Parts,
    operation: Operation,
    credentials: &Credentials,
    settings: &Settings,
    now: SystemTime,
) -> Result<Verified, Refused> {
    let query = text::Query::read(&head.uri)?;
    let (Some(access_key_id), Some(expires), Some(signature)) =
        (&query.access_key_id, &query.expires, &query.signature)
    else {
        return Err(Refused::new(
            Code::AccessDenied,
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId \
             parameters",
        ));
    };
    let entry = verify::entry(credentials, access_key_id)?;
    let token = query.amz_value(&head.headers, &headers::X_AMZ_SECURITY_TOKEN);
    entry.credential.session.check(token, now)?;
    check_time(expires, now)?;
    let text = |path| text::string_to_sign(head, &query, expires, &settings.domains, path);
    let secret = entry.credential.secret_access_key.expose();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let claimed = STANDARD.decode(signature.as_bytes()).unwrap_or_default();
    let is_signed = |text: &[u8]| {
        let expected = hmac::sign(&key, text);
        verify_slices_are_equal(expected.as_ref(), &claimed).is_ok()
    };
    let string_to_sign = text(BucketPath::Received)?;
    if !is_signed(&string_to_sign) && !is_signed(&text(BucketPath::WithSlash)?) {
        return Err(mismatch(access_key_id, signature, &string_to_sign, None));
    }
    let received = with_hoisted_md5(&head.headers, &query)?;
    let parameters = Parameters::default();
    let content = ContentSha256::read(&received, &parameters, None)?;
    let payload = Payload::read(&received, operation, &content, None)?;
    let caller = Caller::Authenticated {
        credential: Arc::clone(&entry.credential),
        auth_type: AuthType::Query,
        version: SignatureVersion::V2,
        // Such a URL does not say, and so is as old as can be to those who ask for its age.
        signed_at: UNIX_EPOCH,
    };
    Ok(Verified::new(caller, payload))
}

/// `Expires` counts seconds since 1970, and may lie as far ahead as it will.
fn check_time(expires: &str, now: SystemTime) -> Result<(), Refused> {
    let is_number = !expires.is_empty() && expires.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: Option<u64> = expires.parse().ok();
    let Some(seconds) = seconds.filter(|seconds| is_number && *seconds <= EXPIRES_MAX) else {
        let message = format!("Invalid date (should be seconds since epoch): {expires}");
        return Err(Refused::new(Code::AccessDenied, message));
    };
    let until = UNIX_EPOCH + Duration::from_secs(seconds);
    if now > until {
        return Err(Refused::new(Code::AccessDenied, "Request has expired")
            .with("Expires", timestamp::extended(until))
            .with("ServerTime", timestamp::extended(now)));
    }
    Ok(())
}

/// Of what a signer hoists, this one the body is held to. (Checksums are not: SDKs hoist those of an
/// empty body.)
fn with_hoisted_md5<'a>(
    received: &'a HeaderMap,
    query: &text::Query<'_>,
) -> Result<Cow<'a, HeaderMap>, Refused> {
    let Some(hoisted) = &query.content_md5 else { return Ok(Cow::Borrowed(received)) };
    let value = HeaderValue::try_from(hoisted.as_ref()).map_err(|_| {
        Refused::new(Code::InvalidDigest, "The Content-MD5 you specified is not valid.")
    })?;
    let mut effective = received.clone();
    effective.insert(headers::CONTENT_MD5, value);
    Ok(Cow::Owned(effective))
}

/// The end of the year 9999, the last that a date can be written in.
const EXPIRES_MAX: u64 = 253_402_300_799;

#[cfg(test)]
mod tests;
