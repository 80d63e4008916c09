//! `portcullis serve`: run until told to end.

use std::{path::PathBuf, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, out};
use crate::{
    app::Gate,
    config::{self, Fault, reload},
};

/// Loads, binds, announces, serves, drains.
pub(super) async fn run(path: PathBuf) -> Result<ExitCode, Failure> {
    let config = config::load(&path, super::now()).map_err(Failure::faults)?;
    let watcher = reload::Watcher::start(path, &config)?;
    let gate = Gate::start(config).await?;
    for address in gate.addresses() {
        tracing::info!(%address, "listening");
    }
    tracing::info!(address = %gate.admin_address(), "admin listening");
    out::line("ready");
    until_signalled(gate, watcher).await
}

/// Serves until SIGTERM or SIGINT; SIGHUP and changed files reload.
pub(super) async fn until_signalled(
    gate: Gate,
    mut watcher: reload::Watcher,
) -> Result<ExitCode, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {
                gate.reopen_audit().await;
                watcher.trigger();
            }
            Some(loaded) = watcher.next() => take(&gate, loaded),
        }
    }
    tracing::info!("draining");
    if !gate.stop().await {
        tracing::warn!("the drain limit passed with requests still open; they were cut off");
    }
    Ok(ExitCode::SUCCESS)
}

/// A faulty version changes nothing.
fn take(gate: &Gate, loaded: Result<config::Config, Vec<Fault>>) {
    let reloaded = loaded
        .map_err(|faults| faults.iter().map(ToString::to_string).collect())
        .and_then(|config| gate.reload(&config).map_err(|error| vec![error.to_string()]));
    gate.metrics().reload(reloaded.is_ok(), super::now());
    match reloaded {
        Ok(unchanged) => {
            tracing::info!("the configuration was reloaded");
            for what in unchanged {
                tracing::warn!(what, "only a restart changes this");
            }
        }
        Err(faults) => {
            for fault in &faults {
                tracing::error!(fault, "the new configuration is faulty");
            }
            tracing::error!("the old configuration stays in force");
        }
    }
}
