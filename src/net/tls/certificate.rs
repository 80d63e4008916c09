//! What a certificate says of itself and rustls keeps to itself (RFC 5280, 4). Invariant: nothing here
//! decides about trust; signatures are rustls's to check.

use std::{net::IpAddr, time::SystemTime};

use x509_cert::{
    Certificate,
    der::{
        Decode as _,
        oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ID_KP_SERVER_AUTH},
    },
    ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectAltName, name::GeneralName},
};

/// Facts of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// DNS names, in lower case, and IP addresses of its subject alternative name.
    pub(super) names: Vec<String>,
    pub(super) not_before: SystemTime,
    /// The last second of its validity.
    pub(super) not_after: SystemTime,
    /// Whether it may sign others.
    pub(super) is_ca: bool,
    /// Whether its extended key usage, where it has one, lets it be a server's.
    pub(super) serves: bool,
}

impl Facts {
    /// `None` for what is not one X.509 certificate.
    pub(super) fn of(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let fields = certificate.tbs_certificate();
        let constraints = fields.get_extension::<BasicConstraints>().ok()?;
        let usage = fields.get_extension::<ExtendedKeyUsage>().ok()?;
        Some(Self {
            names: names(&certificate).iter().filter_map(host).collect(),
            not_before: fields.validity().not_before.into(),
            not_after: fields.validity().not_after.into(),
            is_ca: constraints.is_some_and(|(_, constraints)| constraints.ca),
            serves: usage.is_none_or(|(_, usage)| {
                usage.0.iter().any(|it| [ID_KP_SERVER_AUTH, ANY_EXTENDED_KEY_USAGE].contains(it))
            }),
        })
    }

    /// Why clients would refuse it as a server's at `now`, and what to do.
    pub(super) fn complaint(&self, now: SystemTime) -> Option<&'static str> {
        if self.is_ca {
            return Some(
                "this is a CA's own certificate, which clients refuse as a server's; name one that \
                 the CA has signed, and put it first in the file",
            );
        }
        if !self.serves {
            return Some(
                "this certificate is not for servers; name one whose extended key usage has \
                 serverAuth",
            );
        }
        self.complaint_of_time(now)
    }

    /// Why it cannot vouch for clients at `now`, and what to do.
    pub(super) fn complaint_as_authority(&self, now: SystemTime) -> Option<&'static str> {
        if !self.is_ca {
            return Some("this is not a CA's certificate; name the CA that signs your clients'");
        }
        self.complaint_of_time(now)
    }

    fn complaint_of_time(&self, now: SystemTime) -> Option<&'static str> {
        if now < self.not_before {
            return Some("this certificate is not valid yet; look at the clock, or wait for it");
        }
        (now > self.not_after).then_some("this certificate has ended; put a new one in its place")
    }
}

/// Who a verified client is: its certificate's first DNS name, else first URI, else common name,
/// else `sha256:` and its fingerprint.
pub(super) fn identity(der: &[u8]) -> String {
    named(der).unwrap_or_else(|| {
        let fingerprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        format!("sha256:{}", hex::encode(fingerprint))
    })
}

fn named(der: &[u8]) -> Option<String> {
    let certificate = Certificate::from_der(der).ok()?;
    let names = names(&certificate);
    let common_name = || {
        let name = certificate.tbs_certificate().subject().common_name().ok()??;
        Some(name.value().into_owned()).filter(|name| !name.is_empty())
    };
    let uri = || names.iter().find_map(uri);
    names.iter().find_map(dns).or_else(uri).or_else(common_name)
}

fn names(certificate: &Certificate) -> Vec<GeneralName> {
    let names = certificate.tbs_certificate().get_extension::<SubjectAltName>().ok().flatten();
    names.map(|(_, names)| names.0).unwrap_or_default()
}

/// A name that a client can connect to.
fn host(name: &GeneralName) -> Option<String> {
    dns(name).or_else(|| ip(name))
}

fn dns(name: &GeneralName) -> Option<String> {
    let GeneralName::DnsName(name) = name else { return None };
    Some(name.as_str().to_ascii_lowercase())
}

fn uri(name: &GeneralName) -> Option<String> {
    let GeneralName::UniformResourceIdentifier(uri) = name else { return None };
    Some(uri.as_str().to_owned())
}

fn ip(name: &GeneralName) -> Option<String> {
    let GeneralName::IpAddress(octets) = name else { return None };
    let v4 = <[u8; 4]>::try_from(octets.as_bytes()).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(octets.as_bytes()).map(IpAddr::from));
    Some(address.ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    use super::{Facts, identity};

    fn der(names: Vec<SanType>, common_name: Option<&str>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.distinguished_name = DistinguishedName::new();
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn check(names: Vec<SanType>, common_name: Option<&str>, expected: &str) {
        assert_eq!(identity(&der(names, common_name)), expected);
    }

    #[test]
    fn a_client_is_named_by_the_first_name_that_says_most() {
        let mail = || SanType::Rfc822Name("alice@a.test".try_into().unwrap());
        let uri = || SanType::URI("spiffe://a.test/alice".try_into().unwrap());
        let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
        check(vec![uri(), dns("Alice.test"), dns("b.test")], Some("Alice"), "alice.test");
        check(vec![mail(), uri()], Some("Alice"), "spiffe://a.test/alice");
        check(vec![mail()], Some("Alice"), "Alice");
    }

    #[test]
    fn a_client_without_a_name_is_its_fingerprint() {
        let der = der(Vec::new(), None);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        assert_eq!(identity(&der), format!("sha256:{}", hex::encode(digest)));
    }

    #[test]
    fn what_is_cut_or_followed_by_more_is_no_certificate() {
        let whole = der(Vec::new(), Some("Alice"));
        assert!(Facts::of(&whole).is_some());
        for cut in 0..whole.len() {
            assert_eq!(Facts::of(&whole[..cut]), None, "the first {cut} bytes");
        }
        assert_eq!(Facts::of(&[whole, vec![0]].concat()), None);
    }
}
