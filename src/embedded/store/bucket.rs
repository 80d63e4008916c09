//! One bucket: its objects in memory and on disk.
//!
//! Invariant: whoever changes a bucket holds `changes` from the check of its condition to the
//! update of the index, and the index changes only after the record was renamed into place.

use std::{
    collections::BTreeMap,
    fs, io,
    ops::Bound,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use aws_lc_rs::digest::{SHA256, digest};
use s3s::{S3Result, s3_error};
use serde::Serialize;

use super::{Millis, Object, Upload, failed, read, record::BucketRecord, run, write};

/// One bucket.
#[derive(Debug)]
pub(in crate::embedded) struct Bucket {
    name: String,
    created: Millis,
    tags: RwLock<Vec<(String, String)>>,
    pub(super) directory: PathBuf,
    pub(super) index: RwLock<Index>,
    /// Held while a change is made.
    changes: Mutex<()>,
}

/// What a bucket holds.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By key, in the order of UTF-8 bytes.
    pub(super) objects: BTreeMap<Vec<u8>, Arc<Object>>,
    /// By id.
    pub(super) uploads: BTreeMap<String, Upload>,
    /// The bucket was deleted.
    pub(super) closed: bool,
}

impl Bucket {
    /// As read from disk.
    pub(super) fn loaded(directory: PathBuf, record: BucketRecord, index: Index) -> Self {
        Self {
            name: record.name,
            created: record.created,
            tags: RwLock::new(record.tags),
            directory,
            index: RwLock::new(index),
            changes: Mutex::new(()),
        }
    }

    /// Makes the folder of an empty bucket. Blocks.
    pub(super) fn create(directory: PathBuf, record: BucketRecord) -> io::Result<Self> {
        for folder in ["contents", "objects", "uploads"] {
            fs::create_dir_all(directory.join(folder))?;
        }
        write_record(&directory.join(RECORD), &record)?;
        Ok(Self::loaded(directory, record, Index::default()))
    }

    pub(in crate::embedded) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::embedded) fn created(&self) -> Millis {
        self.created
    }

    /// The bucket's own tags.
    pub(in crate::embedded) fn tags(&self) -> Vec<(String, String)> {
        read(&self.tags).clone()
    }

    /// Gives the bucket itself other tags.
    pub(in crate::embedded) async fn set_tags(
        self: &Arc<Self>,
        tags: Vec<(String, String)>,
    ) -> S3Result<()> {
        self.change(move |bucket| {
            let (name, created) = (bucket.name.clone(), bucket.created);
            let record = BucketRecord { name, created, tags };
            write_record(&bucket.directory.join(RECORD), &record).map_err(failed)?;
            *write(&bucket.tags) = record.tags;
            Ok(())
        })
        .await
    }

    /// The object of that key, as it is now.
    pub(in crate::embedded) fn object(&self, key: &str) -> S3Result<Arc<Object>> {
        self.find(key).ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."))
    }

    /// The object of that key, if there is one now.
    pub(in crate::embedded) fn find(&self, key: &str) -> Option<Arc<Object>> {
        read(&self.index).objects.get(key.as_bytes()).cloned()
    }

    /// The first object at or after a place in the order of keys.
    pub(in crate::embedded) fn first_from(&self, start: Bound<&[u8]>) -> Option<Arc<Object>> {
        let index = read(&self.index);
        let mut objects = index.objects.range::<[u8], _>((start, Bound::Unbounded));
        objects.next().map(|(_, object)| Arc::clone(object))
    }

    /// Makes an object visible if `condition` allows it to replace what is there.
    pub(in crate::embedded) async fn put(
        self: &Arc<Self>,
        object: Object,
        condition: impl FnOnce(Option<&Object>) -> S3Result<()> + Send + 'static,
    ) -> S3Result<Arc<Object>> {
        self.change(move |bucket| {
            let key = object.record.key.as_bytes();
            condition(read(&bucket.index).objects.get(key).map(Arc::as_ref))?;
            bucket.insert(object)
        })
        .await
    }

    /// Removes an object, if there is one and `condition` allows it.
    pub(in crate::embedded) async fn remove(
        self: &Arc<Self>,
        key: &str,
        condition: impl FnOnce(Option<&Object>) -> S3Result<()> + Send + 'static,
    ) -> S3Result<()> {
        let key = key.to_owned();
        self.change(move |bucket| {
            let existing = read(&bucket.index).objects.get(key.as_bytes()).cloned();
            condition(existing.as_deref())?;
            let Some(object) = existing else { return Ok(()) };
            fs::remove_file(bucket.object_path(&key)).map_err(failed)?;
            write(&bucket.index).objects.remove(key.as_bytes());
            object.contents.iter().for_each(|content| content.forsake());
            Ok(())
        })
        .await
    }

    /// Gives an object other tags.
    pub(in crate::embedded) async fn retag(
        self: &Arc<Self>,
        key: &str,
        tags: Vec<(String, String)>,
    ) -> S3Result<()> {
        let key = key.to_owned();
        self.change(move |bucket| {
            let object = bucket.object(&key)?.with_tags(tags);
            bucket.insert(object).map(drop)
        })
        .await
    }

    /// Makes one change, alone, and to its end.
    pub(super) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let bucket = Arc::clone(self);
        run(move || {
            let _alone = bucket.changes.lock().unwrap_or_else(PoisonError::into_inner);
            if read(&bucket.index).closed {
                return Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"));
            }
            work(&bucket)
        })
        .await
    }

    /// Writes the record and updates the index; part of a change.
    pub(super) fn insert(&self, object: Object) -> S3Result<Arc<Object>> {
        let key = object.record.key.clone();
        let fresh = object.contents.iter().filter(|content| content.keep()).collect::<Vec<_>>();
        if let Err(error) = write_record(&self.object_path(&key), &object.record) {
            for content in fresh {
                content.forsake();
            }
            return Err(failed(error));
        }
        let object = Arc::new(object);
        let replaced = write(&self.index).objects.insert(key.into_bytes(), Arc::clone(&object));
        if let Some(replaced) = replaced {
            let old = replaced.contents.iter();
            // A change of tags leaves the contents where they are.
            old.filter(|old| !object.contents.iter().any(|new| Arc::ptr_eq(old, new)))
                .for_each(|old| old.forsake());
        }
        Ok(object)
    }

    /// Refuses every later change; part of the bucket's deletion.
    pub(super) fn close(&self) -> S3Result<()> {
        let _alone = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut index = write(&self.index);
        if !index.objects.is_empty() {
            return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
        }
        index.closed = true;
        Ok(())
    }

    /// Removes the folder of a closed bucket. Blocks.
    pub(super) fn destroy(&self) -> io::Result<()> {
        // Without its record the rest is swept at the next start, should this be cut short.
        fs::remove_file(self.directory.join(RECORD))?;
        fs::remove_dir_all(&self.directory)
    }

    pub(super) fn contents(&self) -> PathBuf {
        self.directory.join("contents")
    }

    fn object_path(&self, key: &str) -> PathBuf {
        let name = hex::encode(digest(&SHA256, key.as_bytes()));
        self.directory.join("objects").join(name)
    }

    pub(super) fn upload_path(&self, id: &str) -> PathBuf {
        self.directory.join("uploads").join(id)
    }
}

/// Writes a record beside its place and renames it there: it is seen whole or not at all.
pub(super) fn write_record(path: &Path, record: &impl Serialize) -> io::Result<()> {
    let unfinished = path.with_extension(UNFINISHED);
    fs::write(&unfinished, serde_json::to_vec(record)?)?;
    fs::rename(unfinished, path)
}

/// The name of the bucket's own record.
pub(super) const RECORD: &str = "bucket.json";

/// The extension of a record that is being written.
pub(super) const UNFINISHED: &str = "new";
