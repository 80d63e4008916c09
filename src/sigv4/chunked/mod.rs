//! The aws-chunked coding, unsigned or signed, with or without a trailer. Invariant: bytes may come in
//! any split, and a chunk of any size passes without being kept.
//!
//! ```text
//! <hex size>[;chunk-signature=<64 hex>]CRLF <data>CRLF … 0…CRLF [name:value CRLF]… CRLF
//! ```

mod signatures;

use bytes::{Buf as _, Bytes};

pub(super) use self::signatures::{EMPTY_SHA256, Signatures};
use super::{Refused, key::Signature};
use crate::s3::{Code, headers};

/// Decodes one body.
#[derive(Debug)]
pub(super) struct Decoder {
    signing: Signing,
    state: State,
    /// A line that has not ended yet: a size or a trailer field.
    line: Vec<u8>,
    /// The size of a chunk below the minimum, which only the last one may have.
    small: Option<u64>,
    chunks: u64,
    trailer: Vec<(String, String)>,
}

/// Whether chunks, and the trailer, bear signatures.
#[derive(Debug)]
pub(super) enum Signing {
    /// They bear none.
    None,
    /// They do, in a chain that must hold.
    Checked(Signatures),
    /// They do, and there is no key to check them by.
    Unchecked,
}

#[derive(Debug)]
enum State {
    Size,
    Data(u64),
    DataEnd,
    Trailer,
    Done,
}

/// What decoding a piece of input came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Bytes of the payload, not empty.
    Data(Bytes),
    /// The input is used up.
    More,
}

impl Decoder {
    pub(super) fn new(signing: Signing) -> Self {
        Self {
            signing,
            state: State::Size,
            line: Vec::new(),
            small: None,
            chunks: 0,
            trailer: Vec::new(),
        }
    }

    /// Takes from the front of `input`.
    pub(super) fn step(&mut self, input: &mut Bytes) -> Result<Step, Refused> {
        while !input.is_empty() {
            match self.state {
                State::Data(left) => {
                    let take =
                        usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
                    let data = input.split_to(take);
                    let left = left - take as u64;
                    if let Signing::Checked(signatures) = &mut self.signing {
                        signatures.update(&data);
                        if left == 0 {
                            signatures.end()?;
                        }
                    }
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    return Ok(Step::Data(data));
                }
                State::Done => return Err(incomplete("bytes follow the end of the last chunk")),
                State::Size | State::DataEnd | State::Trailer => {
                    if self.read_line(input)? {
                        self.line_ended()?;
                        self.line.clear();
                    }
                }
            }
        }
        Ok(Step::More)
    }

    /// The trailer's fields, once the body has ended where the coding ends.
    pub(super) fn finish(self) -> Result<Vec<(String, String)>, Refused> {
        let Self { signing, state, line, mut trailer, .. } = self;
        match state {
            State::Done => {}
            // The empty line at the end is left out by some clients.
            State::Trailer if line.is_empty() && !trailer.is_empty() => {}
            State::Trailer => return Err(malformed_trailer()),
            State::Size | State::Data(_) | State::DataEnd => {
                return Err(incomplete("the request body terminated unexpectedly"));
            }
        }
        if matches!(signing, Signing::None) || trailer.is_empty() {
            return Ok(trailer);
        }
        let signature =
            trailer.pop_if(|(name, _)| headers::X_AMZ_TRAILER_SIGNATURE == name.as_str());
        let (_, claimed) = signature.ok_or_else(malformed_trailer)?;
        if let Signing::Checked(mut signatures) = signing {
            signatures.check_trailer(&trailer, &claimed)?;
        }
        Ok(trailer)
    }

    /// True once a whole line, without its end, is in `self.line`.
    fn read_line(&mut self, input: &mut Bytes) -> Result<bool, Refused> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let take = end.map_or(input.len(), |end| end + 1);
        if self.line.len() + take > LINE_BYTES_MAX {
            return Err(incomplete("a chunk header or trailer field is too long"));
        }
        self.line.extend_from_slice(input.get(..take).unwrap_or_default());
        input.advance(take);
        if end.is_none() {
            return Ok(false);
        }
        self.line.pop();
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
            return Ok(true);
        }
        // Only the trailer is known to end its lines in a bare line feed, with some clients.
        if matches!(self.state, State::Trailer) {
            return Ok(true);
        }
        Err(incomplete("a chunk header does not end in CRLF"))
    }

    fn line_ended(&mut self) -> Result<(), Refused> {
        self.state = match self.state {
            State::Size => self.size()?,
            State::DataEnd if self.line.is_empty() => State::Size,
            State::DataEnd => return Err(incomplete("a chunk is longer than its size says")),
            State::Trailer if self.line.is_empty() => State::Done,
            State::Trailer => {
                self.trailer_field()?;
                State::Trailer
            }
            State::Data(_) | State::Done => State::Done,
        };
        Ok(())
    }

    fn size(&mut self) -> Result<State, Refused> {
        let line = std::str::from_utf8(&self.line).unwrap_or_default();
        let unsigned = || incomplete("a chunk does not say its signature");
        let size = match &mut self.signing {
            Signing::None => line,
            Signing::Checked(signatures) => {
                let (size, claimed) = signed_size(line).ok_or_else(unsigned)?;
                signatures.begin(claimed);
                size
            }
            Signing::Unchecked => signed_size(line).ok_or_else(unsigned)?.0,
        };
        // The parser would take a sign, too.
        let is_hex = size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = is_hex.then(|| u64::from_str_radix(size, 16).ok()).flatten();
        let size = size.ok_or_else(|| incomplete("a chunk's size is not a hexadecimal number"))?;
        if size == 0 {
            if let Signing::Checked(signatures) = &mut self.signing {
                signatures.end()?;
            }
            return Ok(State::Trailer);
        }
        self.chunks += 1;
        if let Some(small) = self.small {
            return Err(Refused::new(
                Code::InvalidChunkSizeError,
                "Only the last chunk is allowed to have a size less than 8192 bytes",
            )
            .with("Chunk", (self.chunks - 1).to_string())
            .with("BadChunkSize", small.to_string()));
        }
        self.small = (size < CHUNK_BYTES_MIN).then_some(size);
        Ok(State::Data(size))
    }

    fn trailer_field(&mut self) -> Result<(), Refused> {
        let text = std::str::from_utf8(&self.line).map_err(|_| malformed_trailer())?;
        let (name, value) = text.split_once(':').ok_or_else(malformed_trailer)?;
        if self.trailer.len() == TRAILER_FIELDS_MAX {
            return Err(malformed_trailer());
        }
        self.trailer.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        Ok(())
    }
}

/// `<hex size>;chunk-signature=<64 hex>`.
fn signed_size(line: &str) -> Option<(&str, Signature)> {
    let (size, claimed) = line.split_once(";chunk-signature=")?;
    let mut signature = Signature::default();
    hex::decode_to_slice(claimed, &mut signature).ok()?;
    Some((size, signature))
}

pub(super) fn malformed_trailer() -> Refused {
    Refused::new(
        Code::MalformedTrailerError,
        "The request contained trailing data that was not well-formed or did not conform to our \
         published schema.",
    )
}

pub(super) fn incomplete(reason: &str) -> Refused {
    Refused::new(
        Code::IncompleteBody,
        format!(
            "You did not provide the number of bytes specified by the Content-Length HTTP header: \
             {reason}."
        ),
    )
}

/// A size or trailer field with its line end.
const LINE_BYTES_MAX: usize = 1024;
/// A checksum and its signature.
const TRAILER_FIELDS_MAX: usize = 2;
/// S3's minimum for every chunk but the last.
const CHUNK_BYTES_MIN: u64 = 8192;
