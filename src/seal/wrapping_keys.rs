//! The keys above an object's data key (`docs/format.md`, *The key box*). Invariant: they are wiped
//! when dropped, never printed, and each seals under a context that says what for.

use aws_lc_rs::hkdf::Prk;
use zeroize::Zeroizing;

use super::{
    broken::Broken,
    cipher::{
        Cipher, KEY_BYTES, NONCE_BYTES, NONCE_ZERO, NotAuthentic, TAG_BYTES, expand, extract,
    },
    keys::{Dek, NoRandomness, ObjectId, random, secret},
};

/// Wraps the data keys of many objects of one bucket, so that the keyring is not asked for each.
pub struct BucketKey(Zeroizing<[u8; KEY_BYTES]>);

/// A key that the client brings with each request (SSE-C).
pub struct CustomerKey(Zeroizing<[u8; KEY_BYTES]>);

/// One version of a local keyring's key.
pub struct Kek(Zeroizing<[u8; KEY_BYTES]>);

/// A data key, sealed with the customer's key first where there is one.
pub(super) type Inner = Zeroizing<Vec<u8>>;

impl BucketKey {
    /// A fresh one.
    ///
    /// # Errors
    ///
    /// If the system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        secret().map(Self)
    }

    /// One that a keyring unwrapped. The caller wipes its own copy.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The bytes, for a keyring to wrap. Callers must not log, copy or format them.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// `context` is what the wrap is bound to: mode and binding.
    pub(super) fn wrap(&self, id: ObjectId, context: &[u8], inner: &[u8]) -> Vec<u8> {
        seal_once(&self.cipher(id, context), context, inner)
    }

    pub(super) fn unwrap(
        &self,
        id: ObjectId,
        context: &[u8],
        wrapped: &[u8],
    ) -> Result<Inner, Broken> {
        open_once(&self.cipher(id, context), context, wrapped)
    }

    fn cipher(&self, id: ObjectId, context: &[u8]) -> Cipher {
        derive(&extract(id.as_bytes(), self.expose()), context)
    }
}

impl CustomerKey {
    /// The key of a request. The caller wipes its own copy.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    pub(super) fn wrap(&self, id: ObjectId, dek: &Dek) -> Inner {
        Zeroizing::new(seal_once(&self.cipher(id), SSEC, dek.expose()))
    }

    pub(super) fn unwrap(&self, id: ObjectId, wrapped: &[u8]) -> Result<Inner, Broken> {
        open_once(&self.cipher(id), SSEC, wrapped)
    }

    fn cipher(&self, id: ObjectId) -> Cipher {
        derive(&extract(id.as_bytes(), &*self.0), SSEC)
    }
}

impl Kek {
    /// A fresh one.
    ///
    /// # Errors
    ///
    /// If the system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        secret().map(Self)
    }

    /// One that was read. The caller wipes its own copy.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The bytes, for the keyring's file. Callers must not log, copy or format them.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Wraps a bucket key for its bucket, under a fresh nonce.
    ///
    /// # Errors
    ///
    /// If the system gives no random bytes.
    pub fn wrap(&self, bucket: &str, key: &BucketKey) -> Result<Vec<u8>, NoRandomness> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        let mut data = Zeroizing::new(*key.expose());
        let tag = Cipher::new(&self.0).seal(nonce, &bucket_context(bucket), data.as_mut());
        Ok([&nonce[..], data.as_ref(), &tag].concat())
    }

    /// Unwraps a bucket key of this bucket.
    ///
    /// # Errors
    ///
    /// [`Broken::Box`] if it was wrapped by another key or for another bucket.
    pub fn unwrap(&self, bucket: &str, wrapped: &[u8]) -> Result<BucketKey, Broken> {
        let (nonce, sealed) = wrapped.split_first_chunk().ok_or(Broken::Box)?;
        let (data, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Broken::Box)?;
        let data: &[u8; KEY_BYTES] = data.try_into().map_err(|_| Broken::Box)?;
        let mut key = Zeroizing::new(*data);
        Cipher::new(&self.0).open(*nonce, &bucket_context(bucket), (key.as_mut(), tag))?;
        Ok(BucketKey(key))
    }
}

impl std::fmt::Debug for BucketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BucketKey(..)")
    }
}

impl std::fmt::Debug for Kek {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kek(..)")
    }
}

impl From<NotAuthentic> for Broken {
    fn from(_: NotAuthentic) -> Self {
        Self::Box
    }
}

fn bucket_context(bucket: &str) -> Vec<u8> {
    [b"pcl1 bucket key", bucket.as_bytes()].concat()
}

fn derive(prk: &Prk, info: &[u8]) -> Cipher {
    let key: Zeroizing<[u8; KEY_BYTES]> = expand(prk, &[info]);
    Cipher::new(&key)
}

/// Under a key that seals one thing only.
fn seal_once(cipher: &Cipher, aad: &[u8], data: &[u8]) -> Vec<u8> {
    let mut sealed = data.to_vec();
    let tag = cipher.seal(NONCE_ZERO, aad, &mut sealed);
    sealed.extend_from_slice(&tag);
    sealed
}

fn open_once(cipher: &Cipher, aad: &[u8], sealed: &[u8]) -> Result<Inner, Broken> {
    let (data, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Broken::Box)?;
    let mut opened = Zeroizing::new(data.to_vec());
    cipher.open(NONCE_ZERO, aad, (&mut opened, tag))?;
    Ok(opened)
}

const SSEC: &[u8] = b"pcl1 ssec";
