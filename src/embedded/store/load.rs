//! From the folder to memory, at start.
//!
//! Invariant: what is loaded is whole. A record that cannot be read, or whose bytes are missing or
//! of another length, is left out with a warning, and every file that no loaded record names is
//! removed.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::Path,
    sync::Arc,
};

use serde::de::DeserializeOwned;

use super::{
    Object, Part, Upload,
    bucket::{Bucket, Index, RECORD},
    content::Content,
    record::{BucketRecord, ObjectRecord, PartRecord, UploadRecord},
};

/// Every bucket in the folder of buckets.
pub(super) fn buckets(directory: &Path) -> io::Result<BTreeMap<String, Arc<Bucket>>> {
    let mut buckets = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let directory = entry?.path();
        match read_record::<BucketRecord>(&directory.join(RECORD)) {
            Some(record) => {
                let index = index(&directory)?;
                let bucket = Bucket::loaded(directory, record, index);
                buckets.insert(bucket.name().to_owned(), Arc::new(bucket));
            }
            // A bucket that was not completely made or removed.
            None => fs::remove_dir_all(directory)?,
        }
    }
    Ok(buckets)
}

fn index(directory: &Path) -> io::Result<Index> {
    let (objects, contents) = (directory.join("objects"), directory.join("contents"));
    let (mut loaded, mut alive) = (HashSet::new(), HashSet::new());
    let mut index = Index::default();
    for (name, record) in records::<ObjectRecord>(&objects)? {
        if record.parts.iter().all(|part| is_whole(&contents, part)) {
            alive.extend(record.parts.iter().map(|part| part.content.clone()));
            let parts = record.parts.iter();
            let held = parts.map(|part| Arc::new(Content::open(&contents, &part.content)));
            let held = held.collect();
            loaded.insert(name);
            index.objects.insert(record.key.clone().into(), Arc::new(Object::new(record, held)));
        } else {
            tracing::warn!(key = record.key, "an object whose bytes are not whole was left out");
        }
    }
    sweep(&objects, |name| loaded.contains(name))?;
    let uploads = uploads(directory, &alive)?;
    for part in uploads.values().flat_map(|upload| upload.parts.values()) {
        alive.insert(part.record.content.clone());
    }
    index.uploads = uploads;
    sweep(&contents, |name| alive.contains(name))?;
    Ok(index)
}

/// Uploads in progress. One whose bytes belong to an object was completed just before the end.
fn uploads(directory: &Path, completed: &HashSet<String>) -> io::Result<BTreeMap<String, Upload>> {
    let (folder, contents) = (directory.join("uploads"), directory.join("contents"));
    let mut uploads = BTreeMap::new();
    for (name, record) in records::<UploadRecord>(&folder)? {
        if name == record.id {
            uploads.insert(name, Upload::new(record));
        }
    }
    for (name, record) in records::<PartRecord>(&folder)? {
        let Some((id, _)) = name.split_once('.') else { continue };
        if completed.contains(&record.content) {
            uploads.remove(id);
        } else if let Some(upload) = uploads.get_mut(id)
            && is_whole(&contents, &record)
        {
            let content = Arc::new(Content::open(&contents, &record.content));
            upload.parts.insert(record.number, Part { record, content });
        }
    }
    sweep(&folder, |name| {
        let (id, number) = name.split_once('.').unwrap_or((name, ""));
        uploads.get(id).is_some_and(|upload| {
            number.is_empty()
                || number.parse().is_ok_and(|number: u16| upload.parts.contains_key(&number))
        })
    })?;
    Ok(uploads)
}

/// Every record of this kind in a folder, by file name.
fn records<T: DeserializeOwned>(folder: &Path) -> io::Result<BTreeMap<String, T>> {
    let mut records = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let (Ok(name), Some(record)) =
            (entry.file_name().into_string(), read_record(&entry.path()))
        {
            records.insert(name, record);
        }
    }
    Ok(records)
}

fn read_record<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn is_whole(contents: &Path, part: &PartRecord) -> bool {
    fs::metadata(contents.join(&part.content)).is_ok_and(|file| file.len() == part.size)
}

fn sweep(folder: &Path, is_alive: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(&is_alive) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
