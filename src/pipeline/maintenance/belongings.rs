//! What belongs to an object besides its bytes: metadata, grants, tags, as they were when they were read.
//! Invariant: what takes the object's place has all of it, or does not take its place.

use http::HeaderMap;

use super::{super::seal::Courier, Failed, grants::tagging};
use crate::{
    s3::headers,
    transform::{
        copies,
        seal::{METADATA_BYTES_MAX, Sealed, hide, metadata_bytes},
    },
};

/// All that a write has to bring along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Belongings {
    described: HeaderMap,
    pub(super) tags: Vec<(String, String)>,
}

impl Courier {
    /// Those of the object that has this head.
    pub(super) async fn belongings(&self, head: &HeaderMap) -> Result<Belongings, Failed> {
        is_described(head)?;
        let mut described = copies::described(head);
        described.extend(self.grants().await?);
        Ok(Belongings { described, tags: self.all_tags().await? })
    }
}

impl Belongings {
    /// The headers with which a write brings them, for an object that is sealed so.
    pub(super) fn with(&self, sealed: &Sealed) -> Result<HeaderMap, Failed> {
        let mut described = self.described.clone();
        hide(&mut described);
        described.extend(tagging(&self.tags)?);
        sealed.insert(&mut described).map_err(crate::upstream::Error::from)?;
        Ok(described)
    }
}

/// Whether the head tells all of the object's metadata.
pub(super) fn is_described(head: &HeaderMap) -> Result<(), Failed> {
    if head.contains_key(headers::X_AMZ_MISSING_META) {
        return Err(Failed::new("the storage does not show all of the object's metadata"));
    }
    Ok(())
}

/// Whether the metadata leave room for what a sealed object has to say.
pub(super) fn leave_room(head: &HeaderMap) -> Result<(), Failed> {
    let bytes = metadata_bytes(&copies::described(head));
    if bytes > METADATA_BYTES_MAX {
        return Err(Failed::new(format!(
            "its user metadata has {bytes} bytes, of which {METADATA_BYTES_MAX} have room beside the \
             proxy's own"
        )));
    }
    Ok(())
}
