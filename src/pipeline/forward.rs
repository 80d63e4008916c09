//! How a request is prepared that goes on with its caller's own signature. Invariant: its head and
//! its body leave as they came; only the connection is another.

use super::{
    absence::Absence,
    authorize::Payload,
    prepare::{Prepared, ResponsePlan},
    receive::Context,
    rescue::Error,
};
use crate::{policy::Permit, sigv4::Forwarded};

/// A permitted request, to be sent as it came.
pub(super) fn prepare(
    forwarded: Forwarded,
    (permit, body): (Permit, Payload),
    absence: Absence,
    context: Context,
) -> Result<Prepared, Error> {
    // What comes without a byte keeps its head's word for it.
    let body = if matches!(body, Payload::Empty) { Payload::None } else { body };
    let (body, outcome) = body.leave(permit)?;
    let signed = context.settings.upstream.forward(forwarded, body)?;
    let plan = ResponsePlan::Relay;
    let (alternatives, presentation) = (Vec::new(), None);
    Ok(Prepared { signed, alternatives, plan, presentation, outcome, absence, context })
}
