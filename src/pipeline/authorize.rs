//! Sixth stage: may they. Invariant: an [`Authorized`] exists only where policy minted a permit for
//! every action of the request.

use std::sync::Arc;

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
    seal::Handling,
    treat::{Arrival, KeyRing, SourceRule, Treated},
};
use crate::{
    identity::Mode,
    policy::{self, Permit},
    s3::{self, Action, Operation, Resource, Told},
    sigv4::{Forwarded, Signer, Verified},
    transform::{
        seal::{SealedBody, Sealing},
        upload_id::Upload,
    },
    upstream::{Copied, Plaintext},
};

/// A permitted request.
#[derive(Debug)]
pub(super) struct Authorized {
    pub(super) request: s3::Request,
    pub(super) permit: Permit,
    pub(super) body: Payload,
    pub(super) signature: Signature,
    /// The multipart upload that the request belongs to.
    pub(super) upload: Option<Upload>,
    /// What was taken out of a deletion.
    pub(super) denied_keys: DeniedKeys,
    /// Whether the client may learn that there is no such object.
    pub(super) absence: Absence,
    /// The customer's keys that it may have to be sent with instead.
    pub(super) keys: KeyRing,
    /// How the rule seals, where it does.
    pub(super) sealing: Option<Arc<Sealing>>,
    /// The rule of what it copies, where that one seals.
    pub(super) source: Option<SourceRule>,
    /// What became of its encryption headers, where the operation takes any.
    pub(super) arrival: Option<Arrival>,
    /// Whether what the rule does counts.
    pub(super) mode: policy::Mode,
    /// What becomes of it because of that.
    pub(super) handling: Handling,
    pub(super) context: Context,
}

/// Whose signature a request leaves with.
#[derive(Debug)]
pub(super) enum Signature {
    /// The gate's.
    Own(Signer),
    /// Its caller's, with the head that it covers.
    Callers(Box<Forwarded>),
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
    /// An object of the backend's, which is copied.
    Copied(Box<Copied>),
    /// A body that is sealed as it streams.
    Sealed(Box<SealedBody<Plaintext>>),
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
            Self::None
            | Self::Empty
            | Self::Stream(_)
            | Self::Copied(_)
            | Self::Sealed(_)
            | Self::Document(..) => Ok(self),
        }
    }
}

impl Treated {
    /// Decides. Some operations have their body read before they are permitted: `DeleteObjects`, since
    /// its keys stand there, and those whose small document condition keys ask about; but not for those
    /// who would be denied whatever it says. `CompleteMultipartUpload` is read afterwards.
    pub(super) async fn authorize(self) -> Result<Authorized, Error> {
        let Self { mut request, verified, body, forwarded, upload, mut treatment, context } = self;
        let judged = judge(&request, &verified, body, upload.as_ref(), &context).await?;
        let Judged { permit, body, denied_keys, absence } = judged;
        treatment.settle(&mut request);
        let upstream = &context.settings.upstream;
        let signature = if let Some(forwarded) = forwarded {
            Signature::Callers(Box::new(forwarded))
        } else {
            let credential = verified.caller().upstream();
            Signature::Own(upstream.signer(credential, context.now).await?)
        };
        let body = body.settled().await?;
        Ok(Authorized {
            request,
            permit,
            body,
            signature,
            upload,
            denied_keys,
            absence,
            keys: treatment.keys,
            sealing: treatment.sealing,
            source: treatment.source,
            arrival: treatment.arrival,
            mode: treatment.mode,
            handling: Handling::AsItIs,
            context,
        })
    }
}

async fn judge(
    request: &s3::Request,
    verified: &Verified,
    body: Option<ClientBody>,
    upload: Option<&Upload>,
    context: &Context,
) -> Result<Judged, Error> {
    let mut judge = Judge::new(request, verified.caller(), upload, context.circumstances());
    let is_forwarded = matches!(context.settings.mode, Mode::Forward);
    match (request.operation, &request.resource, body) {
        (Operation::DeleteObjects, Resource::Bucket(bucket), Some(body)) => {
            deletion::foresee(&mut judge, bucket)?;
            let (document, share) = receive(body, DELETE_BYTES_MAX, &context.room).await?;
            let (permit, document, denied_keys) =
                deletion::judge(document, bucket, request, judge)?;
            if is_forwarded {
                denied_keys.refuse_any()?;
            }
            let body = Payload::Document(document, share);
            Ok(Judged { permit, body, denied_keys, absence: Absence::default() })
        }
        (operation, _, Some(body)) if operation.tells_in_body() => {
            judge_document(request, judge, body, context).await
        }
        (operation, _, body) => {
            judge.tell(&NOTHING, context.now)?;
            let permit = judge.decide(&request.actions()?)?;
            let absence = Absence::judge(request, judge);
            let body = match body {
                // Read once it is permitted, since it must be translated.
                Some(body) if operation == Operation::CompleteMultipartUpload && !is_forwarded => {
                    let (document, share) =
                        receive(body, COMPLETE_BYTES_MAX, &context.room).await?;
                    Payload::Document(document, share)
                }
                Some(body) => Payload::Stream(Box::new(body)),
                None => Payload::None,
            };
            Ok(Judged { permit, body, denied_keys: DeniedKeys::default(), absence })
        }
    }
}

async fn judge_document(
    request: &s3::Request,
    mut judge: Judge<'_>,
    body: ClientBody,
    context: &Context,
) -> Result<Judged, Error> {
    let mut actions = request.actions()?;
    judge.foresee_told(&actions)?;
    let (document, share) = receive(body, TELLING_BYTES_MAX, &context.room).await?;
    let told = Told::read(request.operation, &document)?;
    if told.tags_bucket {
        actions.push(Action { name: "s3:TagResource", resource: request.resource.clone() });
    }
    let mut judge: Judge<'_> = judge;
    judge.tell(&told, context.now)?;
    let permit = judge.decide(&actions)?;
    let body = Payload::Document(document, share);
    let (denied_keys, absence) = (DeniedKeys::default(), Absence::default());
    Ok(Judged { permit, body, denied_keys, absence })
}

/// What a decision leaves to be done.
struct Judged {
    permit: Permit,
    body: Payload,
    denied_keys: DeniedKeys,
    absence: Absence,
}

static NOTHING: Told = Told::NOTHING;
/// 1000 keys of 1024 bytes, most of them escaped, and their tags.
const DELETE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A region, and 50 tags of 128 and 256 characters; the others are shorter.
const TELLING_BYTES_MAX: usize = 128 * 1024;
/// 10,000 parts, each with its number, tag and a SHA-512.
const COMPLETE_BYTES_MAX: usize = 4 * 1024 * 1024;
