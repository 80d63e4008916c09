//! What there is in a bucket, page by page.

use http::Method;

use super::{
    super::seal::{Errand, errands::good},
    Failed, Maintenance,
};
use crate::s3::{
    BucketName, Query, Resource,
    xml::{self, ListedObject, NextPage},
};

/// What is listed.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Of this bucket.
    pub bucket: BucketName,
    /// Keys that begin so.
    pub prefix: String,
    /// Keys behind this one.
    pub start_after: Option<String>,
    /// Older versions, too.
    pub with_versions: bool,
}

/// A page of it.
#[derive(Debug)]
pub struct Page {
    /// In the order of keys. Delete markers are not among them.
    pub objects: Vec<ListedObject>,
    /// `None`: it was the last.
    pub next: Option<NextPage>,
}

/// What a bucket does with what is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// It is gone, and always has been.
    Never,
    /// It stays as an older version.
    Enabled,
    /// What was written meanwhile is gone, and what was written before stays.
    Suspended,
}

impl Maintenance {
    /// The first page, or that which another one leads to.
    ///
    /// # Errors
    ///
    /// The backend refuses, or cannot be understood.
    pub async fn list(&self, listing: &Listing, next: Option<&NextPage>) -> Result<Page, Failed> {
        let bucket = Resource::Bucket(listing.bucket.clone());
        let errand = Errand::new(Method::GET, listing.query(next));
        let asked = self.sender().await?.ask(&bucket, errand, PAGE_BYTES_MAX).await?;
        let (_, document) = good(asked)?;
        let page = xml::listed_objects(&document);
        let page = page.map_err(|error| Failed::new(format!("the storage's list: {error}")))?;
        if page.next.is_some() && page.next.as_ref() == next {
            return Err(Failed::new("the storage's list does not go on"));
        }
        Ok(Page { objects: page.objects, next: page.next })
    }

    /// Whether the bucket has, or may have, older versions.
    ///
    /// # Errors
    ///
    /// The backend refuses, or cannot be understood.
    pub async fn versioning(&self, bucket: &BucketName) -> Result<Versioning, Failed> {
        let status = self.sender().await?.versioning(bucket).await?;
        Ok(match status.as_deref() {
            None => Versioning::Never,
            Some("Suspended") => Versioning::Suspended,
            Some(_) => Versioning::Enabled,
        })
    }
}

impl Versioning {
    /// Whether there may be older versions.
    pub fn has_versions(self) -> bool {
        self != Self::Never
    }

    /// Whether what is listed stays as an older version when something takes its place.
    pub fn keeps(self, listed: &ListedObject) -> bool {
        match self {
            Self::Never => false,
            Self::Enabled => true,
            Self::Suspended => listed.version_id.as_deref() != Some("null"),
        }
    }
}

impl Listing {
    fn query(&self, next: Option<&NextPage>) -> Query {
        let query = if self.with_versions {
            Query::of("versions", "")
        } else {
            Query::of("list-type", "2")
        };
        let query = query.and("encoding-type", "url").and("prefix", &self.prefix);
        match (next, &self.start_after) {
            (Some(NextPage::Token(token)), _) => query.and("continuation-token", token),
            (Some(NextPage::Marker { key, version_id }), _) => {
                let query = query.and("key-marker", key);
                match version_id {
                    Some(version_id) => query.and("version-id-marker", version_id),
                    None => query,
                }
            }
            (None, Some(key)) if self.with_versions => query.and("key-marker", key),
            (None, Some(key)) => query.and("start-after", key),
            (None, None) => query,
        }
    }
}

/// A thousand keys of 1024 bytes, each of which may take three when it is encoded, and what stands
/// around them.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
