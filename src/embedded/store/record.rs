//! What is known of buckets, objects and uploads: the form in which it is kept on disk.
//!
//! Invariant: a record names every content that it needs, so a folder of records tells which
//! content files are alive.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
pub(in crate::embedded) type Millis = i64;

/// One bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::embedded) struct BucketRecord {
    pub(in crate::embedded) name: String,
    pub(in crate::embedded) created: Millis,
    /// Keys and values; none in records of old.
    #[serde(default)]
    pub(in crate::embedded) tags: Vec<(String, String)>,
}

/// What a write says of an object besides its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::embedded) struct Attributes {
    /// Headers to answer with, by lower-case name, as they were received.
    pub(in crate::embedded) headers: BTreeMap<String, String>,
    /// Tags in the order given.
    pub(in crate::embedded) tags: Vec<(String, String)>,
}

/// One object.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::embedded) struct ObjectRecord {
    pub(in crate::embedded) key: String,
    /// Without quotes.
    pub(in crate::embedded) etag: String,
    /// Bytes.
    pub(in crate::embedded) size: u64,
    pub(in crate::embedded) modified: Millis,
    pub(in crate::embedded) attributes: Attributes,
    /// Whether it was completed from an upload: then its parts can be asked for by number.
    pub(in crate::embedded) multipart: bool,
    /// Its bytes, in order; at least one.
    pub(in crate::embedded) parts: Vec<PartRecord>,
}

/// One piece of an object or upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::embedded) struct PartRecord {
    /// 1 to 10,000, as uploaded.
    pub(in crate::embedded) number: u16,
    /// MD5 of its bytes, in hex.
    pub(in crate::embedded) etag: String,
    /// Bytes.
    pub(in crate::embedded) size: u64,
    pub(in crate::embedded) modified: Millis,
    /// Header name and value of the checksum that the client gave and that was verified.
    pub(in crate::embedded) checksum: Option<(String, String)>,
    /// The content's id.
    pub(in crate::embedded) content: String,
}

/// One upload in progress; its parts have records of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::embedded) struct UploadRecord {
    pub(in crate::embedded) id: String,
    pub(in crate::embedded) key: String,
    pub(in crate::embedded) initiated: Millis,
    pub(in crate::embedded) attributes: Attributes,
}
