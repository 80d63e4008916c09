//! Sixth stage: may they. Invariant: an [`Authorized`] exists only where policy minted a permit for
//! every action of the request.

use bytes::Bytes;

use super::{
    authenticate::ClientBody,
    context,
    document::{self, Unread},
    receive::Context,
    rescue::Error,
    treat::Treated,
};
use crate::{
    policy::{Inquiry, Permit},
    s3::{self, Action, Operation, Resource, xml},
    sigv4::Verified,
    transform::upload_id::{self, Place, Upload},
};

/// A permitted request.
#[derive(Debug)]
pub(super) struct Authorized {
    pub(super) request: s3::Request,
    pub(super) permit: Permit,
    pub(super) body: Payload,
    /// The multipart upload that the request belongs to.
    pub(super) upload: Option<Upload>,
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
        let Self { mut request, verified, body, mut treatment, context } = self;
        let upload = upload(&request, &context)?;
        let (actions, body) = match (request.operation, &request.resource, body) {
            (Operation::DeleteObjects, Resource::Bucket(bucket), Some(body)) => {
                let document = read(body, DELETE_BYTES_MAX).await?;
                let actions = xml::delete_actions(&document, bucket, &request.headers)?;
                (actions, Payload::Document(document))
            }
            (Operation::CreateBucket, _, Some(body)) => {
                let document = read(body, CREATE_BUCKET_BYTES_MAX).await?;
                (request.actions()?, Payload::Document(document))
            }
            (_, _, Some(body)) => (request.actions()?, Payload::Stream(Box::new(body))),
            (_, _, None) => (request.actions()?, Payload::None),
        };
        let permit = decide(&request, &verified, &actions, upload.as_ref(), &context)?;
        treatment.settle(&mut request);
        let body = body.settled().await?;
        Ok(Authorized { request, permit, body, upload, context })
    }
}

fn decide(
    request: &s3::Request,
    verified: &Verified,
    actions: &[Action],
    upload: Option<&Upload>,
    context: &Context,
) -> Result<Permit, Error> {
    let principal = context::principal(verified.caller());
    let keys = context::keys(request, verified.caller(), upload, context);
    let arns: Vec<String> = actions.iter().map(|action| action.resource.arn()).collect();
    let inquiries: Vec<Inquiry<'_>> = actions
        .iter()
        .zip(&arns)
        .map(|(action, arn)| Inquiry {
            principal,
            action: action.name,
            resource: arn,
            bucket: action.resource.bucket().map(s3::BucketName::as_str),
            keys: &keys,
        })
        .collect();
    let key = request.resource.key().map(s3::ObjectKey::as_str);
    let rules = &context.settings.rules;
    let bucket = request.resource.bucket().map(s3::BucketName::as_str);
    let rule = bucket.and_then(|bucket| rules.find(bucket, key));
    let terms = rules.terms(rule, key.is_none());
    Ok(context.settings.policies.decide(terms, &inquiries)?)
}

/// Parts and completion are judged by what the upload was created with; the other operations on an
/// upload show and abort only, and need no more than the backend's id.
fn upload(request: &s3::Request, context: &Context) -> Result<Option<Upload>, Error> {
    let Some(presented) = request.query.get("uploadId") else { return Ok(None) };
    let Resource::Object(bucket, key) = &request.resource else { return Ok(None) };
    let is_write = matches!(
        request.operation,
        Operation::UploadPart | Operation::UploadPartCopy | Operation::CompleteMultipartUpload
    );
    if is_write {
        Ok(Some(context.settings.token_keys.open(presented, Place { bucket, key })?))
    } else {
        let upstream_id = upload_id::upstream_id(presented).to_owned();
        Ok(Some(Upload { upstream_id, accepted: Vec::new() }))
    }
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
