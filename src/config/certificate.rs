//! What a certificate says of itself and rustls keeps to itself: when it ends, and whether it is a
//! CA's. Invariant: bytes that are not a certificate give `None`, never a wrong fact.

use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use time::{PrimitiveDateTime, macros::format_description};

/// Facts of one certificate (RFC 5280, 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The last second of its validity.
    pub(super) not_after: SystemTime,
    /// Whether it may sign others; clients refuse such a one as a server's.
    pub(super) is_ca: bool,
}

/// The facts of the first certificate of a PEM file, which is the leaf of a chain.
pub(super) fn facts(pem: &[u8]) -> Option<Facts> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let (certificate, _) = element(&certificate, SEQUENCE)?;
    let (fields, _) = element(certificate, SEQUENCE)?;
    // The version is optional; then stand serial number, algorithm and issuer.
    let fields = element(fields, VERSION).map_or(fields, |(_, rest)| rest);
    let fields = skip(fields, &[INTEGER, SEQUENCE, SEQUENCE])?;
    let (validity, fields) = element(fields, SEQUENCE)?;
    let (_, validity) = date(validity)?;
    let (not_after, _) = date(validity)?;
    // Subject and public key.
    let fields = skip(fields, &[SEQUENCE, SEQUENCE])?;
    Some(Facts { not_after, is_ca: is_ca(fields) })
}

/// `cA` of the basic constraints (RFC 5280, 4.2.1.9), looked for after the public key.
fn is_ca(mut fields: &[u8]) -> bool {
    for unique_id in [ISSUER_UNIQUE_ID, SUBJECT_UNIQUE_ID] {
        fields = element(fields, unique_id).map_or(fields, |(_, rest)| rest);
    }
    let extensions = element(fields, EXTENSIONS).and_then(|(inner, _)| element(inner, SEQUENCE));
    let Some((mut extensions, _)) = extensions else { return false };
    while let Some((extension, rest)) = element(extensions, SEQUENCE) {
        extensions = rest;
        let Some(value) = extension.strip_prefix(BASIC_CONSTRAINTS) else { continue };
        let value = element(value, BOOLEAN).map_or(value, |(_, rest)| rest);
        let constraints =
            element(value, OCTET_STRING).and_then(|(inner, _)| element(inner, SEQUENCE));
        // DER leaves out what has its default value, so that whatever stands here is TRUE.
        return constraints.is_some_and(|(constraints, _)| element(constraints, BOOLEAN).is_some());
    }
    false
}

/// What follows elements with these tags.
fn skip<'d>(der: &'d [u8], tags: &[u8]) -> Option<&'d [u8]> {
    tags.iter().try_fold(der, |der, &tag| element(der, tag).map(|(_, rest)| rest))
}

/// The content of the DER element that `der` begins with, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        // Longer lengths than four bytes have no place in a file of at most a megabyte.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// A date, and what follows it.
fn date(der: &[u8]) -> Option<(SystemTime, &[u8])> {
    let (text, rest) = element(der, UTC_TIME).or_else(|| element(der, GENERALIZED_TIME))?;
    let text = std::str::from_utf8(text).ok()?;
    // RFC 5280, 4.1.2.5.1: of UTCTime's two digits of a year, 50 and above mean the 1900s.
    let century = match (der.first(), text.as_bytes().first()) {
        (Some(&UTC_TIME), Some(b'0'..=b'4')) => "20",
        (Some(&UTC_TIME), _) => "19",
        _ => "",
    };
    let text = format!("{century}{text}");
    let format = format_description!("[year][month][day][hour][minute][second]Z");
    let date = PrimitiveDateTime::parse(&text, format).ok()?.assume_utc();
    let since_epoch = u64::try_from(date.unix_timestamp()).ok()?;
    Some((SystemTime::UNIX_EPOCH + Duration::from_secs(since_epoch), rest))
}

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const ISSUER_UNIQUE_ID: u8 = 0x81;
const SUBJECT_UNIQUE_ID: u8 = 0x82;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// The object identifier 2.5.29.19 as a DER element.
const BASIC_CONSTRAINTS: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x13];

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use time::{OffsetDateTime, macros::datetime};

    use super::{Facts, SystemTime, facts};

    fn pem(ends: OffsetDateTime, is_ca: IsCa) -> String {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = datetime!(2020-01-01 0:00 UTC);
        params.not_after = ends;
        params.is_ca = is_ca;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn both_forms_of_a_date_are_read() {
        for ends in [datetime!(2031-05-06 7:08:09 UTC), datetime!(2051-05-06 7:08:09 UTC)] {
            let expected = Facts { not_after: SystemTime::from(ends), is_ca: false };
            assert_eq!(facts(pem(ends, IsCa::NoCa).as_bytes()), Some(expected));
        }
    }

    #[test]
    fn a_ca_is_told_from_a_leaf() {
        let ends = datetime!(2031-05-06 7:08:09 UTC);
        for (is_ca, expected) in [
            (IsCa::NoCa, false),
            (IsCa::ExplicitNoCa, false),
            (IsCa::Ca(BasicConstraints::Unconstrained), true),
            (IsCa::Ca(BasicConstraints::Constrained(0)), true),
        ] {
            assert_eq!(facts(pem(ends, is_ca).as_bytes()).unwrap().is_ca, expected);
        }
    }

    #[test]
    fn a_cut_certificate_has_no_facts() {
        let whole = pem(datetime!(2031-05-06 7:08:09 UTC), IsCa::NoCa);
        let header = "-----BEGIN CERTIFICATE-----\n";
        let body = &whole[header.len()..header.len() + 64];
        let cut = format!("{header}{body}\n-----END CERTIFICATE-----\n");
        assert_eq!(facts(cut.as_bytes()), None);
        assert_eq!(facts(b""), None);
    }
}
