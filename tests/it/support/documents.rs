//! Bucket policies that more than one test loads.

use serde_json::{Value, json};

/// Writes must ask for `AES256`.
pub(crate) fn require_sse() -> Value {
    let deny = |sid: &str, condition: Value| {
        json!({
            "Sid": sid, "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::*/*", "Condition": condition
        })
    };
    json!({ "Version": "2012-10-17", "Statement": [
        deny("WrongSse", json!({ "StringNotEquals": { "s3:x-amz-server-side-encryption": "AES256" } })),
        deny("NoSse", json!({ "Null": { "s3:x-amz-server-side-encryption": "true" } })),
    ]})
}

/// Nothing may travel in the clear.
pub(crate) fn require_tls() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "PlainHttp", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::*", "arn:aws:s3:::*/*"],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } }
    }]})
}

/// `action` is denied to all on `resource`.
pub(crate) fn deny(action: &str, resource: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Denied", "Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource
    }]})
}
