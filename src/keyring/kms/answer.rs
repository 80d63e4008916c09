//! What KMS answers. Invariant: a key that is read is wiped with what it was read from.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    super::{
        error::Fault,
        http::{Answer, KeyText, garbled, told},
    },
    key_id,
};
use crate::seal::BucketKey;

/// Of `GenerateDataKey`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DataKey {
    plaintext: KeyText,
    ciphertext_blob: String,
    key_id: String,
}

/// Of `Decrypt`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Decrypted {
    plaintext: KeyText,
    key_id: String,
}

/// An error of the JSON protocol. Services differ in how they write `message`.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default, rename = "__type")]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

impl DataKey {
    /// The id of the key that was taken.
    pub(super) fn key_id(&self) -> &str {
        key_id(&self.key_id).unwrap_or_default()
    }

    pub(super) fn wrapped(&self) -> Result<Vec<u8>, Fault> {
        BASE64_STANDARD
            .decode(&self.ciphertext_blob)
            .map_err(|_| Fault::Transient("its answer cannot be read: `CiphertextBlob`".to_owned()))
    }

    pub(super) fn key(self) -> BucketKey {
        self.plaintext.0
    }
}

impl Decrypted {
    /// The id of the key that was taken.
    pub(super) fn key_id(&self) -> &str {
        key_id(&self.key_id).unwrap_or_default()
    }

    pub(super) fn key(self) -> BucketKey {
        self.plaintext.0
    }
}

/// The answer, or what it says is wrong.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Fault> {
    if answer.status.is_success() {
        return serde_json::from_slice(&answer.body).map_err(|error| garbled(&error));
    }
    let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let header = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    // `com.amazonaws.kms#NotFoundException`, and in the header `NotFoundException:http://…`.
    let kind = if refusal.kind.is_empty() { header.unwrap_or_default() } else { &refusal.kind };
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let kind = kind.split(':').next().unwrap_or_default();
    Err(fault(kind, &refusal.message, answer))
}

fn fault(kind: &str, message: &str, answer: &Answer) -> Fault {
    match kind {
        "NotFoundException" => Fault::UnknownKey,
        "DisabledException" => Fault::Disabled("disabled"),
        "KMSInvalidStateException" => Fault::Disabled("about to be deleted or not complete"),
        "InvalidCiphertextException" => Fault::Broken,
        "IncorrectKeyException" => Fault::OtherKey,
        _ => {
            let said = told(&format!("{} {kind} {message}", answer.status.as_u16()));
            if answer.is_transient() || TRANSIENT.contains(&kind) {
                Fault::Transient(said)
            } else {
                Fault::Refused(said)
            }
        }
    }
}

/// Errors that a later call may not meet, whatever the status that comes with them.
const TRANSIENT: [&str; 8] = [
    "DependencyTimeoutException",
    "KMSInternalException",
    "KeyUnavailableException",
    "LimitExceededException",
    "RequestTimeoutException",
    "ServiceUnavailableException",
    "Throttling",
    "ThrottlingException",
];

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use zeroize::Zeroizing;

    use super::{Answer, DataKey, Decrypted, Fault, read};

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        let body = Zeroizing::new(body.as_bytes().to_vec());
        Answer { status, headers: HeaderMap::new(), body }
    }

    fn fault(status: u16, body: &str) -> Fault {
        read::<Decrypted>(&answer(status, body)).err().unwrap()
    }

    #[test]
    fn a_key_is_read() {
        let body = r#"{"Plaintext": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "CiphertextBlob": "d3JhcHBlZA==", "KeyId": "arn:aws:kms:eu-central-1:1:key/1234"}"#;
        let made: DataKey = read(&answer(200, body)).unwrap();
        assert_eq!((made.key_id(), made.wrapped().unwrap().as_slice()), ("1234", &b"wrapped"[..]));
        assert_eq!(made.key().expose()[..3], [0, 1, 2]);
    }

    #[test]
    fn errors_are_told_apart() {
        for (status, body, expected) in [
            (400, r#"{"__type": "NotFoundException"}"#, "UnknownKey"),
            (400, r#"{"__type": "com.amazonaws.kms#DisabledException"}"#, "Disabled(\"disabled\")"),
            (400, r#"{"__type": "KMSInvalidStateException"}"#, "Disabled(\"about to be deleted or"),
            (400, r#"{"__type": "InvalidCiphertextException"}"#, "Broken"),
            (400, r#"{"__type": "IncorrectKeyException"}"#, "OtherKey"),
            (400, r#"{"__type": "ThrottlingException"}"#, "Transient(\"400 ThrottlingException"),
            (500, r#"{"__type": "KMSInternalException"}"#, "Transient(\"500 KMSInternalException"),
            (
                400,
                r#"{"__type": "AccessDeniedException", "Message": "User: x\nis not"}"#,
                "Refused(\"400 AccessDeniedException User: x is not",
            ),
            (
                400,
                r#"{"__type": "AccessDeniedException", "message": "no"}"#,
                "Refused(\"400 AccessD",
            ),
            (503, "<html>", "Transient(\"503"),
            (429, "", "Transient(\"429"),
            (403, "", "Refused(\"403"),
            (302, "", "Refused(\"302"),
            (200, "", "Transient(\"its answer cannot be read"),
            (200, "{\"Plaintext\"", "Transient(\"its answer cannot be read"),
            (
                200,
                r#"{"Plaintext": "AAAA", "KeyId": "k"}"#,
                "Transient(\"its answer cannot be read",
            ),
        ] {
            let fault = format!("{:?}", fault(status, body));
            assert!(fault.starts_with(expected), "{status} {body} gave {fault}");
        }
    }

    #[test]
    fn the_header_tells_the_error_too() {
        let mut answer = answer(400, "");
        let kind = "NotFoundException:http://internal.amazon.com/coral/".parse().unwrap();
        answer.headers.insert("x-amzn-errortype", kind);
        assert!(matches!(read::<Decrypted>(&answer), Err(Fault::UnknownKey)));
    }

    #[test]
    fn no_fault_shows_a_key() {
        let long = "c2VjcmV0".repeat(6);
        let told =
            format!("{:?}", fault(200, &format!(r#"{{"Plaintext": "{long}", "KeyId": "k"}}"#)));
        assert!(!told.contains("c2Vj"), "{told}");
        let told =
            format!("{:?}", fault(200, &format!(r#"{{"Plaintext": ["{long}"], "KeyId": 1}}"#)));
        assert!(!told.contains("c2Vj"), "{told}");
    }
}
