//! The two primitives of the format: HKDF-SHA-512 and AES-256-GCM, from aws-lc-rs. Invariant: keys
//! are wiped when dropped, and an opening that fails gives nothing back.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{HKDF_SHA512, KeyType, Prk, Salt},
};
use zeroize::Zeroizing;

/// Bytes of a key, of an object's id and of a commitment.
pub(super) const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
pub(super) const NONCE_BYTES: usize = 12;
/// Bytes of a tag.
pub(super) const TAG_BYTES: usize = 16;
/// Bytes of a key and its nonce, as they are derived together.
pub(super) const KEY_AND_NONCE_BYTES: usize = KEY_BYTES + NONCE_BYTES;

/// The nonce of keys that seal one thing only.
pub(super) const NONCE_ZERO: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// What was to be opened is not what was sealed under this key, nonce and context.
#[derive(Debug)]
pub(super) struct NotAuthentic;

/// An AES-256-GCM key that is ready for use.
pub(super) struct Cipher(LessSafeKey);

/// HKDF's first step.
pub(super) fn extract(salt: &[u8], secret: &[u8]) -> Prk {
    Salt::new(HKDF_SHA512, salt).extract(secret)
}

/// HKDF's second step.
#[expect(
    clippy::expect_used,
    reason = "HKDF-SHA-512 gives up to 16320 bytes; 44 are the most here"
)]
pub(super) fn expand<const N: usize>(prk: &Prk, info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let mut derived = Zeroizing::new([0; N]);
    let okm = prk.expand(info, Length(N)).expect("a length within HKDF's");
    okm.fill(derived.as_mut()).expect("a buffer of that length");
    derived
}

impl Cipher {
    #[expect(clippy::expect_used, reason = "the type says that there are 32 bytes of key")]
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("a key of 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// A key, and the nonce that was derived with it.
    pub(super) fn with_nonce(derived: &[u8; KEY_AND_NONCE_BYTES]) -> (Self, [u8; NONCE_BYTES]) {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let mut nonce = [0; NONCE_BYTES];
        for (to, from) in key.iter_mut().chain(&mut nonce).zip(derived) {
            *to = *from;
        }
        (Self::new(&key), nonce)
    }

    /// Encrypts in place; the tag.
    #[expect(clippy::expect_used, reason = "GCM seals up to 64 GiB; 64 KiB are the most here")]
    pub(super) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        data: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), data);
        let tag = tag.expect("a length within GCM's");
        let mut bytes = [0; TAG_BYTES];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    /// Encrypts from one buffer into another, of the same length; the tag.
    #[expect(clippy::expect_used, reason = "callers pass buffers of one length, 64 KiB at most")]
    pub(super) fn seal_into(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        (plaintext, ciphertext): (&[u8], &mut [u8]),
    ) -> [u8; TAG_BYTES] {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let mut tag = [0; TAG_BYTES];
        self.0
            .seal_out_of_place_scatter(nonce, Aad::from(aad), plaintext, ciphertext, &[], &mut tag)
            .expect("two buffers of one length within GCM's");
        tag
    }

    /// Decrypts in place; what stands in `data` after a failure must not be used.
    pub(super) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        (data, tag): (&mut [u8], &[u8]),
    ) -> Result<(), NotAuthentic> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.0.open_in_place_separate_tag(nonce, Aad::from(aad), tag, data);
        opened.map(|_| ()).map_err(|_| NotAuthentic)
    }

    /// Decrypts from one buffer into another, of the same length.
    pub(super) fn open_into(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        (ciphertext, tag): (&[u8], &[u8]),
        plaintext: &mut [u8],
    ) -> Result<(), NotAuthentic> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, plaintext)
            .map_err(|_| NotAuthentic)
    }
}

/// How many bytes to derive.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
