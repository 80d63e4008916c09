//! What is known of a stored object before it is opened. Invariant: of sizes nothing is believed that
//! the records do not have to bear out.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, StatusCode, header, response::Parts};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::{super::rescue::Error, fault::Fault};
use crate::{
    seal::{Broken, CHUNK_BYTES, Ending, Layout, SLOT_BYTES},
    transform::range::ContentRange,
    upstream::{Idle, IdleError},
};

/// The storage's answer.
pub(super) type Body = Idle<Incoming>;

/// A stored object, as an answer's head tells of it.
pub(in crate::pipeline) struct Stored {
    /// Of the whole object.
    pub(in crate::pipeline) bytes: u64,
    /// Which of them come.
    pub(super) range: Range<u64>,
    pub(super) etag: Option<HeaderValue>,
}

/// What is known of where the plaintext stands.
pub(super) enum Extent {
    /// The size says it all, if the object is what it claims to be.
    Regular(u64),
    /// The ending was read.
    Ended(Ending),
}

impl Stored {
    pub(super) fn of(head: &Parts) -> Result<Self, Error> {
        let etag = head.headers.get(header::ETAG).cloned();
        let value = |name| head.headers.get(name);
        if head.status == StatusCode::PARTIAL_CONTENT {
            let said = value(header::CONTENT_RANGE).and_then(ContentRange::parse);
            let Some(ContentRange::Partial { range, size }) = said else {
                return Err(Error::Unreadable("a range without a Content-Range".to_owned()));
            };
            return Ok(Self { bytes: size, range, etag });
        }
        let length = value(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let bytes = length.and_then(|length| length.parse().ok());
        let bytes =
            bytes.ok_or_else(|| Error::Unreadable("an object without a length".to_owned()))?;
        Ok(Self { bytes, range: 0..bytes, etag })
    }

    pub(super) fn is_whole(&self) -> bool {
        self.range == (0..self.bytes)
    }

    /// Stored bytes that come before the record in which the plaintext begins, if it is regular.
    fn before(&self, wanted: &Range<u64>) -> usize {
        let slot = wanted.start / CHUNK_BYTES * SLOT_BYTES;
        usize::try_from(slot.saturating_sub(self.range.start)).unwrap_or(usize::MAX)
    }
}

impl Extent {
    pub(super) fn bytes(&self) -> Result<u64, Fault> {
        match self {
            Self::Regular(bytes) => Ok(*bytes),
            Self::Ended(ending) => {
                ending.layout().map(Layout::bytes).ok_or(Fault::Broken(Broken::Tail))
            }
        }
    }
}

/// Reads on until the header of the first record is there.
pub(super) async fn begin(
    body: &mut Body,
    stored: &Stored,
    wanted: &Range<u64>,
) -> Result<Bytes, Error> {
    let needed = stored.before(wanted).saturating_add(HEADER_BYTES);
    let mut begun = BytesMut::new();
    while begun.len() < needed {
        let Some(frame) = body.frame().await else { break };
        if let Ok(data) = frame.map_err(|error| broke_off(&error))?.into_data() {
            // Most often one piece is all of it, and need not be copied.
            if begun.is_empty() && data.len() >= needed {
                return Ok(data);
            }
            begun.extend_from_slice(&data);
        }
    }
    Ok(begun.freeze())
}

/// The storage's answer ended too early.
pub(super) fn broke_off(error: &IdleError) -> Error {
    Error::Unreadable(format!("an object that broke off: {error}"))
}

pub(super) fn skipped<'b>(begun: &'b [u8], stored: &Stored, wanted: &Range<u64>) -> &'b [u8] {
    begun.get(stored.before(wanted)..).unwrap_or_default()
}

/// Of a record.
const HEADER_BYTES: usize = 16;
