//! A form as the upload that it asks for: `PutObject`, with headers that its fields make. Invariant: of
//! the form's own head nothing is taken along but what tells of its sender.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Operation, Query, Request, Resource, Unclassified, head, tags};
use crate::s3::{
    Code, ObjectKey,
    form::{Answer, Field, Form, InvalidForm},
    headers, xml,
};

impl Request {
    /// The one upload that a form on this bucket asks for, of `file_bytes` bytes. `address` is the URL
    /// that the form was sent to, without a slash at its end.
    ///
    /// # Errors
    ///
    /// A field that is missing, or that cannot be what it is.
    pub fn upload(&self, form: &Form, file_bytes: u64, address: &str) -> Result<Self, InvalidForm> {
        let bucket = self.resource.bucket().ok_or_else(|| {
            InvalidForm::new(Code::MethodNotAllowed, "A form is sent to the URL of a bucket.")
        })?;
        let key = key(form)?;
        if let Some(other) = form.get("bucket").filter(|named| *named != bucket.as_str()) {
            let message = "The field `bucket` names another bucket than the URL does.";
            return Err(InvalidForm::argument("bucket", other, message));
        }
        let mut headers: HeaderMap = SENDERS
            .iter()
            .filter_map(|name| Some((name.clone(), self.headers.get(name)?.clone())))
            .collect();
        for field in form.fields() {
            add(&mut headers, field)?;
        }
        if let Some(document) = form.get("tagging").filter(|document| !document.is_empty()) {
            headers.insert(headers::X_AMZ_TAGGING, tagging(document)?);
        }
        head::check(&headers)?;
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file_bytes));
        let tags = tags(&mut headers)?;
        Ok(Self {
            operation: Operation::PutObject,
            answer: Some(Answer::new(form, address, bucket, &key)),
            resource: Resource::Object(bucket.clone(), key),
            query: Query::default(),
            headers,
            copy_source: None,
            tags,
        })
    }
}

fn key(form: &Form) -> Result<ObjectKey, InvalidForm> {
    let key = form.need("key")?;
    if key.is_empty() {
        let message = "User key must have a length greater than 0.";
        return Err(InvalidForm::argument("key", "", message));
    }
    ObjectKey::parse(key).map_err(|error| match Unclassified::key(error) {
        Unclassified { code: code @ Code::KeyTooLongError, message, .. } => {
            InvalidForm::new(code, message)
        }
        _ => InvalidForm::argument("key", key, format!("The field `key` is not valid: {error}.")),
    })
}

/// Adds the header that a field stands for. An empty one says nothing: pages leave them so.
fn add(headers: &mut HeaderMap, field: &Field) -> Result<(), InvalidForm> {
    let Field { name, value } = field;
    let Some(header) = header_of(name)? else { return Ok(()) };
    let refused = |message: String| Err(InvalidForm::argument(name, value, message));
    if value.is_empty() {
        return Ok(());
    }
    if value.trim() != value {
        return refused(format!("The field `{name}` begins or ends in white space."));
    }
    let Ok(header_value) = HeaderValue::from_bytes(value.as_bytes()) else {
        return refused(format!("The field `{name}` cannot be the value of a header."));
    };
    if headers.insert(header, header_value).is_some() {
        return refused(format!("The field `{name}` says again what another field says."));
    }
    Ok(())
}

/// The header of a field; `None` for those that stand for none.
fn header_of(name: &str) -> Result<Option<HeaderName>, InvalidForm> {
    if name == "acl" {
        return Ok(Some(headers::X_AMZ_ACL));
    }
    if headers::form::V4.contains(&name) || name == headers::form::SECURITY_TOKEN {
        return Ok(None);
    }
    let header = HeaderName::from_bytes(name.as_bytes()).ok();
    if !name.starts_with(headers::PREFIX) {
        return Ok(header.filter(|header| OBJECTS_OWN.contains(header)));
    }
    match header {
        Some(header) if is_of_upload(&header) => Ok(Some(header)),
        Some(_) | None => Err(InvalidForm::argument(
            name,
            "",
            format!(
                "The field `{name}` has no meaning in a form; tags go into the field `tagging`, the \
                 access control list into `acl`."
            ),
        )),
    }
}

fn is_of_upload(header: &HeaderName) -> bool {
    UPLOADS.contains(header)
        || header.as_str().starts_with(headers::META_PREFIX)
        || headers::checksum_algorithm(header).is_some()
}

fn tagging(document: &str) -> Result<HeaderValue, InvalidForm> {
    let malformed = |error: xml::MalformedXml| InvalidForm::new(Code::MalformedXML, error.0);
    let tags = xml::tags(document.as_bytes()).map_err(malformed)?;
    let refused = |reason: String| {
        InvalidForm::argument("tagging", "", format!("The field `tagging` is not valid: {reason}."))
    };
    let tags = Query::from_pairs(tags).map_err(|error| refused(error.to_string()))?;
    HeaderValue::try_from(tags.encode()).map_err(|error| refused(error.to_string()))
}

/// What policy is told of the sender, and what a backend answers browsers by.
const SENDERS: [HeaderName; 3] = [header::ORIGIN, header::REFERER, header::USER_AGENT];

/// Headers outside `x-amz-…` that are fields of the same name.
const OBJECTS_OWN: [HeaderName; 7] = [
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    headers::CONTENT_MD5,
    header::CONTENT_TYPE,
    header::EXPIRES,
];

/// What a `PutObject` takes, besides metadata and checksums.
const UPLOADS: [HeaderName; 19] = [
    headers::X_AMZ_ACL,
    headers::X_AMZ_CHECKSUM_ALGORITHM,
    headers::X_AMZ_GRANT_FULL_CONTROL,
    headers::X_AMZ_GRANT_READ,
    headers::X_AMZ_GRANT_READ_ACP,
    headers::X_AMZ_GRANT_WRITE,
    headers::X_AMZ_GRANT_WRITE_ACP,
    headers::X_AMZ_OBJECT_LOCK_LEGAL_HOLD,
    headers::X_AMZ_OBJECT_LOCK_MODE,
    headers::X_AMZ_OBJECT_LOCK_RETAIN_UNTIL_DATE,
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION,
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID,
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION_BUCKET_KEY_ENABLED,
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CONTEXT,
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY,
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5,
    headers::X_AMZ_STORAGE_CLASS,
    headers::X_AMZ_WEBSITE_REDIRECT_LOCATION,
];
