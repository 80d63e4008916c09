//! Every error becomes an S3 reply here, and nowhere else: what the client sees, whose fault it was,
//! and what the log is told. Exhaustive, so that a new error cannot be added without deciding this.

use http::{HeaderValue, Response, StatusCode, header};

use super::{
    ambient,
    context::UnreadableDate,
    deletion::DeniedKeys,
    receive::{Facts, Sends},
    reply::ReplyBody,
    room, seal,
    trace::Trace,
};
use crate::{
    identity, policy, s3,
    s3::{Code, ErrorDocument, Operation, headers},
    sigv4,
    telemetry::metrics::Outcome,
    transform::{sse, upload_id},
    upstream,
};

/// Why a request did not become a relayed answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// No single reading.
    #[error(transparent)]
    Unclassified(#[from] s3::Unclassified),
    /// S3, but not carried here.
    #[error("{} is not carried by this proxy", .0.name())]
    Unsupported(Operation),
    /// A body where S3 takes none.
    #[error("{} takes no request body", .0.name())]
    UnexpectedBody(Operation),
    /// `response-*` from nobody in particular: whoever passes a link on would decide what a browser
    /// makes of the object.
    #[error("Request specific response headers cannot be used for anonymous GET requests")]
    AnonymousOverride,
    /// The head's signature.
    #[error(transparent)]
    Refused(#[from] sigv4::Refused),
    /// A form that cannot be read, or that asks for what no form can.
    #[error(transparent)]
    Form(#[from] s3::form::InvalidForm),
    /// A key that some backends take for another one, whose rule is another.
    #[error("the key's empty segments make two rules possible; write it without `//`")]
    TwoRules,
    /// Not one of the ambient principal.
    #[error(transparent)]
    Stranger(#[from] ambient::Stranger),
    /// A write that would have gone without its encryption.
    #[error(transparent)]
    NoKey(#[from] sse::NoKey),
    /// The upload id.
    #[error(transparent)]
    Upload(#[from] upload_id::Refused),
    /// Its key and its signature stand in its body, which would have to go on as it came.
    #[error("forms are not forwarded, since they are judged by their body; send a presigned PUT")]
    ForwardedForm,
    /// The credential's limits.
    #[error(transparent)]
    Beyond(#[from] identity::Beyond),
    /// Policy.
    #[error(transparent)]
    Denied(#[from] policy::Denied),
    /// Policy, of every key of a deletion.
    #[error("{0}")]
    EveryKeyDenied(DeniedKeys),
    /// A date that policy must judge.
    #[error(transparent)]
    Date(#[from] UnreadableDate),
    /// What concerns sealed objects.
    #[error(transparent)]
    Seal(Box<seal::Fault>),
    /// The permit is for a body of another form.
    #[error(transparent)]
    OtherForm(#[from] policy::OtherForm),
    /// The actions stand in a body that was not read.
    #[error(transparent)]
    Unread(#[from] s3::PermissionsInBody),
    /// A document that is not what S3 defines.
    #[error(transparent)]
    MalformedXml(#[from] s3::xml::MalformedXml),
    /// A document for which there is no room.
    #[error(transparent)]
    NoRoom(#[from] room::Full),
    /// A document above its limit.
    #[error("the request document is longer than {bytes_max} bytes")]
    DocumentTooLong { bytes_max: usize },
    /// A body that failed while it was read or sent on.
    #[error(transparent)]
    Body(#[from] sigv4::BodyError),
    /// The way to the backend.
    #[error(transparent)]
    Upstream(#[from] upstream::Error),
    /// The backend confirmed what it cannot have received.
    #[error("the backend answered success before the body had been sent and verified")]
    EarlySuccess,
    /// The backend sent the request elsewhere: wrong region or endpoint in the configuration.
    #[error(
        "the backend answered {0}: check the upstream's endpoint and region; for buckets in several, \
             its endpoint needs `{{region}}` in the place of the region"
    )]
    Redirected(StatusCode),
    /// The backend refused what was asked of it on the way.
    #[error("the backend answered {status} to a request of the proxy's own: {code}: {message}")]
    Told { status: StatusCode, code: String, message: String },
    /// An answer that had to be mended and could not be.
    #[error("the backend sent {0}")]
    Unreadable(String),
    /// An upload whose id would not fit; it has not been created.
    #[error(transparent)]
    TooMuch(#[from] upload_id::TooMuch),
    /// The backend's upload id is too long for a token behind it.
    #[error(transparent)]
    TokenTooLong(#[from] upload_id::TooLong),
}

/// The whole of what an error means.
struct Verdict {
    document: ErrorDocument,
    outcome: Outcome,
}

/// The reply to a request that failed.
pub(super) fn rescue(error: &Error, facts: &Facts, trace: &mut Trace) -> Response<ReplyBody> {
    let verdict = verdict(error, facts);
    trace.rescued(error, verdict.document.code, verdict.outcome);
    let (status, text) = if let Error::EveryKeyDenied(denied) = error {
        // S3 answers each key for itself, and so with success where none was deleted.
        (StatusCode::OK, denied.to_result(facts.explain_refusals))
    } else if facts.is_head {
        (verdict.document.code.status(), String::new())
    } else {
        let text = verdict.document.to_xml(&facts.request_id, HOST_ID);
        (verdict.document.code.status(), text)
    };
    let mut reply = Response::new(ReplyBody::text(text));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    if let Ok(id) = HeaderValue::try_from(&facts.request_id) {
        headers.insert(headers::X_AMZ_REQUEST_ID, id);
    }
    headers.insert(headers::X_AMZ_ID_2, HeaderValue::from_static(HOST_ID));
    if facts.sends == Sends::Body {
        // What the client may still send cannot be told from its next request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

/// The document that a client would be told of a failure.
pub(super) fn told(error: &Error) -> ErrorDocument {
    let (request_id, explain_refusals) = (String::new(), true);
    let sends = Sends::Nothing;
    let facts = Facts { request_id, is_head: false, sends, explain_refusals };
    verdict(error, &facts).document
}

fn verdict(error: &Error, facts: &Facts) -> Verdict {
    match error {
        Error::Unclassified(s3::Unclassified { code, message, elements }) => {
            let document =
                ErrorDocument { code: *code, message: message.clone(), elements: elements.clone() };
            Verdict { document, outcome: Outcome::Refused }
        }
        Error::Seal(fault) => {
            let (document, outcome) = fault.told();
            Verdict { document, outcome }
        }
        Error::ForwardedForm => refused(Code::NotImplemented, format!("{error}.")),
        Error::Unsupported(operation) => refused(
            Code::NotImplemented,
            format!("{} is not supported by Portcullis.", operation.name()),
        ),
        Error::TwoRules => refused(Code::InvalidURI, format!("{error}.")),
        Error::UnexpectedBody(_) | Error::AnonymousOverride => {
            refused(Code::InvalidRequest, format!("{error}."))
        }
        Error::Refused(refusal) | Error::Body(sigv4::BodyError::Refused(refusal)) => {
            signature(refusal)
        }
        Error::Form(invalid) => signature(&invalid.clone().into()),
        Error::Stranger(stranger) => {
            refused(Code::AccessDenied, format!("Access Denied: {stranger}."))
        }
        Error::Upload(reason) => {
            refused(Code::NoSuchUpload, format!("The specified upload does not exist: {reason}."))
        }
        Error::Denied(reason) if facts.explain_refusals => denied(reason.message()),
        Error::Beyond(beyond) if facts.explain_refusals => {
            denied(format!("Access Denied: {beyond}. {}", beyond.mend()))
        }
        Error::Denied(_) | Error::EveryKeyDenied(_) | Error::Beyond(_) => denied("Access Denied"),
        Error::TooMuch(_) => refused(Code::RequestHeaderSectionTooLarge, format!("{error}.")),
        Error::Date(_) => refused(Code::InvalidArgument, format!("{error}.")),
        Error::MalformedXml(_) => refused(Code::MalformedXML, format!("{error}.")),
        Error::NoRoom(_) => refused(Code::SlowDown, format!("{error}.")),
        Error::DocumentTooLong { .. } => {
            refused(Code::MaxMessageLengthExceeded, format!("{error}."))
        }
        Error::Body(sigv4::BodyError::Client(_)) => {
            refused(Code::RequestTimeout, "The request body ended early or stopped coming.")
        }
        Error::Upstream(upstream::Error::Unreachable(_) | upstream::Error::Silent(_)) => failed(
            Code::ServiceUnavailable,
            "The storage behind this proxy does not answer. Try again.",
        ),
        Error::Upstream(upstream::Error::Elsewhere { .. }) => failed(
            Code::ServiceUnavailable,
            "The bucket is in another region, which is known from now on. Try again.",
        ),
        Error::Upstream(upstream::Error::NoCredential(_)) => failed(
            Code::ServiceUnavailable,
            "The proxy has no valid credential for the storage behind it. Try again later.",
        ),
        Error::Upstream(
            upstream::Error::Tls(_) | upstream::Error::Unsigned(_) | upstream::Error::Unbuilt(_),
        )
        | Error::Unread(_)
        | Error::OtherForm(_)
        | Error::EarlySuccess
        | Error::NoKey(_)
        | Error::Redirected(_)
        | Error::Told { .. }
        | Error::Unreadable(_)
        | Error::TokenTooLong(_) => failed(Code::InternalError, INTERNAL),
    }
}

fn refused(code: Code, message: impl Into<String>) -> Verdict {
    let document = ErrorDocument { code, message: message.into(), elements: Vec::new() };
    Verdict { document, outcome: Outcome::Refused }
}

fn denied(message: impl Into<String>) -> Verdict {
    Verdict { outcome: Outcome::Denied, ..refused(Code::AccessDenied, message) }
}

fn failed(code: Code, message: &str) -> Verdict {
    Verdict { outcome: Outcome::Failed, ..refused(code, message) }
}

fn signature(refusal: &sigv4::Refused) -> Verdict {
    let sigv4::Refused { code, message, elements } = refusal.clone();
    Verdict { document: ErrorDocument { code, message, elements }, outcome: Outcome::Refused }
}

/// In the place of S3's.
pub(super) const HOST_ID: &str = "portcullis";
const INTERNAL: &str =
    "We encountered an internal error. The proxy's log names its cause under this request id.";
