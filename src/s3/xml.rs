//! XML that must be read or mended on its way: keys of DeleteObjects, upload ids.

use super::{Action, BucketName};

/// Reads a `<Delete>` document: one action a key (`s3:DeleteObject`, or `s3:DeleteObjectVersion` where a version is named).
pub fn delete_actions(_document: &[u8], _bucket: &BucketName) -> Result<Vec<Action>, MalformedXml> {
    todo!()
}

/// The text of the one element at `path` below the root (such as `["UploadId"]`), and its byte range in the document.
pub fn locate(
    _document: &[u8],
    _root: &str,
    _element: &str,
) -> Result<(String, std::ops::Range<usize>), MalformedXml> {
    todo!()
}

/// Not the XML that S3 defines (becomes `MalformedXML`).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MalformedXml(pub String);
