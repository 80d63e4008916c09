//! Seventh stage: the request as it leaves, in the one form that every backend takes: a target encoded
//! afresh, Content-Length, no transfer coding, no trailer, none of the client's authentication.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use md5::{Digest as _, Md5};

use super::{
    absence::Absence,
    authorize::{Authorized, Payload, Signature},
    completion, context,
    deletion::DeniedKeys,
    forward,
    receive::Context,
    rescue::Error,
    seal::{self, Created, Handling, ListPlan, Opening, Presentation, StoredCopy},
    treat::KeyRing,
};
use crate::{
    policy::Permit,
    s3::{self, Operation, Resource, form::Answer, headers, xml},
    sigv4,
    transform::{
        attributes::Wanted,
        location,
        upload_id::{Accepted, SealedUpload, Upload},
    },
    upstream::{self, Outbound, Outcome, Plaintext, Signed, Signing},
};

/// A signed request, and what its answer needs.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) signed: Signed,
    /// The same with other customer's keys, for an answer that says they do not fit.
    pub(super) alternatives: Vec<Signed>,
    pub(super) plan: ResponsePlan,
    /// How its head reads, where it is about a sealed object.
    pub(super) presentation: Option<Presentation>,
    /// What becomes of the body, where there is one.
    pub(super) outcome: Option<Outcome>,
    pub(super) absence: Absence,
    pub(super) context: Context,
}

/// How the answer's body reaches the client; decided before the request leaves.
#[derive(Debug)]
pub(super) enum ResponsePlan {
    /// Byte for byte.
    Relay,
    /// A sealed object is opened.
    Open(Box<Opening>),
    /// The attributes of a sealed object are told, from its head.
    Tell(Box<Opening>, Wanted),
    /// A listing tells of sealed objects.
    List(Box<ListPlan>),
    /// A copy that the storage makes is told of in the client's terms.
    ShowCopy(StoredCopy),
    /// With the checksum that the client sent and that held; of a whole object with its type.
    ConfirmChecksum { is_whole: bool },
    /// The upload id gets a token for what was accepted, and for what parts are sealed with.
    IssueUploadId { resource: Resource, accepted: Accepted, sealed: Option<Box<SealedUpload>> },
    /// The sender of a form is answered as the form asks.
    AnswerForm(Answer),
    /// The client sees the upload id that it sent.
    ShowUploadId { presented: String, parts: ListedAs },
    /// The client sees the object's address as it knows it.
    NameLocation { location: String },
    /// The client is told of the keys that were not passed on, too.
    TellDeniedKeys(DeniedKeys),
}

/// What a list of parts shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListedAs {
    /// What is stored.
    Stored,
    /// What was sealed.
    Plaintext,
}

impl Authorized {
    pub(super) fn prepare(self) -> Result<Prepared, Error> {
        let Self { mut request, permit, body, signature, upload, denied_keys, .. } = self;
        let Self { absence, keys, handling, context, .. } = self;
        let own = match signature {
            Signature::Own(signer) => signer,
            Signature::Callers(head) => {
                return forward::prepare(*head, (permit, body), absence, context);
            }
        };
        let (plan, presentation) = match handling {
            Handling::AsItIs => (plan(&request, denied_keys, &context)?, None),
            Handling::Present(as_this) => (plan(&request, denied_keys, &context)?, Some(as_this)),
            Handling::Open(opening) => (ResponsePlan::Open(opening), None),
            Handling::Tell(opening, wanted) => (ResponsePlan::Tell(opening, wanted), None),
            Handling::List(listing) => (ResponsePlan::List(listing), None),
            Handling::ShowCopy(copy, as_this) => (ResponsePlan::ShowCopy(copy), as_this),
            Handling::Create(created) => {
                let Created { presentation, accepted, upload } = *created;
                let (resource, sealed) = (request.resource.clone(), Some(Box::new(upload)));
                let plan = ResponsePlan::IssueUploadId { resource, accepted, sealed };
                (plan, Some(presentation))
            }
            Handling::ShowParts => (show_parts(&request, ListedAs::Plaintext), None),
        };
        if let Some(Upload { upstream_id, .. }) = upload {
            request.query.set("uploadId", upstream_id);
        }
        let body = if let Payload::Document(document, share) = body {
            Payload::Document(translate(document, &mut request, &context)?, share)
        } else {
            body
        };
        if matches!(body, Payload::Sealed(_)) {
            // It was verified, and is that of the plaintext.
            request.headers.remove(headers::CONTENT_MD5);
        }
        let (body, outcome) = body.leave(permit)?;
        let head = head(&mut request, &body);
        let target = target(&request);
        let upstream = &context.settings.upstream;
        // A new bucket is asked for where the backend is, whatever region it shall be in.
        let is_new = request.operation == Operation::CreateBucket;
        let bucket = request.resource.bucket().filter(|_| !is_new).map(s3::BucketName::as_str);
        let signing = Signing { signer: &own, now: context.now, bucket };
        // Only what has no body can be sent more than once.
        let keys = if body.length().is_none() { keys } else { KeyRing::default() };
        let alternatives = keys
            .alternatives(&head.headers)
            .map(|headers| {
                let mut head = head.clone();
                head.headers = headers;
                upstream.sign(head, &target, Outbound::empty(), signing)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let signed = upstream.sign(head, &target, body, signing)?;
        Ok(Prepared { signed, alternatives, plan, presentation, outcome, absence, context })
    }
}

impl Payload {
    /// The body as it leaves, and what will tell what became of it.
    pub(super) fn leave(self, permit: Permit) -> Result<(Outbound, Option<Outcome>), Error> {
        let plain = |body: Plaintext, permit: Permit| {
            let outcome = body.outcome();
            Ok((Outbound::plain(body, permit.plain()?), Some(outcome)))
        };
        match self {
            Self::None => Ok((Outbound::empty(), None)),
            Self::Empty => Ok((Outbound::document(Bytes::new(), permit.plain()?), None)),
            Self::Document(document, share) => {
                Ok((Outbound::document(share.hold(document), permit.plain()?), None))
            }
            Self::Stream(body) => plain(Plaintext::Client(body), permit),
            Self::Copied(body) => plain(Plaintext::Copied(body), permit),
            Self::Sealed(body) => {
                let outcome = body.plain().map(Plaintext::outcome);
                Ok((Outbound::sealed(*body, permit.sealed()?), outcome))
            }
        }
    }
}

fn plan(
    request: &s3::Request,
    denied_keys: DeniedKeys,
    context: &Context,
) -> Result<ResponsePlan, Error> {
    if let Some(answer) = request.answer() {
        return Ok(ResponsePlan::AnswerForm(answer.clone()));
    }
    Ok(match (request.operation, request.query.get("uploadId")) {
        (Operation::CreateMultipartUpload, _) => ResponsePlan::IssueUploadId {
            resource: request.resource.clone(),
            accepted: context::accepted(&request.headers, &[])?,
            sealed: None,
        },
        (Operation::ListParts, _) => show_parts(request, ListedAs::Stored),
        (Operation::CompleteMultipartUpload, _) => {
            ResponsePlan::NameLocation { location: completion::address(request, context) }
        }
        (operation @ (Operation::PutObject | Operation::UploadPart), _) => {
            ResponsePlan::ConfirmChecksum { is_whole: operation == Operation::PutObject }
        }
        _ if !denied_keys.is_empty() => ResponsePlan::TellDeniedKeys(denied_keys),
        _ => ResponsePlan::Relay,
    })
}

fn show_parts(request: &s3::Request, parts: ListedAs) -> ResponsePlan {
    let presented = request.query.get("uploadId").unwrap_or_default().to_owned();
    ResponsePlan::ShowUploadId { presented, parts }
}

/// Documents that were read here: a new bucket's region becomes the backend's. S3 wants a checksum of
/// some of them, and a backend need not know the client's newer ones: Content-MD5 is known to all.
fn translate(
    document: Bytes,
    request: &mut s3::Request,
    context: &Context,
) -> Result<Bytes, Error> {
    let settings = &context.settings;
    let document = if request.operation == Operation::CreateBucket {
        let (gate, backend) = (&settings.verify.region, settings.upstream.region());
        Bytes::from(location::translate(&document, gate, backend)?)
    } else if request.operation == Operation::DeleteObjects {
        seal::deletion(document, request, &settings.rules)?
    } else if request.operation == Operation::CompleteMultipartUpload {
        Bytes::from(xml::without_checksums(&document)?)
    } else {
        document
    };
    let digest = STANDARD.encode(Md5::digest(&document));
    let value = HeaderValue::try_from(digest).map_err(http::Error::from);
    request.headers.insert(headers::CONTENT_MD5, value.map_err(upstream::Error::from)?);
    headers::remove_checksums(&mut request.headers);
    Ok(document)
}

fn target(request: &s3::Request) -> String {
    let mut target = request.path();
    let query = request.query.encode();
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query);
    }
    target
}

fn head(request: &mut s3::Request, body: &Outbound) -> Parts {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = request.operation.method();
    head.headers = std::mem::take(&mut request.headers);
    // A backend that was promised checksums at the start of an upload wants one with every part.
    let is_object_data = request.operation.accepts_object_data()
        || matches!(
            request.operation,
            Operation::CreateMultipartUpload | Operation::CompleteMultipartUpload
        );
    strip(&mut head.headers, is_object_data);
    sigv4::strip_aws_chunked(&mut head.headers);
    head.headers.remove(header::CONTENT_LENGTH);
    // Strict backends want a length of every PUT and POST, also where there is nothing to send.
    let implied = matches!(head.method, Method::PUT | Method::POST).then_some(0);
    if let Some(length) = body.length().or(implied) {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    head
}

/// Takes away what belongs to the client's connection, its signature or its SDK.
fn strip(received: &mut HeaderMap, is_object_data: bool) {
    for name in headers::named_by_connection(received) {
        received.remove(name);
    }
    for name in &CLIENTS_OWN {
        received.remove(name);
    }
    let foreign: Vec<HeaderName> =
        received.keys().filter(|name| !headers::is_known(name)).cloned().collect();
    for name in foreign {
        received.remove(name);
    }
    if is_object_data {
        // Verified here over what the client sent; backends differ in which they take, so none is
        // passed on. Documents need theirs: S3 demands one.
        headers::remove_checksums(received);
    }
}

static CLIENTS_OWN: [HeaderName; 22] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::DATE,
    header::EXPECT,
    header::FORWARDED,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::VIA,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    headers::X_AMZ_CONTENT_SHA256,
    headers::X_AMZ_DATE,
    headers::X_AMZ_DECODED_CONTENT_LENGTH,
    headers::X_AMZ_SDK_CHECKSUM_ALGORITHM,
    headers::X_AMZ_SECURITY_TOKEN,
    headers::X_AMZ_TE,
    headers::X_AMZ_TRAILER,
    headers::X_AMZ_USER_AGENT,
];
