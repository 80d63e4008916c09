//! What a copy takes along of its source, where the proxy has to say all of it itself. Invariant: what
//! clients see of the source is what they will see of the copy, and nothing of the proxy's own is
//! taken along.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::seal::is_reserved;
use crate::s3::headers;

/// Whether a copy has the metadata, or the tags, of its source or those of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directive {
    /// The source's: what S3 does unless it is told otherwise.
    Copy,
    /// The request's.
    Replace,
}

/// A directive that S3 does not know (becomes `InvalidArgument`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unknown metadata directive")]
pub struct UnknownDirective;

impl Directive {
    /// That of the metadata.
    ///
    /// # Errors
    ///
    /// Anything but `COPY` and `REPLACE`.
    pub fn of_metadata(received: &HeaderMap) -> Result<Self, UnknownDirective> {
        Self::read(received, &headers::X_AMZ_METADATA_DIRECTIVE)
    }

    /// That of the tags.
    ///
    /// # Errors
    ///
    /// As [`Directive::of_metadata`].
    pub fn of_tags(received: &HeaderMap) -> Result<Self, UnknownDirective> {
        Self::read(received, &headers::X_AMZ_TAGGING_DIRECTIVE)
    }

    fn read(received: &HeaderMap, name: &HeaderName) -> Result<Self, UnknownDirective> {
        match received.get(name).map(HeaderValue::as_bytes) {
            None | Some(b"COPY") => Ok(Self::Copy),
            Some(b"REPLACE") => Ok(Self::Replace),
            Some(_) => Err(UnknownDirective),
        }
    }
}

/// Gives a request the metadata of the object that it copies, in place of its own, which S3 ignores
/// then. `source` is the head of an answer about it.
pub fn take_along(request: &mut HeaderMap, source: &HeaderMap) {
    let own: Vec<HeaderName> = request.keys().filter(|name| is_copied(name)).cloned().collect();
    for name in own {
        request.remove(name);
    }
    for (name, value) in source {
        if is_copied(name) && !is_reserved(name) {
            request.append(name, value.clone());
        }
    }
}

/// What takes an object's place has to be described by, for it to be what it was: as `take_along`, and what
/// a copy would not have by itself. `source` is the head of an answer about the object.
pub fn described(source: &HeaderMap) -> HeaderMap {
    let mut described = HeaderMap::new();
    for (name, value) in source {
        if is_copied(name) || DESCRIBING.contains(name) {
            described.append(name, value.clone());
        }
    }
    described
}

/// How a backend is told that a copy's source has to be what it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceCondition {
    /// As S3 is.
    #[default]
    S3,
    /// As S3 is, and by the name that Ceph RGW reads in place of S3's
    /// (<https://docs.ceph.com/en/latest/radosgw/s3/objectops/>, <https://tracker.ceph.com/issues/53945>).
    Ceph,
}

impl SourceCondition {
    /// The condition that it has this `ETag`.
    pub fn that_it_is(self, etag: &HeaderValue) -> HeaderMap {
        let names = match self {
            Self::S3 => &[headers::X_AMZ_COPY_SOURCE_IF_MATCH][..],
            Self::Ceph => &[headers::X_AMZ_COPY_SOURCE_IF_MATCH, headers::X_AMZ_COPY_IF_MATCH],
        };
        names.iter().map(|name| (name.clone(), etag.clone())).collect()
    }
}

/// Whether a copy onto its source would leave everything as it is, for which S3 refuses it. What
/// encryption it asks for is another question.
pub fn changes_nothing(request: &HeaderMap) -> bool {
    let replaces =
        |name| request.get(name).is_some_and(|directive: &HeaderValue| directive == "REPLACE");
    !replaces(headers::X_AMZ_METADATA_DIRECTIVE)
        && !replaces(headers::X_AMZ_TAGGING_DIRECTIVE)
        && !CHANGES.iter().any(|name| request.contains_key(name))
}

fn is_copied(name: &HeaderName) -> bool {
    name.as_str().starts_with(headers::META_PREFIX) || COPIED.contains(name)
}

/// Metadata of S3's own that stays with a copy. Storage class, redirect, locks and access are those
/// of the request, always.
static COPIED: [HeaderName; 6] = [
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::EXPIRES,
];
static DESCRIBING: [HeaderName; 2] =
    [headers::X_AMZ_STORAGE_CLASS, headers::X_AMZ_WEBSITE_REDIRECT_LOCATION];
static CHANGES: [HeaderName; 3] = [
    headers::X_AMZ_CHECKSUM_ALGORITHM,
    headers::X_AMZ_STORAGE_CLASS,
    headers::X_AMZ_WEBSITE_REDIRECT_LOCATION,
];

#[cfg(test)]
mod tests {
    use HeaderValue;

    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn directives_are_two_words() {
        let of = |value| Directive::of_metadata(&map(&[("x-amz-metadata-directive", value)]));
        assert_eq!(Directive::of_metadata(&map(&[])), Ok(Directive::Copy));
        assert_eq!(of("COPY"), Ok(Directive::Copy));
        assert_eq!(of("REPLACE"), Ok(Directive::Replace));
        assert_eq!(of("replace"), Err(UnknownDirective));
        let tags = map(&[("x-amz-tagging-directive", "REPLACE")]);
        assert_eq!(Directive::of_tags(&tags), Ok(Directive::Replace));
    }

    #[test]
    fn the_sources_metadata_replaces_the_requests() {
        let mut request = map(&[
            ("content-type", "text/mine"),
            ("x-amz-meta-mine", "1"),
            ("x-amz-storage-class", "STANDARD_IA"),
        ]);
        let source = map(&[
            ("content-type", "text/plain"),
            ("content-encoding", "gzip"),
            ("x-amz-meta-a", "1"),
            ("x-amz-meta-a", "2"),
            ("x-amz-meta-pcl-c", "own"),
            ("x-amz-meta-pcl-k", "own"),
            ("x-amz-storage-class", "GLACIER"),
            ("etag", "\"e\""),
            ("content-length", "5"),
        ]);
        take_along(&mut request, &source);
        let expected = map(&[
            ("x-amz-storage-class", "STANDARD_IA"),
            ("content-type", "text/plain"),
            ("content-encoding", "gzip"),
            ("x-amz-meta-a", "1"),
            ("x-amz-meta-a", "2"),
        ]);
        assert_eq!(request, expected);
    }

    #[test]
    fn what_takes_an_objects_place_is_described_as_it_was() {
        let source = map(&[
            ("content-type", "text/plain"),
            ("x-amz-meta-a", "1"),
            ("x-amz-meta-pcl-c", "own"),
            ("x-amz-storage-class", "GLACIER_IR"),
            ("x-amz-website-redirect-location", "/there"),
            ("x-amz-version-id", "3"),
            ("etag", "\"e\""),
        ]);
        let described = described(&source);
        assert_eq!(described.len(), 5);
        assert!(!described.contains_key("x-amz-version-id") && !described.contains_key("etag"));
    }

    #[test]
    fn a_copy_onto_itself_has_to_change_something() {
        for (pairs, expected) in [
            (&[][..], true),
            (&[("x-amz-metadata-directive", "COPY"), ("x-amz-acl", "private")], true),
            (&[("x-amz-meta-a", "ignored")], true),
            (&[("x-amz-metadata-directive", "REPLACE")], false),
            (&[("x-amz-tagging-directive", "REPLACE")], false),
            (&[("x-amz-storage-class", "STANDARD")], false),
            (&[("x-amz-website-redirect-location", "/a")], false),
        ] {
            assert_eq!(changes_nothing(&map(pairs)), expected, "{pairs:?}");
        }
    }
}
