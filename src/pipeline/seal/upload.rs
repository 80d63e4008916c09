//! Multipart uploads of sealed objects, up to their completion. Invariant: nothing of an upload is kept
//! here: the keys of its parts travel in its id, and each attempt of a part has a salt of its own.

use http::HeaderName;

use super::{Handling, Presentation, fault::Fault, keys::NewKeys, write::requested};
use crate::{
    pipeline::{
        authorize::{Authorized, Payload},
        context,
        rescue::Error,
    },
    s3::{BucketName, ObjectKey, headers},
    seal::{PartLength, PartNumber, Salt, Sealer, part_length},
    transform::{
        etag::Tagged,
        seal::{SealedBody, Sealing},
        upload_id::{Accepted, SealedUpload, says_sealed},
    },
};

/// What an upload's id carries besides, since its object may have to be put together anew, and no answer
/// of the backend tells it.
pub(super) static ACCESS: [HeaderName; 6] = [
    headers::X_AMZ_ACL,
    headers::X_AMZ_GRANT_FULL_CONTROL,
    headers::X_AMZ_GRANT_READ,
    headers::X_AMZ_GRANT_READ_ACP,
    headers::X_AMZ_GRANT_WRITE,
    headers::X_AMZ_GRANT_WRITE_ACP,
];

/// An upload that begins.
#[derive(Debug)]
pub(in crate::pipeline) struct Created {
    pub(in crate::pipeline) presentation: Presentation,
    /// What its parts will be judged by.
    pub(in crate::pipeline) accepted: Accepted,
    /// What they will be sealed with.
    pub(in crate::pipeline) upload: SealedUpload,
}

impl Authorized {
    /// Begins an upload under fresh keys, which the object has from its start in its metadata.
    pub(super) async fn create_upload(
        mut self,
        object: (&BucketName, &ObjectKey),
        sealing: &Sealing,
    ) -> Result<Self, Error> {
        let accepted = context::accepted(&self.request.headers, &ACCESS)?;
        let requested = requested(&mut self)?;
        let new = self.place(object, sealing).new_keys(&requested).await?;
        let NewKeys { keys, sealed, encryption } = new;
        sealed.insert(&mut self.request.headers).map_err(crate::upstream::Error::from)?;
        let id = sealed.committed.object_id();
        let upload = SealedUpload { id, keys, key_box: sealed.key_box };
        let presentation = Presentation::of_object(encryption);
        self.handling = Handling::Create(Box::new(Created { presentation, accepted, upload }));
        Ok(self)
    }

    /// Seals one attempt of a part.
    pub(super) fn seal_part(
        mut self,
        object: (&BucketName, &ObjectKey),
        sealing: &Sealing,
    ) -> Result<Self, Error> {
        let customer = requested(&mut self)?.customer;
        let number = self.part_number()?;
        let upload = self.upload.as_ref().and_then(|upload| upload.sealed.as_ref());
        // Uploads go on here only if they began sealed.
        let Some(upload) = upload else { return Err(Fault::NotSealed.into()) };
        let keys = upload.keys.clone();
        let encryption = self.place(object, sealing).encryption(&upload.key_box, customer.as_ref());
        let Some((plain, bytes)) = self.take_plain()? else { return Ok(self) };
        let salt = Salt::generate().map_err(Fault::from)?;
        let sealer = Sealer::part(&keys, number, salt, bytes).map_err(Fault::from)?;
        let tagged = match part_length(number, sealer.stored_bytes()) {
            PartLength::Ambiguous if sealer.is_footered() => Tagged::Footered,
            PartLength::Known { .. } | PartLength::Ambiguous | PartLength::None => Tagged::Sealed,
        };
        self.body = Payload::Sealed(Box::new(SealedBody::new(plain, sealer)));
        let encryption = Some(encryption);
        self.handling = Handling::Present(Presentation { tagged, encryption });
        Ok(self)
    }

    /// Shows sizes and tags of parts as their clients know them, if it is an upload of sealed ones.
    pub(super) fn show_parts(mut self) -> Self {
        let presented = self.request.query.get("uploadId").unwrap_or_default();
        if says_sealed(presented) != Some(false) {
            self.handling = Handling::ShowParts;
        }
        self
    }

    fn part_number(&self) -> Result<PartNumber, Fault> {
        let number = self.request.query.get("partNumber").and_then(|number| number.parse().ok());
        number.and_then(PartNumber::new).ok_or(Fault::InvalidPartNumber)
    }
}
