//! What a credential may do at most, whatever policy says. Invariant: a [`Confined`] exists only for
//! a request that was held against its caller's limits.

use crate::{
    policy::Glob,
    s3::{self, BucketName, Operation, Resource},
};

/// The limits of one credential. The default has none.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    buckets: Option<Vec<Glob>>,
    is_read_only: bool,
}

/// Proof that a request is within its caller's limits. Cannot be made elsewhere: only the check
/// gives one,
///
/// ```
/// use portcullis::identity::{Confined, Limits};
/// fn confined(limits: &Limits, request: &portcullis::s3::Request) -> Option<Confined> {
///     limits.check(request).ok()
/// }
/// ```
///
/// and nobody else can:
///
/// ```compile_fail
/// use portcullis::identity::{Confined, Limits};
/// fn confined(_limits: &Limits, _request: &portcullis::s3::Request) -> Option<Confined> {
///     Some(Confined(()))
/// }
/// ```
#[derive(Debug)]
pub struct Confined(());

/// Which limit a request is beyond.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Beyond {
    /// It would change something.
    #[error("the credential is limited to reading, and {} is not reading", .0.name())]
    ReadOnly(Operation),
    /// It is about a bucket that is not the credential's.
    #[error("the credential is limited to other buckets than {}", .0.as_str())]
    Bucket(BucketName),
    /// It copies from a bucket that is not the credential's.
    #[error("the credential is limited to other buckets than {}, the copy's source", .0.as_str())]
    SourceBucket(BucketName),
    /// It is about all buckets.
    #[error("the credential is limited to some buckets, and {} is about all", .0.name())]
    AllBuckets(Operation),
}

impl Limits {
    /// `None`: every bucket.
    pub fn new(buckets: Option<Vec<Glob>>, is_read_only: bool) -> Self {
        Self { buckets, is_read_only }
    }

    /// Whether a request is within them. Its head is enough: no body names another bucket.
    ///
    /// # Errors
    ///
    /// The first limit that it is beyond.
    pub fn check(&self, request: &s3::Request) -> Result<Confined, Beyond> {
        if self.is_read_only && !request.operation.is_read() {
            return Err(Beyond::ReadOnly(request.operation));
        }
        match &request.resource {
            Resource::Bucket(bucket) | Resource::Object(bucket, _) if !self.covers(bucket) => {
                return Err(Beyond::Bucket(bucket.clone()));
            }
            Resource::Service if self.buckets.is_some() => {
                return Err(Beyond::AllBuckets(request.operation));
            }
            Resource::Service | Resource::Bucket(_) | Resource::Object(..) => {}
        }
        match request.copy_source() {
            Some(source) if !self.covers(&source.bucket) => {
                Err(Beyond::SourceBucket(source.bucket.clone()))
            }
            Some(_) | None => Ok(Confined(())),
        }
    }

    fn covers(&self, bucket: &BucketName) -> bool {
        let Some(globs) = &self.buckets else { return true };
        globs.iter().any(|glob| glob.matches(bucket.as_str()))
    }
}

impl Beyond {
    /// The limit's name, for metrics.
    pub fn limit(&self) -> &'static str {
        match self {
            Self::ReadOnly(_) => "CredentialReadOnly",
            Self::Bucket(_) | Self::SourceBucket(_) | Self::AllBuckets(_) => "CredentialBuckets",
        }
    }

    /// What to change, for the client.
    pub fn mend(&self) -> &'static str {
        match self {
            Self::ReadOnly(_) => "Use another credential, or have `read_only` taken from this one.",
            Self::Bucket(_) | Self::SourceBucket(_) => {
                "Use another credential, or have the bucket added to this one's `buckets`."
            }
            Self::AllBuckets(_) => {
                "Name a bucket, or use a credential without `buckets` in its entry."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Beyond, Glob, Limits};
    use crate::s3::{self, Domains};

    fn request(line: &str, copy_source: Option<&str>) -> s3::Request {
        let (method, target) = line.split_once(' ').unwrap();
        let mut request = http::Request::builder().method(method).uri(target).header("host", "h");
        if let Some(source) = copy_source {
            request = request.header(s3::headers::X_AMZ_COPY_SOURCE, source);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        s3::classify(&head, &Domains::default()).unwrap()
    }

    fn check(limits: &Limits, line: &str, copy_source: Option<&str>, expected: Option<&str>) {
        let found = limits.check(&request(line, copy_source)).err();
        let found = found.as_ref().map(|beyond| match beyond {
            Beyond::ReadOnly(_) => "read",
            Beyond::Bucket(_) => "bucket",
            Beyond::SourceBucket(_) => "source",
            Beyond::AllBuckets(_) => "all",
        });
        assert_eq!(found, expected, "{line} {copy_source:?}");
    }

    #[test]
    fn without_limits_everything_passes() {
        for line in ["GET /", "PUT /bbb/k", "DELETE /bbb", "POST /bbb?delete"] {
            check(&Limits::default(), line, None, None);
        }
    }

    #[test]
    fn buckets_limit_every_place_where_a_bucket_is_named() {
        let globs = ["logs-*", "bbb"].map(Glob::new).to_vec();
        let limits = Limits::new(Some(globs), false);
        for (line, source, expected) in [
            ("GET /bbb/k", None, None),
            ("PUT /logs-2024/k", None, None),
            ("GET /bbbb/k", None, Some("bucket")),
            ("PUT /other", None, Some("bucket")),
            ("POST /other?delete", None, Some("bucket")),
            ("GET /", None, Some("all")),
            ("PUT /bbb/k", Some("/logs-1/k"), None),
            ("PUT /bbb/k", Some("other/k"), Some("source")),
            ("PUT /bbb/k", Some("%6fther%2Fk"), Some("source")),
            ("PUT /other/k", Some("bbb/k"), Some("bucket")),
            ("PUT /bbb/k?partNumber=1&uploadId=u", Some("other/k"), Some("source")),
        ] {
            check(&limits, line, source, expected);
        }
    }

    #[test]
    fn read_only_takes_nothing_that_is_not_reading() {
        let limits = Limits::new(None, true);
        for (line, expected) in [
            ("GET /", None),
            ("HEAD /bbb/k", None),
            ("GET /bbb?list-type=2", None),
            ("POST /bbb/k?select&select-type=2", None),
            ("PUT /bbb/k", Some("read")),
            ("POST /bbb?delete", Some("read")),
            ("POST /bbb/k?restore", Some("read")),
            ("DELETE /bbb/k?uploadId=u", Some("read")),
        ] {
            check(&limits, line, None, expected);
        }
    }
}
