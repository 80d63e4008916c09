//! `pcl-c`: which object this is, and to which key it is committed. Invariant: what is read is exactly
//! what would be written.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    broken::Broken,
    cipher::KEY_BYTES,
    keys::{Dek, ObjectId, ObjectKeys},
};

/// What an object says openly of itself, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    id: ObjectId,
    commitment: [u8; KEY_BYTES],
}

impl Committed {
    /// From its parts, as tools have them.
    pub fn new(id: ObjectId, commitment: [u8; KEY_BYTES]) -> Self {
        Self { id, commitment }
    }

    /// Reads the value of `pcl-c`.
    ///
    /// # Errors
    ///
    /// [`Broken::Metadata`] for anything but version 1 and suite 1 in exactly the format's form.
    pub fn decode(value: &str) -> Result<Self, Broken> {
        let bytes = URL_SAFE_NO_PAD.decode(value).map_err(|_| NOT_BASE64)?;
        let (&[version, suite], bytes) =
            bytes.split_first_chunk().ok_or(Broken::Metadata("`pcl-c` is cut off"))?;
        if (version, suite) != (VERSION, SUITE) {
            return Err(Broken::Metadata("`pcl-c` is of another version or suite"));
        }
        let (id, commitment) =
            bytes.split_first_chunk().ok_or(Broken::Metadata("`pcl-c` is cut off"))?;
        let commitment = commitment.try_into();
        let commitment = commitment.map_err(|_| Broken::Metadata("`pcl-c` has a wrong length"))?;
        Ok(Self { id: ObjectId::from_bytes(*id), commitment })
    }

    /// The value of `pcl-c`: 88 characters.
    pub fn encode(&self) -> String {
        let id = self.id.as_bytes();
        URL_SAFE_NO_PAD.encode([&[VERSION, SUITE][..], id, &self.commitment].concat())
    }

    /// The object.
    pub fn object_id(&self) -> ObjectId {
        self.id
    }

    /// The keys to read the object with.
    ///
    /// # Errors
    ///
    /// [`Broken::Commitment`] for another key than the one that it was sealed with.
    pub fn unlock(&self, dek: &Dek) -> Result<ObjectKeys, Broken> {
        ObjectKeys::of_committed(dek, self)
    }

    /// What the object's key has to be committed to.
    pub fn commitment(&self) -> &[u8; KEY_BYTES] {
        &self.commitment
    }
}

/// The one suite: HKDF-SHA-512, AES-256-GCM.
pub(super) const SUITE: u8 = 1;

const VERSION: u8 = 1;
const NOT_BASE64: Broken = Broken::Metadata("`pcl-c` is not base64url without padding");

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::{Broken, Committed};
    use crate::seal::ObjectId;

    #[test]
    fn decode_is_the_inverse_of_encode() {
        let committed = Committed::new(ObjectId::from_bytes([7; 32]), [0xfe; 32]);
        let text = committed.encode();
        assert_eq!(text.len(), 88);
        assert_eq!(Committed::decode(&text), Ok(committed));
    }

    #[test]
    fn any_other_form_is_refused() {
        let good = [&[1, 1][..], &[7; 64]].concat();
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            URL_SAFE_NO_PAD.encode(bytes)
        };
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        for text in [
            String::new(),
            changed(0, 2),
            changed(1, 2),
            encode(&good[..65]),
            encode(&[&good[..], &[0]].concat()),
            encode(&good[..1]),
            format!("{}=", encode(&good)),
            format!(" {}", encode(&good)),
            encode(&good).replace('B', "+"),
        ] {
            let decoded = Committed::decode(&text);
            assert!(matches!(decoded, Err(Broken::Metadata(_))), "{text}: {decoded:?}");
        }
    }
}
