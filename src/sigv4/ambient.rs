//! Requests that need no signature, since who calls is known by where they come from. Invariant: what
//! the head promises of the body is held to as elsewhere, but for signatures, which nobody here could
//! check: chunks are taken without theirs.

use std::sync::Arc;

use http::request::Parts;

use super::{
    Caller, Refused, Verified, mode::ContentSha256, parameters::Parameters, payload::Payload,
};
use crate::{identity::Identity, s3::Operation};

/// Takes a request for that of `identity`. A signature that it bears is not looked at.
///
/// # Errors
///
/// The payload cannot be what the head says.
pub fn ambient(
    head: &Parts,
    operation: Operation,
    identity: &Arc<Identity>,
) -> Result<Verified, Refused> {
    let received = &head.headers;
    let parameters = Parameters::default();
    let content = ContentSha256::read(received, &parameters, None)?;
    let payload = Payload::unsigned(received, operation, &content)?;
    Ok(Verified::new(Caller::Ambient(Arc::clone(identity)), payload))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use http_body_util::{BodyExt as _, Collected, Full};

    use super::*;
    use crate::s3::Code;

    fn identity() -> Arc<Identity> {
        Arc::new(Identity::user("123456789012", "app").unwrap())
    }

    /// What comes of a body in chunks that are said to be signed, and of the code of its error.
    fn check(content_sha256: &str, wire: &str, expected: Result<&str, Code>) {
        let (head, ()) = Request::put("/bucket/key")
            .header("authorization", "no signature at all")
            .header("x-amz-content-sha256", content_sha256)
            .header("x-amz-decoded-content-length", "5")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .body(())
            .unwrap()
            .into_parts();
        let verified = ambient(&head, Operation::PutObject, &identity()).unwrap();
        let body = verified.body(Full::new(Bytes::from(wire.to_owned())));
        let collected = finished(body.collect()).map(Collected::to_bytes);
        match (collected, expected) {
            (Ok(body), Ok(text)) => assert_eq!(body, text),
            (Err(super::super::BodyError::Refused(refused)), Err(code)) => {
                assert_eq!(refused.code, code);
            }
            (found, _) => panic!("{found:?}, not {expected:?}"),
        }
    }

    fn finished<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    const MODE: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";

    fn wire(signature: &str, crc: &str) -> String {
        format!(
            "5;chunk-signature={signature}\r\nhello\r\n0;chunk-signature={signature}\r\n\
             x-amz-checksum-crc32:{crc}\r\nx-amz-trailer-signature:{signature}\r\n\r\n"
        )
    }

    #[test]
    fn signed_chunks_are_decoded_and_their_checksum_is_verified() {
        let signature = "0".repeat(64);
        check(MODE, &wire(&signature, "NhCmhg=="), Ok("hello"));
        check(MODE, &wire(&signature, "AAAAAA=="), Err(Code::BadDigest));
        check(MODE, &wire("short", "NhCmhg=="), Err(Code::IncompleteBody));
    }
}
