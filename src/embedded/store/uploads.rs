//! Multipart uploads in progress.
//!
//! Invariant: a completed object shares its contents with the upload that it came from; the upload
//! is gone before anything else can change the bucket.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    sync::Arc,
};

use md5::{Digest as _, Md5};
use s3s::{Body, S3Result, s3_error};

use super::{
    Bucket, Millis, Object, ObjectRecord, Promise, Received,
    bucket::write_record,
    content::Content,
    failed, read,
    record::{PartRecord, UploadRecord},
    write,
};

/// Every part but the last has at least so many bytes.
const PART_BYTES_MIN: u64 = 5 << 20;

/// One upload.
#[derive(Clone, Debug)]
pub(in crate::embedded) struct Upload {
    pub(in crate::embedded) record: UploadRecord,
    pub(in crate::embedded) parts: BTreeMap<u16, Part>,
}

/// One part, and hold of its bytes.
#[derive(Clone, Debug)]
pub(in crate::embedded) struct Part {
    pub(in crate::embedded) record: PartRecord,
    pub(super) content: Arc<Content>,
}

/// A part that `CompleteMultipartUpload` names.
#[derive(Clone, Debug)]
pub(in crate::embedded) struct WantedPart {
    pub(in crate::embedded) number: u16,
    /// Without quotes.
    pub(in crate::embedded) etag: String,
}

impl Upload {
    /// One without parts.
    pub(super) fn new(record: UploadRecord) -> Self {
        Self { record, parts: BTreeMap::new() }
    }

    /// The parts that are to make the object, if they may.
    fn assemble(&self, wanted: &[WantedPart]) -> S3Result<Vec<&Part>> {
        if !wanted.is_sorted_by(|a, b| a.number < b.number) {
            return Err(s3_error!(
                InvalidPartOrder,
                "The list of parts was not in ascending order. The parts list must be specified \
                 in order by part number."
            ));
        }
        let parts = wanted.iter().map(|wanted| {
            let part = self.parts.get(&wanted.number);
            part.filter(|part| part.record.etag == wanted.etag).ok_or_else(|| {
                s3_error!(
                    InvalidPart,
                    "One or more of the specified parts could not be found. The part may not have \
                     been uploaded, or the specified entity tag may not match the part's entity \
                     tag."
                )
            })
        });
        let parts = parts.collect::<S3Result<Vec<_>>>()?;
        let Some((_, all_but_last)) = parts.split_last() else {
            return Err(s3_error!(MalformedXML, "You must specify at least one part"));
        };
        if all_but_last.iter().any(|part| part.record.size < PART_BYTES_MIN) {
            return Err(s3_error!(
                EntityTooSmall,
                "Your proposed upload is smaller than the minimum allowed size"
            ));
        }
        Ok(parts)
    }

    /// The object that these parts make.
    fn object(&self, parts: &[&Part], modified: Millis) -> Object {
        let mut md5 = Md5::new();
        for part in parts {
            md5.update(hex::decode(&part.record.etag).unwrap_or_default());
        }
        let record = ObjectRecord {
            key: self.record.key.clone(),
            etag: format!("{}-{}", hex::encode(md5.finalize()), parts.len()),
            size: parts.iter().map(|part| part.record.size).sum(),
            modified,
            attributes: self.record.attributes.clone(),
            multipart: true,
            parts: parts.iter().map(|part| part.record.clone()).collect(),
        };
        let contents = parts.iter().map(|part| Arc::clone(&part.content)).collect();
        Object::new(record, contents)
    }
}

impl Bucket {
    /// Takes in a body, to be put or added later; nothing of it is visible yet.
    pub(in crate::embedded) async fn receive(
        &self,
        body: Body,
        promise: &Promise,
    ) -> S3Result<Received> {
        Received::take(self.contents(), body, promise).await
    }

    /// The upload of that id and key, as it is now.
    pub(in crate::embedded) fn upload(&self, id: &str, key: &str) -> S3Result<Upload> {
        let index = read(&self.index);
        let upload = index.uploads.get(id).filter(|upload| upload.record.key == key);
        upload.cloned().ok_or_else(no_such_upload)
    }

    /// Refuses unless there is such an upload now.
    pub(in crate::embedded) fn check_upload(&self, id: &str, key: &str) -> S3Result<UploadRecord> {
        let index = read(&self.index);
        let upload = index.uploads.get(id).filter(|upload| upload.record.key == key);
        upload.map(|upload| upload.record.clone()).ok_or_else(no_such_upload)
    }

    /// The records of all uploads, by key and then by age.
    pub(in crate::embedded) fn uploads(&self) -> Vec<UploadRecord> {
        let index = read(&self.index);
        let mut uploads =
            index.uploads.values().map(|upload| upload.record.clone()).collect::<Vec<_>>();
        drop(index);
        uploads.sort_by(|a, b| (&a.key, a.initiated, &a.id).cmp(&(&b.key, b.initiated, &b.id)));
        uploads
    }

    /// Begins an upload.
    pub(in crate::embedded) async fn begin(
        self: &Arc<Self>,
        key: String,
        attributes: super::Attributes,
        initiated: Millis,
    ) -> S3Result<UploadRecord> {
        let record = UploadRecord { id: super::random_id(), key, initiated, attributes };
        self.change(move |bucket| {
            write_record(&bucket.upload_path(&record.id), &record).map_err(failed)?;
            let upload = Upload::new(record.clone());
            write(&bucket.index).uploads.insert(record.id.clone(), upload);
            Ok(record)
        })
        .await
    }

    /// Adds a part, in place of one with the same number. Gives back the upload's record.
    pub(in crate::embedded) async fn add(
        self: &Arc<Self>,
        id: &str,
        key: &str,
        part: Part,
    ) -> S3Result<UploadRecord> {
        let (id, key) = (id.to_owned(), key.to_owned());
        self.change(move |bucket| {
            let record = bucket.check_upload(&id, &key)?;
            part.content.keep();
            let path = bucket.upload_path(&id).with_extension(part.record.number.to_string());
            if let Err(error) = write_record(&path, &part.record) {
                part.content.forsake();
                return Err(failed(error));
            }
            if let Some(upload) = write(&bucket.index).uploads.get_mut(&id)
                && let Some(replaced) = upload.parts.insert(part.record.number, part)
            {
                replaced.content.forsake();
            }
            Ok(record)
        })
        .await
    }

    /// Makes the object of an upload's parts visible, and ends the upload.
    pub(in crate::embedded) async fn complete(
        self: &Arc<Self>,
        (id, key): (&str, &str),
        wanted: Vec<WantedPart>,
        modified: Millis,
        condition: impl FnOnce(Option<&Object>) -> S3Result<()> + Send + 'static,
    ) -> S3Result<Arc<Object>> {
        let (id, key) = (id.to_owned(), key.to_owned());
        self.change(move |bucket| {
            let upload = bucket.upload(&id, &key)?;
            let parts = upload.assemble(&wanted)?;
            condition(bucket.find(&key).as_deref())?;
            let object = bucket.insert(upload.object(&parts, modified))?;
            let used = object.record.parts.iter().map(|part| part.number).collect::<HashSet<_>>();
            bucket.end(&upload, |number| used.contains(&number))?;
            Ok(object)
        })
        .await
    }

    /// Ends an upload and removes its parts.
    pub(in crate::embedded) async fn abort(self: &Arc<Self>, id: &str, key: &str) -> S3Result<()> {
        let (id, key) = (id.to_owned(), key.to_owned());
        self.change(move |bucket| {
            let upload = bucket.upload(&id, &key)?;
            bucket.end(&upload, |_| false)
        })
        .await
    }

    /// Forgets an upload, and the contents of those parts that no object uses.
    fn end(&self, upload: &Upload, is_used: impl Fn(u16) -> bool) -> S3Result<()> {
        let path = self.upload_path(&upload.record.id);
        fs::remove_file(&path).map_err(failed)?;
        write(&self.index).uploads.remove(&upload.record.id);
        for part in upload.parts.values() {
            // What stays of them without their upload's record is swept at the next start.
            let _ = fs::remove_file(path.with_extension(part.record.number.to_string()));
            if !is_used(part.record.number) {
                part.content.forsake();
            }
        }
        Ok(())
    }
}

fn no_such_upload() -> s3s::S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have \
         been aborted or completed."
    )
}
