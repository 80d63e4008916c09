//! Sixth stage: may they. Invariant: an [`Authorized`] exists only where policy minted a permit for
//! every action of the request.

use bytes::Bytes;

use super::{
    absence::Absence,
    authenticate::ClientBody,
    deletion::{self, DeniedKeys},
    document::{self, Unread, receive},
    judge::Judge,
    receive::Context,
    rescue::Error,
    room::Share,
    treat::{KeyRing, Treated},
};
use crate::{
    policy::Permit,
    s3::{self, Operation, Resource},
    sigv4::Signer,
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
    /// Of the credential that the request leaves with.
    pub(super) signer: Signer,
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
    /// A document that had to be read, and the room that it takes.
    Document(Bytes, Share),
}

impl Payload {
    /// An empty body has no last byte to hold back: it is verified before its request may leave.
    async fn settled(self) -> Result<Self, Error> {
        match self {
            Self::Stream(body) if body.decoded_len() == 0 => {
                document::read(*body, 0).await.map_err(|unread| match unread {
                    Unread::TooLong(bytes_max) => Error::DocumentTooLong { bytes_max },
                    Unread::Body(error) => Error::Body(error),
                })?;
                Ok(Self::Empty)
            }
            Self::None | Self::Empty | Self::Stream(_) | Self::Document(..) => Ok(self),
        }
    }
}

impl Treated {
    /// Decides. Three operations have their body read here: `DeleteObjects` before it is permitted, since
    /// its keys stand there, but not for those who could delete none; `CreateBucket` and
    /// `CompleteMultipartUpload` afterwards, whose documents must be translated.
    pub(super) async fn authorize(self) -> Result<Authorized, Error> {
        let Self { mut request, verified, body, upload, mut treatment, context } = self;
        let mut judge = Judge::new(&request, &verified, upload.as_ref(), &context);
        let judged = match (request.operation, &request.resource, body) {
            (Operation::DeleteObjects, Resource::Bucket(bucket), Some(body)) => {
                deletion::foresee(&mut judge, bucket)?;
                let (document, share) = receive(body, DELETE_BYTES_MAX, &context.room).await?;
                let (permit, document, denied_keys) =
                    deletion::judge(document, bucket, &request, judge)?;
                let body = Payload::Document(document, share);
                Judged { permit, body, denied_keys, absence: Absence::default() }
            }
            (operation, _, body) => {
                let permit = judge.decide(&request.actions()?)?;
                let absence = Absence::judge(&request, judge);
                let body = match body {
                    Some(body) => match document_bytes_max(operation) {
                        Some(bytes_max) => {
                            let (document, share) = receive(body, bytes_max, &context.room).await?;
                            Payload::Document(document, share)
                        }
                        None => Payload::Stream(Box::new(body)),
                    },
                    None => Payload::None,
                };
                Judged { permit, body, denied_keys: DeniedKeys::default(), absence }
            }
        };
        let Judged { permit, body, denied_keys, absence } = judged;
        treatment.settle(&mut request);
        let upstream = &context.settings.upstream;
        let signer = upstream.signer(verified.caller().upstream(), context.now).await?;
        let body = body.settled().await?;
        let keys = treatment.keys;
        Ok(Authorized {
            request,
            permit,
            body,
            upload,
            denied_keys,
            absence,
            keys,
            signer,
            context,
        })
    }
}

/// What a decision leaves to be done.
struct Judged {
    permit: Permit,
    body: Payload,
    denied_keys: DeniedKeys,
    absence: Absence,
}

/// Of the documents that are read once they are permitted, since they must be translated.
fn document_bytes_max(operation: Operation) -> Option<usize> {
    let limits = [
        (Operation::CreateBucket, CREATE_BUCKET_BYTES_MAX),
        (Operation::CompleteMultipartUpload, COMPLETE_BYTES_MAX),
    ];
    limits.into_iter().find_map(|(read, bytes_max)| (read == operation).then_some(bytes_max))
}

/// 1000 keys of 1024 bytes, most of them escaped, and their tags.
const DELETE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A region, and 50 tags of 128 and 256 characters.
const CREATE_BUCKET_BYTES_MAX: usize = 128 * 1024;
/// 10,000 parts, each with its number, tag and a SHA-512.
const COMPLETE_BYTES_MAX: usize = 4 * 1024 * 1024;
