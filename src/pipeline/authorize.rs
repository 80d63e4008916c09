//! Sixth stage: may they. Invariant: an [`Authorized`] exists only where policy minted a permit for
//! every action of the request.

use bytes::Bytes;

use super::{
    absence::Absence,
    authenticate::ClientBody,
    deletion::{self, DeniedKeys},
    document::{self, Unread},
    judge::Judge,
    receive::Context,
    rescue::Error,
    treat::{KeyRing, Treated},
};
use crate::{
    policy::Permit,
    s3::{self, Operation, Resource},
    transform::upload_id::Upload,
};

/// A permitted request.
#[derive(Debug)]
pub(super) struct Authorized {
    pub(super) request: s3::Request,
    pub(super) permit: Permit,
    pub(super) body: Payload,
    /// The multipart upload that the request belongs to.
    pub(super) upload: Option<Upload>,
    /// What was taken out of a deletion.
    pub(super) denied_keys: DeniedKeys,
    /// Whether the client may learn that there is no such object.
    pub(super) absence: Absence,
    /// The customer's keys that it may have to be sent with instead.
    pub(super) keys: KeyRing,
    pub(super) context: Context,
}

/// What the client sends.
#[derive(Debug)]
pub(super) enum Payload {
    /// The operation takes no body.
    None,
    /// A body of no bytes, which has been verified.
    Empty,
    /// A body that streams.
    Stream(Box<ClientBody>),
    /// A document that had to be read to be judged.
    Document(Bytes),
}

impl Payload {
    /// An empty body has no last byte to hold back: it is verified before its request may leave.
    async fn settled(self) -> Result<Self, Error> {
        match self {
            Self::Stream(body) if body.decoded_len() == 0 => {
                read(*body, 0).await?;
                Ok(Self::Empty)
            }
            Self::None | Self::Empty | Self::Stream(_) | Self::Document(_) => Ok(self),
        }
    }
}

impl Treated {
    /// Decides. Two operations have their body read before they are permitted: `DeleteObjects`, since
    /// its keys stand there, and `CreateBucket`, whose small document must be translated.
    pub(super) async fn authorize(self) -> Result<Authorized, Error> {
        let Self { mut request, verified, body, upload, mut treatment, context } = self;
        let body = match (request.operation, body) {
            (Operation::DeleteObjects, Some(body)) => {
                Payload::Document(read(body, DELETE_BYTES_MAX).await?)
            }
            (Operation::CreateBucket, Some(body)) => {
                Payload::Document(read(body, CREATE_BUCKET_BYTES_MAX).await?)
            }
            (_, Some(body)) => Payload::Stream(Box::new(body)),
            (_, None) => Payload::None,
        };
        let judge = Judge::new(&request, &verified, upload.as_ref(), &context);
        let judged = match (&request.resource, body) {
            (Resource::Bucket(bucket), Payload::Document(document))
                if request.operation == Operation::DeleteObjects =>
            {
                let (permit, document, denied_keys) =
                    deletion::judge(document, bucket, &request, judge)?;
                let (body, absence) = (Payload::Document(document), Absence::default());
                Judged { permit, body, denied_keys, absence }
            }
            (_, body) => {
                let permit = judge.decide(&request.actions()?)?;
                let absence = Absence::judge(&request, judge);
                Judged { permit, body, denied_keys: DeniedKeys::default(), absence }
            }
        };
        let Judged { permit, body, denied_keys, absence } = judged;
        treatment.settle(&mut request);
        let body = body.settled().await?;
        let keys = treatment.keys;
        Ok(Authorized { request, permit, body, upload, denied_keys, absence, keys, context })
    }
}

/// What a decision leaves to be done.
struct Judged {
    permit: Permit,
    body: Payload,
    denied_keys: DeniedKeys,
    absence: Absence,
}

async fn read(body: ClientBody, bytes_max: usize) -> Result<Bytes, Error> {
    document::read(body, bytes_max).await.map_err(|unread| match unread {
        Unread::TooLong(bytes_max) => Error::DocumentTooLong { bytes_max },
        Unread::Body(error) => Error::Body(error),
    })
}

/// 1000 keys of 1024 bytes, most of them escaped, and their tags.
const DELETE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A region, and 50 tags of 128 and 256 characters.
const CREATE_BUCKET_BYTES_MAX: usize = 128 * 1024;
