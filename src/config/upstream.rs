//! `[upstream]` and `[s3]`. Invariant: an endpoint that leaves here has a scheme, a host, perhaps a
//! port, and nothing that could be joined to a request's path.

use std::{net::IpAddr, time::Duration};

use http::Uri;

use super::{backend::Backend, loading::Loading, source::At, suggest::quoted, written};
use crate::{
    s3::Domains,
    trust::Authorities,
    upstream::{REGION_PLACEHOLDER, Settings as Upstream},
};

impl Loading<'_> {
    /// The backend.
    pub(super) fn upstream(&mut self, written: &written::Upstream) -> Option<Upstream> {
        let region = written.region.as_ref().and_then(|region| self.region(region));
        let endpoint = written.endpoint.as_ref();
        let endpoint_of_regions = endpoint
            .map(|endpoint| endpoint.value.clone())
            .filter(|endpoint| endpoint.contains(REGION_PLACEHOLDER));
        let endpoint = endpoint.zip(region.as_deref());
        let endpoint = endpoint.and_then(|(endpoint, region)| self.endpoint(endpoint, region));
        let credentials = self.upstream_credentials(written, region.as_deref().unwrap_or_default());
        let ca = written.ca.as_ref().map(|ca| self.upstream_ca(ca));
        let connect_timeout =
            self.timeout(written.connect_timeout_seconds.as_ref(), CONNECT_TIMEOUT_DEFAULT_SECONDS);
        let idle_timeout =
            self.timeout(written.idle_timeout_seconds.as_ref(), IDLE_TIMEOUT_DEFAULT_SECONDS);
        let ca = match ca {
            Some(checked) => Some(checked?),
            None => None,
        };
        Some(Upstream {
            endpoint: endpoint?,
            endpoint_of_regions,
            region: region?,
            credentials: credentials?,
            ca,
            connect_timeout,
            idle_timeout,
            source_condition: self
                .backend
                .as_ref()
                .map(Backend::source_condition)
                .unwrap_or_default(),
        })
    }

    /// A region to sign for.
    pub(super) fn region(&mut self, written: &At<String>) -> Option<String> {
        let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if written.value.is_empty() || !written.value.bytes().all(accepts) {
            return self.fault(written.fault(
                "a region has letters, digits and `-`, such as \"eu-central-1\"; backends \
                 without regions mostly sign for \"us-east-1\"",
            ));
        }
        Some(written.value.clone())
    }

    /// Base domains of virtual-hosted style.
    pub(super) fn domains(&mut self, written: &[At<String>]) -> Domains {
        let domains = written.iter().filter_map(|domain| self.domain(domain));
        Domains::new(domains.collect())
    }

    fn domain(&mut self, written: &At<String>) -> Option<String> {
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let is_name = written.value.split('.').all(is_label);
        if !is_name || written.value.parse::<IpAddr>().is_ok() {
            return self.fault(written.fault(format!(
                "{} is not a domain; write the name alone, without scheme, port or `*`, such as \
                 \"s3.example.com\"",
                quoted(&written.value)
            )));
        }
        Some(written.value.to_ascii_lowercase())
    }

    /// `region` takes its place in an endpoint that leaves one.
    fn endpoint(&mut self, written: &At<String>, region: &str) -> Option<Uri> {
        let text = written.value.replace(REGION_PLACEHOLDER, region);
        let endpoint = match parsed_endpoint(&text, ENDPOINT_EXAMPLE) {
            Ok(endpoint) => endpoint,
            Err(message) => return self.fault(written.fault(message)),
        };
        let plain = endpoint.scheme_str() == Some("http");
        if plain && !endpoint.host().is_some_and(is_loopback) {
            self.warnings.push(written.fault(
                "the backend is spoken to over plain HTTP and is not on loopback: whoever is on \
                 the way reads and alters every object; write an https:// endpoint",
            ));
        }
        Some(endpoint)
    }

    /// A file of CA certificates, at least one.
    pub(super) fn upstream_ca(&mut self, named: &At<String>) -> Option<Authorities> {
        let (path, read) = self.file(named)?;
        match Authorities::parse(&path, &read.bytes) {
            Ok(authorities) => Some(authorities),
            Err(untrusted) => self.fault(named.fault(untrusted.to_string())),
        }
    }

    /// A timeout of a second to an hour.
    pub(super) fn timeout(&mut self, written: Option<&At<u64>>, default: u64) -> Duration {
        Duration::from_secs(self.within(written, 1..=TIMEOUT_MOST_SECONDS, default))
    }
}

/// A scheme, a host and perhaps a port.
pub(super) fn parsed_endpoint(text: &str, example: &str) -> Result<Uri, String> {
    let example = format!("write such as \"{example}\"");
    let endpoint: Uri =
        text.parse().map_err(|error| format!("the endpoint is no URL ({error}); {example}"))?;
    let (Some(scheme), Some(authority)) = (endpoint.scheme_str(), endpoint.authority()) else {
        return Err(format!("the endpoint lacks its scheme; {example}"));
    };
    if scheme != "http" && scheme != "https" {
        return Err(format!("the endpoint's scheme must be http or https; {example}"));
    }
    // The authority is not shown: what stands before the `@` may be a password.
    if authority.as_str().contains('@') {
        return Err("the endpoint must not hold a user; what proves who the proxy is has keys of \
                    its own"
            .to_owned());
    }
    if endpoint.path() != "/" || endpoint.query().is_some() {
        return Err(format!(
            "the endpoint must have no path or query; write \"{scheme}://{authority}\""
        ));
    }
    Ok(endpoint)
}

pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

const ENDPOINT_EXAMPLE: &str = "https://s3.eu-central-1.amazonaws.com";
/// Time to connect unless the file says otherwise.
const CONNECT_TIMEOUT_DEFAULT_SECONDS: u64 = 5;
/// Silence of the backend unless the file says otherwise.
const IDLE_TIMEOUT_DEFAULT_SECONDS: u64 = 60;
/// No timeout is longer than an hour.
const TIMEOUT_MOST_SECONDS: u64 = 3600;
