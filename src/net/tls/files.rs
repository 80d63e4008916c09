//! PEM files. Invariant: a message says what the file holds instead of what it should.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use zeroize::Zeroizing;

/// The certificates of a file, at least one; or what is wrong with it.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("this cannot be read as PEM certificates: {error}"))?;
    if !certificates.is_empty() {
        return Ok(certificates);
    }
    if has_label(&pem, "PRIVATE KEY-----") {
        return Err(
            "this holds a private key and no certificate; are the two files swapped?".into()
        );
    }
    Err("this holds no certificate; name a file with BEGIN CERTIFICATE".into())
}

/// The first private key of a file; or what is wrong with it.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = read(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        if has_label(&pem, "BEGIN ENCRYPTED PRIVATE KEY-----") {
            return "this key is encrypted by a passphrase; decrypt it by `openssl pkey`".into();
        }
        if has_label(&pem, "BEGIN CERTIFICATE-----") {
            return "this holds a certificate and no private key; are the two files swapped?"
                .into();
        }
        format!("this cannot be read as a PEM private key: {error}")
    })
}

/// Wiped when dropped, since it may be a key.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .and_then(|read| u64::try_from(read).map_err(io::Error::other))
        .map_err(|error| format!("this cannot be read: {error}"))?;
    if read > FILE_BYTES_MAX {
        return Err(format!("this has more than {FILE_BYTES_MAX} bytes, which no PEM file needs"));
    }
    Ok(bytes)
}

fn has_label(pem: &[u8], label: &str) -> bool {
    pem.windows(label.len()).any(|window| window == label.as_bytes())
}

/// Room for some hundred CAs.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
