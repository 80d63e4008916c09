//! Encryption headers that the proxy adds for programs that cannot. Invariant: what a client says
//! itself is never overwritten, unless the rule says so.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-s3-encryption.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html>

mod context;
mod customer;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use self::{
    context::{Context, Place, Template, TemplateError},
    customer::{CustomerKey, CustomerKeys, Family, NoKey},
};
use crate::s3::headers;

/// What a rule adds.
#[derive(Clone, Debug)]
pub struct Injection {
    /// The encryption that is asked for.
    pub encryption: Encryption,
    /// Whether it also takes the place of what the client asks for.
    pub overrides: bool,
}

/// The encryption that is asked for.
#[derive(Clone, Debug)]
pub enum Encryption {
    /// SSE-S3: keys of S3's own.
    S3,
    /// SSE-KMS and DSSE-KMS.
    Kms(Kms),
    /// SSE-C with keys of the proxy's own.
    Customer(CustomerKeys),
}

/// What SSE-KMS is told.
#[derive(Clone, Debug, Default)]
pub struct Kms {
    /// Two layers of encryption: `aws:kms:dsse`.
    pub is_dual_layer: bool,
    /// Key id, ARN or alias; `None`: the bucket's default key.
    pub key_id: Option<HeaderValue>,
    /// Encryption context, added to the object's ARN that S3 puts there.
    pub context: Context,
    /// Whether S3 shall use a bucket key; `None`: as the bucket is configured.
    pub bucket_key: Option<bool>,
}

/// A value of `x-amz-server-side-encryption`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SSE-S3.
    Aes256,
    /// SSE-KMS.
    Kms,
    /// DSSE-KMS.
    KmsDsse,
}

/// How a write arrived, and what became of its encryption headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// With headers of its own, which stay.
    Brought,
    /// Without; the rule's were added.
    Added,
    /// With other headers; the rule's took their place.
    Replaced,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Aes256, Self::Kms, Self::KmsDsse];

    /// As it stands in the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "aws:kms",
            Self::KmsDsse => "aws:kms:dsse",
        }
    }
}

impl Injection {
    /// Sees to the encryption headers of one write.
    ///
    /// # Errors
    ///
    /// A key of the proxy's own could not be derived.
    pub fn apply(&self, received: &mut HeaderMap, place: Place<'_>) -> Result<Arrival, NoKey> {
        let brought = brought(received);
        if brought.is_empty() {
            self.encryption.add(received, place)?;
            return Ok(Arrival::Added);
        }
        if !self.overrides {
            return Ok(Arrival::Brought);
        }
        let before = received.clone();
        for name in brought {
            received.remove(name);
        }
        self.encryption.add(received, place)?;
        Ok(if before == *received { Arrival::Brought } else { Arrival::Replaced })
    }
}

impl Encryption {
    fn add(&self, received: &mut HeaderMap, place: Place<'_>) -> Result<(), NoKey> {
        let algorithm = match self {
            Self::S3 => Algorithm::Aes256,
            Self::Kms(kms) => {
                kms.add(received, place);
                if kms.is_dual_layer { Algorithm::KmsDsse } else { Algorithm::Kms }
            }
            Self::Customer(keys) => {
                let key = keys.of(place.bucket, place.key)?.into_iter().next().ok_or(NoKey)?;
                key.insert(received, Family::Object);
                return Ok(());
            }
        };
        let algorithm = HeaderValue::from_static(algorithm.as_str());
        received.insert(headers::X_AMZ_SERVER_SIDE_ENCRYPTION, algorithm);
        Ok(())
    }
}

impl Kms {
    fn add(&self, received: &mut HeaderMap, place: Place<'_>) {
        if let Some(key_id) = &self.key_id {
            received.insert(headers::X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID, key_id.clone());
        }
        if let Some(context) = self.context.header(place) {
            received.insert(headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CONTEXT, context);
        }
        if let Some(bucket_key) = self.bucket_key {
            let flag = HeaderValue::from_static(if bucket_key { "true" } else { "false" });
            received.insert(headers::X_AMZ_SERVER_SIDE_ENCRYPTION_BUCKET_KEY_ENABLED, flag);
        }
    }
}

/// The encryption headers that a client sent, SSE-C's among them.
fn brought(received: &HeaderMap) -> Vec<HeaderName> {
    let is_about_sse = |name: &&HeaderName| name.as_str().starts_with(headers::SSE_PREFIX);
    received.keys().filter(is_about_sse).cloned().collect()
}

#[cfg(test)]
mod tests;
