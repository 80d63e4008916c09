//! Questions about plaintext, put to the storage. Invariant: no range and no part number of the
//! client's reaches it; what is asked for instead holds what the client wants, if the object is regular.

use std::sync::Arc;

use http::{HeaderValue, Method, header};

use super::{
    Handling, Opening,
    asked::{Asked, Guess},
    fault::Fault,
    write::requested,
};
use crate::{
    pipeline::{authorize::Authorized, rescue::Error},
    s3::{BucketName, Code, ObjectKey, Operation, Unclassified, headers},
    seal::PartNumber,
    telemetry::metrics::Metrics,
    transform::{attributes::Wanted, range::ByteRange, seal::Sealing},
};

impl Authorized {
    /// Asks for what holds the plaintext that the client wants.
    pub(super) async fn open_object(
        mut self,
        (bucket, key): (BucketName, ObjectKey),
        sealing: Arc<Sealing>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, Error> {
        let customer = requested(&mut self)?.customer;
        // What the storage knows a checksum of is not what the client gets.
        self.request.headers.remove(headers::X_AMZ_CHECKSUM_MODE);
        let is_head = self.request.operation.method() == Method::HEAD;
        let asked = self.asked(is_head)?;
        let courier = self.courier((bucket, key), metrics)?;
        let guess = Guess::of(&courier);
        let mode = self.mode;
        let mut opening = Opening { asked, customer, is_head, sealing, mode, courier, guess };
        if let Asked::Part(number) = asked {
            // Where it stands has to be known before it can be asked for.
            opening.find(number).await?;
        }
        opening.settle();
        if let Some(stored) = opening.stored().filter(|_| !is_head) {
            let range = HeaderValue::try_from(stored).map_err(http::Error::from);
            let range = range.map_err(crate::upstream::Error::from)?;
            self.request.headers.insert(header::RANGE, range);
        }
        self.handling = Handling::Open(Box::new(opening));
        Ok(self)
    }

    /// Asks for the object's head, which every backend knows to give.
    pub(super) fn tell_attributes(
        mut self,
        object: (BucketName, ObjectKey),
        sealing: Arc<Sealing>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, Error> {
        let wanted = Wanted::parse(&self.request.headers).map_err(Fault::from)?;
        let customer = requested(&mut self)?.customer;
        for name in [
            headers::X_AMZ_MAX_PARTS,
            headers::X_AMZ_OBJECT_ATTRIBUTES,
            headers::X_AMZ_PART_NUMBER_MARKER,
        ] {
            self.request.headers.remove(name);
        }
        self.request.query.remove("attributes");
        let courier = self.courier(object, metrics)?;
        self.request.operation = Operation::HeadObject;
        let (asked, mode, is_head) = (Asked::Whole, self.mode, true);
        let guess = None;
        let opening = Opening { asked, customer, is_head, sealing, mode, courier, guess };
        self.handling = Handling::Tell(Box::new(opening), wanted);
        Ok(self)
    }

    fn asked(&mut self, is_head: bool) -> Result<Asked, Error> {
        let range = self.request.headers.remove(header::RANGE);
        let part = self.request.query.remove("partNumber");
        let range = range.as_ref().and_then(ByteRange::parse);
        match (range, part) {
            (Some(_), Some(_)) => Err(both().into()),
            (Some(range), None) if is_head => {
                self.request.headers.remove(header::IF_RANGE);
                Ok(Asked::Range(range))
            }
            (Some(range), None) => Ok(Asked::Range(range)),
            (None, Some(number)) => {
                let parsed = number.parse().ok().and_then(PartNumber::new);
                parsed.map(Asked::Part).ok_or_else(|| Fault::PartNumber(0).into())
            }
            (None, None) => Ok(Asked::Whole),
        }
    }
}

fn both() -> Unclassified {
    // S3's own words.
    let message = "Cannot specify both Range header and partNumber query parameter".to_owned();
    Unclassified { code: Code::InvalidRequest, message, elements: Vec::new() }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Seal(Box::new(fault))
    }
}
