//! Answers that fail when their head is out. Invariant: what the client can no longer be told by a status
//! is told in the audit log and the metrics.

use std::sync::Arc;

use crate::{
    pipeline::rescue::Error,
    s3::Code,
    seal::Broken,
    telemetry::{
        audit::{Audit, Line},
        metrics::Metrics,
    },
};

/// Tells of an answer that failed late.
#[derive(Debug)]
pub(in crate::pipeline) struct Alarm {
    pub(in crate::pipeline) line: Line,
    pub(in crate::pipeline) metrics: Arc<Metrics>,
    pub(in crate::pipeline) audit: Audit,
}

impl Alarm {
    /// A check failed when bytes were already out; the connection is cut off.
    pub(in crate::pipeline) fn ring(mut self, broken: Broken) {
        self.metrics.sealing().check_failed(broken.check());
        self.line.seal_check = Some(broken.check());
        self.tell(format!("the answer was cut off: {broken}"));
    }

    /// What was asked for failed when the answer had begun; the client is told in its document.
    pub(in crate::pipeline) fn fail(mut self, code: Code, error: &Error) {
        tracing::error!(request_id = self.line.request_id, %error, "a request failed late");
        self.line.error_code = Some(code.as_str().to_owned());
        self.tell(error.to_string());
    }

    fn tell(mut self, reason: String) {
        self.line.decision = "failed";
        self.line.reason = Some(reason);
        self.audit.write_unattended(&self.line);
    }
}
