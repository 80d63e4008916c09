//! Second stage: what is asked. Invariant: past this point everything speaks of the one reading in
//! `request`; the head as received serves the signature only.

use http::request::Parts;
use hyper::body::Incoming;

use super::{
    receive::{Context, Received},
    rescue::Error,
};
use crate::s3::{self, Domains, Operation};

/// A request with exactly one reading, of an operation that this proxy carries.
#[derive(Debug)]
pub(super) struct Classified {
    pub(super) request: s3::Request,
    pub(super) head: Parts,
    pub(super) body: Incoming,
    pub(super) context: Context,
}

impl Received {
    pub(super) fn classify(self) -> Result<Classified, Error> {
        let request = read(&self.head, &self.context.settings.domains)?;
        Ok(Classified { request, head: self.head, body: self.body, context: self.context })
    }
}

impl Classified {
    /// Whether its fields must be read before it can be told what is asked.
    pub(super) fn is_form(&self) -> bool {
        self.request.operation == Operation::PostObject
    }
}

/// The one reading of a head, of an operation that is carried.
pub(super) fn read(head: &Parts, domains: &Domains) -> Result<s3::Request, Error> {
    let request = s3::classify(head, domains)?;
    if !is_carried(request.operation) {
        return Err(Error::Unsupported(request.operation));
    }
    Ok(request)
}

/// Known to be S3, but not carried: Object Lambda and directory buckets are other services behind S3's
/// name.
fn is_carried(operation: Operation) -> bool {
    !operation.directory_buckets_only() && operation != Operation::WriteGetObjectResponse
}
