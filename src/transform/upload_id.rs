//! Multipart without state: the upload id given to the client carries what was accepted when the
//! upload was created, and the keys that its parts are sealed with, authenticated, so that any replica
//! can judge and seal its parts.
//!
//! ```text
//! id    = upstream id ‖ ".pcl1." ‖ base64url(token), unpadded; split at the last ".pcl1."
//! token = type:u8 ‖ object_id:32 ‖ box_len:u16 ‖ box ‖ n:u8 ‖ (name_len:u8 ‖ name ‖ value_len:u16 ‖ value)… ‖ mac:32
//! mac   = HMAC-SHA-256(key, [upstream id][bucket][key] ‖ token without mac), [x] = len:u16 ‖ x
//!
//! type 1  policy alone; object_id is zero, the box empty
//!         key = HKDF-SHA-512(salt = "", ikm = the token secret, info = "pcl1 token", 32)
//! type 2  sealed; the box is the object's key box (`docs/format.md`)
//!         key = Expand(PRK of the object, "pcl1 token", 32)
//! ```
//!
//! Integers are big-endian. Invariant: nothing of a token is used before its mac has held for the
//! bucket, key and upstream id that it is presented with, but the id and the box that lead to the key
//! which a sealed one's mac is made with.

use aws_lc_rs::{hkdf, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    s3::{BucketName, ObjectKey},
    seal::{KeyBox, ObjectId, ObjectKeys, TokenKey},
    secret::Secret,
};

/// The longest upload id that is looked at, in bytes.
pub const UPLOAD_ID_BYTES_MAX: usize = 8 * 1024;

/// What was accepted may take so much of it, names and values with their lengths.
pub const ACCEPTED_BYTES_MAX: usize = 4 * 1024;

/// The longest id of a backend that a token can follow, in bytes: the rest is the token's share,
/// in base64.
pub const UPSTREAM_ID_BYTES_MAX: usize = 2 * 1024;

/// The keys that upload ids are authenticated with: the first makes new ones, all are accepted.
#[derive(Clone)]
pub struct TokenKeys(Vec<hmac::Key>);

/// An upload as a client names it, after its token has been verified.
#[derive(Debug)]
pub struct Upload {
    /// The backend's own id.
    pub upstream_id: String,
    /// The SSE headers that were accepted when the upload was created: lower-case names, sorted.
    pub accepted: Vec<(String, String)>,
    /// What its parts are sealed with; `None`: they are not.
    pub sealed: Option<Box<SealedUpload>>,
}

/// What the parts of an upload are sealed with.
pub struct SealedUpload {
    /// The object that they will be.
    pub id: ObjectId,
    /// Its keys.
    pub keys: ObjectKeys,
    /// Its data key, wrapped.
    pub key_box: KeyBox,
}

/// An upload id that was read.
#[derive(Debug)]
pub enum Presented {
    /// It holds, and its parts are not sealed.
    Plain(Upload),
    /// Whether it holds is to be told by the keys of its object.
    Sealed(SealedToken),
}

/// The token of a sealed upload, not verified yet.
#[derive(Debug)]
pub struct SealedToken {
    /// The object that the box is about.
    pub id: ObjectId,
    /// Where its keys are.
    pub key_box: KeyBox,
    upload: Upload,
    /// What the mac covers.
    message: Vec<u8>,
    mac: Vec<u8>,
}

/// Where an upload takes place; an id is good for this place only.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The bucket.
    pub bucket: &'a BucketName,
    /// The key.
    pub key: &'a ObjectKey,
}

/// Why an upload id was refused (all become `NoSuchUpload`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The id has no token: the upload was not created through this proxy, or the id comes from
    /// `ListMultipartUploads`.
    #[error(
        "the upload id carries no token of this proxy: take the id that CreateMultipartUpload \
         returned; uploads created elsewhere can only be listed and aborted"
    )]
    NoToken,
    /// The token is not one that this proxy made for this bucket, key and upload.
    #[error(
        "the upload id was not issued by this proxy for this bucket and key, or its token secret \
         has been replaced since"
    )]
    Forged,
    /// The rule seals, and the upload began before it did.
    #[error(
        "the upload was created when objects here were not sealed yet, and what was uploaded is not; \
         create it anew"
    )]
    NotSealed,
    /// The upload is sealed, and the rule seals no more.
    #[error(
        "the upload was created when objects here were sealed, which they are no more; create it \
         anew"
    )]
    SealedBefore,
}

/// What was accepted when an upload was created: names in lower case, sorted, and values. Invariant:
/// it fits into an upload id, whatever id the backend gives, up to [`UPSTREAM_ID_BYTES_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted(Vec<(String, String)>);

/// What was accepted would not fit into an upload id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the SSE headers of this upload are longer than {ACCEPTED_BYTES_MAX} bytes, more than its upload \
     id could carry"
)]
pub struct TooMuch;

/// The backend's id leaves no room for a token.
#[derive(Debug, thiserror::Error)]
#[error("the backend's upload id is longer than {UPSTREAM_ID_BYTES_MAX} bytes")]
pub struct TooLong;

impl Accepted {
    /// To be asked before an upload is created: afterwards nobody could be given its id.
    ///
    /// # Errors
    ///
    /// Above [`ACCEPTED_BYTES_MAX`].
    pub fn new(mut headers: Vec<(String, String)>) -> Result<Self, TooMuch> {
        headers.sort_unstable();
        let bytes: usize = headers.iter().map(|(name, value)| 3 + name.len() + value.len()).sum();
        if bytes > ACCEPTED_BYTES_MAX {
            return Err(TooMuch);
        }
        Ok(Self(headers))
    }
}

impl Upload {
    /// What an id says without its token: enough to list and to abort.
    pub fn named(presented: &str) -> Self {
        let upstream_id = split(presented).map_or(presented, |(upstream_id, _)| upstream_id);
        Self { upstream_id: upstream_id.to_owned(), accepted: Vec::new(), sealed: None }
    }

    /// The value of a header that the upload was created with.
    pub fn accepted(&self, name: &str) -> Option<&str> {
        let (_, value) = self.accepted.iter().find(|(accepted, _)| accepted == name)?;
        Some(value)
    }
}

// === impl SealedToken ===

impl SealedToken {
    /// The upload, if these are the keys of the object that the token was made for.
    ///
    /// # Errors
    ///
    /// [`Refused::Forged`].
    pub fn verify(self, keys: ObjectKeys) -> Result<Upload, Refused> {
        let Self { id, key_box, upload, message, mac } = self;
        let key = sealed_key(&keys.token_key());
        hmac::verify(&key, &message, &mac).map_err(|_| Refused::Forged)?;
        Ok(Upload { sealed: Some(Box::new(SealedUpload { id, keys, key_box })), ..upload })
    }

    /// What it says, unverified: to explain what would be decided if it held.
    pub fn unverified(self) -> Upload {
        self.upload
    }
}

impl std::fmt::Debug for SealedUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedUpload").field("id", &self.id).finish_non_exhaustive()
    }
}

// === impl TokenKeys ===

impl TokenKeys {
    /// Derives the keys; the current secret first, then predecessors that are still accepted.
    pub fn derive(secrets: &[Secret]) -> Self {
        Self(secrets.iter().map(derive).collect())
    }

    /// The id for the client: the backend's own, and a token for what was accepted, and for what its
    /// parts are sealed with.
    ///
    /// # Errors
    ///
    /// A backend's id above [`UPSTREAM_ID_BYTES_MAX`]: the whole would be above
    /// [`UPLOAD_ID_BYTES_MAX`], and not be looked at when it comes back.
    pub fn issue(
        &self,
        upstream_id: &str,
        place: Place<'_>,
        accepted: &Accepted,
        sealed: Option<&SealedUpload>,
    ) -> Result<String, TooLong> {
        if upstream_id.len() > UPSTREAM_ID_BYTES_MAX {
            return Err(TooLong);
        }
        let mut token = Vec::new();
        let key = if let Some(SealedUpload { id, keys, key_box }) = sealed {
            let key_box = key_box.to_bytes();
            token.push(TYPE_SEALED);
            token.extend_from_slice(id.as_bytes());
            let box_len = u16::try_from(key_box.len()).map_err(|_| TooLong)?;
            token.extend_from_slice(&box_len.to_be_bytes());
            token.extend_from_slice(&key_box);
            &sealed_key(&keys.token_key())
        } else {
            token.push(TYPE_POLICY_ONLY);
            token.extend_from_slice(&[0; OBJECT_ID_BYTES + 2]);
            self.0.first().ok_or(TooLong)?
        };
        write(&mut token, accepted)?;
        let mac = hmac::sign(key, &authenticated(upstream_id, place, &token)?);
        token.extend_from_slice(mac.as_ref());
        Ok(format!("{upstream_id}{MARK}{}", URL_SAFE_NO_PAD.encode(token)))
    }

    /// Reads an id, and verifies it where it is not for its object's keys to do so.
    ///
    /// # Errors
    ///
    /// [`Refused::NoToken`] or [`Refused::Forged`].
    pub fn read(&self, presented: &str, place: Place<'_>) -> Result<Presented, Refused> {
        let (upstream_id, token) = split(presented).ok_or(Refused::NoToken)?;
        let token = URL_SAFE_NO_PAD.decode(token).map_err(|_| Refused::Forged)?;
        let (token, mac) = token.split_last_chunk::<MAC_BYTES>().ok_or(Refused::Forged)?;
        let message = authenticated(upstream_id, place, token).map_err(|_| Refused::Forged)?;
        let is_sealed = token.first() == Some(&TYPE_SEALED);
        if !is_sealed && !self.0.iter().any(|key| hmac::verify(key, &message, mac).is_ok()) {
            return Err(Refused::Forged);
        }
        let Parsed { sealed, accepted } = parse(token).ok_or(Refused::Forged)?;
        let upload = Upload { upstream_id: upstream_id.to_owned(), accepted, sealed: None };
        Ok(match sealed {
            None => Presented::Plain(upload),
            Some((id, key_box)) => {
                Presented::Sealed(SealedToken { id, key_box, upload, message, mac: mac.to_vec() })
            }
        })
    }
}

/// Whether an id says of its upload that its parts are sealed; `None`: it says nothing. Only good for
/// what is shown to whoever presented it: nothing is verified.
pub fn says_sealed(presented: &str) -> Option<bool> {
    let (_, token) = split(presented)?;
    let token = URL_SAFE_NO_PAD.decode(token).ok()?;
    token.first().map(|kind| *kind == TYPE_SEALED)
}

fn split(presented: &str) -> Option<(&str, &str)> {
    if presented.len() > UPLOAD_ID_BYTES_MAX {
        return None;
    }
    presented.rsplit_once(MARK)
}

/// What the mac covers: `[upstream id][bucket][key] ‖ token without mac`.
fn authenticated(upstream_id: &str, place: Place<'_>, token: &[u8]) -> Result<Vec<u8>, TooLong> {
    let parts = [upstream_id, place.bucket.as_str(), place.key.as_str()];
    let mut message =
        Vec::with_capacity(parts.iter().map(|part| part.len() + 2).sum::<usize>() + token.len());
    for part in parts {
        let len = u16::try_from(part.len()).map_err(|_| TooLong)?;
        message.extend_from_slice(&len.to_be_bytes());
        message.extend_from_slice(part.as_bytes());
    }
    message.extend_from_slice(token);
    Ok(message)
}

/// What a token says.
struct Parsed {
    sealed: Option<(ObjectId, KeyBox)>,
    accepted: Vec<(String, String)>,
}

/// Reads a token without its mac; `None` for any shape but those of both types.
fn parse(token: &[u8]) -> Option<Parsed> {
    let (kind, rest) = token.split_first()?;
    let (object_id, rest) = rest.split_first_chunk::<OBJECT_ID_BYTES>()?;
    let (box_len, rest) = rest.split_first_chunk::<2>()?;
    let (key_box, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*box_len)))?;
    let sealed = match *kind {
        TYPE_POLICY_ONLY if key_box.is_empty() && *object_id == [0; OBJECT_ID_BYTES] => None,
        TYPE_SEALED => Some((ObjectId::from_bytes(*object_id), KeyBox::from_bytes(key_box).ok()?)),
        _ => return None,
    };
    let (count, mut rest) = rest.split_first()?;
    let mut accepted = Vec::with_capacity(usize::from(*count));
    for _ in 0..*count {
        let (name_len, after) = rest.split_first()?;
        let (name, after) = after.split_at_checked(usize::from(*name_len))?;
        let (value_len, after) = after.split_first_chunk::<2>()?;
        let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*value_len)))?;
        accepted.push((text(name)?, text(value)?));
        rest = after;
    }
    rest.is_empty().then_some(Parsed { sealed, accepted })
}

/// Appends what was accepted.
fn write(token: &mut Vec<u8>, Accepted(accepted): &Accepted) -> Result<(), TooLong> {
    token.push(u8::try_from(accepted.len()).map_err(|_| TooLong)?);
    for (name, value) in accepted {
        token.push(u8::try_from(name.len()).map_err(|_| TooLong)?);
        token.extend_from_slice(name.as_bytes());
        let value_len = u16::try_from(value.len()).map_err(|_| TooLong)?;
        token.extend_from_slice(&value_len.to_be_bytes());
        token.extend_from_slice(value.as_bytes());
    }
    Ok(())
}

fn sealed_key(key: &TokenKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key.expose())
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn derive(secret: &Secret) -> hmac::Key {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA512, b"").extract(secret.expose());
    let okm = prk.expand(&[b"pcl1 token"], hmac::HMAC_SHA256);
    // HKDF-SHA-512 yields up to 16,320 bytes; 32 cannot be too many.
    #[expect(clippy::expect_used, reason = "32 bytes are below HKDF's limit of 255 · 64")]
    let okm = okm.expect("an output of 32 bytes");
    hmac::Key::from(okm)
}

/// Between the backend's id and the token.
const MARK: &str = ".pcl1.";
/// A token that carries SSE headers for policy, and no keys.
const TYPE_POLICY_ONLY: u8 = 1;
/// A token that carries the keys of an object, too.
const TYPE_SEALED: u8 = 2;
const OBJECT_ID_BYTES: usize = 32;
const MAC_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;
    use crate::seal::{
        BOX_BYTES_MAX, Binding, BucketKey, Dek, ObjectName, WrappedBucketKey, Wrapping,
    };

    struct Names(BucketName, ObjectKey);

    impl Names {
        fn new(bucket: &str, key: &str) -> Self {
            Self(BucketName::parse(bucket).unwrap(), ObjectKey::parse(key).unwrap())
        }
        fn place(&self) -> Place<'_> {
            Place { bucket: &self.0, key: &self.1 }
        }
    }

    fn keys(secrets: &[&str]) -> TokenKeys {
        TokenKeys::derive(&secrets.iter().map(|s| Secret::new(*s)).collect::<Vec<_>>())
    }

    fn sse() -> Vec<(String, String)> {
        vec![("x-amz-server-side-encryption".into(), "AES256".into())]
    }

    fn accepted(headers: Vec<(String, String)>) -> Accepted {
        Accepted::new(headers).unwrap()
    }

    /// The upload of an id that is for these keys, or for none.
    fn open(
        keys: &TokenKeys,
        presented: &str,
        place: Place<'_>,
        object: Option<&ObjectKeys>,
    ) -> Result<Upload, Refused> {
        match (keys.read(presented, place)?, object) {
            (Presented::Plain(upload), None) => Ok(upload),
            (Presented::Sealed(token), Some(object)) => token.verify(object.clone()),
            (other, _) => panic!("{other:?}"),
        }
    }

    /// With a box of so many bytes.
    fn sealed(dek: u8, box_bytes: usize) -> SealedUpload {
        let (dek, id) = (Dek::from_bytes(&[dek; 32]), ObjectId::from_bytes([2; 32]));
        let (ring, version) = ("r".to_owned(), "1".to_owned());
        let bytes = vec![3; box_bytes - 6 - 2 - 48];
        let wrapped = WrappedBucketKey { ring, version, bytes };
        let name = ObjectName { bucket: "bucket", key: "a" };
        let key_box = Wrapping { id, name, customer: None }
            .seal(&dek, Binding::default(), (&BucketKey::from_bytes(&[4; 32]), wrapped))
            .unwrap();
        SealedUpload { id, keys: ObjectKeys::of_new(&dek, id), key_box }
    }

    #[test]
    fn an_issued_id_opens_at_its_place_and_gives_back_what_was_accepted() {
        let names = Names::new("bucket", "a/b");
        let issued = keys(&["one"]).issue("2~xyz.pcl1.q", names.place(), &accepted(sse()), None);
        let id = issued.unwrap();
        let upload = open(&keys(&["one"]), &id, names.place(), None).unwrap();
        assert_eq!((upload.upstream_id.as_str(), upload.accepted), ("2~xyz.pcl1.q", sse()));
        assert_eq!(Upload::named(&id).upstream_id, "2~xyz.pcl1.q");
        assert_eq!(says_sealed(&id), Some(false));
    }

    #[test]
    fn a_sealed_id_holds_for_the_keys_of_its_object_alone() {
        let (names, sealed) = (Names::new("bucket", "a"), sealed(1, 200));
        let issued = keys(&["one"]).issue("u", names.place(), &accepted(sse()), Some(&sealed));
        let id = issued.unwrap();
        assert_eq!(says_sealed(&id), Some(true));
        // Replicas with other token secrets read it, too: it is for the keyring to tell.
        let upload = open(&keys(&["other"]), &id, names.place(), Some(&sealed.keys)).unwrap();
        assert_eq!((upload.upstream_id.as_str(), upload.accepted), ("u", sse()));
        let carried = upload.sealed.unwrap();
        assert_eq!((carried.id, &carried.key_box), (sealed.id, &sealed.key_box));
        let other = self::sealed(9, 200).keys;
        let refused = open(&keys(&["one"]), &id, names.place(), Some(&other));
        assert_eq!(refused.unwrap_err(), Refused::Forged);
        for elsewhere in [Names::new("bucket", "b"), Names::new("bucket2", "a")] {
            let refused = open(&keys(&["one"]), &id, elsewhere.place(), Some(&sealed.keys));
            assert_eq!(refused.unwrap_err(), Refused::Forged);
        }
    }

    #[test]
    fn an_id_is_refused_at_another_place() {
        let id = keys(&["one"])
            .issue("u", Names::new("bucket", "a").place(), &accepted(vec![]), None)
            .unwrap();
        for other in [Names::new("bucket", "b"), Names::new("bucket2", "a")] {
            let refused = open(&keys(&["one"]), &id, other.place(), None);
            assert_eq!(refused.unwrap_err(), Refused::Forged);
        }
    }

    #[test]
    fn a_predecessors_secret_still_opens_and_a_strangers_does_not() {
        let names = Names::new("bucket", "a");
        let id = keys(&["old"]).issue("u", names.place(), &accepted(vec![]), None).unwrap();
        assert!(open(&keys(&["new", "old"]), &id, names.place(), None).is_ok());
        let refused = open(&keys(&["new"]), &id, names.place(), None);
        assert_eq!(refused.unwrap_err(), Refused::Forged);
    }

    #[test]
    fn whatever_is_accepted_is_issued_for_any_id_of_a_backend_and_opens() {
        let names = Names::new("bucket", "a");
        let header = |len: usize| ("k".to_owned(), "v".repeat(len));
        let most = accepted(vec![header(ACCEPTED_BYTES_MAX - 4)]);
        assert_eq!(Accepted::new(vec![header(ACCEPTED_BYTES_MAX - 3)]), Err(TooMuch));
        let longest = "u".repeat(UPSTREAM_ID_BYTES_MAX);
        let largest = sealed(1, BOX_BYTES_MAX);
        for sealed in [None, Some(&largest)] {
            let id = keys(&["one"]).issue(&longest, names.place(), &most, sealed).unwrap();
            let object = sealed.map(|sealed| &sealed.keys);
            let upload = open(&keys(&["one"]), &id, names.place(), object).unwrap();
            assert_eq!(upload.upstream_id, longest);
        }
        let longer = "u".repeat(UPSTREAM_ID_BYTES_MAX + 1);
        assert!(keys(&["one"]).issue(&longer, names.place(), &most, None).is_err());
    }

    #[test]
    fn an_id_without_a_token_is_named_as_such() {
        let names = Names::new("bucket", "a");
        let refused = keys(&["one"]).read("plain", names.place());
        assert_eq!(refused.unwrap_err(), Refused::NoToken);
        assert_eq!(Upload::named("plain").upstream_id, "plain");
        assert_eq!(says_sealed("plain"), None);
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_refused(
            is_sealed: bool, at in any::<proptest::sample::Index>(), to in 0x21u8..0x7f,
        ) {
            let (names, sealed) = (Names::new("bucket", "a"), sealed(1, 200));
            let carried = is_sealed.then_some(&sealed);
            let issued = keys(&["one"]).issue("up", names.place(), &accepted(sse()), carried);
            let id = issued.unwrap();
            let mut bytes = id.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = to;
            let changed = String::from_utf8(bytes).unwrap();
            let opened = match keys(&["one"]).read(&changed, names.place()) {
                Ok(Presented::Plain(_)) => Ok(()),
                Ok(Presented::Sealed(token)) => token.verify(sealed.keys.clone()).map(drop),
                Err(refused) => Err(refused),
            };
            prop_assert_eq!(opened.is_ok(), changed == id);
        }
    }
}
