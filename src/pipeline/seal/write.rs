//! Objects of a single PUT, or of a form. Invariant: the sealed body announces its length before its
//! first byte, and ends only after the plaintext was verified.

use super::{Handling, Presentation, fault::Fault, keys::NewKeys};
use crate::{
    pipeline::{
        authorize::{Authorized, Payload},
        rescue::Error,
    },
    s3::{BucketName, ObjectKey},
    seal::{PLAIN_BYTES_MAX, Salt, Sealer},
    transform::seal::{Requested, SealedBody, Sealing},
    upstream::Plaintext,
};

impl Authorized {
    /// Seals what the request brings.
    pub(super) async fn seal_object(
        mut self,
        object: (&BucketName, &ObjectKey),
        sealing: &Sealing,
    ) -> Result<Self, Error> {
        let requested = requested(&mut self)?;
        let Some((plain, bytes)) = self.take_plain()? else { return Ok(self) };
        let new = self.place(object, sealing).new_keys(&requested).await?;
        let NewKeys { keys, sealed, encryption } = new;
        sealed.insert(&mut self.request.headers).map_err(crate::upstream::Error::from)?;
        let salt = Salt::generate().map_err(Fault::from)?;
        let sealer = Sealer::single(&keys, salt, bytes).map_err(Fault::from)?;
        self.body = Payload::Sealed(Box::new(SealedBody::new(plain, sealer)));
        self.handling = Handling::Present(Presentation::of_object(encryption));
        Ok(self)
    }

    /// The body that the request brings, if any, and its length; `None` where it is not to be sealed.
    pub(super) fn take_plain(&mut self) -> Result<Option<(Option<Plaintext>, u64)>, Fault> {
        let (plain, bytes) = match std::mem::replace(&mut self.body, Payload::None) {
            Payload::Stream(body) => {
                let bytes = body.decoded_len();
                (Some(Plaintext::Client(body)), bytes)
            }
            Payload::Copied(body) => {
                let bytes = body.length();
                (Some(Plaintext::Copied(body)), bytes)
            }
            Payload::None | Payload::Empty => (None, 0),
            body @ (Payload::Document(..) | Payload::Sealed(_)) => {
                self.body = body;
                return Ok(None);
            }
        };
        if bytes > PLAIN_BYTES_MAX {
            return Err(Fault::TooLarge { bytes });
        }
        Ok(Some((plain, bytes)))
    }
}

/// What the client asks for, taken out of the request.
pub(super) fn requested(authorized: &mut Authorized) -> Result<Requested, Fault> {
    let requested = Requested::take(&mut authorized.request.headers)?;
    if requested.customer.is_some() && authorized.context.peer.tls.is_none() {
        return Err(Fault::CustomerKeyInTheClear);
    }
    Ok(requested)
}
