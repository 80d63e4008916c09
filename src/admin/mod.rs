//! The admin listener: `/metrics`, `/healthz`, `/readyz`.

use std::{net::SocketAddr, sync::Arc};

use crate::{net::Draining, telemetry::metrics::Metrics};

/// Whether the gate takes new requests; `/readyz` shows it.
#[derive(Clone, Debug, Default)]
pub struct Readiness {}

impl Readiness {
    /// 200 from now on.
    pub fn ready(&self) {
        todo!()
    }
    /// 503 from now on, with the reason.
    pub fn not_ready(&self, _reason: &'static str) {
        todo!()
    }
}

/// Binds and serves; resolves to the bound address and the task.
pub async fn start(
    _address: SocketAddr,
    _metrics: Arc<Metrics>,
    _readiness: Readiness,
    _draining: Draining,
) -> std::io::Result<(SocketAddr, tokio::task::JoinHandle<()>)> {
    todo!()
}
