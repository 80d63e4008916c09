//! The two values that a sealed object carries in its user metadata. Invariant: clients neither see
//! nor write them.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    s3::headers,
    seal::{Broken, Committed, KeyBox},
};

/// What a client may use of S3's 2048 bytes of user metadata: the rest is for these two.
pub const METADATA_BYTES_MAX: usize = 2048 - 640;

/// What an object says of its sealing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// `pcl-c`.
    pub committed: Committed,
    /// `pcl-k`.
    pub key_box: KeyBox,
}

impl Sealed {
    /// From the head of a reply; none if the object is not sealed.
    ///
    /// # Errors
    ///
    /// [`Broken::Metadata`] if there is one value and not the other, or one is malformed.
    pub fn read(received: &HeaderMap) -> Result<Option<Self>, Broken> {
        let committed = only(received, &headers::X_AMZ_META_PCL_C)?;
        let key_box = only(received, &headers::X_AMZ_META_PCL_K)?;
        match (committed, key_box) {
            (None, None) => Ok(None),
            (Some(committed), Some(key_box)) => {
                let committed = Committed::decode(committed)?;
                Ok(Some(Self { committed, key_box: KeyBox::decode(key_box)? }))
            }
            (Some(_), None) => Err(Broken::Metadata("`pcl-k` is missing")),
            (None, Some(_)) => Err(Broken::Metadata("`pcl-c` is missing")),
        }
    }

    /// As [`Sealed::read`], for those who would replace the object: a name of the proxy's that stands alone
    /// is no client's either.
    ///
    /// # Errors
    ///
    /// [`Broken::Metadata`], also if other values of the proxy's are there.
    pub fn read_all(received: &HeaderMap) -> Result<Option<Self>, Broken> {
        match Self::read(received)? {
            None if reserved(received).is_some() => {
                Err(Broken::Metadata("a value of the proxy's is there alone"))
            }
            sealed => Ok(sealed),
        }
    }

    /// Puts them into the head of a write, in place of any others.
    ///
    /// # Errors
    ///
    /// None in practice: base64 is text.
    pub fn insert(&self, headers: &mut HeaderMap) -> Result<(), http::Error> {
        let values = [self.committed.encode(), self.key_box.encode()];
        let names = [headers::X_AMZ_META_PCL_C, headers::X_AMZ_META_PCL_K];
        for (name, value) in names.into_iter().zip(values) {
            headers.insert(name, HeaderValue::try_from(value)?);
        }
        Ok(())
    }
}

/// A header of the client's that is the proxy's own to set.
pub fn reserved(received: &HeaderMap) -> Option<&HeaderName> {
    received.keys().find(|name| is_reserved(name))
}

/// Takes away what clients do not see.
pub fn hide(reply: &mut HeaderMap) {
    let hidden: Vec<HeaderName> = reply.keys().filter(|name| is_reserved(name)).cloned().collect();
    for name in hidden {
        reply.remove(name);
    }
}

/// How S3 counts user metadata: the bytes of names without their prefix, and of values.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>
pub fn metadata_bytes(received: &HeaderMap) -> usize {
    let entries = received.iter().filter_map(|(name, value)| {
        Some(name.as_str().strip_prefix(headers::META_PREFIX)?.len() + value.len())
    });
    entries.sum()
}

/// Whether a header is the proxy's own.
pub fn is_reserved(name: &HeaderName) -> bool {
    name.as_str().starts_with(headers::META_SEALED_PREFIX)
}

/// The one value of a header.
fn only<'h>(received: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Broken> {
    let mut values = received.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(Broken::Metadata("a value is there twice"));
    }
    value
        .map(|value| value.to_str().map_err(|_| Broken::Metadata("a value is no text")))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{
        Binding, BucketKey, Dek, ObjectId, ObjectKeys, ObjectName, WrappedBucketKey, Wrapping,
    };

    fn sealed() -> Sealed {
        let dek = Dek::from_bytes(&[1; 32]);
        let id = ObjectId::from_bytes([2; 32]);
        let name = ObjectName { bucket: "b", key: "k" };
        let wrapped = WrappedBucketKey {
            ring: "main".to_owned(),
            version: "1".to_owned(),
            bytes: vec![3; 60],
        };
        let key_box = Wrapping { id, name, customer: None }
            .seal(&dek, Binding::default(), (&BucketKey::from_bytes(&[4; 32]), wrapped))
            .unwrap();
        Sealed { committed: ObjectKeys::of_new(&dek, id).committed(), key_box }
    }

    #[test]
    fn what_is_written_is_read_and_hidden() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-meta-a", HeaderValue::from_static("b"));
        assert_eq!(Sealed::read(&headers), Ok(None));
        assert_eq!(reserved(&headers), None);
        sealed().insert(&mut headers).unwrap();
        assert_eq!(Sealed::read(&headers), Ok(Some(sealed())));
        assert!(reserved(&headers).is_some());
        hide(&mut headers);
        assert_eq!(headers.len(), 1);
    }

    #[test]
    fn half_of_it_or_twice_is_broken() {
        for name in [headers::X_AMZ_META_PCL_C, headers::X_AMZ_META_PCL_K] {
            let mut headers = HeaderMap::new();
            sealed().insert(&mut headers).unwrap();
            let value = headers.get(&name).unwrap().clone();
            headers.append(&name, value);
            assert!(matches!(Sealed::read(&headers), Err(Broken::Metadata(_))));
            headers.remove(&name);
            assert!(matches!(Sealed::read(&headers), Err(Broken::Metadata(_))));
        }
    }

    #[test]
    fn room_is_left_for_the_longest_box() {
        let mut headers = HeaderMap::new();
        let longest = "A".repeat((crate::seal::BOX_BYTES_MAX * 4).div_ceil(3));
        headers.insert(headers::X_AMZ_META_PCL_K, HeaderValue::try_from(longest).unwrap());
        headers.insert(headers::X_AMZ_META_PCL_C, HeaderValue::try_from("A".repeat(88)).unwrap());
        assert_eq!(metadata_bytes(&headers) + METADATA_BYTES_MAX, 2048);
    }
}
