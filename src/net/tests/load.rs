//! Every fault of a certificate file, by its message.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa};
use time::{OffsetDateTime, ext::NumericalDuration as _};

use super::pki::{self, Pki};
use crate::net::tls::{CertificateFiles, Settings, load};

fn now() -> OffsetDateTime {
    pki::now().into()
}

/// The faults, each as its file's name and its message.
fn faults(settings: &Settings) -> Vec<String> {
    let faults = load(settings, pki::now()).map(drop).unwrap_err();
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    faults.iter().map(|fault| format!("{}: {}", name(&fault.path), fault.message)).collect()
}

#[track_caller]
fn check(certificate: CertificateFiles, expected: &str) {
    let faults = faults(&pki::settings(&[certificate]));
    let [fault] = faults.as_slice() else { panic!("{faults:#?}") };
    assert!(fault.starts_with(expected), "{fault}");
}

#[track_caller]
fn check_client_ca(pki: &Pki, name: &str, expected: &str) {
    let mut settings = pki::settings(&[pki.leaf(&["s3.test"])]);
    settings.client_ca = Some(pki.path(name));
    let faults = faults(&settings);
    assert!(faults.len() == 1 && faults[0].starts_with(expected), "{faults:#?}");
}

#[test]
fn what_is_sound_is_described() {
    let pki = Pki::new();
    let ends = pki::now() + Duration::from_hours(24);
    let leaf = pki.leaf_with(&["S3.test", "*.s3.test", "127.0.0.1", "::1"], |params| {
        params.not_after = OffsetDateTime::from(ends);
    });
    let loaded = load(&pki::settings(std::slice::from_ref(&leaf)), pki::now()).unwrap();
    let [certificate] = loaded.certificates.as_slice() else { panic!("{loaded:?}") };
    assert_eq!(certificate.path, leaf.certificate);
    assert_eq!(certificate.names, ["s3.test", "*.s3.test", "127.0.0.1", "::1"]);
    assert_eq!(certificate.not_after, ends);
}

#[test]
fn a_certificate_serves_to_its_last_second() {
    let pki = Pki::new();
    let leaf = |change: fn(&mut rcgen::CertificateParams)| pki.leaf_with(&["s3.test"], change);
    load(&pki::settings(&[leaf(|it| it.not_after = now())]), pki::now()).unwrap();
    load(&pki::settings(&[leaf(|it| it.not_before = now())]), pki::now()).unwrap();
    check(leaf(|it| it.not_after = now() - 1.seconds()), "s3.test.pem: this certificate has ended");
    let early = leaf(|it| it.not_before = now() + 1.seconds());
    check(early, "s3.test.pem: this certificate is not valid yet");
}

#[test]
fn a_certificate_must_be_a_servers() {
    let pki = Pki::new();
    let ca = pki.leaf_with(&["ca.test"], |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    check(ca, "ca.test.pem: this is a CA's own certificate");
    check(pki.client("alice.test"), "alice.test.pem: this certificate is not for servers");
    let either = pki.leaf_with(&["either.test"], |params| {
        let usages = [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        params.extended_key_usages = usages.to_vec();
    });
    load(&pki::settings(&[either]), pki::now()).unwrap();
}

#[test]
fn a_key_must_be_its_certificates() {
    let pki = Pki::new();
    let (one, two) = (pki.leaf(&["one.test"]), pki.leaf(&["two.test"]));
    let crossed = CertificateFiles { key: two.key, ..one };
    check(crossed, "two.test.key: this is not the key of ");
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let pki = Pki::new();
    let sound = pki.leaf(&["s3.test"]);
    let certificate = |name: &str, content: &str| {
        fs::write(pki.path(name), content).unwrap();
        CertificateFiles { certificate: pki.path(name), ..sound.clone() }
    };
    check(certificate("empty.pem", ""), "empty.pem: this holds no certificate");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(certificate("garbage.pem", garbage), "garbage.pem: this is not an X.509 certificate");
    let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    check(certificate("broken.pem", broken), "broken.pem: this cannot be read as PEM");
    let huge = " ".repeat(2_000_000);
    check(certificate("huge.pem", &huge), "huge.pem: this has more than 1048576 bytes");
    let absent = CertificateFiles { certificate: pki.path("absent.pem"), ..sound.clone() };
    check(absent, "absent.pem: this cannot be read: No such file");
    let key = |name: &str, content: &str| {
        fs::write(pki.path(name), content).unwrap();
        CertificateFiles { key: pki.path(name), ..sound.clone() }
    };
    check(key("empty.key", ""), "empty.key: this cannot be read as a PEM private key");
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
    check(key("locked.key", locked), "locked.key: this key is encrypted by a passphrase");
    let garbage = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    check(key("garbage.key", garbage), "garbage.key: this key cannot be used");
}

#[test]
fn all_faults_are_told_at_once() {
    let pki = Pki::new();
    let sound = pki.leaf(&["s3.test"]);
    let swapped =
        CertificateFiles { certificate: sound.key.clone(), key: sound.certificate.clone() };
    let ended = pki.leaf_with(&["old.test"], |it| it.not_after = now() - 1.seconds());
    let settings = Settings {
        certificates: vec![swapped, sound, ended],
        client_ca: Some(pki.path("absent.pem")),
    };
    let faults = faults(&settings);
    let expected = [
        "s3.test.key: this holds a private key and no certificate",
        "s3.test.pem: this holds a certificate and no private key",
        "old.test.pem: this certificate has ended",
        "absent.pem: this cannot be read",
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in std::iter::zip(&faults, expected) {
        assert!(fault.starts_with(expected), "{fault}");
    }
}

#[test]
fn a_client_ca_must_be_a_ca_that_is_valid() {
    let pki = Pki::new();
    pki.leaf(&["leaf.test"]);
    check_client_ca(&pki, "leaf.test.pem", "leaf.test.pem: this is not a CA's certificate");
    check_client_ca(&pki, "leaf.test.key", "leaf.test.key: this holds a private key");
    let old = Pki::with(|it| it.not_after = now() - 1.seconds());
    check_client_ca(&old, "ca.pem", "ca.pem: this certificate has ended");
}

#[test]
fn without_a_certificate_nothing_is_served() {
    assert_eq!(load(&pki::settings(&[]), SystemTime::UNIX_EPOCH).map(drop).unwrap_err().len(), 1);
}
