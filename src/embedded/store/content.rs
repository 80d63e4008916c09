//! Files of bytes: the bodies of objects and parts.
//!
//! Invariant: a content file is written once and never changed after; it goes when the last
//! [`Content`] of it is dropped, unless a record refers to it ([`Content::keep`]).

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use md5::{Digest as _, Md5};
use s3s::checksum::ChecksumHasher;

use super::random_id;

/// One file of bytes. Readers hold it, so that a body that is being sent survives its replacement.
#[derive(Debug)]
pub(in crate::embedded) struct Content {
    id: String,
    path: PathBuf,
    kept: AtomicBool,
}

impl Content {
    /// A content that a record refers to.
    pub(super) fn open(directory: &Path, id: &str) -> Self {
        Self { id: id.to_owned(), path: directory.join(id), kept: AtomicBool::new(true) }
    }

    /// Its name within the folder of contents.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// A record is about to refer to this content: the file outlives the value. True if it is the
    /// first to do so.
    pub(super) fn keep(&self) -> bool {
        !self.kept.swap(true, Ordering::Relaxed)
    }

    /// No record refers to it any more: the file goes with the last value.
    pub(super) fn forsake(&self) {
        self.kept.store(false, Ordering::Relaxed);
    }

    /// Reads `length` bytes from `offset`, onto the end of `into`. Fewer is an error.
    pub(super) fn read(&self, offset: u64, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        let read = file.take(length).read_to_end(into)?;
        if read as u64 == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        if !self.kept.load(Ordering::Relaxed) {
            // What cannot be removed now is swept at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Takes in a body: writes, counts and hashes in one pass. Blocks.
pub(super) struct Sink {
    file: File,
    content: Arc<Content>,
    md5: Md5,
    checksums: ChecksumHasher,
    length: u64,
}

/// A body that was taken in, in full.
pub(super) struct Taken {
    pub(super) content: Arc<Content>,
    pub(super) length: u64,
    pub(super) md5: [u8; 16],
    pub(super) checksums: s3s::dto::Checksum,
}

impl Sink {
    /// A new file in the folder of contents; it goes again unless its content is kept.
    pub(super) fn create(directory: &Path, checksums: ChecksumHasher) -> io::Result<Self> {
        let content = Content::open(directory, &random_id());
        content.forsake();
        let file = File::create_new(&content.path)?;
        Ok(Self { file, content: Arc::new(content), md5: Md5::new(), checksums, length: 0 })
    }

    /// Appends.
    pub(super) fn absorb(mut self, chunks: &[Bytes]) -> io::Result<Self> {
        for chunk in chunks {
            self.md5.update(chunk);
            self.checksums.update(chunk);
            self.file.write_all(chunk)?;
            self.length += chunk.len() as u64;
        }
        Ok(self)
    }

    /// Ends the file.
    pub(super) fn finish(self) -> Taken {
        Taken {
            content: self.content,
            length: self.length,
            md5: self.md5.finalize().into(),
            checksums: self.checksums.finalize(),
        }
    }
}
