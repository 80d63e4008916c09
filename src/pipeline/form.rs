//! A form on its way to be an upload like any other: its fields are read, since they say what is asked
//! and who asks. Invariant: of the file nothing is read here, and past this stage nothing tells a form
//! from a `PutObject` but how its sender was authenticated and is answered.

use bytes::Bytes;
use http::{HeaderValue, Response, header, request::Parts};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::{
    ambient, authenticate::Authenticated, classify::Classified, document::RECEIVE_MAX,
    receive::Context, reply::ReplyBody, rescue::Error,
};
use crate::{
    identity::Mode,
    s3::{
        Code,
        form::{Answer, Form, InvalidForm, Reader},
    },
    sigv4::{self, BodyError, Submission},
    upstream::Idle,
};

/// A form whose fields have been read, and none of whose file has.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) submission: Submission,
    body: Idle<Incoming>,
    context: Context,
}

impl Classified {
    /// Reads the fields of a form; a client that waits for leave to send gets it here, since what it
    /// would be refused for is still to come.
    pub(super) async fn fill_in(self) -> Result<Filled, Error> {
        let Self { request, head, body, context } = self;
        if matches!(context.settings.mode, Mode::Forward) {
            return Err(Error::ForwardedForm);
        }
        let reader = Reader::of(&head)?;
        let form_bytes = content_length(&head)?;
        if let Mode::Ambient(ambient) = &context.settings.mode {
            ambient::admit(&head, &context.peer, ambient, &context.settings.domains)?;
        }
        let mut body = Idle::new(body, context.settings.client_idle_timeout);
        let read = tokio::time::timeout(RECEIVE_MAX, fields(reader, &mut body)).await;
        let too_slow = |_| BodyError::Client("its fields took too long".to_owned());
        let (form, rest) = read.map_err(too_slow)??;
        let file = form.file(form_bytes, rest)?;
        let upload = request.upload(&form, file.length(), &address(&head, &context))?;
        Ok(Filled { submission: Submission { form, upload, file }, body, context })
    }
}

impl Filled {
    /// Who filled it in.
    pub(super) fn authenticate(self) -> Result<Authenticated, Error> {
        let Self { submission, body, context } = self;
        let settings = &context.settings;
        let verified = match &settings.mode {
            Mode::Verify => {
                let (credentials, verify) = (&settings.credentials, &settings.verify);
                sigv4::verify_form(&submission, credentials, verify, context.now)?
            }
            Mode::Ambient(ambient) => sigv4::ambient_form(&submission, &ambient.identity)?,
            Mode::Forward => return Err(Error::ForwardedForm),
        };
        let body = Some(verified.body(body));
        let request = submission.upload;
        Ok(Authenticated { request, verified, body, forwarded: None, context })
    }
}

/// The reply to a form whose upload the backend has taken, from the head of its answer.
pub(super) fn reply(
    mut head: http::response::Parts,
    answer: &Answer,
) -> Result<Response<ReplyBody>, Error> {
    let unreadable = || Error::Unreadable("an ETag that cannot be passed on".to_owned());
    let etag = head.headers.get(header::ETAG).map(HeaderValue::to_str).transpose();
    let etag = etag.map_err(|_| unreadable())?.unwrap_or_default().to_owned();
    head.status = answer.status();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.remove(header::CONTENT_TYPE);
    let location = HeaderValue::try_from(answer.location(&etag)).map_err(|_| unreadable())?;
    head.headers.insert(header::LOCATION, location);
    let document = answer.document(&etag);
    if document.is_some() {
        let xml = HeaderValue::from_static("application/xml");
        head.headers.insert(header::CONTENT_TYPE, xml);
    }
    Ok(Response::from_parts(head, ReplyBody::text(document.unwrap_or_default())))
}

/// The file's length must be known before the file: backends want it first.
fn content_length(head: &Parts) -> Result<u64, InvalidForm> {
    let length = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.filter(|length| length.bytes().all(|byte| byte.is_ascii_digit()));
    length.and_then(|length| length.parse().ok()).ok_or_else(|| InvalidForm {
        code: Code::MissingContentLength,
        message: "You must provide the Content-Length HTTP header.".to_owned(),
        elements: Vec::new(),
    })
}

/// The fields, and what came of the file together with them.
async fn fields(mut reader: Reader, body: &mut Idle<Incoming>) -> Result<(Form, Bytes), Error> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Client(error.to_string()))?;
        let mut data = frame.into_data().unwrap_or_default();
        if let Some(form) = reader.step(&mut data)? {
            return Ok((form, data));
        }
    }
    Err(InvalidForm::ended().into())
}

/// The URL that the form was sent to, as its sender sees it.
fn address(head: &Parts, context: &Context) -> String {
    let scheme = if context.peer.tls.is_some() { "https" } else { "http" };
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = head.uri.authority().map(http::uri::Authority::as_str).or(host).unwrap_or_default();
    format!("{scheme}://{host}{}", head.uri.path().trim_end_matches('/'))
}
