//! What changes where the proxy seals objects itself: metadata, encryption headers and bodies, as pure
//! functions. Invariant: nothing here releases plaintext that the format's checks have not passed.

mod assembly;
mod body;
mod metadata;
mod requested;

use http::{HeaderMap, HeaderValue};

pub use self::{
    assembly::{Anew, Assembly, Doubt, Slot, Unassembled},
    body::{OpenedBody, Opening, SealedBody, Unopened, Unsealed},
    metadata::{METADATA_BYTES_MAX, Sealed, hide, is_reserved, metadata_bytes, reserved},
    requested::{Customer, InvalidEncryption, Requested},
};
use crate::{s3::headers, seal::Binding};

/// How a rule seals.
#[derive(Clone, Debug)]
pub struct Sealing {
    /// Keyrings by name: the first writes, all read. Not empty.
    pub keyrings: Vec<String>,
    /// What data keys are bound to.
    pub binding: Binding,
    /// Buckets whose objects may be read under another name: restored or replicated ones.
    pub aliases: Vec<String>,
    /// What a read of an object that is not sealed gets.
    pub unsealed: UnsealedObjects,
    /// What becomes of uploads whose parts are irregular and whose last one nothing can follow.
    pub irregular: Irregular,
    /// The KMS key of the keyring that writes; `None`: its writes count as `AES256`.
    pub kms_key_id: Option<HeaderValue>,
}

/// What becomes of objects that are not sealed where a rule seals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnsealedObjects {
    /// They are refused: a backend could hand out its own bytes as ours.
    #[default]
    Refuse,
    /// They pass, and are told of: for the time of a migration.
    Pass,
}

/// What becomes of an upload of uneven parts, or with gaps in their numbers, whose last part has a footer
/// of its own, so that the table of its parts cannot be added behind it (`docs/format.md`, *Irregular
/// objects*).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Irregular {
    /// It is completed, and then put together anew on the backend; refused in versioned buckets, where
    /// that would leave a version behind.
    #[default]
    Rebuild,
    /// It stays as it is where there are no gaps, so that it can be read from its start: listings show some
    /// bytes too many.
    Accept,
    /// It is refused.
    Refuse,
}

impl Sealing {
    /// The name of the keyring that new objects are sealed with.
    pub fn writes_with(&self) -> &str {
        self.keyrings.first().map_or("", String::as_str)
    }

    /// Gives a write without encryption headers those that it counts as having; true if it had none.
    pub fn present(&self, received: &mut HeaderMap) -> bool {
        if received.keys().any(|name| name.as_str().starts_with(headers::SSE_PREFIX)) {
            return false;
        }
        present(received, self.kms_key_id.as_ref());
        true
    }
}

/// Says of an object how it is encrypted: under this KMS key, or under keys of the storage's own, as S3
/// would.
pub fn present(headers: &mut HeaderMap, kms_key_id: Option<&HeaderValue>) {
    let algorithm = if kms_key_id.is_some() { KMS } else { AES256 };
    headers.insert(headers::X_AMZ_SERVER_SIDE_ENCRYPTION, HeaderValue::from_static(algorithm));
    if let Some(key_id) = kms_key_id {
        headers.insert(headers::X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID, key_id.clone());
        // Bucket keys are what data keys are wrapped with.
        let bucket_key = headers::X_AMZ_SERVER_SIDE_ENCRYPTION_BUCKET_KEY_ENABLED;
        headers.insert(bucket_key, HeaderValue::from_static("true"));
    }
}

const AES256: &str = "AES256";
const KMS: &str = "aws:kms";

#[cfg(test)]
mod tests {
    use super::*;

    fn sealing(kms_key_id: Option<&'static str>) -> Sealing {
        Sealing {
            keyrings: vec!["main".to_owned()],
            binding: Binding::default(),
            aliases: Vec::new(),
            unsealed: UnsealedObjects::default(),
            irregular: Irregular::default(),
            kms_key_id: kms_key_id.map(HeaderValue::from_static),
        }
    }

    #[test]
    fn a_write_without_headers_counts_as_the_keyring_says() {
        for (kms_key_id, expected) in
            [(None, vec!["AES256"]), (Some("k"), vec!["aws:kms", "k", "true"])]
        {
            let mut headers = HeaderMap::new();
            assert!(sealing(kms_key_id).present(&mut headers));
            let values: Vec<_> = headers.values().map(|value| value.to_str().unwrap()).collect();
            assert_eq!(values, expected);
        }
    }

    #[test]
    fn what_a_client_asks_for_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(headers::X_AMZ_SERVER_SIDE_ENCRYPTION, HeaderValue::from_static("aws:kms"));
        assert!(!sealing(None).present(&mut headers));
        assert_eq!(headers.len(), 1);
    }
}
