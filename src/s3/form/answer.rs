//! What the sender of a form is answered once its file is stored. Invariant: it names the object as
//! the sender knows it, never as the backend does.

use http::{StatusCode, Uri};

use super::Form;
use crate::s3::{BucketName, ObjectKey, encoding, xml};

/// The answer to a form, but for the `ETag`.
#[derive(Clone, Debug)]
pub struct Answer {
    success: Success,
    bucket: BucketName,
    key: ObjectKey,
    /// The URL of the object.
    location: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Success {
    /// 200 or 204, and no body.
    Empty(StatusCode),
    /// 201, and a document.
    Document,
    /// 303, to this URL.
    Redirect(String),
}

impl Answer {
    /// `address` is the URL that the form was sent to, without a slash at its end.
    pub fn new(form: &Form, address: &str, bucket: &BucketName, key: &ObjectKey) -> Self {
        let mut location = format!("{address}/");
        // S3 encodes the key's slashes, too.
        encoding::encode_query(&mut location, key.as_str());
        Self { success: success(form), bucket: bucket.clone(), key: key.clone(), location }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match &self.success {
            Success::Empty(status) => *status,
            Success::Document => StatusCode::CREATED,
            Success::Redirect(_) => StatusCode::SEE_OTHER,
        }
    }

    /// What stands in `Location`: the object's URL, or where the form sends its sender.
    pub fn location(&self, etag: &str) -> String {
        let Success::Redirect(url) = &self.success else { return self.location.clone() };
        let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
        let mut location = format!("{url}{}", if url.contains('?') { '&' } else { '?' });
        let parameters =
            [("bucket", self.bucket.as_str()), ("key", self.key.as_str()), ("etag", etag)];
        for (place, (name, value)) in parameters.into_iter().enumerate() {
            location.push_str(if place > 0 { "&" } else { "" });
            location.push_str(name);
            location.push('=');
            encoding::encode_query(&mut location, value);
        }
        if !fragment.is_empty() {
            location.push('#');
            location.push_str(fragment);
        }
        location
    }

    /// The `<PostResponse>`, where the answer has one.
    pub fn document(&self, etag: &str) -> Option<String> {
        if self.success != Success::Document {
            return None;
        }
        let (bucket, key) = (self.bucket.as_str(), self.key.as_str());
        let mut document =
            String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>");
        for (name, text) in
            [("Location", self.location.as_str()), ("Bucket", bucket), ("Key", key), ("ETag", etag)]
        {
            for part in ["<", name, ">", &xml::escape(text), "</", name, ">"] {
                document.push_str(part);
            }
        }
        document.push_str("</PostResponse>");
        Some(document)
    }
}

/// What S3 cannot make sense of, it takes for not there.
fn success(form: &Form) -> Success {
    let redirect = form.get("success_action_redirect").or_else(|| form.get("redirect"));
    if let Some(url) = redirect.filter(|url| is_web(url)) {
        return Success::Redirect(url.to_owned());
    }
    match form.get("success_action_status") {
        Some("200") => Success::Empty(StatusCode::OK),
        Some("201") => Success::Document,
        _ => Success::Empty(StatusCode::NO_CONTENT),
    }
}

/// Whether a text is the URL of a page, as it may stand in a header.
fn is_web(url: &str) -> bool {
    let uri = url.split('#').next().unwrap_or_default().parse::<Uri>().ok();
    url.bytes().all(|byte| byte.is_ascii_graphic())
        && uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
        })
}
