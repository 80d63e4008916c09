//! The way in: signatures are verified by `s3s` as received, then the request is read by `s3s`.
//!
//! `s3s` refuses some headers that S3 ignores (a malformed `Range`) or keeps as they are (any
//! `Expires`), and they are signed. So there are two services: the outer verifies and hands each
//! request to [`Gate`], which takes such headers out and hands it to the inner, which knows no
//! signatures.
//!
//! Invariant: nothing reaches the inner service but requests signed with the one credential, for
//! this region and service.

use async_trait::async_trait;
use http::{
    Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri, header, uri::PathAndQuery,
};
use s3s::{
    Body, HttpRequest, S3, S3Error, S3Request, S3Response, S3Result, TrailingHeaders,
    auth::{S3Auth, SecretKey},
    dto::{Range, Timestamp, TimestampFormat},
    region::Region,
    route::S3Route,
    s3_error,
    service::{S3Service, S3ServiceBuilder},
};

use super::attributes::not_implemented;

/// What the operations need of a request's head beyond what `s3s` makes of it.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// As signed, but for Content-Length, which is that of the decoded body.
    pub(super) headers: HeaderMap,
    /// Ready once the body was read.
    pub(super) trailers: Option<TrailingHeaders>,
}

/// An answer's status, where the type that `s3s` has for it cannot tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Status(pub(super) StatusCode);

/// Asks that the entity tag in the answer's XML lose its quotes, which `s3s` gives to every one;
/// S3 has none in `GetObjectAttributes`.
#[derive(Clone, Copy, Debug)]
pub(super) struct BareEtag;

/// The one credential.
pub(super) struct Credential {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: SecretKey,
}

/// The two services, one behind the other.
pub(super) fn service(backend: impl S3, credential: Credential, region: &str) -> S3Service {
    let inner = S3ServiceBuilder::new(backend).build();
    let mut outer = S3ServiceBuilder::new(Nothing);
    outer.set_auth(credential);
    outer.set_route(Gate { inner, region: region.to_owned() });
    outer.build()
}

/// The head of the request that an operation was called with.
pub(super) fn head(extensions: &Extensions) -> S3Result<&Head> {
    extensions.get().ok_or_else(|| s3_error!(InternalError, "The request came without its head."))
}

#[async_trait]
impl S3Auth for Credential {
    async fn get_secret_key(&self, access_key_id: &str) -> S3Result<SecretKey> {
        if access_key_id == self.access_key_id {
            return Ok(self.secret_access_key.clone());
        }
        Err(s3_error!(
            InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records."
        ))
    }
}

/// No operation at all: the gate takes every request first.
struct Nothing;

impl S3 for Nothing {}

struct Gate {
    inner: S3Service,
    region: String,
}

#[async_trait]
impl S3Route for Gate {
    fn is_match(&self, _: &Method, _: &Uri, _: &HeaderMap, _: &mut Extensions) -> bool {
        true
    }

    async fn check_access(&self, request: &mut S3Request<Body>) -> S3Result<()> {
        if request.credentials.is_none() {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        if request.service.as_deref() != Some("s3") {
            return Err(s3_error!(
                AuthorizationHeaderMalformed,
                "The authorization header is malformed; this endpoint belongs to \"s3\"."
            ));
        }
        if request.region.as_ref().map(Region::as_str) != Some(self.region.as_str()) {
            return Err(s3_error!(
                AuthorizationHeaderMalformed,
                "The authorization header is malformed; the region is wrong; expecting '{}'",
                self.region
            ));
        }
        Ok(())
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        check_refused(&request)?;
        let answer = self.inner.call(unsigned(request)?).await;
        let (parts, body) = answer.map_err(internal)?.into_parts();
        let mut answer = S3Response::with_status(body, parts.status);
        answer.headers = parts.headers;
        if let Some(Status(status)) = parts.extensions.get() {
            answer.status = Some(*status);
        }
        if parts.extensions.get::<BareEtag>().is_some()
            && let Some(xml) = answer.output.bytes()
        {
            let xml = String::from_utf8_lossy(&xml);
            let xml = xml.replace("<ETag>\"", "<ETag>").replace("\"</ETag>", "</ETag>");
            answer.output = Body::from(xml);
        }
        if parts.status == StatusCode::NOT_MODIFIED {
            answer.output = Body::empty();
        }
        Ok(answer)
    }
}

/// What would be stored otherwise than asked, or held in memory whole.
fn check_refused(request: &S3Request<Body>) -> S3Result<()> {
    let is_customer_key = |name: &str| name.contains("server-side-encryption-customer-");
    let content_type = request.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    let is_form =
        request.method == Method::POST && content_type.starts_with(b"multipart/form-data");
    if is_form || request.headers.keys().any(|name| is_customer_key(name.as_str())) {
        return Err(not_implemented());
    }
    Ok(())
}

/// The request as the inner service gets it.
fn unsigned(request: S3Request<Body>) -> S3Result<HttpRequest> {
    let mut headers = request.headers;
    if let Some(length) = headers.remove("x-amz-decoded-content-length") {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    let head = Head { headers: headers.clone(), trailers: request.trailing_headers };
    headers.remove(header::AUTHORIZATION);
    headers.remove("x-amz-content-sha256");
    ignore_what_s3_ignores(&mut headers);
    take_verbatim(&mut headers);

    let mut unsigned = HttpRequest::new(request.input);
    *unsigned.method_mut() = request.method;
    *unsigned.uri_mut() = without_signature(&request.uri)?;
    *unsigned.headers_mut() = headers;
    unsigned.extensions_mut().insert(head);
    Ok(unsigned)
}

/// A range or date that cannot be read is as if it were not there.
fn ignore_what_s3_ignores(headers: &mut HeaderMap) {
    let is_range = |text: &str| Range::parse(text).is_ok();
    let is_date = |text: &str| Timestamp::parse(TimestampFormat::HttpDate, text).is_ok();
    let dates = [
        "if-modified-since",
        "if-unmodified-since",
        "x-amz-copy-source-if-modified-since",
        "x-amz-copy-source-if-unmodified-since",
    ];
    let mut keep_if = |name: &str, is_readable: &dyn Fn(&str) -> bool| {
        let value = headers.get(name).map(HeaderValue::to_str);
        if value.is_some_and(|value| !value.is_ok_and(is_readable)) {
            headers.remove(name);
        }
    };
    keep_if("range", &is_range);
    for name in dates {
        keep_if(name, &is_date);
    }
}

/// Headers that are kept as they came: the operations read them from the [`Head`].
fn take_verbatim(headers: &mut HeaderMap) {
    headers.remove(header::EXPIRES);
    let metadata = headers.keys().filter(|name| name.as_str().starts_with("x-amz-meta-"));
    for name in metadata.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
}

fn without_signature(uri: &Uri) -> S3Result<Uri> {
    let Some(query) = uri.query() else { return Ok(uri.clone()) };
    let pairs = query.split('&').filter(|pair| !pair.starts_with("X-Amz-"));
    let query = pairs.collect::<Vec<_>>().join("&");
    let target = PathAndQuery::try_from(format!("{}?{query}", uri.path()));
    Ok(Uri::from(target.map_err(|error| s3_error!(error, InvalidURI))?))
}

fn internal(error: s3s::HttpError) -> S3Error {
    S3Error::with_source(s3s::S3ErrorCode::InternalError, error.into())
}
