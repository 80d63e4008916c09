//! What is told of sealed objects. Invariant: the labels are closed sets.

use prometheus::{IntCounterVec, Registry};

use super::metrics::{SEAL_CHECKS_FAILED, SEALED_OBJECTS, counters};

/// Metrics of sealing.
#[derive(Debug)]
pub struct Sealing {
    objects: IntCounterVec,
    checks_failed: IntCounterVec,
}

impl Sealing {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            objects: counters(
                registry,
                SEALED_OBJECTS,
                "Objects and parts that were sealed, opened, rewrapped for a copy, or passed unsealed.",
                &["done"],
            )?,
            checks_failed: counters(
                registry,
                SEAL_CHECKS_FAILED,
                "Reads of sealed objects that failed, by the check of the format.",
                &["check"],
            )?,
        })
    }

    /// An object or a part is sealed on its way.
    pub fn sealed(&self) {
        self.objects.with_label_values(&["sealed"]).inc();
    }

    /// An object is opened on its way.
    pub fn opened(&self) {
        self.objects.with_label_values(&["opened"]).inc();
    }

    /// The data key of an object is wrapped anew, for a copy of its records.
    pub fn rewrapped(&self) {
        self.objects.with_label_values(&["rewrapped"]).inc();
    }

    /// An object that is not sealed was handed out where others are.
    pub fn passed(&self) {
        self.objects.with_label_values(&["passed"]).inc();
    }

    /// A check failed; its name is the format's.
    pub fn check_failed(&self, check: &'static str) {
        self.checks_failed.with_label_values(&[check]).inc();
    }
}
