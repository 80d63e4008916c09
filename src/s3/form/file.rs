//! The file of a form, as it streams, and the end of the form behind it. Invariant: what comes out is
//! the file, to the byte, and [`FileReader::finish`] succeeds only where nothing but the end of the
//! form followed it. No more is kept than a boundary's length.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use super::InvalidForm;

/// Reads from the first byte of the file to the end of the form.
///
/// The file's length follows from the form's: all but what came before it and the closing boundary.
/// S3 skips fields behind the file, but then its length could not be told before its end.
#[derive(Clone, Debug)]
pub struct FileReader {
    /// Of `CRLF--boundary`.
    delimiter: Finder<'static>,
    /// What came together with the fields.
    rest: Bytes,
    /// The beginning of what may be the delimiter.
    carried: Bytes,
    /// How much of the end has been read; `None`: still in the file.
    ending: Option<usize>,
    length: u64,
    left: u64,
}

impl FileReader {
    /// `behind_fields`: bytes of the form from the first of the file.
    pub(super) fn new(
        delimiter: &[u8],
        behind_fields: Option<u64>,
        rest: Bytes,
    ) -> Result<Self, InvalidForm> {
        let closing_bytes = (delimiter.len() + END.len()) as u64;
        let length = behind_fields
            .and_then(|bytes| bytes.checked_sub(closing_bytes))
            .ok_or_else(not_last)?;
        Ok(Self {
            delimiter: Finder::new(delimiter).into_owned(),
            rest,
            carried: Bytes::new(),
            ending: None,
            length,
            left: length,
        })
    }

    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Takes from the front of `input`, and gives bytes of the file, never none. `None`: it takes more
    /// input.
    pub fn step(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, InvalidForm> {
        let mut rest = std::mem::take(&mut self.rest);
        while !rest.is_empty() || !input.is_empty() {
            let chunk = self.chunk(if rest.is_empty() { input } else { &mut rest });
            let data = self.take(chunk)?;
            if !data.is_empty() {
                self.rest = rest;
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The form has ended: it must end here.
    pub fn finish(self) -> Result<(), InvalidForm> {
        if self.ending == Some(END.len()) && self.left == 0 { Ok(()) } else { Err(not_last()) }
    }

    /// All of the input, or, where the delimiter may have begun, that and enough to tell.
    fn chunk(&mut self, input: &mut Bytes) -> Bytes {
        if self.carried.is_empty() {
            return std::mem::take(input);
        }
        let next = input.split_to(input.len().min(self.delimiter.needle().len()));
        let mut joined = BytesMut::with_capacity(self.carried.len() + next.len());
        joined.extend_from_slice(&std::mem::take(&mut self.carried));
        joined.extend_from_slice(&next);
        joined.freeze()
    }

    /// The file's bytes in a chunk.
    fn take(&mut self, mut chunk: Bytes) -> Result<Bytes, InvalidForm> {
        if self.ending.is_some() {
            self.end(&chunk)?;
            return Ok(Bytes::new());
        }
        let data = if let Some(at) = self.delimiter.find(&chunk) {
            let data = chunk.split_to(at);
            self.ending = Some(0);
            self.end(chunk.get(self.delimiter.needle().len()..).unwrap_or_default())?;
            data
        } else {
            self.carried = chunk.split_off(chunk.len() - begun(&chunk, self.delimiter.needle()));
            chunk
        };
        self.left = self.left.checked_sub(data.len() as u64).ok_or_else(not_last)?;
        Ok(data)
    }

    fn end(&mut self, bytes: &[u8]) -> Result<(), InvalidForm> {
        let read = self.ending.unwrap_or_default();
        if END.get(read..read + bytes.len()) != Some(bytes) {
            return Err(not_last());
        }
        self.ending = Some(read + bytes.len());
        Ok(())
    }
}

/// How many bytes at the end of a chunk may be the beginning of the delimiter, whose only CR is its
/// first byte.
fn begun(chunk: &[u8], delimiter: &[u8]) -> usize {
    let tail = chunk.get(chunk.len().saturating_sub(delimiter.len() - 1)..).unwrap_or_default();
    let Some(at) = memchr::memrchr(b'\r', tail) else { return 0 };
    let begun = tail.get(at..).unwrap_or_default();
    if delimiter.starts_with(begun) { begun.len() } else { 0 }
}

fn not_last() -> InvalidForm {
    InvalidForm::malformed(
        "the file must be followed by the closing boundary and a line end, and by nothing else; put \
         the field `file` last",
    )
}

/// Behind the delimiter.
const END: &[u8] = b"--\r\n";
