//! SSE-C with keys of the proxy's own: a key for each object, derived from a secret, so that clients
//! never know and nothing is stored. Invariant: a key is a function of secret, bucket and object key
//! alone; it is wiped when dropped and never shown.
//!
//! ```text
//! key = HKDF-SHA-512(salt = "", ikm = the secret, info = "portcullis sse-c v1" ‖ [bucket][key], 32)
//!       [x] = len:u16, big-endian ‖ x
//! ```
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html>

use aws_lc_rs::hkdf;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use crate::{s3::headers, secret::Secret};

/// The secrets that keys are derived from: the first writes, all read.
#[derive(Clone)]
pub struct CustomerKeys(Vec<hkdf::Prk>);

/// The key of one object, as headers show it.
#[derive(Clone)]
pub struct CustomerKey {
    key: HeaderValue,
    md5: HeaderValue,
}

/// No key could be derived; nothing may be written without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key of the proxy's own could be derived for the object")]
pub struct NoKey;

/// Whose key a request brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// That of the object which it is about.
    Object,
    /// That of the object which it copies.
    CopySource,
}

impl CustomerKeys {
    /// The current secret first, then predecessors that objects were written with.
    pub fn new(secrets: &[Secret]) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA512, &[]);
        Self(secrets.iter().map(|secret| salt.extract(secret.expose())).collect())
    }

    /// An object's keys, the one to write with first.
    ///
    /// # Errors
    ///
    /// A bucket or key longer than S3 has them, or no secret at all.
    pub fn of(&self, bucket: &str, key: &str) -> Result<Vec<CustomerKey>, NoKey> {
        let derive = |secret| CustomerKey::derive(secret, bucket, key).ok_or(NoKey);
        let keys = self.0.iter().map(derive).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(NoKey) } else { Ok(keys) }
    }
}

impl CustomerKey {
    fn derive(secret: &hkdf::Prk, bucket: &str, key: &str) -> Option<Self> {
        let length = |text: &str| u16::try_from(text.len()).ok().map(u16::to_be_bytes);
        let (bucket_length, key_length) = (length(bucket)?, length(key)?);
        let info = [INFO, &bucket_length, bucket.as_bytes(), &key_length, key.as_bytes()];
        let mut derived = Zeroizing::new([0; KEY_BYTES]);
        secret.expand(&info, hkdf::HKDF_SHA256).ok()?.fill(&mut *derived).ok()?;
        let text = Zeroizing::new(STANDARD.encode(derived.as_slice()));
        let mut shown = HeaderValue::from_str(&text).ok()?;
        shown.set_sensitive(true);
        let md5 = HeaderValue::try_from(STANDARD.encode(Md5::digest(derived.as_slice()))).ok()?;
        Some(Self { key: shown, md5 })
    }

    /// The one that a client brings, whole or not at all.
    pub fn brought(received: &HeaderMap, family: Family) -> Option<Self> {
        let [algorithm, key, md5] = family.headers();
        received.contains_key(algorithm).then_some(())?;
        let mut key = received.get(key)?.clone();
        key.set_sensitive(true);
        Some(Self { key, md5: received.get(md5)?.clone() })
    }

    /// The digest by which S3 tells keys apart.
    pub fn md5(&self) -> &HeaderValue {
        &self.md5
    }

    /// Puts the key into a request, in place of any other.
    pub fn insert(&self, received: &mut HeaderMap, family: Family) {
        let [algorithm, key, md5] = family.headers();
        received.insert(algorithm, HeaderValue::from_static("AES256"));
        received.insert(key, self.key.clone());
        received.insert(md5, self.md5.clone());
    }
}

impl std::fmt::Debug for CustomerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CustomerKeys(..)")
    }
}

impl std::fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CustomerKey(..)")
    }
}

impl Family {
    /// Whether a request brings a key of this family, or a part of one.
    pub fn is_in(self, received: &HeaderMap) -> bool {
        self.headers().iter().any(|name| received.contains_key(name))
    }

    /// Takes a key away.
    pub fn remove(self, received: &mut HeaderMap) {
        for name in self.headers() {
            received.remove(name);
        }
    }

    /// Brings a key from one request into another.
    pub fn carry(self, from: &HeaderMap, to: &mut HeaderMap) {
        for name in self.headers() {
            if let Some(value) = from.get(&name) {
                to.insert(name, value.clone());
            }
        }
    }

    /// Algorithm, key, digest.
    fn headers(self) -> [HeaderName; 3] {
        match self {
            Self::Object => [
                headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
                headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY,
                headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5,
            ],
            Self::CopySource => [
                headers::X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
                headers::X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY,
                headers::X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5,
            ],
        }
    }
}

const INFO: &[u8] = b"portcullis sse-c v1";
/// SSE-C has AES-256 only.
const KEY_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&str]) -> CustomerKeys {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        CustomerKeys::new(&secrets)
    }

    fn shown(keys: &CustomerKeys, bucket: &str, key: &str) -> Vec<String> {
        keys.of(bucket, key)
            .unwrap()
            .iter()
            .map(|key| key.key.to_str().unwrap().to_owned())
            .collect()
    }

    /// A change here loses every object that was written before it.
    #[test]
    fn the_derivation_stays_as_it_is() {
        let derived =
            &keys(&["0123456789abcdef0123456789abcdef"]).of("bucket", "a/key").unwrap()[0];
        assert_eq!(derived.key.to_str().unwrap(), "Fyi6FpKCkIt1LuCygf32agfgBERf9cOlbsMdwBPxKDw=");
        let raw = STANDARD.decode(derived.key.as_bytes()).unwrap();
        assert_eq!(raw.len(), 32);
        assert_eq!(derived.md5.as_bytes(), STANDARD.encode(Md5::digest(raw)).as_bytes());
    }

    #[test]
    fn each_object_and_secret_has_its_key() {
        let all = [
            shown(&keys(&["secret-1"]), "bucket", "key"),
            shown(&keys(&["secret-2"]), "bucket", "key"),
            shown(&keys(&["secret-1"]), "bucket", "key2"),
            shown(&keys(&["secret-1"]), "bucketk", "ey"),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        let rotated = shown(&keys(&["secret-2", "secret-1"]), "bucket", "key");
        assert_eq!(rotated, [all[1][0].clone(), all[0][0].clone()], "the first writes");
    }

    #[test]
    fn without_a_key_nothing_is_made_up() {
        assert_eq!(keys(&[]).of("b", "k").unwrap_err(), NoKey);
        assert_eq!(keys(&["secret"]).of("b", &"k".repeat(70_000)).unwrap_err(), NoKey);
    }

    #[test]
    fn a_key_is_put_in_and_taken_out_whole_and_never_shown() {
        let key = keys(&["secret"]).of("b", "k").unwrap().remove(0);
        for family in [Family::Object, Family::CopySource] {
            let mut headers = HeaderMap::new();
            assert!(!family.is_in(&headers));
            key.insert(&mut headers, family);
            assert_eq!(headers.len(), 3);
            assert!(family.is_in(&headers));
            assert!(!format!("{headers:?} {key:?}").contains(key.key.to_str().unwrap()));
            family.remove(&mut headers);
            assert!(headers.is_empty());
        }
    }
}
