//! Ending early: whoever is told to stop finishes what is under way, and who is told twice does not. Told
//! by a signal, or by the command itself, where going on would come to nothing.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
};

use super::super::{failure::EXIT_FAILED, out};

/// Whether to stop, and why.
pub(in crate::cli) struct Stop {
    reason: watch::Sender<Option<String>>,
    listening: JoinHandle<()>,
}

impl Stop {
    /// From now on SIGINT and SIGTERM tell it.
    pub(in crate::cli) fn new() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let reason = watch::Sender::new(None);
        let told = reason.clone();
        let listening = tokio::spawn(async move {
            for is_second in [false, true] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if is_second {
                    std::process::exit(EXIT_FAILED.into());
                }
                tell(&told, "it was told to stop");
                out::stderr("\nfinishing what is under way; once more ends at once\n");
            }
        });
        Ok(Self { reason, listening })
    }

    /// For this reason, unless there is one already.
    pub(super) fn tell(&self, reason: &str) {
        tell(&self.reason, reason);
    }

    /// Why, if it was told.
    pub(super) fn reason(&self) -> Option<String> {
        self.reason.borrow().clone()
    }

    /// Returns once it was told.
    pub(super) async fn told(&self) {
        // It cannot be closed while this is here.
        let _ = self.reason.subscribe().wait_for(Option::is_some).await;
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn tell(told: &watch::Sender<Option<String>>, reason: &str) {
    told.send_if_modified(|known| {
        let is_first = known.is_none();
        known.get_or_insert_with(|| reason.to_owned());
        is_first
    });
}
