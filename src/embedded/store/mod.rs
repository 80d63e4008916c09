//! Buckets and objects in a folder.
//!
//! ```text
//! DIRECTORY/lock                                held while a backend runs
//! DIRECTORY/buckets/NAME/bucket.json            BucketRecord
//!                       /contents/ID            bytes, never changed after they were written
//!                       /objects/SHA256(KEY)    ObjectRecord
//!                       /uploads/ID             UploadRecord
//!                       /uploads/ID.NUMBER      PartRecord
//! ```
//!
//! Invariant: a change takes effect by one rename of a record, after the bytes that it names are
//! complete. So a process that dies leaves the old state or the new one. (Nothing is synced: a
//! machine that dies may lose what was written last; records whose bytes are not whole are
//! dropped at the next start.) Names on disk are hashes and random ids: no key reaches a path.

mod bucket;
mod content;
mod load;
mod reader;
mod receive;
mod record;
mod uploads;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use s3s::{S3Result, s3_error};
use tokio::task::spawn_blocking;

pub(super) use bucket::Bucket;
pub(super) use reader::Reader;
pub(super) use receive::{BODY_BYTES_MAX, Promise, Received};
pub(super) use record::{Attributes, Millis, ObjectRecord, PartRecord, UploadRecord};
pub(super) use uploads::{Part, Upload, WantedPart};

use content::Content;
use record::BucketRecord;

/// All buckets of one folder.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
    buckets: RwLock<BTreeMap<String, Arc<Bucket>>>,
    /// Locked by the operating system until it is closed.
    _lock: File,
}

/// One object, and hold of its bytes.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) record: ObjectRecord,
    /// One a part, in the record's order.
    contents: Vec<Arc<Content>>,
}

impl Store {
    /// Opens or makes the folder, reads every record, and sweeps what no record names. Blocks.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let buckets = directory.join("buckets");
        fs::create_dir_all(&buckets)?;
        let lock = File::create(directory.join("lock"))?;
        lock.try_lock()
            .map_err(|_| io::Error::other("another backend is running on this folder"))?;
        let buckets = load::buckets(&buckets)?;
        Ok(Self { directory: directory.to_owned(), buckets: RwLock::new(buckets), _lock: lock })
    }

    /// One bucket.
    pub(super) fn bucket(&self, name: &str) -> S3Result<Arc<Bucket>> {
        let bucket = read(&self.buckets).get(name).cloned();
        bucket.ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
    }

    /// All buckets, by name.
    pub(super) fn buckets(&self) -> Vec<Arc<Bucket>> {
        read(&self.buckets).values().cloned().collect()
    }

    /// Makes a bucket. The name must have been validated: it becomes a folder's.
    pub(super) async fn create(self: &Arc<Self>, name: String, created: Millis) -> S3Result<()> {
        let store = Arc::clone(self);
        run(move || {
            let mut buckets = write(&store.buckets);
            if buckets.contains_key(&name) {
                return Err(s3_error!(
                    BucketAlreadyOwnedByYou,
                    "Your previous request to create the named bucket succeeded and you already \
                     own it."
                ));
            }
            let record = BucketRecord { name: name.clone(), created, tags: Vec::new() };
            let directory = store.directory.join("buckets").join(&name);
            let bucket = Bucket::create(directory, record).map_err(failed)?;
            buckets.insert(name, Arc::new(bucket));
            Ok(())
        })
        .await
    }

    /// Removes an empty bucket, and the uploads that it has in progress.
    pub(super) async fn delete(self: &Arc<Self>, name: &str) -> S3Result<()> {
        let (store, name) = (Arc::clone(self), name.to_owned());
        run(move || {
            let bucket = store.bucket(&name)?;
            let mut buckets = write(&store.buckets);
            bucket.close()?;
            buckets.remove(&name);
            bucket.destroy().map_err(failed)
        })
        .await
    }
}

impl Object {
    /// The content of each part is `contents`, in order.
    pub(super) fn new(record: ObjectRecord, contents: Vec<Arc<Content>>) -> Self {
        Self { record, contents }
    }

    /// The same bytes with other attributes.
    pub(super) fn with_tags(&self, tags: Vec<(String, String)>) -> Self {
        let mut object = self.clone();
        object.record.attributes.tags = tags;
        object
    }

    /// Where the part at this position lies, from 1, if there is one. An object from one body is its
    /// own part 1; gaps in the numbers that were uploaded do not show.
    pub(super) fn part_span(&self, number: u16) -> Option<Range<u64>> {
        let mut start = 0;
        for (part, position) in self.record.parts.iter().zip(1..) {
            let end = start + part.size;
            if position == number {
                return Some(start..end);
            }
            start = end;
        }
        None
    }

    /// Reads a span that lies within the object. Blocks.
    fn read(&self, span: &Range<u64>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(span.end - span.start).unwrap_or(0));
        let mut start = 0;
        for (part, content) in self.record.parts.iter().zip(&self.contents) {
            let end = start + part.size;
            let from = span.start.max(start);
            let to = span.end.min(end);
            if from < to {
                content.read(from - start, to - from, &mut bytes)?;
            }
            start = end;
        }
        Ok(bytes)
    }
}

/// Runs a change to its end on a thread that may block, whether or not the caller stays.
async fn run<T, F>(work: F) -> S3Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> S3Result<T> + Send + 'static,
{
    spawn_blocking(work).await.unwrap_or_else(|error| Err(failed(io::Error::other(error))))
}

/// The disk failed us.
fn failed(error: io::Error) -> s3s::S3Error {
    s3_error!(error, InternalError, "We encountered an internal error. Please try again.")
}

/// 128 random bits in hex.
pub(super) fn random_id() -> String {
    let mut id = [0; 16];
    #[expect(clippy::expect_used, reason = "the operating system's generator does not fail")]
    aws_lc_rs::rand::fill(&mut id).expect("random bytes");
    hex::encode(id)
}

/// A panic while a lock was held has been reported; the maps are whole between statements.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// See [`read`].
fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
