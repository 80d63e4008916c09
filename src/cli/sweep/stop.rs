//! Being told to stop: once, and what is under way is finished; twice, and it is not.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};

use super::super::{failure::EXIT_FAILED, out};

/// Whether SIGINT or SIGTERM came.
pub(super) struct Stop {
    is_told: Arc<AtomicBool>,
    listening: JoinHandle<()>,
}

impl Stop {
    pub(super) fn new() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let is_told = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_told);
        let listening = tokio::spawn(async move {
            for _ in 0..2 {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if told.swap(true, Ordering::Relaxed) {
                    std::process::exit(EXIT_FAILED.into());
                }
                out::stderr("\nfinishing what is under way; once more ends at once\n");
            }
        });
        Ok(Self { is_told, listening })
    }

    pub(super) fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
