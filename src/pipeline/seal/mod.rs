//! Between the permit and what leaves, where the rule seals: bodies are sealed, and questions about
//! plaintext become questions about what is stored. Invariant: where the rule seals, no request about
//! an object leaves but through here.

mod alarm;
mod asked;
mod attributes;
mod complete;
mod completed;
mod copied;
mod copy;
mod courier;
mod endings;
pub(super) mod errands;
mod fault;
mod keys;
mod list;
mod looks;
mod mend;
mod open;
mod read;
mod rebuild;
mod source;
mod stored;
mod uncopyable;
mod upload;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};

pub(super) use self::{
    alarm::Alarm,
    completed::Completion,
    copied::{Bringing, StoredCopy},
    courier::{Courier, Errand, Sender},
    endings::Endings,
    keys::{Encryption, NewKeys},
    list::{ListPlan, Listed},
    looks::Looks,
    open::Opening,
    rebuild::cut,
    source::{Seal as SourceSeal, Source},
    upload::Created,
};
pub use self::{fault::Fault, keys::Place, uncopyable::Uncopyable};
use super::{
    authorize::{Authorized, Signature},
    rescue::Error,
};
use crate::{
    policy::Mode,
    s3::{self, BucketName, ObjectKey, Operation, Resource, headers, xml::Deletion},
    telemetry::metrics::Metrics,
    transform::{
        attributes::Wanted,
        deletion,
        etag::{self, Tagged},
        rules::Rules,
        seal::{METADATA_BYTES_MAX, Sealing, hide, metadata_bytes, reserved},
    },
};

/// What becomes of a request because its rule seals.
#[derive(Debug, Default)]
pub(super) enum Handling {
    /// Nothing: no rule seals here.
    #[default]
    AsItIs,
    /// Its answer is about a sealed object.
    Present(Presentation),
    /// The object that it reads is opened.
    Open(Box<Opening>),
    /// The attributes of the object are told.
    Tell(Box<Opening>, Wanted),
    /// The objects that it lists are told of.
    List(Box<ListPlan>),
    /// It begins an upload.
    Create(Box<Created>),
    /// It lists the parts of a sealed upload.
    ShowParts,
    /// It is a copy that the storage makes.
    ShowCopy(StoredCopy, Option<Presentation>),
}

/// How a request goes on.
#[derive(Debug)]
pub(super) enum Course {
    /// It is sent, and its answer relayed.
    Send(Box<Authorized>),
    /// It takes several requests to the storage, and has an answer of its own.
    Complete(Box<Completion>),
    /// It is an upload that stands for a copy, and answered as one.
    Bring(Box<Bringing>),
}

/// How an answer about a sealed object reads.
#[derive(Debug)]
pub(super) struct Presentation {
    tagged: Tagged,
    /// How the object is encrypted, where the answer says so.
    encryption: Option<Encryption>,
}

impl Authorized {
    /// Does what the rule's sealing asks for.
    pub(super) async fn seal(self, metrics: &Arc<Metrics>) -> Result<Course, Error> {
        let (bucket, key) = match self.request.resource.clone() {
            Resource::Service => return Ok(Course::Send(Box::new(self))),
            Resource::Bucket(bucket) => {
                return Ok(Course::Send(Box::new(self.seal_bucket(bucket, metrics)?)));
            }
            Resource::Object(bucket, key) => (bucket, key),
        };
        match self.sealing.clone() {
            Some(sealing) => self.seal_about((bucket, key), sealing, metrics).await,
            None if self.source.is_some() => Box::pin(self.copy((bucket, key), metrics)).await,
            None => Ok(Course::Send(Box::new(self))),
        }
    }

    /// What is asked about an object that is sealed, or shall be.
    async fn seal_about(
        mut self,
        (bucket, key): (BucketName, ObjectKey),
        sealing: Arc<Sealing>,
        metrics: &Arc<Metrics>,
    ) -> Result<Course, Error> {
        refuse(self.request.operation, &self.request.headers)?;
        etag::to_backend(&mut self.request.headers);
        let operation = self.request.operation;
        if self.request.copy_source().is_some() {
            return Box::pin(self.copy((bucket, key), metrics)).await;
        }
        if matches!(operation, Operation::GetObject | Operation::HeadObject) {
            let opened = self.open_object((bucket, key), sealing, metrics).await?;
            return Ok(Course::Send(Box::new(opened)));
        }
        if operation == Operation::GetObjectAttributes {
            let told = self.tell_attributes((bucket, key), sealing, metrics)?;
            return Ok(Course::Send(Box::new(told)));
        }
        if self.mode != Mode::Enforce {
            // What is written is not sealed, and shown as it is.
            return Ok(Course::Send(Box::new(self)));
        }
        if operation == Operation::CompleteMultipartUpload {
            let completion = self.complete((bucket, key), &sealing, metrics)?;
            return Ok(Course::Complete(Box::new(completion)));
        }
        if operation.accepts_object_data() {
            metrics.sealing().sealed();
        }
        let object = (&bucket, &key);
        let sealed = if operation == Operation::UploadPart {
            self.seal_part(object, &sealing)?
        } else if operation.accepts_object_data() {
            self.seal_object(object, &sealing).await?
        } else if operation == Operation::CreateMultipartUpload {
            self.create_upload(object, &sealing).await?
        } else if operation == Operation::ListParts {
            self.show_parts()
        } else {
            Self { handling: Handling::Present(Presentation::of_tag()), ..self }
        };
        Ok(Course::Send(Box::new(sealed)))
    }

    /// What is asked of a bucket in which objects may be sealed.
    fn seal_bucket(mut self, bucket: BucketName, metrics: &Arc<Metrics>) -> Result<Self, Error> {
        if !self.context.settings.rules.seal_in(bucket.as_str()) {
            return Ok(self);
        }
        if self.request.operation.is_listing() {
            let is_encoded = self.request.query.get("encoding-type") == Some("url");
            let sender = self.sender(metrics)?;
            let plan = ListPlan { bucket, is_encoded, sender };
            self.handling = Handling::List(Box::new(plan));
        }
        Ok(self)
    }

    /// Asks for more of the object that this request is about.
    fn courier(
        &self,
        object: (BucketName, ObjectKey),
        metrics: &Arc<Metrics>,
    ) -> Result<Courier, Error> {
        let version_id = self.request.query.get("versionId").map(str::to_owned);
        Ok(self.sender(metrics)?.about(object, version_id))
    }

    fn sender(&self, metrics: &Arc<Metrics>) -> Result<Sender, Error> {
        match &self.signature {
            Signature::Own(signer) => {
                let own = (signer.clone(), self.context.clone());
                Ok(Sender::of(&self.request, own, Arc::clone(metrics)))
            }
            // The configuration has no rules that seal where signatures are forwarded.
            Signature::Callers(_) => {
                let why = "the request keeps its caller's signature";
                Err(Fault::Impossible { operation: self.request.operation, why }.into())
            }
        }
    }

    fn place<'a>(
        &'a self,
        (bucket, key): (&'a BucketName, &'a ObjectKey),
        sealing: &'a Sealing,
    ) -> Place<'a> {
        Place { bucket, key, sealing, keyrings: &self.context.settings.keyrings }
    }
}

impl Presentation {
    fn of_tag() -> Self {
        Self { tagged: Tagged::Sealed, encryption: None }
    }

    fn of_object(encryption: Encryption) -> Self {
        Self { tagged: Tagged::Sealed, encryption: Some(encryption) }
    }

    /// Mends the head of an answer.
    pub(super) fn apply(self, reply: &mut HeaderMap) {
        hide(reply);
        etag::to_client(reply, self.tagged);
        if let Some(encryption) = self.encryption {
            conceal(reply);
            encryption.present(reply);
        }
    }
}

/// A deletion whose conditions are about what is stored.
pub(super) fn deletion(
    document: Bytes,
    request: &s3::Request,
    rules: &Rules,
) -> Result<Bytes, Error> {
    let Some(bucket) = request.resource.bucket().map(BucketName::as_str) else {
        return Ok(document);
    };
    if !rules.seal_in(bucket) {
        return Ok(document);
    }
    let seals = |key: &str| rules.find(bucket, Some(key)).is_some_and(|it| it.sealing().is_some());
    let deletion = Deletion::parse(document)?;
    Ok(deletion::to_backend(&deletion, |object| seals(object.key.as_str()))?)
}

/// What a client may not say, or ask for, where objects are sealed.
fn refuse(operation: Operation, received: &HeaderMap) -> Result<(), Fault> {
    if let Some(why) = impossible(operation, received) {
        return Err(Fault::Impossible { operation, why });
    }
    if let Some(name) = reserved(received) {
        return Err(Fault::Reserved(name.clone()));
    }
    let bytes = metadata_bytes(received);
    if operation.accepts_sse() && bytes > METADATA_BYTES_MAX {
        return Err(Fault::MetadataTooLarge { bytes });
    }
    Ok(())
}

fn impossible(operation: Operation, received: &HeaderMap) -> Option<&'static str> {
    if let Some((_, why)) = IMPOSSIBLE.iter().find(|(other, _)| *other == operation) {
        return Some(why);
    }
    if received.contains_key(headers::X_AMZ_WRITE_OFFSET_BYTES) {
        return Some("nothing can be appended to what is sealed as a whole");
    }
    let compares_size = received.contains_key(headers::X_AMZ_IF_MATCH_SIZE);
    compares_size.then_some("the size that the storage compares is that of what is stored")
}

/// Takes away what the storage says of its own doings: checksums of what is stored, its encryption, its
/// parts.
fn conceal(reply: &mut HeaderMap) {
    headers::remove_checksums(reply);
    let names: Vec<_> = reply
        .keys()
        .filter(|name| name.as_str().starts_with(headers::SSE_PREFIX))
        .cloned()
        .chain([headers::X_AMZ_MP_PARTS_COUNT, headers::X_AMZ_OBJECT_SIZE, header::CONTENT_RANGE])
        .collect();
    for name in names {
        reply.remove(name);
    }
}

/// Operations that would hand out or alter what is stored.
const IMPOSSIBLE: [(Operation, &str); 3] = [
    (Operation::GetObjectTorrent, "a torrent would hand out what is stored, unopened"),
    (Operation::SelectObjectContent, "the storage sees no content that it could query"),
    (Operation::UpdateObjectEncryption, "the encryption is the proxy's to change"),
];
