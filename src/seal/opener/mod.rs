//! Opening: stored bytes in any pieces, plaintext out. Invariant: a byte of plaintext is given only
//! after its record's tag has held and the record was the one that had to stand there; [`Complete`]
//! exists only after the last check.

mod course;
mod ending;

use bytes::{Buf, Bytes, BytesMut};

use self::{
    course::{Course, Next},
    ending::Closing,
};
use super::{
    broken::Broken,
    buffers::Buffers,
    cipher::TAG_BYTES,
    ending::Ending,
    footer::is_footer,
    keys::{ObjectKeys, PartKey},
    layout::{Layout, Span},
    record::{HEADER_BYTES, Header},
    sealer::fill,
};

/// Opens an object from its start, or a range of it.
pub struct Opener {
    keys: ObjectKeys,
    course: Course,
    state: State,
    /// The part under way.
    part: Option<OpenPart>,
    window: Window,
    buffers: Buffers,
    released: u64,
}

/// Every check has held: what was released is all that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complete {
    bytes: u64,
}

/// What the next bytes belong to.
enum State {
    Header { bytes: [u8; HEADER_BYTES], filled: usize },
    Body { header: Header, gathered: Option<(BytesMut, usize)> },
    Closing(Closing),
    Complete,
    Broken(Broken),
}

/// A part of which at least one record's header was read.
struct OpenPart {
    header: Header,
    key: PartKey,
}

/// What is asked for of the records that are read.
struct Window {
    skip: usize,
    left: u64,
}

impl Opener {
    /// Opens an object from its start, without knowing anything of it. If its stored size has the mark
    /// of a tail, its [`Ending`] has to be read first.
    pub fn new(keys: &ObjectKeys) -> Self {
        Self::on(keys, Course::from_start(), Window::ALL)
    }

    /// Opens an object whose ending is known from its start: one whose bytes then end otherwise is
    /// refused.
    pub fn with_ending(keys: &ObjectKeys, ending: &Ending) -> Self {
        Self::on(keys, Course::to_ending(ending), Window::ALL)
    }

    /// Opens the stored bytes of a span, and releases the plaintext that it was made for.
    pub fn range(keys: &ObjectKeys, layout: &Layout, span: &Span) -> Self {
        let window = Window { skip: span.skip, left: span.bytes };
        Self::on(keys, Course::range(layout, span), window)
    }

    fn on(keys: &ObjectKeys, course: Course, window: Window) -> Self {
        let state = match course.next() {
            Next::Record | Next::RecordOrFooter => State::HEADER,
            Next::Closing(closing) => State::Closing(closing),
            Next::Nothing => State::Complete,
        };
        let buffers = Buffers::default();
        Self { keys: keys.clone(), course, state, part: None, window, buffers, released: 0 }
    }

    /// Takes stored bytes until a record's plaintext can be released or the input is empty. Call it
    /// again as long as the input is not empty. A record that lies in one piece is opened without
    /// being copied.
    ///
    /// # Errors
    ///
    /// The check that failed, and again at each call after it.
    pub fn open(&mut self, input: &mut impl Buf) -> Result<Option<Bytes>, Broken> {
        while input.has_remaining() {
            match self.step(input.chunk()) {
                Ok((taken, plaintext)) => {
                    input.advance(taken);
                    if plaintext.is_some() {
                        return Ok(plaintext);
                    }
                }
                Err(broken) => {
                    self.state = State::Broken(broken);
                    return Err(broken);
                }
            }
        }
        Ok(None)
    }

    /// The proof that all of it was there.
    ///
    /// # Errors
    ///
    /// [`Broken::Truncated`] if the bytes ended early, or the check that failed before.
    pub fn finish(self) -> Result<Complete, Broken> {
        match self.state {
            State::Complete => Ok(Complete { bytes: self.released }),
            State::Broken(broken) => Err(broken),
            State::Header { .. } | State::Body { .. } | State::Closing(_) => Err(Broken::Truncated),
        }
    }

    /// How many bytes of a chunk, which is not empty, were taken, and what can be released after them.
    fn step(&mut self, chunk: &[u8]) -> Result<(usize, Option<Bytes>), Broken> {
        match &mut self.state {
            State::Header { bytes, filled } => {
                let taken = fill(bytes, *filled, chunk);
                *filled += taken;
                if *filled == HEADER_BYTES {
                    let bytes = *bytes;
                    self.state = self.after_header(bytes)?;
                }
                Ok((taken, None))
            }
            State::Body { header, gathered } => {
                let header = *header;
                let gathered = gathered.take();
                self.body(header, gathered, chunk)
            }
            State::Closing(closing) => {
                let taken = closing.take(chunk);
                if closing.is_full() {
                    self.course.close(closing, &self.keys)?;
                    self.state = State::Complete;
                }
                Ok((taken, None))
            }
            State::Complete => Err(Broken::Trailing),
            State::Broken(broken) => Err(*broken),
        }
    }

    fn after_header(&mut self, bytes: [u8; HEADER_BYTES]) -> Result<State, Broken> {
        if is_footer(&bytes) {
            return match self.course.next() {
                Next::RecordOrFooter => Ok(State::Closing(Closing::begun(&bytes))),
                Next::Record | Next::Closing(_) | Next::Nothing => Err(Broken::Order),
            };
        }
        let header = Header::decode(&bytes)?;
        let part = self.part.as_ref().map(|part| &part.header);
        self.course.expect(&header, part)?;
        match &mut self.part {
            Some(part) if part.header.part == header.part => part.header = header,
            _ => {
                let key = self.keys.part(header.part, header.salt);
                self.part = Some(OpenPart { header, key });
            }
        }
        Ok(State::Body { header, gathered: None })
    }

    /// Opens a record that lies in this chunk, or gathers it.
    fn body(
        &mut self,
        header: Header,
        gathered: Option<(BytesMut, usize)>,
        chunk: &[u8],
    ) -> Result<(usize, Option<Bytes>), Broken> {
        let part = self.part.as_ref().ok_or(Broken::Order)?;
        let plain_bytes = header.plain_bytes();
        let wanted = plain_bytes + TAG_BYTES;
        let whole = chunk.get(..wanted).filter(|_| gathered.is_none());
        if let Some(record) = whole {
            let record = record.split_at(plain_bytes);
            let mut plaintext = self.buffers.take(plain_bytes);
            part.key.open_into(&header, record, &mut plaintext)?;
            return Ok((wanted, self.release(plaintext, plain_bytes)));
        }
        let (mut record, filled) = gathered.unwrap_or_else(|| (self.buffers.take(wanted), 0));
        let taken = fill(&mut record, filled, chunk);
        if filled + taken < wanted {
            self.state = State::Body { header, gathered: Some((record, filled + taken)) };
            return Ok((taken, None));
        }
        let (body, tag) = record.split_at_mut(plain_bytes);
        part.key.open(&header, (body, tag))?;
        Ok((taken, self.release(record, plain_bytes)))
    }

    /// After a record's tag has held: the plaintext at the buffer's start that is asked for.
    fn release(&mut self, record: BytesMut, plain_bytes: usize) -> Option<Bytes> {
        self.course.advance();
        self.state = match self.course.next() {
            Next::Record | Next::RecordOrFooter => State::HEADER,
            Next::Closing(closing) => State::Closing(closing),
            Next::Nothing => State::Complete,
        };
        let wanted = self.window.pass(plain_bytes);
        let plaintext = self.buffers.lend(record).slice(wanted);
        self.released += u64::try_from(plaintext.len()).unwrap_or(u64::MAX);
        (!plaintext.is_empty()).then_some(plaintext)
    }
}

impl Complete {
    /// How much plaintext was released.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl State {
    const HEADER: Self = Self::Header { bytes: [0; HEADER_BYTES], filled: 0 };
}

impl Window {
    const ALL: Self = Self { skip: 0, left: u64::MAX };

    /// Which of the next so many bytes are asked for.
    fn pass(&mut self, bytes: usize) -> std::ops::Range<usize> {
        let start = self.skip.min(bytes);
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let end = start.saturating_add(most).min(bytes);
        self.skip -= start;
        self.left = self.left.saturating_sub(u64::try_from(end - start).unwrap_or(u64::MAX));
        start..end
    }
}
