//! Reload: when a file of the configuration changes, or on demand, everything is loaded anew.
//! Invariant: a version reaches the callback whole or as faults, and no change is missed: events
//! only hasten what a comparison of the files would find.

mod fixed;
mod signal;
mod watch;

#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use fixed::Fixed;
use signal::{Signals, Wake};
use watch::Watches;

use super::{Config, Fault, load_watched, now, process_environment, stamps::Stamps};

/// Watches the files of a configuration until dropped.
#[derive(Debug)]
pub struct Reloader {
    signals: Arc<Signals>,
}

impl Reloader {
    /// Starts to watch the files of `running`, which was loaded from `path`.
    ///
    /// After each change, and each [`Reloader::trigger`], everything is loaded anew and handed to
    /// `adopt`, on a thread of the reloader's own: a version to take over whole, or the faults for
    /// which the running one stays in force. Faults, warnings and changes that only a restart puts
    /// in force were logged before.
    ///
    /// # Errors
    /// When the thread cannot be started. A folder that cannot be watched is no error: its files are
    /// compared every [`COMPARE_INTERVAL`].
    pub fn start(
        path: &Path,
        running: &Config,
        adopt: impl FnMut(Result<Config, Vec<Fault>>) + Send + 'static,
    ) -> io::Result<Self> {
        let signals = Arc::new(Signals::default());
        let mut reloading = Reloading {
            path: path.to_path_buf(),
            fixed: Fixed::of(running),
            stamps: running.stamps.clone(),
            watches: Watches::new(Arc::clone(&signals)),
            signals: Arc::clone(&signals),
            reported: Vec::new(),
            adopt,
        };
        thread::Builder::new().name("reload".to_owned()).spawn(move || reloading.run())?;
        Ok(Self { signals })
    }

    /// Loads anew even if no file has changed (SIGHUP).
    pub fn trigger(&self) {
        self.signals.raise(Wake::Triggered);
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        self.signals.raise(Wake::Stopped);
    }
}

/// The state of the reloader's thread.
struct Reloading<F> {
    path: PathBuf,
    /// What a running program cannot change.
    fixed: Fixed,
    /// The files of the last load, whether it succeeded or not.
    stamps: Stamps,
    watches: Watches,
    signals: Arc<Signals>,
    /// The faults that the log has told already.
    reported: Vec<Fault>,
    adopt: F,
}

impl<F: FnMut(Result<Config, Vec<Fault>>)> Reloading<F> {
    fn run(&mut self) {
        loop {
            self.watches.follow(self.stamps.paths());
            // A change from before its folder was watched sends no event.
            let wake = if self.stamps.are_stale() {
                Wake::Changed
            } else {
                self.signals.wait(COMPARE_INTERVAL)
            };
            match wake {
                Wake::Stopped => return,
                Wake::Triggered => self.reload(),
                Wake::Changed => {
                    self.signals.settle(QUIET, SETTLE_MAX);
                    if self.stamps.are_stale() {
                        self.reload();
                    }
                }
            }
        }
    }

    fn reload(&mut self) {
        let result = self.load();
        match &result {
            Ok(config) => self.report_version(config),
            Err(faults) => self.report_faults(faults),
        }
        (self.adopt)(result);
    }

    /// Loads one version: where files changed while they were read, it may be half an old one and
    /// half a new one, and is read again. What changes without end is taken up by the next round.
    fn load(&mut self) -> Result<Config, Vec<Fault>> {
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

    fn report_version(&mut self, config: &Config) {
        self.reported.clear();
        tracing::info!(file = %self.path.display(), "configuration reloaded");
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        for change in self.fixed.differences(&Fixed::of(config)) {
            tracing::warn!("{change} changed; restart to put that in force");
        }
    }

    fn report_faults(&mut self, faults: &[Fault]) {
        if self.reported == faults {
            return;
        }
        tracing::error!(
            file = %self.path.display(),
            faults = faults.len(),
            "the changed configuration is refused; the running one stays in force"
        );
        for fault in faults {
            tracing::error!("{fault}");
        }
        self.reported = faults.to_vec();
    }
}

/// How often files are compared without an event: some file systems send none.
pub const COMPARE_INTERVAL: Duration = Duration::from_secs(60);
/// Files that were still for so long are read: whoever writes several has then written them all.
const QUIET: Duration = Duration::from_millis(250);
/// Files are read after so long even if something goes on in their folder, such as a log.
const SETTLE_MAX: Duration = Duration::from_secs(2);
/// How often one version is loaded at most.
const LOADS_MAX: usize = 5;
