//! One reading of every request: method, target and headers → operation, or a refusal. Invariant:
//! what two readers could read in two ways is refused, and upstream is built from the reading
//! alone.

mod form;
mod head;
mod presigned;
mod route;
mod target;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};

pub use self::target::{Domains, host};
use super::{
    Action, Code, CopySource, InvalidName, InvalidQuery, Operation, Query, Resource,
    form::Answer,
    headers, is_requested,
    operation::{Condition, Mark, Permission},
};

/// A request as S3 reads it. There is exactly one such reading, and upstream is built from it
/// alone.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked.
    pub operation: Operation,
    /// Of what.
    pub resource: Resource,
    /// The operation's own parameters: authentication parameters, hoisted headers and `x-id` are
    /// gone.
    pub query: Query,
    /// The effective headers: those received plus those that a presigned URL hoisted into its query
    /// (hoisted checksums dropped). `x-amz-copy-source` and `x-amz-tagging` are encoded afresh.
    pub headers: HeaderMap,
    copy_source: Option<CopySource>,
    tags: Option<Query>,
    answer: Option<Answer>,
}

/// The permissions of a request stand in its body: the keys of `DeleteObjects` (see
/// [`xml::Deletion`](super::xml::Deletion)), the form of `PostObject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the permissions that {} needs are named in its body", .0.name())]
pub struct PermissionsInBody(pub Operation);

/// Why a request has no single reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unclassified {
    /// The S3 code that the client gets.
    pub code: Code,
    /// Names what to change.
    pub message: String,
    /// Further elements of the error, such as `("Header", "x-minio-force-delete")`.
    pub elements: Vec<(&'static str, String)>,
}

/// Reads a request head. Pure, total on any input, linear in the head's length.
pub fn classify(head: &Parts, domains: &Domains) -> Result<Request, Unclassified> {
    head::check_framing(&head.headers)?;
    let resource = target::read(&head.method, &head.uri, &head.headers, domains)?;
    if head.method == Method::OPTIONS {
        return preflight(head, resource);
    }
    let mut query = Query::parse(head.uri.query().unwrap_or_default())?;
    let mut headers = head.headers.clone();
    presigned::settle(&mut query, &mut headers)?;
    head::check(&headers)?;
    let copy_source = copy_source(&mut headers)?;
    let tags = tags(&mut headers)?;
    let operation = route::operation(&head.method, &resource, mark(&headers), &query)?;
    Ok(Request { operation, resource, query, headers, copy_source, tags, answer: None })
}

// === impl Request ===

impl Request {
    /// Every permission that this request needs by its head. A key with empty segments needs them
    /// twice: as it stands, and as backends that keep files would read it.
    ///
    /// Left out, since only a look at the backend or into the body could tell: the tags that a copy
    /// takes along (`s3:GetObjectTagging` on the source, `s3:PutObjectTagging` here) and the tags
    /// in the body of `CreateBucket` (`s3:TagResource`, see [`Told`](crate::s3::Told)).
    ///
    /// # Errors
    ///
    /// For `DeleteObjects` and `PostObject`, so that nobody takes an empty list for leave.
    pub fn actions(&self) -> Result<Vec<Action>, PermissionsInBody> {
        if matches!(self.operation, Operation::DeleteObjects | Operation::PostObject) {
            return Err(PermissionsInBody(self.operation));
        }
        let permissions = self.operation.row().permissions;
        let needed = permissions.iter().filter_map(|permission| self.needed(permission));
        Ok(needed.flat_map(|(name, resource)| Action::on(name, resource)).collect())
    }

    /// The path for upstream, path style, encoded afresh: `/bucket/key`.
    pub fn path(&self) -> String {
        self.resource.path()
    }

    /// What `CopyObject` and `UploadPartCopy` read.
    pub fn copy_source(&self) -> Option<&CopySource> {
        self.copy_source.as_ref()
    }

    /// Turns a copy into the upload of what it reads, for whoever brings that himself.
    pub fn upload_source(&mut self) {
        let is_part = self.operation == Operation::UploadPartCopy;
        self.operation = if is_part { Operation::UploadPart } else { Operation::PutObject };
        self.copy_source = None;
        let of_copies: Vec<HeaderName> = self
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with(headers::COPY_SOURCE_PREFIX))
            .chain(&OF_COPIES)
            .cloned()
            .collect();
        for name in of_copies {
            self.headers.remove(name);
        }
    }

    /// Gives a write these tags, in place of those that it has.
    ///
    /// # Errors
    ///
    /// If a name occurs twice or is empty.
    pub fn tag(&mut self, tags: Vec<(String, String)>) -> Result<(), InvalidQuery> {
        let tags = Query::from_pairs(tags)?;
        self.headers.remove(headers::X_AMZ_TAGGING);
        if !tags.pairs().is_empty() {
            replace(&mut self.headers, headers::X_AMZ_TAGGING, &tags.encode());
        }
        self.tags = Some(tags);
        Ok(())
    }

    /// The tags in `x-amz-tagging`, each name once.
    pub fn tags(&self) -> Option<&Query> {
        self.tags.as_ref()
    }

    /// What the sender of a form is answered; `None`: the upload came in no form.
    pub fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    fn needed(&self, permission: &Permission) -> Option<(&'static str, Resource)> {
        let name = match permission {
            Permission::Always(name) => name,
            Permission::If(condition, name) => self.holds(*condition).then_some(name)?,
            Permission::Versioned(_, version) if self.query.contains("versionId") => version,
            Permission::Versioned(current, _) => current,
            Permission::ReadSource => {
                let source = self.copy_source.as_ref()?;
                let is_versioned = source.version_id.is_some();
                let name = if is_versioned { "s3:GetObjectVersion" } else { "s3:GetObject" };
                return Some((name, source.resource()));
            }
        };
        Some((name, self.resource.clone()))
    }

    fn holds(&self, condition: Condition) -> bool {
        let sent = |name| self.headers.contains_key(name);
        match condition {
            Condition::Acl => {
                sent(headers::X_AMZ_ACL)
                    || sent(headers::X_AMZ_GRANT_FULL_CONTROL)
                    || sent(headers::X_AMZ_GRANT_READ)
                    || sent(headers::X_AMZ_GRANT_READ_ACP)
                    || sent(headers::X_AMZ_GRANT_WRITE)
                    || sent(headers::X_AMZ_GRANT_WRITE_ACP)
            }
            Condition::BucketLock => {
                is_requested(&self.headers, &headers::X_AMZ_BUCKET_OBJECT_LOCK_ENABLED)
            }
            Condition::BypassGovernance => {
                is_requested(&self.headers, &headers::X_AMZ_BYPASS_GOVERNANCE_RETENTION)
            }
            Condition::LegalHold => sent(headers::X_AMZ_OBJECT_LOCK_LEGAL_HOLD),
            Condition::Ownership => sent(headers::X_AMZ_OBJECT_OWNERSHIP),
            Condition::Retention => {
                sent(headers::X_AMZ_OBJECT_LOCK_MODE)
                    || sent(headers::X_AMZ_OBJECT_LOCK_RETAIN_UNTIL_DATE)
            }
            Condition::Tags => sent(headers::X_AMZ_TAGGING),
        }
    }
}

// === impl Unclassified ===

impl Unclassified {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), elements: Vec::new() }
    }

    fn with(mut self, element: &'static str, text: &str) -> Self {
        self.elements.push((element, text.to_owned()));
        self
    }

    pub(super) fn directory_bucket() -> Self {
        Self::new(
            Code::NotImplemented,
            "Directory buckets (S3 Express One Zone) are not supported; use another bucket.",
        )
    }

    fn bucket(error: InvalidName) -> Self {
        Self::new(Code::InvalidBucketName, format!("The specified bucket is not valid: {error}."))
    }

    fn key(error: InvalidName) -> Self {
        if error == InvalidName::KeyTooLong {
            return Self::new(Code::KeyTooLongError, format!("Your key is too long: {error}."));
        }
        Self::new(Code::InvalidURI, format!("Couldn't parse the specified URI: {error}."))
    }
}

impl From<InvalidQuery> for Unclassified {
    fn from(error: InvalidQuery) -> Self {
        match error {
            InvalidQuery::Undecodable(_) => {
                Self::new(Code::InvalidURI, format!("Couldn't parse the specified URI: {error}."))
            }
            InvalidQuery::Nameless
            | InvalidQuery::Repeated(_)
            | InvalidQuery::Semicolon
            | InvalidQuery::TooMany => {
                Self::new(Code::InvalidArgument, format!("The query is ambiguous: {error}."))
            }
        }
    }
}

/// Browsers ask about the very URL that they will use, with its query and its signature, before
/// they use it: neither means anything here, nor does any header but those that they ask by. Nobody
/// signed them, and the gate signs what it sends on.
fn preflight(head: &Parts, resource: Resource) -> Result<Request, Unclassified> {
    head::check(&head.headers)?;
    for name in [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD] {
        if !head.headers.contains_key(&name) {
            return Err(Unclassified::new(
                Code::BadRequest,
                format!("Insufficient information. {name} request header needed."),
            ));
        }
    }
    if resource == Resource::Service {
        return Err(route::method_not_allowed());
    }
    let asked =
        PREFLIGHT.iter().filter_map(|name| Some((name.clone(), head.headers.get(name)?.clone())));
    Ok(Request {
        operation: Operation::OptionsPreflight,
        resource,
        query: Query::default(),
        headers: asked.collect(),
        copy_source: None,
        tags: None,
        answer: None,
    })
}

fn copy_source(headers: &mut HeaderMap) -> Result<Option<CopySource>, Unclassified> {
    let Some(text) = text(headers, &headers::X_AMZ_COPY_SOURCE)? else { return Ok(None) };
    let source = CopySource::parse(text)?;
    replace(headers, headers::X_AMZ_COPY_SOURCE, &source.encode());
    Ok(Some(source))
}

fn tags(headers: &mut HeaderMap) -> Result<Option<Query>, Unclassified> {
    let Some(text) = text(headers, &headers::X_AMZ_TAGGING)? else { return Ok(None) };
    let tags = Query::parse(text).map_err(|error| {
        Unclassified::new(
            Code::InvalidArgument,
            format!(
                "The header '{}' shall be encoded as UTF-8 then URLEncoded URL query parameters \
                 without tag name duplicates: {error}.",
                headers::X_AMZ_TAGGING
            ),
        )
    })?;
    replace(headers, headers::X_AMZ_TAGGING, &tags.encode());
    Ok(Some(tags))
}

fn mark(headers: &HeaderMap) -> Option<Mark> {
    if headers.contains_key(headers::X_AMZ_COPY_SOURCE) {
        return Some(Mark::CopySource);
    }
    let content_type = headers.get(header::CONTENT_TYPE)?.as_bytes();
    let essence = content_type.split(|byte| *byte == b';').next()?.trim_ascii();
    essence.eq_ignore_ascii_case(b"multipart/form-data").then_some(Mark::Form)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Unclassified> {
    headers.get(name).map(HeaderValue::to_str).transpose().map_err(|_| head::not_text(name))
}

fn replace(headers: &mut HeaderMap, name: HeaderName, encoded: &str) {
    // What has been percent-encoded is visible ASCII, so it always is a value.
    if let Ok(value) = HeaderValue::from_str(encoded) {
        headers.insert(name, value);
    }
}

/// What only copies are asked with, besides what names their source.
static OF_COPIES: [HeaderName; 4] = [
    // Of a body of no bytes.
    headers::CONTENT_MD5,
    headers::X_AMZ_METADATA_DIRECTIVE,
    headers::X_AMZ_SOURCE_EXPECTED_BUCKET_OWNER,
    headers::X_AMZ_TAGGING_DIRECTIVE,
];

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html>
const PREFLIGHT: [HeaderName; 4] = [
    header::HOST,
    header::ORIGIN,
    header::ACCESS_CONTROL_REQUEST_METHOD,
    header::ACCESS_CONTROL_REQUEST_HEADERS,
];

#[cfg(test)]
mod tests;
