//! What the parts of the configuration share while they are validated: the faults so far, the
//! files read, the environment, today's date, the backend's kind. Invariant: a file that is named is recorded before
//! it is opened, so that one which is missing today is watched for tomorrow.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use zeroize::Zeroizing;

use super::{
    Environment, Fault,
    backend::Backend,
    source::{At, FileRead, Source, read_file},
    stamps::Stamps,
};

/// One load in progress.
pub(super) struct Loading<'e> {
    pub(super) now: SystemTime,
    pub(super) environment: Environment<'e>,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
    pub(super) stamps: Stamps,
    /// Rules and documents are held against what it does.
    pub(super) backend: Option<Backend>,
}

impl<'e> Loading<'e> {
    pub(super) fn new(now: SystemTime, environment: Environment<'e>) -> Self {
        Self {
            now,
            environment,
            faults: Vec::new(),
            warnings: Vec::new(),
            stamps: Stamps::default(),
            backend: None,
        }
    }

    /// Records a fault; `None`, so that a reader can end with it.
    pub(super) fn fault<T>(&mut self, fault: Fault) -> Option<T> {
        self.faults.push(fault);
        None
    }

    /// The path of a file that the configuration names.
    pub(super) fn path(&mut self, named: &At<String>) -> PathBuf {
        let path = named.named_path();
        self.stamps.note(&path);
        path
    }

    /// Reads a file that the configuration names.
    pub(super) fn file(&mut self, named: &At<String>) -> Option<(PathBuf, FileRead)> {
        let path = self.path(named);
        match read_file(&path) {
            Ok(read) => Some((path, read)),
            Err(message) => self.fault(named.fault(format!("{}: {message}", path.display()))),
        }
    }

    /// Reads a text file that the configuration names.
    pub(super) fn text(&mut self, named: &At<String>) -> Option<(Source, bool)> {
        let (path, FileRead { bytes, others_may_read }) = self.file(named)?;
        let text = self.utf8(&path, &bytes)?;
        Some((Source::new(&path, text), others_may_read))
    }

    /// Bytes as text, or a fault of their file.
    pub(super) fn utf8(&mut self, path: &Path, bytes: &[u8]) -> Option<Zeroizing<String>> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(Zeroizing::new(text.to_owned())),
            Err(error) => {
                let message = format!("is not UTF-8 text: byte {} is none", error.valid_up_to());
                self.fault(Fault { path: path.to_path_buf(), place: None, message })
            }
        }
    }

    /// A number that must lie in `range`.
    pub(super) fn within(
        &mut self,
        number: Option<&At<u64>>,
        range: std::ops::RangeInclusive<u64>,
        default: u64,
    ) -> u64 {
        let Some(number) = number else { return default };
        if !range.contains(&number.value) {
            let (least, most) = range.into_inner();
            self.faults.push(number.fault(format!("write a number from {least} to {most}")));
        }
        number.value
    }
}
