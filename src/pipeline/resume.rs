//! Between the credential's limits and the rule: the upload that a request goes on with. Invariant: its
//! id has held before anything is judged by what it carries, and an upload goes on only in the way in
//! which it began, sealed or not.

use super::{
    authenticate::Authenticated,
    confine::Confined,
    receive::Context,
    rescue::Error,
    seal::{self, Fault},
    treat,
};
use crate::{
    identity, keyring,
    policy::Mode,
    s3::{self, Resource},
    transform::{
        rules::Rule,
        seal::{Customer, Sealing},
        upload_id::{Place, Presented, Refused, SealedToken, Upload},
    },
};

/// A request, and its multipart upload.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) confined: Confined,
    /// `None`: it belongs to none, or its id is the backend's own.
    pub(super) upload: Option<Upload>,
}

impl Confined {
    /// Opens the upload's id, for which its keys may have to be unwrapped.
    pub(super) async fn resume(self) -> Result<Resumed, Error> {
        let Authenticated { request, context, .. } = &self.authenticated;
        let upload = match context.settings.mode {
            identity::Mode::Forward => None,
            identity::Mode::Verify | identity::Mode::Ambient(_) => upload(request, context).await?,
        };
        Ok(Resumed { confined: self, upload })
    }
}

/// Parts and completion are judged by what the upload was created with; the other operations on an
/// upload show and abort only, and need no more than the backend's id.
async fn upload(request: &s3::Request, context: &Context) -> Result<Option<Upload>, Error> {
    let Some(presented) = request.query.get("uploadId") else { return Ok(None) };
    let Resource::Object(bucket, key) = &request.resource else { return Ok(None) };
    if !request.operation.continues_upload() {
        return Ok(Some(Upload::named(presented)));
    }
    let (rules, place) = (&context.settings.rules, Place { bucket, key });
    let rule = treat::rule(request, rules)?;
    let enforces = rules.mode(rule) == Mode::Enforce;
    let sealing = rule.and_then(Rule::sealing).filter(|_| enforces);
    match (context.settings.token_keys.read(presented, place)?, sealing) {
        (Presented::Plain(upload), None) => Ok(Some(upload)),
        (Presented::Sealed(token), Some(sealing)) => {
            Ok(Some(Box::pin(unlock(token, request, place, (sealing, context))).await?))
        }
        (Presented::Plain(_), Some(_)) => Err(Refused::NotSealed.into()),
        (Presented::Sealed(_), None) => Err(Refused::SealedBefore.into()),
    }
}

/// The upload that a token speaks of, if its keys say that it holds.
async fn unlock(
    token: SealedToken,
    request: &s3::Request,
    place: Place<'_>,
    (sealing, context): (&Sealing, &Context),
) -> Result<Upload, Error> {
    let Place { bucket, key } = place;
    let keyrings = &context.settings.keyrings;
    let customer = Customer::of_part(&request.headers).map_err(Fault::from)?;
    let place = seal::Place { bucket, key, sealing, keyrings };
    let keys = place.unlock_upload((token.id, &token.key_box), customer.as_ref()).await;
    match keys {
        Ok(keys) => Ok(token.verify(keys)?),
        Err(Fault::Broken(_) | Fault::Keyring(keyring::Error::Broken(_))) => {
            Err(Refused::Forged.into())
        }
        Err(fault) => Err(fault.into()),
    }
}
