//! The error codes that Portcullis itself originates, and the S3 error document. Invariant: a code
//! is spelled in one place, with its status beside it.

use http::StatusCode;

use super::xml;

macro_rules! codes {
    ($($name:ident $(as $text:literal)? = $status:ident;)*) => {
        /// S3 error codes (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {$(
            #[doc = concat!("Answered with [`StatusCode::", stringify!($status), "`].")]
            $name,
        )*}

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code of this name; none if it is none of these.
            pub fn named(text: &str) -> Option<Self> {
                Self::ALL.iter().find(|code| code.as_str() == text).copied()
            }

            /// As in `<Code>`.
            pub fn as_str(self) -> &'static str {
                match self {$(Self::$name => text!($name $($text)?),)*}
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self {$(Self::$name => StatusCode::$status,)*}
            }
        }
    };
}

macro_rules! text {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $text:literal) => {
        $text
    };
}

codes! {
    AccessDenied = FORBIDDEN;
    AuthorizationHeaderMalformed = BAD_REQUEST;
    AuthorizationQueryParametersError = BAD_REQUEST;
    BadDigest = BAD_REQUEST;
    BadRequest = BAD_REQUEST;
    ConditionalRequestConflict = CONFLICT;
    EntityTooLarge = BAD_REQUEST;
    EntityTooSmall = BAD_REQUEST;
    ExpiredToken = BAD_REQUEST;
    IncompleteBody = BAD_REQUEST;
    InternalError = INTERNAL_SERVER_ERROR;
    InvalidAccessKeyId = FORBIDDEN;
    InvalidArgument = BAD_REQUEST;
    InvalidBucketName = BAD_REQUEST;
    InvalidChunkSizeError = BAD_REQUEST;
    InvalidDigest = BAD_REQUEST;
    InvalidEncryptionAlgorithmError = BAD_REQUEST;
    InvalidObjectState = FORBIDDEN;
    InvalidPart = BAD_REQUEST;
    InvalidPartOrder = BAD_REQUEST;
    InvalidPartNumber = RANGE_NOT_SATISFIABLE;
    InvalidPolicyDocument = BAD_REQUEST;
    InvalidRange = RANGE_NOT_SATISFIABLE;
    InvalidRequest = BAD_REQUEST;
    InvalidTag = BAD_REQUEST;
    InvalidToken = BAD_REQUEST;
    InvalidURI = BAD_REQUEST;
    KeyTooLongError = BAD_REQUEST;
    KmsDisabledException as "KMS.DisabledException" = BAD_REQUEST;
    KmsNotFoundException as "KMS.NotFoundException" = BAD_REQUEST;
    MalformedPOSTRequest = BAD_REQUEST;
    MalformedTrailerError = BAD_REQUEST;
    MalformedXML = BAD_REQUEST;
    MaxMessageLengthExceeded = BAD_REQUEST;
    MaxPostPreDataLengthExceededError = BAD_REQUEST;
    MetadataTooLarge = BAD_REQUEST;
    MethodNotAllowed = METHOD_NOT_ALLOWED;
    MissingContentLength = LENGTH_REQUIRED;
    MissingSecurityHeader = BAD_REQUEST;
    NoSuchBucket = NOT_FOUND;
    NoSuchKey = NOT_FOUND;
    NoSuchUpload = NOT_FOUND;
    NoSuchVersion = NOT_FOUND;
    NotImplemented = NOT_IMPLEMENTED;
    PreconditionFailed = PRECONDITION_FAILED;
    RequestHeaderSectionTooLarge = BAD_REQUEST;
    RequestTimeout = BAD_REQUEST;
    RequestTimeTooSkewed = FORBIDDEN;
    ServiceUnavailable = SERVICE_UNAVAILABLE;
    SignatureDoesNotMatch = FORBIDDEN;
    SlowDown = SERVICE_UNAVAILABLE;
    XAmzContentSHA256Mismatch = BAD_REQUEST;
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
    /// The XML, with `<RequestId>` and `<HostId>`; every text escaped, characters that XML 1.0
    /// forbids replaced. The root has no namespace, as S3's.
    pub fn to_xml(&self, request_id: &str, host_id: &str) -> String {
        let mut document = String::with_capacity(DOCUMENT_BYTES_USUAL);
        document.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
        element(&mut document, "Code", self.code.as_str());
        element(&mut document, "Message", &self.message);
        for (name, text) in &self.elements {
            element(&mut document, name, text);
        }
        element(&mut document, "RequestId", request_id);
        element(&mut document, "HostId", host_id);
        document.push_str("</Error>");
        document
    }
}

fn element(document: &mut String, name: &str, text: &str) {
    for part in ["<", name, ">", &xml::escape(text), "</", name, ">"] {
        document.push_str(part);
    }
}

const DOCUMENT_BYTES_USUAL: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's list of codes with their statuses, as far as they are used here.
    #[test]
    fn statuses_are_those_of_aws() {
        let expected: Vec<(&str, u16)> = vec![
            ("AccessDenied", 403),
            ("AuthorizationHeaderMalformed", 400),
            ("AuthorizationQueryParametersError", 400),
            ("BadDigest", 400),
            ("BadRequest", 400),
            ("ConditionalRequestConflict", 409),
            ("EntityTooLarge", 400),
            ("EntityTooSmall", 400),
            ("ExpiredToken", 400),
            ("IncompleteBody", 400),
            ("InternalError", 500),
            ("InvalidAccessKeyId", 403),
            ("InvalidArgument", 400),
            ("InvalidBucketName", 400),
            ("InvalidChunkSizeError", 400),
            ("InvalidDigest", 400),
            ("InvalidEncryptionAlgorithmError", 400),
            ("InvalidObjectState", 403),
            ("InvalidPart", 400),
            ("InvalidPartOrder", 400),
            ("InvalidPartNumber", 416),
            ("InvalidPolicyDocument", 400),
            ("InvalidRange", 416),
            ("InvalidRequest", 400),
            ("InvalidTag", 400),
            ("InvalidToken", 400),
            ("InvalidURI", 400),
            ("KeyTooLongError", 400),
            ("KMS.DisabledException", 400),
            ("KMS.NotFoundException", 400),
            ("MalformedPOSTRequest", 400),
            ("MalformedTrailerError", 400),
            ("MalformedXML", 400),
            ("MaxMessageLengthExceeded", 400),
            ("MaxPostPreDataLengthExceededError", 400),
            ("MetadataTooLarge", 400),
            ("MethodNotAllowed", 405),
            ("MissingContentLength", 411),
            ("MissingSecurityHeader", 400),
            ("NoSuchBucket", 404),
            ("NoSuchKey", 404),
            ("NoSuchUpload", 404),
            ("NoSuchVersion", 404),
            ("NotImplemented", 501),
            ("PreconditionFailed", 412),
            ("RequestHeaderSectionTooLarge", 400),
            ("RequestTimeout", 400),
            ("RequestTimeTooSkewed", 403),
            ("ServiceUnavailable", 503),
            ("SignatureDoesNotMatch", 403),
            ("SlowDown", 503),
            ("XAmzContentSHA256Mismatch", 400),
        ];
        let codes = Code::ALL.iter().map(|code| (code.as_str(), code.status().as_u16()));
        assert_eq!(codes.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_document_has_its_elements_in_order() {
        let document = ErrorDocument {
            code: Code::InvalidAccessKeyId,
            message: "No <key>".to_owned(),
            elements: vec![("AWSAccessKeyId", "A&B".to_owned())],
        };
        assert_eq!(
            document.to_xml("R1", "H1"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidAccessKeyId</Code>\
             <Message>No &lt;key&gt;</Message><AWSAccessKeyId>A&amp;B</AWSAccessKeyId>\
             <RequestId>R1</RequestId><HostId>H1</HostId></Error>"
        );
    }
}
