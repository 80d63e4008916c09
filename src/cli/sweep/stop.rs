//! Being told to stop: once, and what is under way is finished; twice, and it is not.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
};

use super::super::{failure::EXIT_FAILED, out};

/// Whether SIGINT or SIGTERM came.
pub(super) struct Stop {
    is_told: watch::Receiver<bool>,
    listening: JoinHandle<()>,
}

impl Stop {
    pub(super) fn new() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (tell, is_told) = watch::channel(false);
        let listening = tokio::spawn(async move {
            for _ in 0..2 {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if tell.send_replace(true) {
                    std::process::exit(EXIT_FAILED.into());
                }
                out::stderr("\nfinishing what is under way; once more ends at once\n");
            }
        });
        Ok(Self { is_told, listening })
    }

    pub(super) fn is_told(&self) -> bool {
        *self.is_told.borrow()
    }

    /// Returns once it came.
    pub(super) async fn told(&self) {
        let mut is_told = self.is_told.clone();
        if is_told.wait_for(|is_told| *is_told).await.is_err() {
            // Nobody listens any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
