//! Last stage: the backend's answer becomes the reply, as planned before the request left.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response::Parts};
use hyper::body::Incoming;

use super::{
    checksum,
    completion::Mend,
    deletion,
    document::{self, Unread},
    form,
    prepare::{ListedAs, ResponsePlan},
    receive::Context,
    reply::ReplyBody,
    rescue::Error,
    seal::Fault,
    send::Answered,
    trace::Trace,
};
use crate::{
    s3::{Resource, headers, xml},
    transform::{
        parts,
        upload_id::{Accepted, Place, SealedUpload},
    },
    upstream::Idle,
};

impl Answered {
    pub(super) async fn relay(self, trace: &mut Trace) -> Result<Response<ReplyBody>, Error> {
        let Self { response, plan, presentation, body_taken, checksum, absence, context } = self;
        let (mut head, body) = response.into_parts();
        strip(&mut head.headers);
        if let Some(presentation) = presentation {
            presentation.apply(&mut head.headers);
        }
        if !body_taken {
            head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let body = match plan {
            _ if absence.is_concerned(head.status) => {
                replace(&mut head.headers, absence.conceal(body).await?)
            }
            ResponsePlan::Open(opening) => return opening.relay(head, body, trace).await,
            ResponsePlan::Tell(opening, wanted) => return opening.tell(wanted, head).await,
            ResponsePlan::ShowCopy(copy)
                if head.status == StatusCode::PRECONDITION_FAILED && copy.is_guarded =>
            {
                return Err(Fault::Changed.into());
            }
            _ if !head.status.is_success() => ReplyBody::stream(body),
            ResponsePlan::List(listing) => {
                head.headers.remove(header::CONTENT_LENGTH);
                ReplyBody::listed(listing.mend(body))
            }
            ResponsePlan::Relay => ReplyBody::stream(body),
            ResponsePlan::ConfirmChecksum { is_whole } => {
                checksum::confirm(&mut head.headers, checksum, is_whole);
                ReplyBody::stream(body)
            }
            ResponsePlan::AnswerForm(answer) => return form::reply(head, &answer),
            ResponsePlan::IssueUploadId { resource, accepted, sealed } => {
                let document = mended(body, &CREATED, |upstream_id| {
                    issue(upstream_id, &resource, (&accepted, sealed.as_deref()), &context)
                });
                replace(&mut head.headers, document.await?)
            }
            ResponsePlan::ShowUploadId { presented, parts: listed_as } => {
                let document = mended(body, &LISTED, |_| Ok(presented.clone())).await?;
                let document = match listed_as {
                    ListedAs::Stored => document,
                    ListedAs::Plaintext => parts::to_client(&document)
                        .map_err(|error| Error::Unreadable(error.to_string()))?,
                };
                replace(&mut head.headers, document)
            }
            ResponsePlan::NameLocation { location } => {
                head.headers.remove(header::CONTENT_LENGTH);
                ReplyBody::mended(body, Mend::Address(location))
            }
            ResponsePlan::ShowCopy(copy) => {
                head.headers.remove(header::CONTENT_LENGTH);
                ReplyBody::mended(body, Mend::Copy(copy))
            }
            ResponsePlan::TellDeniedKeys(denied) => {
                let errors = denied.to_errors(context.settings.explain_refusals);
                let document = read(body, deletion::RESULT, DELETED_BYTES_MAX).await?;
                let document = xml::append(&document, deletion::RESULT, &errors);
                let document = document.map_err(|error| Error::Unreadable(error.to_string()))?;
                replace(&mut head.headers, Bytes::from(document))
            }
        };
        Ok(Response::from_parts(head, body))
    }
}

/// A backend's refusal, as it is.
pub(super) fn pass(mut head: Parts, document: Bytes) -> Response<ReplyBody> {
    strip(&mut head.headers);
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(document.len()));
    Response::from_parts(head, ReplyBody::text(document))
}

fn issue(
    upstream_id: &str,
    resource: &Resource,
    (accepted, sealed): (&Accepted, Option<&SealedUpload>),
    context: &Context,
) -> Result<String, Error> {
    let (Some(bucket), Some(key)) = (resource.bucket(), resource.key()) else {
        return Err(Error::Unreadable("an upload without an object".to_owned()));
    };
    Ok(context.settings.token_keys.issue(upstream_id, Place { bucket, key }, accepted, sealed)?)
}

/// Replaces the text of `<UploadId>`; everything else stays byte for byte.
async fn mended(
    body: Idle<Incoming>,
    roots: &[&str],
    replacement: impl FnOnce(&str) -> Result<String, Error>,
) -> Result<Bytes, Error> {
    let root = roots.first().copied().unwrap_or_default();
    let document = read(body, root, MENDED_BYTES_MAX).await?;
    let (upload_id, range) = roots
        .iter()
        .find_map(|root| xml::locate(&document, root, "UploadId").ok())
        .ok_or_else(|| Error::Unreadable(format!("a <{root}> without one readable upload id")))?;
    let (Some(before), Some(after)) = (document.get(..range.start), document.get(range.end..))
    else {
        return Err(Error::Unreadable(format!("a <{root}> without an upload id")));
    };
    let replacement = replacement(&upload_id)?;
    let mut mended = BytesMut::with_capacity(document.len() + replacement.len());
    mended.extend_from_slice(before);
    mended.extend_from_slice(xml::escape(&replacement).as_bytes());
    mended.extend_from_slice(after);
    Ok(mended.freeze())
}

async fn read(body: Idle<Incoming>, root: &str, bytes_max: usize) -> Result<Bytes, Error> {
    document::read(body, bytes_max).await.map_err(|unread| match unread {
        Unread::TooLong(bytes_max) => {
            Error::Unreadable(format!("a <{root}> above {bytes_max} bytes"))
        }
        Unread::Body(error) => Error::Unreadable(format!("a <{root}> that broke off: {error}")),
    })
}

/// A body that took another's place brings its own length, and no checksum of the other.
fn replace(headers: &mut HeaderMap, document: Bytes) -> ReplyBody {
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(document.len()));
    headers.remove(header::ETAG);
    ReplyBody::text(document)
}

/// Takes away what belongs to the backend's connection.
pub(super) fn strip(received: &mut HeaderMap) {
    for name in headers::named_by_connection(received) {
        received.remove(name);
    }
    for name in &HOP_BY_HOP {
        received.remove(name);
    }
    // An absolute Location would lead the client past the proxy.
    let leads_away = received.get(header::LOCATION).is_some_and(|value| {
        !value.as_bytes().starts_with(b"/") || value.as_bytes().starts_with(b"//")
    });
    if leads_away {
        received.remove(header::LOCATION);
    }
    received.remove(headers::X_AMZ_TE);
}

static HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::SERVER,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// S3's names of the documents that hold upload ids; for the second, moto writes another.
const CREATED: [&str; 1] = ["InitiateMultipartUploadResult"];
const LISTED: [&str; 2] = ["ListPartsResult", "ListPartsResponse"];
/// `ListParts` shows at most 1000 parts, each with its tag, date and checksums.
const MENDED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// `DeleteObjects` tells of 1000 keys of 1024 bytes, most of them escaped.
const DELETED_BYTES_MAX: usize = 8 * 1024 * 1024;
