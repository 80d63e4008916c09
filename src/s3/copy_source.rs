//! `x-amz-copy-source`, read once. Invariant: policy and backend see the same source, since it is
//! encoded afresh.

use super::{
    BucketName, Code, ObjectKey, Query, Resource, Unclassified,
    encoding::{self, Plus},
    headers,
};

/// The object that `CopyObject` and `UploadPartCopy` read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopySource {
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key, decoded.
    pub key: ObjectKey,
    /// The version, where one is named.
    pub version_id: Option<String>,
}

impl CopySource {
    /// Reads `[/]bucket/key[?versionId=…]`, percent-encoded
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>).
    ///
    /// A raw `+` is refused: to AWS it is a space, to most backends it is itself. So are access
    /// points.
    pub(super) fn parse(text: &str) -> Result<Self, Unclassified> {
        let (path, version) = match text.split_once('?') {
            Some((path, query)) => (path, Some(version_id(query)?)),
            None => (text, None),
        };
        if path.contains('+') {
            return Err(invalid("write `%2B` for a plus sign and `%20` for a space"));
        }
        let path =
            encoding::decode(path, Plus::Literal).map_err(|error| invalid(&error.to_string()))?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        if path.starts_with("arn:") {
            return Err(Unclassified::new(
                Code::NotImplemented,
                "Copies from access points are not supported: the copy source must be a bucket's.",
            ));
        }
        let (bucket, key) =
            path.split_once('/').ok_or_else(|| invalid("it has the form `bucket/key`"))?;
        let bucket = BucketName::parse(bucket).map_err(|error| invalid(&error.to_string()))?;
        if bucket.is_directory_bucket() {
            return Err(Unclassified::directory_bucket());
        }
        let key = ObjectKey::parse(key).map_err(|error| invalid(&error.to_string()))?;
        Ok(Self { bucket, key, version_id: version })
    }

    /// `bucket/key[?versionId=…]`, encoded.
    pub(super) fn encode(&self) -> String {
        let mut encoded = String::from(self.bucket.as_str());
        encoded.push('/');
        encoding::encode_path(&mut encoded, self.key.as_str());
        if let Some(version_id) = &self.version_id {
            encoded.push_str("?versionId=");
            encoding::encode_query(&mut encoded, version_id);
        }
        encoded
    }

    /// What it names.
    pub fn resource(&self) -> Resource {
        Resource::Object(self.bucket.clone(), self.key.clone())
    }
}

fn version_id(query: &str) -> Result<String, Unclassified> {
    let query = Query::parse(query).map_err(|error| invalid(&error.to_string()))?;
    match query.pairs() {
        [(name, value)] if name == "versionId" && !value.is_empty() => Ok(value.clone()),
        _ => Err(invalid(
            "only `versionId` may follow `?`; write `%3F` for a question mark in a key",
        )),
    }
}

fn invalid(reason: &str) -> Unclassified {
    Unclassified::new(
        Code::InvalidArgument,
        format!("The header {} cannot be read: {reason}.", headers::X_AMZ_COPY_SOURCE),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(CopySource::parse(text).unwrap().encode(), expected, "{text}");
    }

    fn check_refused(text: &str, code: Code) {
        assert_eq!(CopySource::parse(text).unwrap_err().code, code, "{text}");
    }

    #[test]
    fn a_leading_slash_is_optional() {
        check("/abc/d", "abc/d");
        check("abc/d", "abc/d");
        check("abc//d", "abc//d");
    }

    #[test]
    fn the_source_is_decoded_once_and_encoded_afresh() {
        check("abc/%7e%2525%2B é", "abc/~%2525%2B%20%C3%A9");
        check("abc%2Fd%2Fe", "abc/d/e");
    }

    #[test]
    fn a_version_may_be_named() {
        let source = CopySource::parse("abc/d%3Fversion?versionId=v%2F1").unwrap();
        assert_eq!(source.key.as_str(), "d?version");
        assert_eq!(source.version_id.as_deref(), Some("v/1"));
        assert_eq!(source.encode(), "abc/d%3Fversion?versionId=v%2F1");
    }

    #[test]
    fn unclear_sources_are_refused() {
        for text in [
            "",
            "/",
            "abc",
            "abc/",
            "//abc/d",
            "ab/c",
            "abc/../d",
            "abc/%2e%2e/d",
            "abc/d+e",
            "abc/%",
            "abc/d?",
            "abc/d?versionId=",
            "abc/d?versionid=1",
            "abc/d?versionId=1&versionId=2",
            "abc/d?versionId=1&x=2",
            "abc/d?e?versionId=1",
        ] {
            check_refused(text, Code::InvalidArgument);
        }
    }

    #[test]
    fn access_points_and_directory_buckets_are_not_supported() {
        let access_point = "arn:aws:s3:us-west-2:123456789012:accesspoint/a/object/k";
        check_refused(access_point, Code::NotImplemented);
        check_refused("abc--use1-az4--x-s3/k", Code::NotImplemented);
    }
}
