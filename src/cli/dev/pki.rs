//! A CA and a server certificate, made on the spot and kept in the folder.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use super::setup::write_private;
use crate::cli::Failure;

/// Makes `ca.pem`, `ca.key`, `tls.pem` and `tls.key` where they are not there, or about to expire.
pub(super) fn ensure(directory: &Path, now: OffsetDateTime) -> Result<(), Failure> {
    let names = ["ca.pem", "tls.pem", "tls.key"];
    let complete = names.iter().all(|name| directory.join(name).exists());
    if complete && made_after(directory, now - RENEW_AFTER) {
        return Ok(());
    }
    let ca = CertifiedIssuer::self_signed(ca_params(now), KeyPair::generate()?)?;
    let leaf_key = KeyPair::generate()?;
    let leaf = leaf_params(now)?.signed_by(&leaf_key, &ca)?;
    write_private(&directory.join("ca.pem"), ca.pem().as_bytes())?;
    write_private(&directory.join("tls.pem"), leaf.pem().as_bytes())?;
    write_private(&directory.join("tls.key"), leaf_key.serialize_pem().as_bytes())
}

/// The CA's key is not kept: nobody can make further certificates that this folder's clients trust.
fn ca_params(now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Portcullis development CA");
    params.not_before = now - Duration::hours(1);
    params.not_after = now + VALID_FOR;
    params
}

fn leaf_params(now: OffsetDateTime) -> Result<CertificateParams, Failure> {
    let names = NAMES.map(str::to_owned);
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params.not_before = now - Duration::hours(1);
    params.not_after = now + VALID_FOR;
    Ok(params)
}

fn made_after(directory: &Path, at: OffsetDateTime) -> bool {
    std::fs::metadata(directory.join("tls.pem"))
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|modified| OffsetDateTime::from(modified) > at)
}

const NAMES: [&str; 6] =
    ["localhost", "*.localhost", "s3.localhost", "*.s3.localhost", "127.0.0.1", "::1"];
/// Below the 398 days that some clients accept at most.
const VALID_FOR: Duration = Duration::days(397);
const RENEW_AFTER: Duration = Duration::days(300);
