//! Reload: when a file of the configuration changes, or on demand, everything is loaded anew.
//! Invariant: a version is handed on whole or as faults, and no change is missed: events only
//! hasten what a comparison of the files would find.

mod fixed;
mod signal;
mod watch;

#[cfg(test)]
mod tests;

use std::{io, path::PathBuf, sync::Arc, thread, time::Duration};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use fixed::Fixed;
use signal::{Signals, Wake};
use watch::Watches;

use super::{Config, Fault, load_watched, now, process_environment, stamps::Stamps};

/// What a reload finds: a version to take over whole, or why the running one stays in force.
pub type Version = Result<Config, Vec<Fault>>;

/// Watches the files of a configuration until dropped.
#[derive(Debug)]
pub struct Watcher {
    signals: Arc<Signals>,
    versions: Receiver<Version>,
}

impl Watcher {
    /// Starts to watch the files of `running`, which was loaded from `path`, on a thread of its
    /// own. What changed since `running` was loaded counts as changed.
    ///
    /// # Errors
    /// When the thread cannot be started. A folder that cannot be watched is no error: its files
    /// are compared every [`COMPARE_INTERVAL`].
    pub fn start(path: PathBuf, running: &Config) -> io::Result<Self> {
        let signals = Arc::new(Signals::default());
        let (sender, versions) = channel(1);
        let mut reloading = Reloading {
            path,
            fixed: Fixed::of(running),
            stamps: running.stamps.clone(),
            watches: Watches::new(Arc::clone(&signals)),
            signals: Arc::clone(&signals),
            told: Vec::new(),
            versions: sender,
        };
        thread::Builder::new().name("reload".to_owned()).spawn(move || reloading.run())?;
        Ok(Self { signals, versions })
    }

    /// Loads anew even if no file has changed (SIGHUP).
    pub fn trigger(&self) {
        self.signals.raise(Wake::Triggered);
    }

    /// The next version, after a change or a trigger. Faults that were handed on last time are not
    /// handed on again for a change that mends none of them. Cancel safe; never `None` before the
    /// thread has ended.
    pub async fn next(&mut self) -> Option<Version> {
        self.versions.recv().await
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.signals.raise(Wake::Stopped);
    }
}

/// The state of the watcher's thread.
struct Reloading {
    path: PathBuf,
    /// What a running program cannot change.
    fixed: Fixed,
    /// The files of the last load, whether it succeeded or not.
    stamps: Stamps,
    watches: Watches,
    signals: Arc<Signals>,
    /// The faults of the last load.
    told: Vec<Fault>,
    versions: Sender<Version>,
}

impl Reloading {
    fn run(&mut self) {
        loop {
            self.watches.follow(self.stamps.paths());
            // A change from before its folder was watched sends no event.
            let wake = if self.stamps.are_stale() {
                Wake::Changed
            } else {
                self.signals.wait(COMPARE_INTERVAL)
            };
            let version = match wake {
                Wake::Stopped => return,
                Wake::Triggered => Some(self.load()),
                Wake::Changed => self.changed(),
            };
            if let Some(version) = version
                && self.hand_on(version).is_err()
            {
                return;
            }
        }
    }

    /// The version that a change led to, where it led to another.
    fn changed(&mut self) -> Option<Version> {
        self.signals.settle(QUIET, SETTLE_MAX);
        if !self.stamps.are_stale() {
            return None;
        }
        let version = self.load();
        let repeated = version.as_ref().is_err_and(|faults| *faults == self.told);
        (!repeated).then_some(version)
    }

    /// Loads one version: where files changed while they were read, it may be half an old one and
    /// half a new one, and is read again. What changes without end is taken up by the next round.
    fn load(&mut self) -> Version {
        let mut loaded = load_watched(&self.path, now(), &process_environment);
        for _ in 1..LOADS_MAX {
            if !loaded.1.are_stale() {
                break;
            }
            loaded = load_watched(&self.path, now(), &process_environment);
        }
        self.stamps = loaded.1;
        loaded.0
    }

    fn hand_on(&mut self, version: Version) -> Result<(), Gone> {
        match &version {
            Ok(config) => {
                for change in self.fixed.differences(&Fixed::of(config)) {
                    tracing::warn!("{change} changed; restart to put that in force");
                }
                self.told.clear();
            }
            Err(faults) => self.told.clone_from(faults),
        }
        self.versions.blocking_send(version).map_err(|_| Gone)
    }
}

/// The watcher was dropped.
struct Gone;

/// How often files are compared without an event: some file systems send none.
pub const COMPARE_INTERVAL: Duration = Duration::from_mins(1);
/// Files that were still for so long are read: whoever writes several has then written them all.
const QUIET: Duration = Duration::from_millis(250);
/// Files are read after so long even if something goes on in their folder, such as a log.
const SETTLE_MAX: Duration = Duration::from_secs(2);
/// How often one version is loaded at most.
const LOADS_MAX: usize = 5;
