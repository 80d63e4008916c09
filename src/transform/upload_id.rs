//! Multipart without state: the upload id given to the client carries what was accepted when the
//! upload was created, authenticated, so that any replica can judge its parts.
//!
//! ```text
//! id    = upstream id ‖ ".pcl1." ‖ base64url(token), unpadded; split at the last ".pcl1."
//! token = type:u8=1 ‖ object_id:32 (zero) ‖ box_len:u16 (0) ‖ n:u8 ‖ (name_len:u8 ‖ name ‖ value_len:u16 ‖ value)… ‖ mac:32
//! mac   = HMAC-SHA-256(key, [upstream id][bucket][key] ‖ token without mac), [x] = len:u16 ‖ x
//!         key = HKDF-SHA-512(salt = "", ikm = the token secret, info = "pcl1 token", 32)
//! ```
//!
//! Integers are big-endian. Invariant: nothing of a token is used before its mac has held for the
//! bucket, key and upstream id that it is presented with.

use aws_lc_rs::{hkdf, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    s3::{BucketName, ObjectKey},
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
#[derive(Debug, PartialEq, Eq)]
pub struct Upload {
    /// The backend's own id.
    pub upstream_id: String,
    /// The SSE headers that were accepted when the upload was created: lower-case names, sorted.
    pub accepted: Vec<(String, String)>,
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
    /// The value of a header that the upload was created with.
    pub fn accepted(&self, name: &str) -> Option<&str> {
        let (_, value) = self.accepted.iter().find(|(accepted, _)| accepted == name)?;
        Some(value)
    }
}

// === impl TokenKeys ===

impl TokenKeys {
    /// Derives the keys; the current secret first, then predecessors that are still accepted.
    pub fn derive(secrets: &[Secret]) -> Self {
        Self(secrets.iter().map(derive).collect())
    }

    /// The id for the client: the backend's own, and a token for what was accepted.
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
    ) -> Result<String, TooLong> {
        let Accepted(accepted) = accepted;
        if upstream_id.len() > UPSTREAM_ID_BYTES_MAX {
            return Err(TooLong);
        }
        let mut token = vec![TYPE_POLICY_ONLY];
        token.extend_from_slice(&[0; OBJECT_ID_BYTES]);
        token.extend_from_slice(&[0; 2]);
        token.push(u8::try_from(accepted.len()).map_err(|_| TooLong)?);
        for (name, value) in accepted {
            token.push(u8::try_from(name.len()).map_err(|_| TooLong)?);
            token.extend_from_slice(name.as_bytes());
            let value_len = u16::try_from(value.len()).map_err(|_| TooLong)?;
            token.extend_from_slice(&value_len.to_be_bytes());
            token.extend_from_slice(value.as_bytes());
        }
        let key = self.0.first().ok_or(TooLong)?;
        let mac = hmac::sign(key, &authenticated(upstream_id, place, &token)?);
        token.extend_from_slice(mac.as_ref());
        let id = format!("{upstream_id}{MARK}{}", URL_SAFE_NO_PAD.encode(&token));
        if id.len() > UPLOAD_ID_BYTES_MAX { Err(TooLong) } else { Ok(id) }
    }

    /// Verifies an id that a client presents for a bucket and key.
    pub fn open(&self, presented: &str, place: Place<'_>) -> Result<Upload, Refused> {
        let (upstream_id, encoded) = split(presented).ok_or(Refused::NoToken)?;
        let token = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Refused::Forged)?;
        let (token, mac) = token.split_last_chunk::<MAC_BYTES>().ok_or(Refused::Forged)?;
        let message = authenticated(upstream_id, place, token).map_err(|_| Refused::Forged)?;
        if !self.0.iter().any(|key| hmac::verify(key, &message, mac).is_ok()) {
            return Err(Refused::Forged);
        }
        let accepted = parse(token).ok_or(Refused::Forged)?;
        Ok(Upload { upstream_id: upstream_id.to_owned(), accepted })
    }
}

/// The backend's part of an id, whether or not a token follows (enough to list and to abort).
pub fn upstream_id(presented: &str) -> &str {
    split(presented).map_or(presented, |(upstream_id, _)| upstream_id)
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

/// Reads a verified token's headers; `None` for any shape but type 1's.
fn parse(token: &[u8]) -> Option<Vec<(String, String)>> {
    let (kind, rest) = token.split_first()?;
    let (object_id, rest) = rest.split_first_chunk::<OBJECT_ID_BYTES>()?;
    let (box_len, rest) = rest.split_first_chunk::<2>()?;
    let plain = *kind == TYPE_POLICY_ONLY && object_id.iter().all(|b| *b == 0);
    if !plain || u16::from_be_bytes(*box_len) != 0 {
        return None;
    }
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
    rest.is_empty().then_some(accepted)
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
const OBJECT_ID_BYTES: usize = 32;
const MAC_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::{
        ACCEPTED_BYTES_MAX, Accepted, BucketName, ObjectKey, Place, Refused, Secret, TokenKeys,
        TooMuch, UPSTREAM_ID_BYTES_MAX, upstream_id,
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

    #[test]
    fn an_issued_id_opens_at_its_place_and_gives_back_what_was_accepted() {
        let names = Names::new("bucket", "a/b");
        let id = keys(&["one"]).issue("2~xyz.pcl1.q", names.place(), &accepted(sse())).unwrap();
        let upload = keys(&["one"]).open(&id, names.place()).unwrap();
        assert_eq!((upload.upstream_id.as_str(), upload.accepted), ("2~xyz.pcl1.q", sse()));
        assert_eq!(upstream_id(&id), "2~xyz.pcl1.q");
    }

    #[test]
    fn an_id_is_refused_at_another_place() {
        let id = keys(&["one"])
            .issue("u", Names::new("bucket", "a").place(), &accepted(vec![]))
            .unwrap();
        for other in [Names::new("bucket", "b"), Names::new("bucket2", "a")] {
            assert_eq!(keys(&["one"]).open(&id, other.place()), Err(Refused::Forged));
        }
    }

    #[test]
    fn a_predecessors_secret_still_opens_and_a_strangers_does_not() {
        let names = Names::new("bucket", "a");
        let id = keys(&["old"]).issue("u", names.place(), &accepted(vec![])).unwrap();
        assert!(keys(&["new", "old"]).open(&id, names.place()).is_ok());
        assert_eq!(keys(&["new"]).open(&id, names.place()), Err(Refused::Forged));
    }

    #[test]
    fn whatever_is_accepted_is_issued_for_any_id_of_a_backend_and_opens() {
        let names = Names::new("bucket", "a");
        let header = |len: usize| ("k".to_owned(), "v".repeat(len));
        let most = accepted(vec![header(ACCEPTED_BYTES_MAX - 4)]);
        assert_eq!(Accepted::new(vec![header(ACCEPTED_BYTES_MAX - 3)]), Err(TooMuch));
        let longest = "u".repeat(UPSTREAM_ID_BYTES_MAX);
        let id = keys(&["one"]).issue(&longest, names.place(), &most).unwrap();
        assert_eq!(keys(&["one"]).open(&id, names.place()).unwrap().upstream_id, longest);
        let longer = "u".repeat(UPSTREAM_ID_BYTES_MAX + 1);
        assert!(keys(&["one"]).issue(&longer, names.place(), &most).is_err());
    }

    #[test]
    fn an_id_without_a_token_is_named_as_such() {
        let names = Names::new("bucket", "a");
        assert_eq!(keys(&["one"]).open("plain", names.place()), Err(Refused::NoToken));
        assert_eq!(upstream_id("plain"), "plain");
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_refused(at in any::<proptest::sample::Index>(), to in 0x21u8..0x7f) {
            let names = Names::new("bucket", "a");
            let id = keys(&["one"]).issue("upstream", names.place(), &accepted(sse())).unwrap();
            let mut bytes = id.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = to;
            let changed = String::from_utf8(bytes).unwrap();
            let opened = keys(&["one"]).open(&changed, names.place());
            prop_assert_eq!(opened.is_ok(), changed == id);
        }
    }
}
