//! The answer to `CompleteMultipartUpload` of a sealed object. Invariant: until a failure is told in a
//! 200, the client has only seen the document's declaration and blanks.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use tokio::task::JoinError;

use super::{
    Encryption, Presentation,
    complete::Completing,
    errands::{Failure, Object},
    fault::Fault,
    upload::ACCESS,
    write::requested,
};
use crate::{
    pipeline::{
        authorize::{Authorized, Payload},
        completion, relay,
        reply::ReplyBody,
        rescue::{self, Error},
        trace::Trace,
        working::FIRST_WORD,
    },
    s3::{BucketName, ObjectKey, headers, xml},
    telemetry::metrics::Metrics,
    transform::{
        etag::{self, Tagged},
        parts,
        seal::Sealing,
        upload_id::Upload,
    },
};

/// A completion that is going to be answered.
#[derive(Debug)]
pub(in crate::pipeline) struct Completion {
    completing: Completing,
    encryption: Encryption,
    result: ResultDocument,
    request_id: String,
}

/// What the answer says besides the tag.
#[derive(Debug)]
struct ResultDocument {
    /// As the client knows it.
    location: String,
    bucket: BucketName,
    key: ObjectKey,
}

impl Authorized {
    /// Gathers what the completion needs.
    pub(super) fn complete(
        mut self,
        (bucket, key): (BucketName, ObjectKey),
        sealing: &Sealing,
        metrics: &Arc<Metrics>,
    ) -> Result<Completion, Error> {
        let customer = requested(&mut self)?.customer;
        let courier = self.courier((bucket.clone(), key.clone()), metrics)?;
        let upload = self.upload.take();
        // Uploads go on here only if they began sealed.
        let Some(Upload { upstream_id: upload_id, accepted, sealed: Some(upload) }) = upload else {
            return Err(Fault::NotSealed.into());
        };
        let place = self.place((&bucket, &key), sealing);
        let encryption = place.encryption(&upload.key_box, customer.as_ref());
        let named = match &self.body {
            Payload::Document(document, _) => parts::completed(document)?,
            Payload::None
            | Payload::Empty
            | Payload::Stream(_)
            | Payload::Copied(_)
            | Payload::Sealed(_) => Vec::new(),
        };
        let sent =
            |name: &HeaderName| Some((name.clone(), self.request.headers.get(name)?.clone()));
        let promised = self.request.headers.get(headers::X_AMZ_MP_OBJECT_SIZE);
        let promised = promised.map(|size| String::from_utf8_lossy(size.as_bytes()).into_owned());
        let completing = Completing {
            courier,
            upload_id,
            upload: *upload,
            named,
            conditions: CONDITIONS.iter().filter_map(sent).collect(),
            promised,
            irregular: sealing.irregular,
            access: access(&accepted),
        };
        let location = completion::address(&self.request, &self.context);
        let result = ResultDocument { location, bucket, key };
        Ok(Completion { completing, encryption, result, request_id: self.context.request_id })
    }
}

impl Completion {
    /// Completes, and answers. What has begun goes on if the client leaves: half of it is the worst that
    /// could be left behind.
    pub(in crate::pipeline) async fn reply(
        self,
        trace: &Trace,
    ) -> Result<Response<ReplyBody>, Error> {
        let Self { completing, encryption, result, request_id } = self;
        let mut task = tokio::spawn(completing.run());
        if let Ok(done) = tokio::time::timeout(FIRST_WORD, &mut task).await {
            return match joined(done) {
                Ok(object) => Ok(result.reply(&object, encryption)),
                Err(Failure::Error(error)) => Err(error),
                Err(Failure::Told(told)) => Ok(relay::pass(told.head, told.document)),
            };
        }
        let alarm = trace.alarm(StatusCode::OK.as_u16());
        let mut head = HeaderMap::new();
        if let Ok(id) = HeaderValue::try_from(&request_id) {
            head.insert(headers::X_AMZ_REQUEST_ID, id);
        }
        let document = async move {
            match joined(task.await) {
                Ok(object) => result.document(&object).into(),
                Err(Failure::Told(told)) => told.document,
                Err(Failure::Error(error)) => {
                    let document = rescue::told(&error);
                    alarm.fail(document.code, &error);
                    document.to_xml(&request_id, rescue::HOST_ID).into()
                }
            }
        };
        Ok(answer(head, encryption, ReplyBody::working(document)))
    }
}

impl ResultDocument {
    fn reply(&self, object: &Object, encryption: Encryption) -> Response<ReplyBody> {
        let received = &object.head.headers;
        let passed = |name: &HeaderName| Some((name.clone(), received.get(name)?.clone()));
        let head = PASSED.iter().filter_map(passed).collect();
        answer(head, encryption, ReplyBody::text(self.document(object)))
    }

    fn document(&self, object: &Object) -> String {
        let etag = etag::shown(&object.etag, Tagged::Sealed);
        let (bucket, key) = (self.bucket.as_str(), self.key.as_str());
        let elements =
            [("Location", &*self.location), ("Bucket", bucket), ("Key", key), ("ETag", &etag)];
        let elements =
            elements.map(|(name, text)| format!("<{name}>{}</{name}>", xml::escape(text)));
        format!("{OPENING}{}</CompleteMultipartUploadResult>", elements.concat())
    }
}

/// The headers that say who may do what with the object.
fn access(accepted: &[(String, String)]) -> HeaderMap {
    let known = ACCESS.iter().filter_map(|name| {
        let (_, value) = accepted.iter().find(|(accepted, _)| accepted == name.as_str())?;
        Some((name.clone(), HeaderValue::from_str(value).ok()?))
    });
    known.collect()
}

fn answer(head: HeaderMap, encryption: Encryption, body: ReplyBody) -> Response<ReplyBody> {
    let mut reply = Response::new(body);
    *reply.headers_mut() = head;
    let xml = HeaderValue::from_static("application/xml");
    reply.headers_mut().insert(header::CONTENT_TYPE, xml);
    Presentation::of_object(encryption).apply(reply.headers_mut());
    reply
}

/// A task that panicked is a bug, told as any failure.
fn joined(done: Result<Result<Object, Failure>, JoinError>) -> Result<Object, Failure> {
    done.unwrap_or_else(|error| {
        Err(Error::Unreadable(format!("no end of a completion: {error}")).into())
    })
}

static CONDITIONS: [HeaderName; 2] = [header::IF_MATCH, header::IF_NONE_MATCH];
/// What clients may learn of the backend's answer.
static PASSED: [HeaderName; 5] = [
    headers::X_AMZ_EXPIRATION,
    headers::X_AMZ_ID_2,
    headers::X_AMZ_REQUEST_CHARGED,
    headers::X_AMZ_REQUEST_ID,
    headers::X_AMZ_VERSION_ID,
];
const OPENING: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CompleteMultipartUploadResult \
                       xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
