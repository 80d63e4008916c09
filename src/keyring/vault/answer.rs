//! What Vault answers. Invariant: a wrapped key is taken apart and put together in one way only.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::super::{
    error::Fault,
    http::{Answer, KeyText, garbled, told},
};
use crate::{seal::BucketKey, secret::Secret};

/// Of `encrypt`.
#[derive(Deserialize)]
pub(super) struct Encrypted {
    data: Ciphertext,
}

#[derive(Deserialize)]
struct Ciphertext {
    ciphertext: String,
}

/// Of `decrypt`.
#[derive(Deserialize)]
pub(super) struct Decrypted {
    data: Plaintext,
}

#[derive(Deserialize)]
struct Plaintext {
    plaintext: KeyText,
}

/// Of logins and renewals.
#[derive(Deserialize)]
pub(super) struct Granted {
    pub(super) auth: Grant,
}

#[derive(Deserialize)]
pub(super) struct Grant {
    #[serde(deserialize_with = "secret")]
    pub(super) client_token: Secret,
    /// Seconds; 0: without end.
    pub(super) lease_duration: u64,
    pub(super) renewable: bool,
}

/// Of `lookup-self`.
#[derive(Deserialize)]
pub(super) struct LookedUp {
    pub(super) data: TokenFacts,
}

#[derive(Deserialize)]
pub(super) struct TokenFacts {
    /// Seconds; 0: without end.
    pub(super) ttl: u64,
    #[serde(default)]
    pub(super) renewable: bool,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<String>,
}

impl Encrypted {
    /// The transit key's version, and what was wrapped.
    pub(super) fn parts(&self) -> Result<(String, Vec<u8>), Fault> {
        let unknown = || Fault::Refused("it wraps in a form that is not known here".to_owned());
        let rest = self.data.ciphertext.strip_prefix(PREFIX).ok_or_else(unknown)?;
        let (version, bytes) = rest.split_once(':').ok_or_else(unknown)?;
        let bytes = BASE64_STANDARD.decode(bytes).map_err(|_| unknown())?;
        if !is_version(version) {
            return Err(unknown());
        }
        Ok((version.to_owned(), bytes))
    }
}

impl Decrypted {
    pub(super) fn key(self) -> BucketKey {
        self.data.plaintext.0
    }
}

/// As [`Encrypted::parts`] took it apart.
pub(super) fn ciphertext(version: &str, wrapped: &[u8]) -> String {
    format!("{PREFIX}{version}:{}", BASE64_STANDARD.encode(wrapped))
}

/// A number, as Vault writes it.
pub(super) fn is_version(text: &str) -> bool {
    (1..=VERSION_DIGITS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('0')
}

/// The answer, or what it says is wrong.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Fault> {
    if answer.status.is_success() {
        return serde_json::from_slice(&answer.body).map_err(|error| garbled(&error));
    }
    let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let errors = told(&refusal.errors.join("; "));
    let said = format!("{} {errors}", answer.status.as_u16());
    if answer.is_transient() || answer.status == StatusCode::PRECONDITION_FAILED {
        return Err(Fault::Transient(said));
    }
    let has = |words: &str| errors.contains(words);
    Err(match answer.status {
        StatusCode::BAD_REQUEST if has("version is too new") || has("key not found") => {
            Fault::UnknownKey
        }
        StatusCode::BAD_REQUEST if has("disallowed by policy") => {
            Fault::Disabled("older than its key's min_decryption_version")
        }
        StatusCode::BAD_REQUEST if has("soft-deleted") => Fault::Disabled("deleted"),
        StatusCode::BAD_REQUEST
            if has("message authentication failed") || has("invalid ciphertext") =>
        {
            Fault::Broken
        }
        _ => Fault::Refused(said),
    })
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = Zeroizing::new(String::deserialize(deserializer)?);
    Ok(Secret::new(text.as_bytes()))
}

/// What every ciphertext of the engine begins with, OpenBao's too.
const PREFIX: &str = "vault:v";
const VERSION_DIGITS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::{Answer, Ciphertext, Decrypted, Encrypted, Fault, ciphertext, read};

    fn fault(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        let body = Zeroizing::new(body.as_bytes().to_vec());
        let answer = Answer { status, headers: HeaderMap::new(), body };
        format!("{:?}", read::<Decrypted>(&answer).err().unwrap())
    }

    /// In the words of OpenBao 2.7.
    #[test]
    fn errors_are_told_apart() {
        let too_old = "ciphertext or signature version is disallowed by policy (too old)";
        for (status, error, expected) in [
            (400, "cipher: message authentication failed", "Broken"),
            (400, "invalid ciphertext length", "Broken"),
            (400, "invalid ciphertext: no prefix", "Broken"),
            (400, "invalid ciphertext: version is too new", "UnknownKey"),
            (400, "encryption key not found", "UnknownKey"),
            (400, too_old, "Disabled(\"older than its key's min_decryption_version\")"),
            (400, "refusing to use soft-deleted key", "Disabled(\"deleted\")"),
            (400, "'[0].associated_data' provided for non-AEAD cipher suite", "Refused(\"400 '[0]"),
            (403, "permission denied", "Refused(\"403 permission denied\")"),
            (404, "no handler for route", "Refused(\"404 no handler for route\")"),
            (503, "Vault is sealed", "Transient(\"503 Vault is sealed\")"),
            (429, "", "Transient(\"429 \")"),
            (412, "required index state not present", "Transient(\"412 required"),
            (500, "internal error", "Transient(\"500 internal error\")"),
        ] {
            let fault = fault(status, &serde_json::json!({ "errors": [error] }).to_string());
            assert!(fault.starts_with(expected), "{status} {error} gave {fault}");
        }
        assert!(fault(200, "{").starts_with("Transient"));
        assert!(fault(502, "<html>").starts_with("Transient"));
        assert!(fault(301, "").starts_with("Refused"));
    }

    #[test]
    fn another_form_of_ciphertext_is_refused() {
        for text in ["vault:3:AAAA", "vault:v:AAAA", "vault:v3", "vault:v03:AAAA", "vault:v3:A", ""]
        {
            let made = Encrypted { data: Ciphertext { ciphertext: text.to_owned() } };
            assert!(matches!(made.parts(), Err(Fault::Refused(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_is_put_together(version in 1_u32.., bytes: Vec<u8>) {
            let ciphertext = ciphertext(&version.to_string(), &bytes);
            let parts = Encrypted { data: Ciphertext { ciphertext } }.parts().unwrap();
            prop_assert_eq!(parts, (version.to_string(), bytes));
        }
    }
}
