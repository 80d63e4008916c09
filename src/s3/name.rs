//! Names of buckets and objects, checked once.

/// A bucket name that S3 accepts (3 to 63 bytes of `a-z0-9.-`, and the legacy forms of us-east-1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketName(String);

impl BucketName {
    /// Checks a decoded name.
    pub fn parse(_name: &str) -> Result<Self, InvalidName> {
        todo!()
    }
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An object key, decoded: 1 to 1024 bytes of UTF-8, never normalised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Checks a decoded key.
    pub fn parse(_key: &str) -> Result<Self, InvalidName> {
        todo!()
    }
    /// The key, decoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a name was refused (becomes `InvalidBucketName`, `KeyTooLongError`, `InvalidURI`).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub &'static str);

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The service itself (`GET /`).
    Service,
    /// A bucket.
    Bucket(BucketName),
    /// An object.
    Object(BucketName, ObjectKey),
}

impl Resource {
    /// `*`, `arn:aws:s3:::bucket` or `arn:aws:s3:::bucket/key`.
    pub fn arn(&self) -> String {
        todo!()
    }
    /// The bucket, where there is one.
    pub fn bucket(&self) -> Option<&BucketName> {
        todo!()
    }
    /// The key, where there is one.
    pub fn key(&self) -> Option<&ObjectKey> {
        todo!()
    }
}
