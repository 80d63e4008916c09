//! Names of buckets and objects, checked once. Invariant: no name holds what two readers could read
//! in two ways.

use std::sync::Arc;

use super::encoding;

/// A bucket name: 3 to 63 bytes of `A-Z a-z 0-9 . - _` that begin with a letter or digit, without
/// `..` and without `.` at the end.
///
/// That is AWS's rule, less its ban on names that look like addresses, plus the upper-case letters
/// and underscores which us-east-1 once took and Ceph still takes. All of it is plain text in a
/// path and in a host name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketName(Arc<str>);

impl BucketName {
    /// Checks a decoded name.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        if !(BUCKET_BYTES_MIN..=BUCKET_BYTES_MAX).contains(&name.len()) {
            return Err(InvalidName::BucketLength);
        }
        if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Err(InvalidName::BucketStart);
        }
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if !name.bytes().all(is_known) {
            return Err(InvalidName::BucketCharacter);
        }
        if name.contains("..") || name.ends_with('.') {
            return Err(InvalidName::BucketDots);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a directory bucket, or an access point to one: S3 Express, another service.
    pub fn is_directory_bucket(&self) -> bool {
        DIRECTORY_BUCKET_SUFFIXES.iter().any(|suffix| self.0.ends_with(suffix))
    }
}

/// An object key, decoded: 1 to 1024 bytes of UTF-8, never normalised.
///
/// Segments `.` and `..` are refused, since many HTTP stacks and file systems resolve them. Empty
/// segments (`a//b`, `/a`, `a/`) stay: programs use them, and they are encoded afresh as they
/// stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectKey(Arc<str>);

impl ObjectKey {
    /// Checks a decoded key.
    pub fn parse(key: &str) -> Result<Self, InvalidName> {
        if key.len() > KEY_BYTES_MAX {
            return Err(InvalidName::KeyTooLong);
        }
        // Stores of files would take it for the bucket.
        if key.bytes().all(|byte| byte == b'/') {
            return Err(InvalidName::KeyEmpty);
        }
        if key.contains('\0') {
            return Err(InvalidName::KeyNul);
        }
        if key.split('/').any(|segment| segment == "." || segment == "..") {
            return Err(InvalidName::KeyDotSegment);
        }
        Ok(Self(key.into()))
    }

    /// The key, decoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key without empty segments, where it has any but a last one: backends that keep files
    /// take `/a//b` for `a/b`.
    pub fn collapsed(&self) -> Option<Self> {
        if !self.0.starts_with('/') && !self.0.contains("//") {
            return None;
        }
        let mut collapsed = String::with_capacity(self.0.len());
        for segment in self.0.split_inclusive('/').filter(|segment| *segment != "/") {
            collapsed.push_str(segment);
        }
        Some(Self(collapsed.into()))
    }
}

/// Why a name was refused (becomes `InvalidBucketName`, `KeyTooLongError`, `InvalidURI`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// A character that no bucket name has.
    #[error("a bucket name has letters, digits, `.`, `-` and `_` only")]
    BucketCharacter,
    /// `..`, or `.` at the end.
    #[error("a bucket name has no empty part between dots")]
    BucketDots,
    /// Too short or too long.
    #[error("a bucket name has 3 to 63 characters")]
    BucketLength,
    /// `.`, `-` or `_` at the start.
    #[error("a bucket name begins with a letter or digit")]
    BucketStart,
    /// A segment that is resolved in many places.
    #[error("an object key has no segment `.` or `..`: backends differ in what they make of it")]
    KeyDotSegment,
    /// Nothing, or nothing but slashes.
    #[error("an object key has more than slashes")]
    KeyEmpty,
    /// U+0000.
    #[error("an object key does not hold U+0000")]
    KeyNul,
    /// More than 1024 bytes.
    #[error("an object key has at most 1024 bytes")]
    KeyTooLong,
}

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
        match self {
            Self::Service => "*".to_owned(),
            Self::Bucket(bucket) => format!("{ARN_PREFIX}{}", bucket.as_str()),
            Self::Object(bucket, key) => {
                format!("{ARN_PREFIX}{}/{}", bucket.as_str(), key.as_str())
            }
        }
    }

    /// The path for path style, encoded: `/bucket/key`.
    pub fn path(&self) -> String {
        let mut path = String::from("/");
        if let Some(bucket) = self.bucket() {
            path.push_str(bucket.as_str());
        }
        if let Some(key) = self.key() {
            path.push('/');
            encoding::encode_path(&mut path, key.as_str());
        }
        path
    }

    /// The bucket, where there is one.
    pub fn bucket(&self) -> Option<&BucketName> {
        match self {
            Self::Service => None,
            Self::Bucket(bucket) | Self::Object(bucket, _) => Some(bucket),
        }
    }

    /// The key, where there is one.
    pub fn key(&self) -> Option<&ObjectKey> {
        match self {
            Self::Service | Self::Bucket(_) => None,
            Self::Object(_, key) => Some(key),
        }
    }
}

const ARN_PREFIX: &str = "arn:aws:s3:::";
const BUCKET_BYTES_MIN: usize = 3;
const BUCKET_BYTES_MAX: usize = 63;
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const KEY_BYTES_MAX: usize = 1024;
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html>
const DIRECTORY_BUCKET_SUFFIXES: [&str; 2] = ["--x-s3", "--xa-s3"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_of_aws_and_its_past_are_accepted() {
        for name in ["abc", "my-bucket", "a.b.c", "0bucket", "Legacy_Bucket", &"a".repeat(63)] {
            assert_eq!(BucketName::parse(name).as_ref().map(BucketName::as_str), Ok(name));
        }
    }

    #[test]
    fn other_bucket_names_are_refused() {
        let too_long = "a".repeat(64);
        for name in
            ["", "ab", &too_long, "-abc", ".abc", "_abc", "a..b", "abc.", "a/b", "a b", "bücket"]
        {
            assert!(BucketName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn keys_are_kept_as_they_are() {
        for key in ["a", "/a", "a//b", "a/", "...", ".a", "a..", "a/.b/..c", "\n", &"é".repeat(512)]
        {
            assert_eq!(ObjectKey::parse(key).as_ref().map(ObjectKey::as_str), Ok(key));
        }
    }

    #[test]
    fn keys_with_dot_segments_are_refused() {
        for key in ["", "/", "//", ".", "..", "./a", "a/..", "a/./b", "a/../b", "a\0b"] {
            assert!(ObjectKey::parse(key).is_err(), "{key}");
        }
    }

    #[test]
    fn empty_segments_collapse() {
        let collapsed = |key| ObjectKey::parse(key).unwrap().collapsed();
        for (key, expected) in [("/a", "a"), ("a//b", "a/b"), ("//a///b//", "a/b/"), ("a//", "a/")]
        {
            assert_eq!(collapsed(key).as_ref().map(ObjectKey::as_str), Some(expected));
        }
        for key in ["a", "a/b", "a/"] {
            assert_eq!(collapsed(key), None);
        }
    }

    #[test]
    fn a_key_has_at_most_1024_bytes() {
        assert_eq!(ObjectKey::parse(&"é".repeat(513)), Err(InvalidName::KeyTooLong));
    }

    #[test]
    fn directory_buckets_are_told_by_their_suffix() {
        assert!(BucketName::parse("b--use1-az4--x-s3").unwrap().is_directory_bucket());
        assert!(!BucketName::parse("b-x-s3").unwrap().is_directory_bucket());
    }

    #[test]
    fn arns() {
        let (bucket, key) = (BucketName::parse("abc").unwrap(), ObjectKey::parse("d/é f").unwrap());
        assert_eq!(Resource::Service.arn(), "*");
        assert_eq!(Resource::Bucket(bucket.clone()).arn(), "arn:aws:s3:::abc");
        assert_eq!(Resource::Object(bucket, key).arn(), "arn:aws:s3:::abc/d/é f");
    }
}
