//! Requests that go on with their callers' own signatures, which the backend verifies. Invariant: a
//! [`Forwarded`] leaves as it came, but for what belongs to one connection; what nobody signed and S3
//! gives no meaning is left behind, and what somebody signed and nobody here knows is refused.

mod claim;

use http::{HeaderName, Uri, Version, header, request::Parts};

pub use self::claim::Claim;
use self::claim::Claimed;
use super::{
    Caller, Credentials, Refused, Verified, mode::ContentSha256, parameters::Parameters,
    payload::Payload,
};
use crate::s3::{self, Code, Operation, headers};

/// The head of a request that bears its caller's own signature, or none, as it goes on. Private: made
/// by [`forward`] alone.
#[derive(Debug)]
pub struct Forwarded(Parts);

impl Forwarded {
    /// The head.
    pub fn into_head(self) -> Parts {
        self.0
    }
}

/// Reads who claims to ask, and leaves the signature for the backend to verify.
///
/// # Errors
///
/// The signature, or the payload, is of no known form; or the request holds what the backend might
/// read in another way.
pub fn forward(
    head: Parts,
    request: &s3::Request,
    credentials: &Credentials,
) -> Result<(Verified, Forwarded), Refused> {
    let mut head = head;
    head.version = Version::HTTP_11;
    head.extensions.clear();
    let payload = payload(&head, request.operation)?;
    if request.operation == Operation::OptionsPreflight {
        let forwarded = question(head, request)?;
        return Ok((Verified::new(Caller::Anonymous, payload), forwarded));
    }
    check_hoisted(&head, request)?;
    let (caller, signed_headers) = match claim::read(&head, credentials)? {
        Some(Claimed { claim, signed_headers }) => (Caller::Claimed(claim), signed_headers),
        None => (Caller::Anonymous, Vec::new()),
    };
    settle(&mut head, &signed_headers)?;
    Ok((Verified::new(caller, payload), Forwarded(head)))
}

/// Bodies pass as they come, in whatever frames the caller signed.
fn payload(head: &Parts, operation: Operation) -> Result<Payload, Refused> {
    let parameters = Parameters::default();
    let content = ContentSha256::read(&head.headers, &parameters, None)?;
    if content.mode.is_chunked() && !operation.accepts_streaming_payload() {
        return Err(Refused::new(
            Code::InvalidRequest,
            "The value of x-amz-content-sha256 header is invalid: chunks go with PutObject and \
             UploadPart.",
        ));
    }
    Payload::raw(&head.headers, content.mode.is_chunked())
}

/// A preflight takes nothing along but its question.
fn question(mut head: Parts, request: &s3::Request) -> Result<Forwarded, Refused> {
    head.uri = Uri::try_from(head.uri.path())
        .map_err(|_| Refused::new(Code::InvalidURI, "Couldn't parse the specified URI."))?;
    head.headers.clone_from(&request.headers);
    Ok(Forwarded(head))
}

/// Backends differ in whether they read headers that were hoisted into a presigned URL. Elsewhere the
/// gate makes headers of them again; here it would break the signature.
fn check_hoisted(head: &Parts, request: &s3::Request) -> Result<(), Refused> {
    let is_hoisted = |name: &&HeaderName| !head.headers.contains_key(*name);
    let is_harmless = |name: &HeaderName| name.as_str().starts_with(headers::META_PREFIX);
    match request.headers.keys().filter(is_hoisted).find(|name| !is_harmless(name)) {
        Some(name) => Err(Refused::new(
            Code::InvalidRequest,
            format!(
                "{name} stands in the query, where not every backend reads it. Presign the URL so \
                 that it is sent as a header."
            ),
        )),
        None => Ok(()),
    }
}

/// Takes away what is not to go on.
fn settle(head: &mut Parts, signed_headers: &[String]) -> Result<(), Refused> {
    let is_signed = |name: &HeaderName| signed_headers.iter().any(|signed| name == signed.as_str());
    let named_by_connection = headers::named_by_connection(&head.headers);
    let is_of_connection =
        |name: &HeaderName| HOP_BY_HOP.contains(name) || named_by_connection.contains(name);
    let mut left_behind = Vec::new();
    for name in head.headers.keys() {
        let goes_on = if FRAMING.contains(name) {
            true
        } else if is_signed(name) {
            let is_known = HOP_BY_HOP.contains(name) || headers::is_known(name) || is_of_sdk(name);
            if !is_known {
                return Err(unknown(name));
            }
            true
        } else {
            headers::is_known(name) && !is_of_connection(name)
        };
        if !goes_on {
            left_behind.push(name.clone());
        }
    }
    for name in left_behind {
        head.headers.remove(name);
    }
    Ok(())
}

/// What SDKs and tracers add for their own sake.
fn is_of_sdk(name: &HeaderName) -> bool {
    name.as_str().starts_with("amz-sdk-") || TRACING.contains(&name.as_str())
}

fn unknown(name: &HeaderName) -> Refused {
    Refused::new(
        Code::InvalidRequest,
        format!(
            "The header {name} means nothing to S3, may mean something to a backend, and cannot be \
             taken out since it is signed. Send the request without it."
        ),
    )
}

/// Without these it would be another request.
static FRAMING: [HeaderName; 4] =
    [header::AUTHORIZATION, header::CONTENT_LENGTH, header::HOST, header::TRANSFER_ENCODING];

/// Of the connection to the gate, unless somebody signed them.
static HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    HeaderName::from_static("keep-alive"),
];

const TRACING: [&str; 4] = ["baggage", "traceparent", "tracestate", "x-amzn-trace-id"];

#[cfg(test)]
mod tests;
