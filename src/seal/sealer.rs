//! Sealing: plaintext in any pieces, records out. Invariant: each index is sealed once under a part
//! key, and the footer is given only after exactly as much plaintext as was announced.

use bytes::{Buf, Bytes, BytesMut};

use super::{
    buffers::Buffers,
    cipher::TAG_BYTES,
    footer::{FOOTER_BYTES, Footer},
    keys::{ObjectKeys, PartKey},
    record::{HEADER_BYTES, Header, PartNumber, Salt},
    sizes::{OVERHEAD_BYTES, PLAIN_BYTES_MAX, needs_footer, records_stored},
};

/// The plaintext cannot be sealed as announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsealable {
    /// It is larger than one request to S3 can carry when sealed (`EntityTooLarge`).
    #[error("at most {PLAIN_BYTES_MAX} bytes can be sealed in one request")]
    TooLarge,
    /// More came than was announced.
    #[error("more bytes came than were announced")]
    Longer,
    /// It ended before as much came as was announced.
    #[error("fewer bytes came than were announced")]
    Shorter,
}

/// Seals an object of a single PUT, or one part.
pub struct Sealer {
    key: PartKey,
    /// That of the record under way, or of the next one.
    header: Header,
    under_way: Option<UnderWay>,
    /// Plaintext that is still to come.
    left: u64,
    footer: Option<[u8; FOOTER_BYTES]>,
    buffers: Buffers,
}

/// A record whose plaintext has come in part.
struct UnderWay {
    record: BytesMut,
    plain_bytes: usize,
}

impl Sealer {
    /// Seals an object of a single PUT with so much plaintext.
    ///
    /// # Errors
    ///
    /// [`Unsealable::TooLarge`] above [`PLAIN_BYTES_MAX`].
    pub fn single(keys: &ObjectKeys, salt: Salt, bytes: u64) -> Result<Self, Unsealable> {
        Self::new(keys, (0, salt), bytes, Some(Footer::Single { bytes }))
    }

    /// Seals one attempt to upload a part with so much plaintext. A part that no other can follow
    /// gets its footer here.
    ///
    /// # Errors
    ///
    /// [`Unsealable::TooLarge`] above [`PLAIN_BYTES_MAX`].
    pub fn part(
        keys: &ObjectKeys,
        number: PartNumber,
        salt: Salt,
        bytes: u64,
    ) -> Result<Self, Unsealable> {
        let footer = needs_footer(number, bytes).then_some(Footer::LastPart { number, bytes });
        Self::new(keys, (number.value(), salt), bytes, footer)
    }

    pub(super) fn new(
        keys: &ObjectKeys,
        (part, salt): (u16, Salt),
        bytes: u64,
        footer: Option<Footer>,
    ) -> Result<Self, Unsealable> {
        if bytes > PLAIN_BYTES_MAX {
            return Err(Unsealable::TooLarge);
        }
        Ok(Self {
            key: keys.part(part, salt),
            header: Header { part, part_bytes: bytes, index: 0, salt },
            under_way: None,
            left: bytes,
            footer: footer.map(|footer| footer.seal(keys, &[])),
            buffers: Buffers::default(),
        })
    }

    /// How many bytes all of it will be stored in.
    pub fn stored_bytes(&self) -> u64 {
        let footer = if self.footer.is_some() { OVERHEAD_BYTES } else { 0 };
        records_stored(self.header.part_bytes).unwrap_or(u64::MAX).saturating_add(footer)
    }

    /// Whether a footer comes behind the records.
    pub fn is_footered(&self) -> bool {
        self.footer.is_some()
    }

    /// Takes plaintext until a record is full or the input is empty. Call it again as long as the
    /// input is not empty. A whole record that lies in one piece is sealed without being copied.
    ///
    /// # Errors
    ///
    /// [`Unsealable::Longer`] if more comes than was announced.
    pub fn seal(&mut self, input: &mut impl Buf) -> Result<Option<Bytes>, Unsealable> {
        while input.has_remaining() {
            if self.left == 0 {
                return Err(Unsealable::Longer);
            }
            let chunk = input.chunk();
            let wanted = self.header.plain_bytes();
            let whole = chunk.get(..wanted).filter(|_| self.under_way.is_none());
            let (taken, record) = match whole {
                Some(plaintext) => (wanted, Some(self.seal_whole(plaintext))),
                None => self.gather(chunk, wanted),
            };
            input.advance(taken);
            self.left -= u64::try_from(taken).unwrap_or(u64::MAX);
            if let Some(record) = record {
                self.header.index += 1;
                return Ok(Some(self.buffers.lend(record)));
            }
        }
        Ok(None)
    }

    /// The footer, where there is one to be written behind the records.
    ///
    /// # Errors
    ///
    /// [`Unsealable::Shorter`] if less came than was announced: what was sealed must not be completed.
    pub fn finish(self) -> Result<Option<Bytes>, Unsealable> {
        if self.left > 0 {
            return Err(Unsealable::Shorter);
        }
        Ok(self.footer.map(|footer| Bytes::copy_from_slice(&footer)))
    }

    fn seal_whole(&mut self, plaintext: &[u8]) -> BytesMut {
        let mut record = self.new_record(plaintext.len());
        let (_, body, tag) = split(&mut record);
        tag.copy_from_slice(&self.key.seal_into(&self.header, (plaintext, body)));
        record
    }

    /// How much of the chunk was taken, and the record if that was the rest of it.
    fn gather(&mut self, chunk: &[u8], wanted: usize) -> (usize, Option<BytesMut>) {
        let mut under_way = self
            .under_way
            .take()
            .unwrap_or_else(|| UnderWay { record: self.new_record(wanted), plain_bytes: 0 });
        let (_, body, tag) = split(&mut under_way.record);
        let taken = fill(body, under_way.plain_bytes, chunk);
        under_way.plain_bytes += taken;
        if under_way.plain_bytes < wanted {
            self.under_way = Some(under_way);
            return (taken, None);
        }
        tag.copy_from_slice(&self.key.seal(&self.header, body));
        (taken, Some(under_way.record))
    }

    fn new_record(&mut self, plain_bytes: usize) -> BytesMut {
        let mut record = self.buffers.take(HEADER_BYTES + plain_bytes + TAG_BYTES);
        let (header, _, _) = split(&mut record);
        header.copy_from_slice(&self.header.encode());
        record
    }
}

/// Copies into a buffer that is filled so far; how much fitted.
pub(super) fn fill(buffer: &mut [u8], filled: usize, from: &[u8]) -> usize {
    let room = buffer.get_mut(filled..).unwrap_or_default();
    let taken = room.len().min(from.len());
    if let (Some(to), Some(from)) = (room.get_mut(..taken), from.get(..taken)) {
        to.copy_from_slice(from);
    }
    taken
}

/// The header, the body and the tag of a record's buffer.
fn split(record: &mut [u8]) -> (&mut [u8], &mut [u8], &mut [u8]) {
    let (header, rest) = record.split_at_mut(HEADER_BYTES);
    let (body, tag) = rest.split_at_mut(rest.len() - TAG_BYTES);
    (header, body, tag)
}
