//! `CompleteMultipartUpload` of a sealed object. Invariant: before the backend completes anything it was
//! checked that an object comes of it which ends as the format says; each step can be taken again, so
//! that a completion which broke off is mended by repeating it.

use bytes::Bytes;
use http::HeaderMap;

use super::{
    courier::Courier,
    errands::{Failure, Object},
    fault::Fault,
};
use crate::{
    seal::{Completion, PartNumber},
    transform::{
        parts::Part,
        seal::{Assembly, Irregular, Slot},
        upload_id::SealedUpload,
    },
};

/// A completion, and all that it needs.
#[derive(Debug)]
pub(super) struct Completing {
    pub(super) courier: Courier,
    /// The backend's.
    pub(super) upload_id: String,
    pub(super) upload: SealedUpload,
    /// The parts, as the client lists them.
    pub(super) named: Vec<Part>,
    /// Under which the client wants the object to come to be.
    pub(super) conditions: HeaderMap,
    /// What the client says of the object's size.
    pub(super) promised: Option<String>,
    /// What becomes of parts behind which no table can be added.
    pub(super) irregular: Irregular,
    /// Who may do what with the object, as was said when the upload began.
    pub(super) access: HeaderMap,
}

impl Completing {
    /// All of it, from the list of parts to the object.
    pub(super) async fn run(self) -> Result<Object, Failure> {
        let listed = match self.courier.list_parts(&self.upload_id).await {
            Err(Failure::Told(told)) if told.is_no_upload() => return self.repeated(told).await,
            listed => listed?,
        };
        let keys = &self.upload.keys;
        let assembly = Assembly::of(&self.named, listed, keys).map_err(Fault::from)?;
        self.check_size(&assembly)?;
        let completion = assembly.completion(keys).map_err(Fault::from)?;
        let added = match &completion {
            Completion::Add(bytes) => Some(self.add(bytes.clone(), &assembly).await?),
            Completion::AsItIs => None,
            Completion::Rebuild(_) => {
                self.check_irregular(&assembly).await?;
                None
            }
        };
        let added = added.as_ref().map(|(number, etag)| (*number, etag.as_str()));
        let (document, conditions) = (assembly.document(added), self.conditions.clone());
        match self.courier.complete(&self.upload_id, document, conditions).await {
            Err(Failure::Told(told)) if told.is_no_upload() => self.repeated(told).await,
            completed => self.settle(completed?, assembly, &completion).await,
        }
    }

    fn check_size(&self, assembly: &Assembly) -> Result<(), Fault> {
        match &self.promised {
            Some(promised) if promised.parse() != Ok(assembly.bytes()) => {
                Err(Fault::OtherSize { promised: promised.clone(), actual: assembly.bytes() })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Adds what has to stand behind the parts, unless an attempt before has done so.
    async fn add(
        &self,
        bytes: Bytes,
        assembly: &Assembly,
    ) -> Result<(PartNumber, String), Failure> {
        match assembly.slot(&bytes) {
            Some(Slot::Free(number)) => {
                let etag = self.courier.put_part(&self.upload_id, number, bytes).await?;
                Ok((number, etag))
            }
            Some(Slot::Filled(number, etag)) => Ok((number, etag)),
            None => Err(Fault::NoPartNumber.into()),
        }
    }

    /// Whether parts can be completed behind which no table can be added.
    async fn check_irregular(&self, assembly: &Assembly) -> Result<(), Failure> {
        let why = match self.irregular {
            Irregular::Refuse => IRREGULAR_REFUSED,
            Irregular::Accept if assembly.is_readable() => return Ok(()),
            Irregular::Accept => IRREGULAR_UNREADABLE,
            Irregular::Rebuild if !self.courier.is_versioned().await? => return Ok(()),
            Irregular::Rebuild => IRREGULAR_VERSIONED,
        };
        Err(Fault::Irregular(why).into())
    }
}

const IRREGULAR_REFUSED: &str = "here they are refused";
const IRREGULAR_UNREADABLE: &str = "here they are stored as they come, which is possible only without \
     gaps in the numbers, and with a length that no even parts could have";
const IRREGULAR_VERSIONED: &str = "the bucket keeps versions, of which putting the object together anew \
     would leave one behind";
