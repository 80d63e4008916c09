//! Requests that leave with their callers' own signatures. Invariant: what is sent is a [`Forwarded`],
//! and only its destination is chosen here.

use http::{HeaderValue, header::HOST, uri::PathAndQuery};

use super::{Client, Error, Outbound, Signed};
use crate::sigv4::Forwarded;

impl Client {
    /// Addresses a head to the backend's endpoint. Target and Host stay those that were signed.
    pub fn forward(&self, forwarded: Forwarded, body: Outbound) -> Result<Signed, Error> {
        let mut head = forwarded.into_head();
        if let (None, Some(authority)) = (head.headers.get(HOST), head.uri.authority()) {
            let host = HeaderValue::try_from(authority.as_str()).map_err(http::Error::from)?;
            head.headers.insert(HOST, host);
        }
        let target = head.uri.path_and_query().cloned();
        let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
        self.signed_elsewhere(head, target, body)
    }
}
