//! Listings of buckets with sealed objects: `ListObjects`, `ListObjectsV2` and `ListObjectVersions`, on
//! their way to the client. Invariant: sizes and entity tags are those of HEAD and GET, all else is the
//! backend's, byte for byte, and a listing that cannot be read in one way does not end.
//!
//! ```text
//! the backend's bytes ─ push ─▶ Listing ─ pull ─▶ Piece::Bytes                       ─▶ the client
//!                                               └▶ Piece::Entry ─ size and kind ─ render ─▶
//! ```
//!
//! For most entries the size tells all ([`Entry::plain`]); others have to be looked at.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memchr2;

use super::{
    etag::Tagged,
    rows::{self, Field, Names, Row, Rows},
};
use crate::{
    s3::{decode_listed, xml::MalformedXml},
    seal::{self, Plain},
};

/// The longest entry that is held, in bytes.
pub const ENTRY_BYTES_MAX: usize = rows::ROW_BYTES_MAX;

/// A listing that comes in pieces.
#[derive(Debug)]
pub struct Listing {
    rows: Rows,
    is_encoded: bool,
    /// A key came that reads in another way if the other of both is true.
    is_doubtful: bool,
}

/// What can be handed out of a listing.
#[derive(Debug)]
pub enum Piece {
    /// For the client, as it is.
    Bytes(Bytes),
    /// To be rendered in its turn.
    Entry(Entry),
}

/// A `<Contents>` or a `<Version>`.
#[derive(Clone, Debug)]
pub struct Entry {
    row: Row,
    key: Option<String>,
    /// Or what may be taken for some.
    has_escapes: bool,
    version_id: Option<String>,
    etag: Option<String>,
    size: u64,
}

impl Listing {
    /// An answer to a request that asked for encoded keys (`encoding-type=url`), or not.
    pub fn new(is_encoded: bool) -> Self {
        Self { rows: Rows::new(&LISTINGS), is_encoded, is_doubtful: false }
    }

    /// Takes what has come of the backend's answer. To be pulled from until there is nothing, before
    /// more is pushed: what has not been read is kept.
    pub fn push(&mut self, data: &[u8]) {
        self.rows.push(data);
    }

    /// What can be handed out next; `None` if more has to come first.
    ///
    /// # Errors
    ///
    /// The listing is unreadable, or an entry is longer than [`ENTRY_BYTES_MAX`]. The reply is to be
    /// cut off.
    pub fn pull(&mut self) -> Result<Option<Piece>, MalformedXml> {
        Ok(match self.rows.pull()? {
            None => None,
            Some(rows::Piece::Bytes(bytes)) => Some(Piece::Bytes(bytes)),
            Some(rows::Piece::Row(row)) => {
                let entry = Entry::of(row, self.is_encoded)?;
                self.is_doubtful |= entry.has_escapes;
                Some(Piece::Entry(entry))
            }
        })
    }

    /// What is left for the client once the backend's answer has ended.
    ///
    /// # Errors
    ///
    /// It ended too early, or its keys are encoded and were not to be, or the other way round, so that
    /// entries may have been taken for others. The reply is to be cut off.
    pub fn finish(self) -> Result<Bytes, MalformedXml> {
        if self.is_doubtful && self.rows.is_encoded() != self.is_encoded {
            return Err(rows::unreadable("its keys are not encoded as was asked for"));
        }
        self.rows.finish()
    }
}

impl Entry {
    fn of(row: Row, is_encoded: bool) -> Result<Self, MalformedXml> {
        let owned = |field| Ok(row.text(field)?.map(Cow::into_owned));
        let listed =
            row.text(Field::Key)?.ok_or_else(|| rows::unreadable("an entry has no key"))?;
        let has_escapes = memchr2(b'%', b'+', listed.as_bytes()).is_some();
        let key = if is_encoded {
            decode_listed(&listed).ok().map(Cow::into_owned)
        } else {
            Some(listed.into_owned())
        };
        let (version_id, etag) = (owned(Field::VersionId)?, owned(Field::ETag)?);
        let size = row.number(Field::Size)?;
        Ok(Self { row, key, has_escapes, version_id, etag, size })
    }

    /// Its key, decoded; `None` where it is no UTF-8, so that no request can name it.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Its version, where the listing tells; `null` is the one of objects that have none.
    pub fn version_id(&self) -> Option<&str> {
        self.version_id.as_deref()
    }

    /// The backend's entity tag, with its quotes, where the listing tells.
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// How many bytes the backend stores.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What that tells of the plaintext, if the object is sealed. All but [`Plain::Bytes`] has to be
    /// looked at.
    pub fn plain(&self) -> Plain {
        seal::plain(self.size)
    }

    /// The entry for the client: with the plaintext's size, and the client's form of its tag. Where the
    /// object is sealed, what the backend says of checksums is about other bytes, and left out.
    pub fn render(&self, size: u64, of: Tagged) -> Bytes {
        self.row.replaced(|field| match field {
            Field::Size => Some(size.to_string().into()),
            Field::ETag => Some(rows::shown_tag(self.etag.as_deref()?, of)?.into()),
            Field::Checksum => (of != Tagged::Plain).then_some(Cow::Borrowed("")),
            Field::Key | Field::VersionId | Field::PartNumber => None,
        })
    }

    /// The entry for the client as the backend lists it.
    pub fn as_is(&self) -> Bytes {
        self.row.xml().clone()
    }
}

static LISTINGS: Names = Names {
    roots: &[b"ListBucketResult", b"ListVersionsResult"],
    rows: &[b"Contents", b"Version"],
    row_depth: 1,
};

#[cfg(test)]
mod tests;
