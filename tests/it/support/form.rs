//! Forms as browsers send them, with a policy that covers what stands in them, or wrong in one named
//! way.

use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::format_description};

use super::{
    client::{ACCESS_KEY_ID, REGION, Request, SECRET_ACCESS_KEY},
    now,
};

/// A form, correct in all that is not said otherwise.
#[derive(Clone)]
pub(crate) struct Form {
    fields: Vec<(String, String)>,
    conditions: Vec<Value>,
    expires: SystemTime,
    signed_at: SystemTime,
    access_key_id: String,
    region: String,
    file: Vec<u8>,
    file_name: String,
    tail: String,
    is_anonymous: bool,
    is_tampered: bool,
    is_v2: bool,
    without: Option<&'static str>,
}

impl Form {
    /// An upload to this key.
    pub(crate) fn new(key: &str, file: impl Into<Vec<u8>>) -> Self {
        Self {
            fields: Vec::new(),
            conditions: vec![json!({"bucket": "bucket"})],
            expires: now() + Duration::from_mins(10),
            signed_at: now(),
            access_key_id: ACCESS_KEY_ID.to_owned(),
            region: REGION.to_owned(),
            file: file.into(),
            file_name: "photo.jpg".to_owned(),
            tail: format!("\r\n--{BOUNDARY}--\r\n"),
            is_anonymous: false,
            is_tampered: false,
            is_v2: false,
            without: None,
        }
        .free("key", key)
        .condition(json!(["starts-with", "$key", ""]))
    }

    /// A field, and the condition that it has this value.
    pub(crate) fn field(self, name: &str, value: &str) -> Self {
        self.free(name, value).condition(json!(["eq", format!("${name}"), value]))
    }

    /// A field of which no condition speaks.
    pub(crate) fn free(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn condition(mut self, condition: Value) -> Self {
        self.conditions.push(condition);
        self
    }

    /// The name that the file has on the sender's machine.
    pub(crate) fn file_named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.file_name);
        self
    }

    /// What follows the file, in the place of the closing boundary.
    pub(crate) fn ending_in(mut self, tail: &str) -> Self {
        tail.clone_into(&mut self.tail);
        self
    }

    /// No policy, no signature.
    pub(crate) fn anonymous(mut self) -> Self {
        self.is_anonymous = true;
        self
    }

    pub(crate) fn expired(mut self) -> Self {
        self.expires = now() - Duration::from_secs(1);
        self
    }

    pub(crate) fn signed_at(mut self, at: SystemTime) -> Self {
        self.signed_at = at;
        self
    }

    pub(crate) fn signed_by(mut self, access_key_id: &str) -> Self {
        access_key_id.clone_into(&mut self.access_key_id);
        self
    }

    pub(crate) fn signed_for_region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// The policy is another than the one that was signed.
    pub(crate) fn with_tampered_policy(mut self) -> Self {
        self.is_tampered = true;
        self
    }

    /// Signed with Signature Version 2.
    pub(crate) fn signed_with_v2(mut self) -> Self {
        self.is_v2 = true;
        self
    }

    /// One of the fields that sign is left out.
    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.without = Some(name);
        self
    }

    /// The request that brings it to `/bucket`.
    pub(crate) fn post(&self) -> Request {
        self.post_to("/bucket")
    }

    pub(crate) fn post_to(&self, target: &str) -> Request {
        Request::post(target, self.body())
            .anonymous()
            .header("content-type", &format!("multipart/form-data; boundary={BOUNDARY}"))
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, value) in self.fields.iter().cloned().chain(self.signature()) {
            let part = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            body.extend_from_slice(part.as_bytes());
        }
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: image/jpeg\r\n\r\n",
            self.file_name
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&self.file);
        body.extend_from_slice(self.tail.as_bytes());
        body
    }

    fn signature(&self) -> Vec<(String, String)> {
        if self.is_anonymous {
            return Vec::new();
        }
        let date = basic(self.signed_at);
        let day = date.get(..8).unwrap();
        let credential = format!("{}/{day}/{}/s3/aws4_request", self.access_key_id, self.region);
        let mut fields = if self.is_v2 {
            Vec::new()
        } else {
            vec![
                ("X-Amz-Algorithm".to_owned(), "AWS4-HMAC-SHA256".to_owned()),
                ("X-Amz-Credential".to_owned(), credential),
                ("X-Amz-Date".to_owned(), date),
            ]
        };
        let own = fields.iter().map(|(name, value)| json!({ name: value }));
        let conditions: Vec<Value> = self.conditions.iter().cloned().chain(own).collect();
        let mut policy = json!({"expiration": extended(self.expires), "conditions": conditions});
        let signed = STANDARD.encode(policy.to_string());
        let signature = if self.is_v2 {
            let key =
                hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET_ACCESS_KEY.as_bytes());
            STANDARD.encode(hmac::sign(&key, signed.as_bytes()))
        } else {
            let key = generate_signing_key(SECRET_ACCESS_KEY, self.signed_at, &self.region, "s3");
            calculate_signature(key, signed.as_bytes())
        };
        if self.is_tampered {
            let later = json!("2999-01-01T00:00:00.000Z");
            policy.as_object_mut().unwrap().insert("expiration".to_owned(), later);
        }
        fields.push(("Policy".to_owned(), STANDARD.encode(policy.to_string())));
        if self.is_v2 {
            fields.push(("AWSAccessKeyId".to_owned(), self.access_key_id.clone()));
            fields.push(("signature".to_owned(), signature));
        } else {
            fields.push(("X-Amz-Signature".to_owned(), signature));
        }
        fields.retain(|(name, _)| self.without != Some(name.as_str()));
        fields
    }
}

fn basic(at: SystemTime) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::from(at).format(format).unwrap()
}

fn extended(at: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000Z");
    OffsetDateTime::from(at).format(format).unwrap()
}

pub(crate) const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
