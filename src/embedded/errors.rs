//! S3 errors that the `s3s` crate has no name for.

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

/// An error by its code's name.
pub(super) fn custom(code: &'static str, status: StatusCode, message: &'static str) -> S3Error {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut error = S3Error::with_message(code, message);
    error.set_status_code(status);
    error
}
