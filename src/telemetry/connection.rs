//! What is told of connections. Invariant: a listener's address comes from the configuration, and
//! nothing else of a connection is shown.

use std::sync::Arc;

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::metrics::{CONNECTIONS, CONNECTIONS_OPENED, CONNECTIONS_REFUSED, counters, register};

#[derive(Debug)]
pub(super) struct AllConnections {
    open: IntGaugeVec,
    opened: IntCounterVec,
    refused: IntCounterVec,
}

/// Connections of one listener.
#[derive(Clone, Debug)]
pub struct Connections {
    open: IntGauge,
    opened: IntCounter,
    refused: IntCounterVec,
    listener: Arc<str>,
}

/// One open connection.
#[derive(Debug)]
pub struct OpenConnection(IntGauge);

impl Connections {
    /// `portcullis_connections` +1 until the guard is dropped.
    pub fn open(&self) -> OpenConnection {
        self.opened.inc();
        self.open.inc();
        OpenConnection(self.open.clone())
    }

    /// A connection did not come to HTTP; `reason` is one of few words.
    pub fn refused(&self, reason: &'static str) {
        self.refused.with_label_values(&[&*self.listener, reason]).inc();
    }
}

impl AllConnections {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let open = Opts::new(CONNECTIONS, "Connections that are open.");
        Ok(Self {
            open: register(registry, IntGaugeVec::new(open, &["listener"])?)?,
            opened: counters(
                registry,
                CONNECTIONS_OPENED,
                "Connections that were accepted.",
                &["listener"],
            )?,
            refused: counters(
                registry,
                CONNECTIONS_REFUSED,
                "Connections that did not come to HTTP: late, plain-http, proxy-protocol, tls.",
                &["listener", "reason"],
            )?,
        })
    }

    pub(super) fn of(&self, listener: &str) -> Connections {
        Connections {
            open: self.open.with_label_values(&[listener]),
            opened: self.opened.with_label_values(&[listener]),
            refused: self.refused.clone(),
            listener: listener.into(),
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
