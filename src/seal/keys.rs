//! The keys of one object, derived from its data key (`docs/format.md`, *Keys*). Invariant: for
//! reading they can only be had through the object's commitment, and none of them is ever printed.

use std::fmt;

use aws_lc_rs::{constant_time::verify_slices_are_equal, hkdf::Prk, rand};
use zeroize::Zeroizing;

use super::{
    broken::Broken,
    cipher::{
        Cipher, KEY_AND_NONCE_BYTES, KEY_BYTES, NONCE_BYTES, NotAuthentic, TAG_BYTES, expand,
        extract,
    },
    committed::{Committed, SUITE},
    record::{HEADER_BYTES, Header, Salt},
};

/// A data key: 32 secret bytes, for one object or one multipart upload.
pub struct Dek(Zeroizing<[u8; KEY_BYTES]>);

/// What tells an object from all others: 32 random bytes, no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectId([u8; KEY_BYTES]);

/// Every key of one object.
#[derive(Clone)]
pub struct ObjectKeys {
    prk: Prk,
    id: ObjectId,
}

/// What authenticates the upload ids of an object's multipart upload.
pub struct TokenKey(Zeroizing<[u8; KEY_BYTES]>);

/// The system gave no random bytes; nothing can be sealed without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

/// The key of one part, and the nonces of its records.
pub(super) struct PartKey {
    cipher: Cipher,
    base: [u8; NONCE_BYTES],
}

impl Dek {
    /// A fresh one.
    ///
    /// # Errors
    ///
    /// If the system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        secret().map(Self)
    }

    /// One that was unwrapped. The caller wipes its own copy.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The bytes. Callers must not log, copy or format them, unless they are asked for by name.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl ObjectId {
    /// A fresh one.
    ///
    /// # Errors
    ///
    /// If the system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        random().map(Self)
    }

    /// One that was read.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({})", hex::encode(self.0))
    }
}

impl ObjectKeys {
    /// The keys to write an object with.
    pub fn of_new(dek: &Dek, id: ObjectId) -> Self {
        Self { prk: extract(&id.0, dek.expose()), id }
    }

    /// The keys to read an object with.
    pub(super) fn of_committed(dek: &Dek, committed: &Committed) -> Result<Self, Broken> {
        let keys = Self::of_new(dek, committed.object_id());
        let is_the_one = verify_slices_are_equal(&*keys.commitment(), committed.commitment());
        is_the_one.map(|()| keys).map_err(|_| Broken::Commitment)
    }

    /// What the object says of its key, for `pcl-c`.
    pub fn committed(&self) -> Committed {
        Committed::new(self.id, *self.commitment())
    }

    /// The key that authenticates this object's upload ids.
    pub fn token_key(&self) -> TokenKey {
        TokenKey(expand(&self.prk, &[b"pcl1 token"]))
    }

    pub(super) fn part(&self, part: u16, salt: Salt) -> PartKey {
        let derived: Zeroizing<[u8; KEY_AND_NONCE_BYTES]> =
            expand(&self.prk, &[b"pcl1 part", &part.to_be_bytes(), salt.as_bytes()]);
        let (cipher, base) = Cipher::with_nonce(&derived);
        PartKey { cipher, base }
    }

    /// The tag of a footer.
    pub(super) fn footer_tag(&self, header: &[u8; HEADER_BYTES]) -> [u8; TAG_BYTES] {
        self.empty_tag(&[b"pcl1 foot", header], header)
    }

    /// The tag of a footer that stands behind a tail of this SHA-512.
    pub(super) fn tail_tag(&self, header: &[u8; HEADER_BYTES], tail: &[u8]) -> [u8; TAG_BYTES] {
        self.empty_tag(&[b"pcl1 tail", header, tail], header)
    }

    fn empty_tag(&self, info: &[&[u8]], header: &[u8; HEADER_BYTES]) -> [u8; TAG_BYTES] {
        let derived: Zeroizing<[u8; KEY_AND_NONCE_BYTES]> = expand(&self.prk, info);
        let (cipher, nonce) = Cipher::with_nonce(&derived);
        cipher.seal(nonce, header, &mut [])
    }

    fn commitment(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        expand(&self.prk, &[b"pcl1 commit", &[SUITE]])
    }
}

impl TokenKey {
    /// The bytes. Callers must not log, copy or format them.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl PartKey {
    /// Encrypts a record in place; the tag.
    pub(super) fn seal(&self, header: &Header, data: &mut [u8]) -> [u8; TAG_BYTES] {
        self.cipher.seal(self.nonce(header), &header.encode(), data)
    }

    /// Encrypts a record from one buffer into another; the tag.
    pub(super) fn seal_into(&self, header: &Header, data: (&[u8], &mut [u8])) -> [u8; TAG_BYTES] {
        self.cipher.seal_into(self.nonce(header), &header.encode(), data)
    }

    /// Decrypts a record in place.
    pub(super) fn open(&self, header: &Header, record: (&mut [u8], &[u8])) -> Result<(), Broken> {
        let opened = self.cipher.open(self.nonce(header), &header.encode(), record);
        opened.map_err(|NotAuthentic| changed(header))
    }

    /// Decrypts a record from one buffer into another.
    pub(super) fn open_into(
        &self,
        header: &Header,
        record: (&[u8], &[u8]),
        plaintext: &mut [u8],
    ) -> Result<(), Broken> {
        let aad = header.encode();
        let opened = self.cipher.open_into(self.nonce(header), &aad, record, plaintext);
        opened.map_err(|NotAuthentic| changed(header))
    }

    fn nonce(&self, header: &Header) -> [u8; NONCE_BYTES] {
        let mut nonce = self.base;
        if let Some(last) = nonce.last_chunk_mut::<4>() {
            *last = (u32::from_be_bytes(*last) ^ header.index).to_be_bytes();
        }
        nonce
    }
}

fn changed(header: &Header) -> Broken {
    Broken::Record { part: header.part, index: header.index }
}

/// Random bytes that are no secret.
pub(super) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// Random bytes that are one.
pub(super) fn secret() -> Result<Zeroizing<[u8; KEY_BYTES]>, NoRandomness> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    rand::fill(bytes.as_mut()).map_err(|_| NoRandomness)?;
    Ok(bytes)
}
