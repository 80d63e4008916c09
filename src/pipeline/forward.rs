//! How a request is prepared that goes on with its caller's own signature. Invariant: its head and
//! its body leave as they came; only the connection is another.

use super::{
    absence::Absence,
    authenticate::ClientBody,
    authorize::Payload,
    prepare::{Prepared, ResponsePlan},
    receive::Context,
    rescue::Error,
};
use crate::{policy::Permit, sigv4::Forwarded, upstream::Outbound};

/// A permitted request, to be sent as it came.
pub(super) fn prepare(
    forwarded: Forwarded,
    (permit, body): (Permit, Payload),
    absence: Absence,
    context: Context,
) -> Result<Prepared, Error> {
    let (body, outcome) = match body {
        Payload::None | Payload::Empty => (Outbound::empty(), None),
        Payload::Document(document, share) => {
            (Outbound::document(share.hold(document), permit.plain()), None)
        }
        Payload::Stream(body) => {
            let outcome = ClientBody::outcome(&body);
            (Outbound::plain(*body, permit.plain()), Some(outcome))
        }
    };
    let signed = context.settings.upstream.forward(forwarded, body)?;
    let plan = ResponsePlan::Relay;
    Ok(Prepared { signed, alternatives: Vec::new(), plan, outcome, absence, context })
}
