//! The error codes that Portcullis itself originates, and the S3 error document.

/// S3 error codes (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// 403.
    AccessDenied,
}

impl Code {
    /// As in `<Code>`.
    pub fn as_str(self) -> &'static str {
        todo!()
    }
    /// The HTTP status.
    pub fn status(self) -> http::StatusCode {
        todo!()
    }
}

/// An S3 `<Error>` document.
#[derive(Clone, Debug)]
pub struct ErrorDocument {
    /// `<Code>`.
    pub code: Code,
    /// `<Message>`.
    pub message: String,
    /// Further elements in order, such as `("AWSAccessKeyId", "AKIA…")`.
    pub elements: Vec<(&'static str, String)>,
}

impl ErrorDocument {
    /// The XML, with `<RequestId>` and `<HostId>`; every text escaped, characters that XML 1.0 forbids replaced.
    pub fn to_xml(&self, _request_id: &str, _host_id: &str) -> String {
        todo!()
    }
}
