//! Eighth stage: the request goes out, the head of the answer comes back.

use http::{Response, StatusCode};
use hyper::body::Incoming;

use super::{
    absence::Absence,
    checksum::Confirmed,
    prepare::{Prepared, ResponsePlan},
    receive::{Context, monotonic},
    rescue::Error,
    seal::Presentation,
};
use crate::{
    telemetry::metrics::Metrics,
    upstream::{self, Idle, Outcome, Signed},
};

/// The backend's answer, of which the client has seen nothing.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) response: Response<Idle<Incoming>>,
    pub(super) plan: ResponsePlan,
    /// How the head reads, where it is about a sealed object.
    pub(super) presentation: Option<Presentation>,
    /// Whether the client's body was taken to its end, so that its connection can go on.
    pub(super) body_taken: bool,
    /// The client's checksum, where it sent one.
    pub(super) checksum: Option<Confirmed>,
    pub(super) absence: Absence,
    pub(super) context: Context,
}

impl Prepared {
    pub(super) async fn send(self, metrics: &Metrics) -> Result<Answered, Error> {
        let Self { signed, alternatives, plan, presentation, outcome, absence, context } = self;
        let mut answer = exchange(signed, &context, metrics).await;
        for alternative in alternatives {
            if !answer.as_ref().is_ok_and(|answer| speaks_of_keys(answer.status())) {
                break;
            }
            let other = exchange(alternative, &context, metrics).await;
            // Where none fits, the first answer tells why: it is about the key in use.
            if other.as_ref().is_ok_and(|other| !speaks_of_keys(other.status())) {
                answer = other;
            }
        }
        let (body_taken, checksum) = settle(outcome, metrics)?;
        let response = answer?;
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
        Ok(Answered { response, plan, presentation, body_taken, checksum, absence, context })
    }
}

/// Whether a body was taken to its end, and the checksum that it was found to have.
fn settle(outcome: Option<Outcome>, metrics: &Metrics) -> Result<(bool, Option<Confirmed>), Error> {
    // A body that failed was cut off before its last bytes: whatever was answered, nothing was
    // completed, and the client is told why.
    match outcome {
        None => Ok((true, None)),
        Some(Outcome::Client(outcome)) => {
            metrics.received(outcome.bytes());
            match outcome.failed() {
                Some(failed) => Err(Error::Body(failed.clone())),
                None => Ok((outcome.is_complete(), outcome.checksum())),
            }
        }
        Some(Outcome::Copied(outcome)) => match outcome.failed() {
            Some(failed) => Err(failed.clone().into()),
            None => Ok((outcome.is_complete(), None)),
        },
    }
}

async fn exchange(
    signed: Signed,
    context: &Context,
    metrics: &Metrics,
) -> Result<Response<Idle<Incoming>>, upstream::Error> {
    let began = monotonic();
    let answer = context.settings.upstream.send(signed).await;
    let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
    metrics.upstream(status, began.elapsed());
    answer
}

/// With these S3 answers a request that brings no key, another key, or a key for an object that has
/// none.
pub(super) fn speaks_of_keys(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN)
}
