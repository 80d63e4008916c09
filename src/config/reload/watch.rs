//! Watched folders. Files are replaced rather than written (by editors, cert-manager, Kubernetes'
//! `..data` link), so what is watched is every folder in which a replacement can show. Invariant:
//! each folder is watched under one name, its canonical one.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind},
};

use super::{
    super::stamps::Stamp,
    signal::{Signals, Wake},
};

/// The folders that raise [`Wake::Changed`].
pub(super) struct Watches {
    /// `None` where the system offers no events.
    watcher: Option<RecommendedWatcher>,
    /// With the identity that tells a folder from another that took its name.
    folders: BTreeMap<PathBuf, Option<(u64, u64)>>,
}

impl Watches {
    pub(super) fn new(signals: Arc<Signals>) -> Self {
        let raise = move |event: notify::Result<Event>| {
            if event.map_or(true, |event| is_change(event.kind)) {
                signals.raise(Wake::Changed);
            }
        };
        let watcher = notify::recommended_watcher(raise)
            .inspect_err(|error| tracing::warn!(%error, "no file events; files are compared"))
            .ok();
        Self { watcher, folders: BTreeMap::new() }
    }

    /// Watches the folders of these files and no others.
    pub(super) fn follow<'p>(&mut self, files: impl Iterator<Item = &'p Path>) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted: BTreeMap<_, _> = files
            .flat_map(folders_of)
            .map(|folder| {
                let identity = Stamp::of(&folder).map(|stamp| stamp.identity());
                (folder, identity)
            })
            .collect();
        for (folder, identity) in &self.folders {
            if wanted.get(folder) != Some(identity) {
                // Fails where the folder is gone, and its watch with it.
                let _ = watcher.unwatch(folder);
            }
        }
        for (folder, identity) in &wanted {
            if self.folders.get(folder) != Some(identity)
                && let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive)
            {
                let folder = folder.display();
                tracing::warn!(%folder, %error, "cannot be watched; its files are compared");
            }
        }
        self.folders = wanted;
    }
}

/// The folders in which a change can put another file in the place of `path`: its own, and that of
/// each symbolic link on the way.
fn folders_of(path: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        let Some((link, rest)) = first_link(&path) else {
            folders.extend(folder_of(&path));
            break;
        };
        folders.extend(folder_of(&link));
        let Ok(target) = fs::read_link(&link) else { break };
        path = link.parent().unwrap_or(Path::new("")).join(target).join(rest);
    }
    folders
}

fn folder_of(path: &Path) -> io::Result<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::canonicalize(folder.unwrap_or(Path::new(".")))
}

/// The first part of a path that is a symbolic link, and what follows it.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut parts = path.components();
    let mut prefix = PathBuf::new();
    while let Some(part) = parts.next() {
        prefix.push(part);
        if prefix.is_symlink() {
            return Some((prefix, parts.as_path().to_path_buf()));
        }
    }
    None
}

/// Whether a file may differ afterwards. Reading files raises events too: to count them would make
/// each reload the cause of the next. What is written in place is looked at when it is closed, where
/// that is told: a log beside the configuration would be looked at for every line.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Modify(ModifyKind::Data(_)) => !cfg!(target_os = "linux"),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

/// Links that are followed to find one file; Linux follows as many.
const LINKS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::folders_of;

    #[test]
    fn every_folder_with_a_link_on_the_way_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir_all(root.join("mount/..v1")).unwrap();
        fs::write(root.join("mount/..v1/a.toml"), "").unwrap();
        symlink("..v1", root.join("mount/..data")).unwrap();
        symlink("..data/a.toml", root.join("mount/a.toml")).unwrap();
        symlink(root.join("mount"), root.join("alias")).unwrap();
        let expected = ["", "mount", "mount", "mount/..v1"].map(|name| root.join(name));
        let found = folders_of(&root.join("alias/a.toml"));
        assert_eq!(found, expected.map(|path| fs::canonicalize(path).unwrap()));
    }

    #[test]
    fn links_in_a_circle_end() {
        let folder = tempfile::tempdir().unwrap();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        assert!(!folders_of(&folder.path().join("a")).is_empty());
    }
}
