//! `check --online`: whether key services give keys to the proxy, and to it as configured. Invariant:
//! nothing is written anywhere; each keyring is asked for a key that is thrown away.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::{
    cli::{Failure, out},
    config::Config,
    keyring::{Keyring, Keyrings},
    telemetry::metrics::Metrics,
};

/// What came of asking one keyring.
#[derive(Serialize)]
pub(super) struct Probed {
    name: String,
    ok: bool,
    milliseconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Asks every keyring, one after the other.
pub(super) fn probe(config: &Config) -> Result<Vec<Probed>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let metrics = Metrics::new()?;
        let keyrings = Keyrings::open(&config.gate.keyrings, None, &metrics)?;
        let mut probed = Vec::new();
        for ring in keyrings.all() {
            probed.push(Probed::of(ring).await);
        }
        Ok(probed)
    })
}

impl Probed {
    async fn of(ring: &Keyring) -> Self {
        let began = Instant::now();
        let reason = ring.probe().await.err().map(|unfit| unfit.to_string());
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Self { name: ring.name().to_owned(), ok: reason.is_none(), milliseconds, reason }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.ok
    }

    pub(super) fn row(&self) -> String {
        let took = Duration::from_millis(self.milliseconds);
        match &self.reason {
            None => format!("{}  {} in {took:?}", self.name, out::green("gives keys")),
            Some(reason) => format!("{}  {}", self.name, out::red(reason)),
        }
    }
}
