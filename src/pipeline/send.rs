//! Eighth stage: the request goes out, the head of the answer comes back.

use http::Response;
use hyper::body::Incoming;

use super::{
    absence::Absence,
    prepare::{Prepared, ResponsePlan},
    receive::{Context, monotonic},
    rescue::Error,
    trace::Trace,
};
use crate::upstream::Idle;

/// The backend's answer, of which the client has seen nothing.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) response: Response<Idle<Incoming>>,
    pub(super) plan: ResponsePlan,
    /// Whether the client's body was taken to its end, so that its connection can go on.
    pub(super) body_taken: bool,
    pub(super) absence: Absence,
    pub(super) context: Context,
}

impl Prepared {
    pub(super) async fn send(self, trace: &Trace) -> Result<Answered, Error> {
        let Self { signed, plan, outcome, absence, context } = self;
        let began = monotonic();
        let answer = context.settings.upstream.send(signed).await;
        trace.upstream(
            answer.as_ref().map_or(0, |answer| answer.status().as_u16()),
            began.elapsed(),
        );
        if let Some(outcome) = &outcome {
            trace.received(outcome.bytes());
            if let Some(failed) = outcome.failed() {
                // The upstream request was cut off before its last bytes: whatever it answered,
                // nothing was completed there, and the client is told why.
                return Err(Error::Body(failed.clone()));
            }
        }
        let response = answer?;
        let body_taken = outcome.is_none_or(|outcome| outcome.is_complete());
        if response.status().is_success() && !body_taken {
            return Err(Error::EarlySuccess);
        }
        // After a 101 the connection would speak another protocol, past every check.
        if response.status().is_informational() {
            return Err(Error::Unreadable(format!("{} for an answer", response.status())));
        }
        if response.status().is_redirection() && response.status() != http::StatusCode::NOT_MODIFIED
        {
            return Err(Error::Redirected(response.status()));
        }
        Ok(Answered { response, plan, body_taken, absence, context })
    }
}
