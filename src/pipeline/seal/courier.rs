//! Further requests about the object of a permitted request. Invariant: they are made for requests
//! that policy permitted only, about the same object, and with the same caller's credential; or for the
//! operator, who holds the proxy's own.

use std::{ops::Range, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request, response,
};
use hyper::body::Incoming;
use md5::{Digest as _, Md5};

use super::{
    super::{
        document::{self, Unread},
        receive::{Context, monotonic},
        rescue::Error,
    },
    endings::{Identity, Name},
    fault::Fault,
    stored::Stored,
};
use crate::{
    s3::{self, BucketName, ObjectKey, Query, Resource, headers, xml},
    seal::{Ending, ObjectId, ObjectKeys, Walk},
    sigv4::Signer,
    telemetry::metrics::Metrics,
    upstream::{Idle, Outbound, Signing},
};

/// Sends further requests about one object.
#[derive(Debug)]
pub(in crate::pipeline) struct Courier {
    pub(in crate::pipeline) bucket: BucketName,
    pub(in crate::pipeline) key: ObjectKey,
    /// The version that was asked for, or that the first answer was about.
    pub(in crate::pipeline) version_id: Option<String>,
    pub(in crate::pipeline) sender: Sender,
}

/// Whose further requests they are, whatever objects they are about.
#[derive(Clone, Debug)]
pub(in crate::pipeline) struct Sender {
    pub(in crate::pipeline) context: Context,
    signer: Signer,
    /// What the client said that S3 wants with each request.
    headers: Vec<(HeaderName, HeaderValue)>,
    metrics: Arc<Metrics>,
}

impl Sender {
    /// The one of a permitted request, which this is called with alone.
    pub(super) fn of(
        request: &s3::Request,
        (signer, context): (Signer, Context),
        metrics: Arc<Metrics>,
    ) -> Self {
        let sent = |name: &HeaderName| Some((name.clone(), request.headers.get(name)?.clone()));
        let headers = REPEATED.iter().filter_map(sent).collect();
        Self { context, signer, headers, metrics }
    }

    /// The operator's own, who holds the configuration and the credential in it.
    pub(in crate::pipeline) fn of_operator(
        (signer, context): (Signer, Context),
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { context, signer, headers: Vec::new(), metrics }
    }

    /// For one object.
    pub(in crate::pipeline) fn about(
        self,
        (bucket, key): (BucketName, ObjectKey),
        version_id: Option<String>,
    ) -> Courier {
        Courier { bucket, key, version_id, sender: self }
    }

    /// The answer to a small question: its head, and its document of at most so many bytes.
    pub(in crate::pipeline) async fn ask(
        &self,
        resource: &Resource,
        errand: Errand,
        bytes_max: usize,
    ) -> Result<(response::Parts, Bytes), Error> {
        let (head, body) = self.run(resource, errand).await?.into_parts();
        let document = document::read(body, bytes_max).await.map_err(|unread| match unread {
            Unread::TooLong(bytes_max) => {
                Error::Unreadable(format!("an answer above {bytes_max} bytes"))
            }
            Unread::Body(error) => Error::Unreadable(format!("an answer that broke off: {error}")),
        })?;
        Ok((head, document))
    }

    /// Sends a request; the answer, whatever its status, but a redirection.
    async fn run(
        &self,
        resource: &Resource,
        errand: Errand,
    ) -> Result<Response<Idle<Incoming>>, Error> {
        let Errand { mut head, query, body } = errand;
        for (name, value) in &self.headers {
            head.headers.insert(name, value.clone());
        }
        if let Some(length) = body.length() {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        let (path, query) = (resource.path(), query.encode());
        let target = if query.is_empty() { path } else { format!("{path}?{query}") };
        let upstream = &self.context.settings.upstream;
        let bucket = resource.bucket().map(BucketName::as_str);
        let signing = Signing { signer: &self.signer, now: self.context.time(), bucket };
        let signed = upstream.sign(head, &target, body, signing)?;
        let began = monotonic();
        let answer = upstream.send(signed).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        self.metrics.upstream(status, began.elapsed());
        let answer = answer?;
        let status = answer.status();
        if status.is_informational() {
            return Err(Error::Unreadable(format!("{status} for an answer")));
        }
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            return Err(Error::Redirected(status));
        }
        Ok(answer)
    }
}

impl Courier {
    /// From now on says of a copy's source what the copy, whose headers these are, says of it.
    pub(super) fn speak_as(&mut self, copy: &HeaderMap) {
        let renamed = OF_SOURCES.iter();
        let renamed =
            renamed.filter_map(|(sent, name)| Some((name.clone(), copy.get(sent)?.clone())));
        self.sender.headers = renamed.collect();
    }

    /// The head of the object.
    pub(in crate::pipeline) async fn head(&self) -> Result<response::Parts, Error> {
        self.head_if(&HeaderMap::new()).await
    }

    /// The head of the object, under conditions.
    pub(super) async fn head_if(&self, conditions: &HeaderMap) -> Result<response::Parts, Error> {
        let errand = self.of_version(Method::HEAD).with_all(conditions.clone());
        Ok(self.run(errand).await?.into_parts().0)
    }

    /// Code and message of an error whose HEAD, as ever, came without: what a GET gets in its place.
    pub(in crate::pipeline) async fn refusal(
        &self,
        conditions: &HeaderMap,
    ) -> Result<Option<(String, String)>, Error> {
        let errand = self.of_version(Method::GET).with_all(conditions.clone());
        let answer = self.run(errand).await?;
        if answer.status().is_success() {
            return Err(Fault::Changed.into());
        }
        Ok(said(answer.into_body()).await)
    }

    /// All of the version that has this `ETag`, as it is stored.
    pub(super) async fn all(&self, stored: &Stored) -> Result<Response<Idle<Incoming>>, Error> {
        if stored.bytes > 0 {
            return self.get(0..stored.bytes, stored.etag.as_ref()).await;
        }
        // There is no range of nothing.
        let mut errand = self.of_version(Method::GET);
        if let Some(etag) = &stored.etag {
            errand = errand.with(header::IF_MATCH, etag.clone());
        }
        let answer = self.run(errand).await?;
        if answer.status() == StatusCode::OK { Ok(answer) } else { Err(Fault::Changed.into()) }
    }

    /// A range of the stored bytes of the version that has this `ETag`.
    pub(in crate::pipeline) async fn get(
        &self,
        range: Range<u64>,
        etag: Option<&HeaderValue>,
    ) -> Result<Response<Idle<Incoming>>, Error> {
        let last = range.end.saturating_sub(1);
        self.fetch(format!("bytes={}-{last}", range.start), etag).await
    }

    /// As [`Courier::get`], with a range as clients write them.
    pub(in crate::pipeline) async fn fetch(
        &self,
        range: String,
        etag: Option<&HeaderValue>,
    ) -> Result<Response<Idle<Incoming>>, Error> {
        let range = HeaderValue::try_from(range).map_err(http::Error::from);
        let range = range.map_err(crate::upstream::Error::from)?;
        let mut errand = self.of_version(Method::GET).with(header::RANGE, range);
        if let Some(etag) = etag {
            errand = errand.with(header::IF_MATCH, etag.clone());
        }
        let answer = self.run(errand).await?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => Ok(answer),
            StatusCode::PRECONDITION_FAILED | StatusCode::NOT_FOUND => Err(Fault::Changed.into()),
            StatusCode::OK => Err(Error::Unreadable("all of an object for a range".to_owned())),
            status => {
                let (code, message) = said(answer.into_body()).await.unwrap_or_default();
                Err(Error::Told { status, code, message })
            }
        }
    }

    /// A few stored bytes.
    pub(in crate::pipeline) async fn bytes(
        &self,
        range: Range<u64>,
        etag: Option<&HeaderValue>,
    ) -> Result<Bytes, Error> {
        let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let answer = self.get(range, etag).await?;
        document::read(answer.into_body(), wanted).await.map_err(|unread| match unread {
            Unread::TooLong(bytes_max) => {
                Error::Unreadable(format!("more than the {bytes_max} bytes that were asked for"))
            }
            Unread::Body(error) => Error::Unreadable(format!("a range that broke off: {error}")),
        })
    }

    /// Reads how an object ends, or remembers it. Where it says nothing of the parts before the last one,
    /// their headers do.
    pub(super) async fn ending(
        &self,
        keys: &ObjectKeys,
        id: ObjectId,
        stored: &Stored,
    ) -> Result<Ending, Error> {
        if let Some(ending) = self.remembered(id, stored) {
            return Ok(ending);
        }
        let mut ending = self.read_ending(keys, stored).await?;
        if ending.layout().is_none() {
            let walk = self.walk(ending.records_end(stored.bytes), stored.etag.as_ref()).await?;
            ending = ending.walked(&walk).map_err(Fault::from)?;
        }
        if let Some(etag) = stored.etag.clone() {
            self.sender.context.endings.keep(self.name(), &Identity { id, etag }, &ending);
        }
        Ok(ending)
    }

    /// Under which endings of the object are remembered.
    pub(super) fn name(&self) -> Name {
        Name::of(self.bucket.as_str(), self.key.as_str(), self.version_id.as_deref())
    }

    /// How an object ends, if that was read before.
    pub(super) fn remembered(&self, id: ObjectId, stored: &Stored) -> Option<Ending> {
        let etag = stored.etag.clone()?;
        self.sender.context.endings.find(&Identity { id, etag })
    }

    /// How an object ends, by its last bytes alone.
    pub(super) async fn read_ending(
        &self,
        keys: &ObjectKeys,
        stored: &Stored,
    ) -> Result<Ending, Error> {
        let count = Ending::bytes(stored.bytes).map_err(Fault::from)?;
        let range = stored.bytes - count..stored.bytes;
        let last = self.bytes(range, stored.etag.as_ref()).await?;
        Ok(Ending::read(keys, stored.bytes, &last).map_err(Fault::from)?)
    }

    /// Goes from part to part, up to where the records end.
    pub(super) async fn walk(&self, end: u64, etag: Option<&HeaderValue>) -> Result<Walk, Error> {
        let mut walk = Walk::new(end);
        while let Some(next) = walk.next() {
            walk.add(&self.bytes(next, etag).await?).map_err(Fault::from)?;
        }
        Ok(walk)
    }

    /// The answer to a small question about the object; see [`Sender::ask`].
    pub(in crate::pipeline) async fn ask(
        &self,
        errand: Errand,
        bytes_max: usize,
    ) -> Result<(response::Parts, Bytes), Error> {
        self.sender.ask(&self.resource(), errand, bytes_max).await
    }

    /// Sends a request about the object; the answer, whatever its status, but a redirection.
    pub(in crate::pipeline) async fn run(
        &self,
        errand: Errand,
    ) -> Result<Response<Idle<Incoming>>, Error> {
        self.sender.run(&self.resource(), errand).await
    }

    /// The condition that a copy of the object is to have: that it is still what has this `ETag`.
    pub(super) fn only_if_it_is(&self, etag: &HeaderValue) -> HeaderMap {
        self.sender.context.settings.upstream.source_condition().that_it_is(etag)
    }

    /// The object's, encoded.
    pub(in crate::pipeline) fn path(&self) -> String {
        self.resource().path()
    }

    fn resource(&self) -> Resource {
        Resource::Object(self.bucket.clone(), self.key.clone())
    }

    /// A question about the version of the object that this is about.
    fn of_version(&self, method: Method) -> Errand {
        let query = self.version_id.as_ref().map(|it| Query::of("versionId", it));
        Errand::new(method, query.unwrap_or_default())
    }
}

/// One request about the courier's object.
#[derive(Debug)]
pub(in crate::pipeline) struct Errand {
    head: request::Parts,
    query: Query,
    body: Outbound,
}

impl Errand {
    /// Without headers of its own, and without a body.
    pub(in crate::pipeline) fn new(method: Method, query: Query) -> Self {
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.method = method;
        Self { head, query, body: Outbound::empty() }
    }

    /// With a header.
    pub(in crate::pipeline) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.head.headers.insert(name, value);
        self
    }

    /// With headers, in place of those of their names.
    pub(in crate::pipeline) fn with_all(mut self, headers: HeaderMap) -> Self {
        self.head.headers.extend(headers);
        self
    }

    /// With a body.
    pub(in crate::pipeline) fn with_body(self, body: Outbound) -> Self {
        Self { body, ..self }
    }

    /// With bytes of the proxy's own, and their digest, which S3 wants with some.
    pub(in crate::pipeline) fn with_own(self, bytes: Bytes) -> Result<Self, Error> {
        let digest = STANDARD.encode(Md5::digest(&bytes));
        let digest = HeaderValue::try_from(digest).map_err(http::Error::from);
        let digest = digest.map_err(crate::upstream::Error::from)?;
        let errand = self.with(headers::CONTENT_MD5, digest);
        Ok(Self { body: Outbound::own(bytes), ..errand })
    }
}

/// Code and message of an error.
async fn said(body: Idle<Incoming>) -> Option<(String, String)> {
    let document = document::read(body, ERROR_BYTES_MAX).await.ok()?;
    let text = |element| xml::locate(&document, "Error", element).map(|(text, _)| text);
    Some((text("Code").ok()?, text("Message").unwrap_or_default()))
}

static REPEATED: [HeaderName; 2] =
    [headers::X_AMZ_EXPECTED_BUCKET_OWNER, headers::X_AMZ_REQUEST_PAYER];
/// What a copy says of its source, and how a read of that says it.
static OF_SOURCES: [(HeaderName, HeaderName); 5] = [
    (headers::X_AMZ_SOURCE_EXPECTED_BUCKET_OWNER, headers::X_AMZ_EXPECTED_BUCKET_OWNER),
    (headers::X_AMZ_REQUEST_PAYER, headers::X_AMZ_REQUEST_PAYER),
    (
        headers::X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
        headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
    ),
    (
        headers::X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY,
        headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY,
    ),
    (
        headers::X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5,
        headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5,
    ),
];
/// Of a backend's error; S3's have less than 1 KiB.
const ERROR_BYTES_MAX: usize = 64 * 1024;
