//! Eighth stage: the request goes out, the head of the answer comes back.

use http::{Response, StatusCode};
use hyper::body::Incoming;

use super::{
    absence::Absence,
    checksum::Confirmed,
    prepare::{Prepared, ResponsePlan},
    receive::{Context, monotonic},
    rescue::Error,
    trace::Trace,
};
use crate::{
    sigv4::BodyOutcome,
    upstream::{self, Idle, Signed},
};

/// The backend's answer, of which the client has seen nothing.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) response: Response<Idle<Incoming>>,
    pub(super) plan: ResponsePlan,
    /// Whether the client's body was taken to its end, so that its connection can go on.
    pub(super) body_taken: bool,
    /// The client's checksum, where it sent one.
    pub(super) checksum: Option<Confirmed>,
    pub(super) absence: Absence,
    pub(super) context: Context,
}

impl Prepared {
    pub(super) async fn send(self, trace: &Trace) -> Result<Answered, Error> {
        let Self { signed, alternatives, plan, outcome, absence, context } = self;
        let mut answer = exchange(signed, &context, trace).await;
        for alternative in alternatives {
            if !answer.as_ref().is_ok_and(|answer| speaks_of_keys(answer.status())) {
                break;
            }
            let other = exchange(alternative, &context, trace).await;
            // Where none fits, the first answer tells why: it is about the key in use.
            if other.as_ref().is_ok_and(|other| !speaks_of_keys(other.status())) {
                answer = other;
            }
        }
        if let Some(outcome) = &outcome {
            trace.received(outcome.bytes());
            if let Some(failed) = outcome.failed() {
                // The upstream request was cut off before its last bytes: whatever it answered,
                // nothing was completed there, and the client is told why.
                return Err(Error::Body(failed.clone()));
            }
        }
        let response = answer?;
        let checksum = outcome.as_ref().and_then(BodyOutcome::checksum);
        let body_taken = outcome.is_none_or(|outcome| outcome.is_complete());
        if response.status().is_success() && !body_taken {
            return Err(Error::EarlySuccess);
        }
        // After a 101 the connection would speak another protocol, past every check.
        if response.status().is_informational() {
            return Err(Error::Unreadable(format!("{} for an answer", response.status())));
        }
        if response.status().is_redirection() && response.status() != StatusCode::NOT_MODIFIED {
            return Err(Error::Redirected(response.status()));
        }
        Ok(Answered { response, plan, body_taken, checksum, absence, context })
    }
}

async fn exchange(
    signed: Signed,
    context: &Context,
    trace: &Trace,
) -> Result<Response<Idle<Incoming>>, upstream::Error> {
    let began = monotonic();
    let answer = context.settings.upstream.send(signed).await;
    let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
    trace.upstream(status, began.elapsed());
    answer
}

/// With these S3 answers a request that brings no key, another key, or a key for an object that has
/// none.
fn speaks_of_keys(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN)
}
