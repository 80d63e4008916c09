//! Third stage: who asks. The raw body is given up for one that checks itself as it streams.

use hyper::body::Incoming;

use super::{ambient, classify::Classified, receive::Context, rescue::Error};
use crate::{
    identity::Mode,
    s3,
    sigv4::{self, Caller, Forwarded, Verified, VerifiedBody},
    upstream::Idle,
};

/// A client's body that is verified to its end, and watched for silence.
pub(super) type ClientBody = VerifiedBody<Idle<Incoming>>;

/// A request whose head was signed by whom it says, or by nobody.
#[derive(Debug)]
pub(super) struct Authenticated {
    pub(super) request: s3::Request,
    pub(super) verified: Verified,
    pub(super) body: Option<ClientBody>,
    /// The head to go on, where it keeps its own signature.
    pub(super) forwarded: Option<Forwarded>,
    pub(super) context: Context,
}

impl Classified {
    pub(super) fn authenticate(self) -> Result<Authenticated, Error> {
        let Self { request, head, body, context } = self;
        let settings = &context.settings;
        let operation = request.operation;
        let (verified, forwarded) = match &settings.mode {
            Mode::Verify => {
                let (credentials, verify) = (&settings.credentials, &settings.verify);
                (sigv4::verify(&head, operation, credentials, verify, context.now)?, None)
            }
            Mode::Ambient(ambient) => {
                ambient::admit(&head, &context.peer, ambient, &settings.domains)?;
                (sigv4::ambient(&head, operation, &ambient.identity)?, None)
            }
            Mode::Forward => {
                let (verified, forwarded) = sigv4::forward(head, &request, &settings.credentials)?;
                (verified, Some(forwarded))
            }
        };
        let overrides = request.query.pairs().iter().any(|(name, _)| name.starts_with("response-"));
        if overrides && matches!(verified.caller(), Caller::Anonymous) {
            return Err(Error::AnonymousOverride);
        }
        let body = verified.body(Idle::new(body, settings.client_idle_timeout));
        let body = match (request.operation.takes_body(), body.decoded_len()) {
            (true, _) => Some(body),
            (false, 0) => None,
            (false, _) => return Err(Error::UnexpectedBody(request.operation)),
        };
        Ok(Authenticated { request, verified, body, forwarded, context })
    }
}
