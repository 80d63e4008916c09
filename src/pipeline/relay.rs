//! Last stage: the backend's answer becomes the reply, as planned before the request left.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use hyper::body::Incoming;

use super::{
    checksum, deletion,
    document::{self, Unread},
    form,
    prepare::ResponsePlan,
    receive::Context,
    reply::ReplyBody,
    rescue::Error,
    send::Answered,
};
use crate::{
    s3::{Resource, headers, xml},
    transform::upload_id::{Accepted, Place},
    upstream::Idle,
};

impl Answered {
    pub(super) async fn relay(self) -> Result<Response<ReplyBody>, Error> {
        let Self { response, plan, body_taken, checksum, absence, context } = self;
        let (mut head, body) = response.into_parts();
        strip(&mut head.headers);
        if !body_taken {
            head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let body = match plan {
            _ if absence.is_concerned(head.status) => {
                replace(&mut head.headers, absence.conceal(body).await?)
            }
            _ if !head.status.is_success() => ReplyBody::stream(body),
            ResponsePlan::Relay => ReplyBody::stream(body),
            ResponsePlan::ConfirmChecksum { is_whole } => {
                checksum::confirm(&mut head.headers, checksum, is_whole);
                ReplyBody::stream(body)
            }
            ResponsePlan::AnswerForm(answer) => return form::reply(head, &answer),
            ResponsePlan::IssueUploadId { resource, accepted } => {
                let document = mended(body, &CREATED, |upstream_id| {
                    issue(upstream_id, &resource, &accepted, &context)
                });
                replace(&mut head.headers, document.await?)
            }
            ResponsePlan::ShowUploadId { presented } => {
                let document = mended(body, &LISTED, |_| Ok(presented.clone()));
                replace(&mut head.headers, document.await?)
            }
            ResponsePlan::NameLocation { location } => {
                head.headers.remove(header::CONTENT_LENGTH);
                ReplyBody::completion(body, location)
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

fn issue(
    upstream_id: &str,
    resource: &Resource,
    accepted: &Accepted,
    context: &Context,
) -> Result<String, Error> {
    let (Some(bucket), Some(key)) = (resource.bucket(), resource.key()) else {
        return Err(Error::Unreadable("an upload without an object".to_owned()));
    };
    Ok(context.settings.token_keys.issue(upstream_id, Place { bucket, key }, accepted)?)
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
fn strip(received: &mut HeaderMap) {
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
