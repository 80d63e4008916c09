//! Who may be taken for the ambient principal. Invariant: a page in a browser on the gate's own machine
//! is not, unless the configuration names its origin: it reaches loopback like any program there, but
//! acts for whoever made it.
//!
//! Two doors are shut. A page of another origin says so in `Origin`, or in `Sec-Fetch-Site` (Fetch
//! Metadata, W3C). A page whose own name was rebound to this machine sends none of the two, but its
//! name in `Host`: only names that nobody else can rebind are taken.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header, request::Parts};

use crate::{
    identity::Ambient,
    net::Peer,
    s3::{self, Domains},
};

/// Why a request is not one of the ambient principal.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stranger {
    /// It came from elsewhere, over a listener that is open to all.
    #[error(
        "requests without a signature are taken from this machine and over TLS with a client \
         certificate only"
    )]
    Remote,
    /// It asks a name that anybody could have given to this machine.
    #[error(
        "requests without a signature must ask localhost, an IP address or a name below `[s3] \
         domains`; add the name that you ask there"
    )]
    Host,
    /// A page in a browser asks.
    #[error(
        "pages in a browser may not ask here without a signature, unless `browser_origins` in \
         `[auth]` names their origin"
    )]
    Browser,
}

impl Stranger {
    /// For metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Remote => "AmbientRemote",
            Self::Host => "AmbientHost",
            Self::Browser => "AmbientBrowser",
        }
    }
}

/// Whether a request is one of the ambient principal.
pub(super) fn admit(
    head: &Parts,
    peer: &Peer,
    ambient: &Ambient,
    domains: &Domains,
) -> Result<(), Stranger> {
    // A listener's address cannot change while it is open, but the mode can: so it is asked again here.
    let is_local = peer.address.ip().is_loopback() || peer.client_certificate.is_some();
    if !is_local && !ambient.is_open {
        return Err(Stranger::Remote);
    }
    if !s3::host(head).is_ok_and(|host| is_ours(host, domains)) {
        return Err(Stranger::Host);
    }
    check_origin(&head.headers, &ambient.browser_origins)
}

/// Names that lead to this machine whatever a name server says, and those of the configuration.
fn is_ours(host: &str, domains: &Domains) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        // To browsers 0.0.0.0 is this machine too, but none of those that they guard.
        return !address.is_unspecified();
    }
    let host = host.to_ascii_lowercase();
    host == LOCALHOST
        || host.strip_suffix(LOCALHOST).is_some_and(|labels| labels.ends_with('.'))
        || domains.cover(&host)
}

fn check_origin(received: &HeaderMap, allowed: &[String]) -> Result<(), Stranger> {
    match received.get(header::ORIGIN) {
        Some(origin) if allowed.iter().any(|allowed| origin == allowed.as_str()) => Ok(()),
        Some(_) => Err(Stranger::Browser),
        // `none`: a person typed the address.
        None => match received.get(&SEC_FETCH_SITE) {
            Some(site) if site != "none" => Err(Stranger::Browser),
            Some(_) | None => Ok(()),
        },
    }
}

/// Always this machine (RFC 6761, 6.3).
const LOCALHOST: &str = "localhost";
static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::identity::Identity;

    fn admitted(peer: &Peer, ambient: &Ambient, headers: &[(&str, &str)]) -> &'static str {
        let mut request = http::Request::get("/bucket/key");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let domains = Domains::new(vec!["s3.example.com".to_owned()]);
        admit(&head, peer, ambient, &domains).map_or_else(|stranger| stranger.reason(), |()| "")
    }

    fn peer(address: &str) -> Peer {
        let address = format!("{address}:1").parse().unwrap();
        Peer { address, tls: None, client_certificate: None }
    }

    fn ambient(is_open: bool) -> Ambient {
        let identity = Arc::new(Identity::user("123456789012", "app").unwrap());
        Ambient { identity, is_open, browser_origins: vec!["https://ours.example".to_owned()] }
    }

    #[test]
    fn only_names_that_nobody_can_rebind_are_asked() {
        for (host, expected) in [
            ("localhost:8080", ""),
            ("bucket.LOCALHOST:8080", ""),
            ("127.0.0.1:8080", ""),
            ("[::1]:8080", ""),
            ("10.0.0.7", ""),
            ("s3.example.com", ""),
            ("bucket.s3.example.com:8080", ""),
            ("evil.example", "AmbientHost"),
            ("notlocalhost", "AmbientHost"),
            ("xs3.example.com", "AmbientHost"),
            ("localhost.evil.example", "AmbientHost"),
            ("0.0.0.0:8080", "AmbientHost"),
            ("[::]", "AmbientHost"),
            ("", "AmbientHost"),
        ] {
            let found = admitted(&peer("127.0.0.1"), &ambient(false), &[("host", host)]);
            assert_eq!(found, expected, "{host:?}");
        }
    }

    #[test]
    fn pages_do_not_ask_but_those_that_are_named() {
        for (headers, expected) in [
            (&[("origin", "https://evil.example")][..], "AmbientBrowser"),
            (&[("origin", "null")], "AmbientBrowser"),
            (&[("origin", "http://localhost:8080")], "AmbientBrowser"),
            (&[("origin", "https://ours.example"), ("sec-fetch-site", "cross-site")], ""),
            (&[("sec-fetch-site", "cross-site")], "AmbientBrowser"),
            (&[("sec-fetch-site", "same-origin")], "AmbientBrowser"),
            (&[("sec-fetch-site", "none")], ""),
        ] {
            let headers = [&[("host", "localhost")], headers].concat();
            let found = admitted(&peer("127.0.0.1"), &ambient(false), &headers);
            assert_eq!(found, expected, "{headers:?}");
        }
    }

    #[test]
    fn strangers_need_a_certificate_or_an_open_door() {
        let host = [("host", "10.0.0.7")];
        let remote = peer("10.0.0.8");
        let certified = Peer { client_certificate: Some("app".to_owned()), ..remote.clone() };
        assert_eq!(admitted(&remote, &ambient(false), &host), "AmbientRemote");
        assert_eq!(admitted(&remote, &ambient(true), &host), "");
        assert_eq!(admitted(&certified, &ambient(false), &host), "");
    }
}
