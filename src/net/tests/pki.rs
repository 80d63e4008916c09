//! Certificates of a test's own, in a folder that goes with it.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tempfile::TempDir;

use crate::net::tls::{CertificateFiles, Settings};

/// A certificate authority and the files of its certificates.
pub(super) struct Pki {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Pki {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "test authority");
        change(&mut params);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for these names, as `{first name}.pem` and `{first name}.key`.
    pub(super) fn leaf(&self, names: &[&str]) -> CertificateFiles {
        self.leaf_with(names, |_| {})
    }

    pub(super) fn leaf_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertificateFiles {
        let all: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(all).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        let files = CertificateFiles {
            certificate: self.path(&format!("{}.pem", names[0])),
            key: self.path(&format!("{}.key", names[0])),
        };
        fs::write(&files.certificate, pem).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    /// A client's certificate.
    pub(super) fn client(&self, name: &str) -> CertificateFiles {
        self.leaf_with(&[name], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// A client that trusts this authority, with a certificate where one is given.
    pub(super) fn connects(&self, with: Option<&CertificateFiles>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let Some(files) = with else { return builder.with_no_client_auth() };
        let chain = CertificateDer::pem_file_iter(&files.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
        builder.with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
    }
}

pub(super) fn settings(certificates: &[CertificateFiles]) -> Settings {
    Settings { certificates: certificates.to_vec(), client_ca: None }
}

/// A time within the validity of certificates that say nothing of it.
pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_hours(24 * 365 * 50)
}
