//! Which files a load read, and what they were like just before. Invariant: a stamp is taken before
//! its file is opened, so that a change during the load shows as a change after it.

use std::{
    fs::Metadata,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// The files of one load, in the order in which they were named, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

impl Stamps {
    /// Notes what a file is like now.
    pub(super) fn note(&mut self, path: &Path) {
        if !self.paths().any(|noted| noted == path) {
            self.0.push((path.to_path_buf(), Stamp::of(path)));
        }
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, _)| path.as_path())
    }

    /// Whether a file is no longer what it was.
    pub(super) fn are_stale(&self) -> bool {
        self.0.iter().any(|(path, stamp)| Stamp::of(path) != *stamp)
    }
}

/// What tells one version of a file, or one directory in the place of another, from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    identity: (u64, u64),
    modified: Option<SystemTime>,
    mode: u32,
    bytes: u64,
}

impl Stamp {
    /// Follows symbolic links; `None` where there is nothing to be found.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        let (identity, mode) = unix_facts(&metadata);
        Some(Self { identity, modified: metadata.modified().ok(), mode, bytes: metadata.len() })
    }

    /// Device and inode.
    pub(super) fn identity(&self) -> (u64, u64) {
        self.identity
    }
}

#[cfg(unix)]
fn unix_facts(metadata: &Metadata) -> ((u64, u64), u32) {
    use std::os::unix::fs::MetadataExt as _;
    ((metadata.dev(), metadata.ino()), metadata.mode())
}

#[cfg(not(unix))]
fn unix_facts(_metadata: &Metadata) -> ((u64, u64), u32) {
    ((0, 0), 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Stamps;

    #[test]
    fn what_happens_to_a_file_makes_its_stamp_stale() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let stale_after = |change: &dyn Fn()| {
            let mut stamps = Stamps::default();
            stamps.note(&path);
            assert!(!stamps.are_stale());
            change();
            stamps.are_stale()
        };
        assert!(stale_after(&|| fs::write(&path, "made").unwrap()));
        assert!(stale_after(&|| fs::write(&path, "longer").unwrap()));
        assert!(stale_after(&|| {
            fs::write(folder.path().join("new"), "LONGER").unwrap();
            fs::rename(folder.path().join("new"), &path).unwrap();
        }));
        assert!(!stale_after(&|| fs::write(folder.path().join("other"), "text").unwrap()));
        assert!(stale_after(&|| fs::remove_file(&path).unwrap()));
    }
}
