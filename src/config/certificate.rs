//! When a certificate ends: the one field of X.509 that is needed here and that rustls keeps to
//! itself. Invariant: bytes that are not such a certificate give `None`, never a wrong date.

use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use time::{PrimitiveDateTime, macros::format_description};

/// `notAfter` of the first certificate of a PEM file (RFC 5280, 4.1).
pub(super) fn not_after(pem: &[u8]) -> Option<SystemTime> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let (certificate, _) = element(&certificate, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    // The version is optional; before the validity stand serial number, algorithm and issuer.
    if let Some((_, rest)) = element(fields, VERSION) {
        fields = rest;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, fields) = element(fields, tag)?;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (_, validity) = date(validity)?;
    date(validity).map(|(date, _)| date)
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

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

#[cfg(test)]
mod tests {
    use time::{OffsetDateTime, macros::datetime};

    use super::{SystemTime, not_after};

    fn pem(ends: OffsetDateTime) -> String {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = datetime!(2020-01-01 0:00 UTC);
        params.not_after = ends;
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn both_forms_of_a_date_are_read() {
        for ends in [datetime!(2031-05-06 7:08:09 UTC), datetime!(2051-05-06 7:08:09 UTC)] {
            assert_eq!(not_after(pem(ends).as_bytes()), Some(SystemTime::from(ends)));
        }
    }

    #[test]
    fn a_cut_certificate_has_no_date() {
        let whole = pem(datetime!(2031-05-06 7:08:09 UTC));
        let header = "-----BEGIN CERTIFICATE-----\n";
        let body = &whole[header.len()..header.len() + 64];
        let cut = format!("{header}{body}\n-----END CERTIFICATE-----\n");
        assert_eq!(not_after(cut.as_bytes()), None);
        assert_eq!(not_after(b""), None);
    }
}
