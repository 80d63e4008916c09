//! Which record has to stand next, and what has to come behind the last one. Invariant: a record that
//! is expected is the only one that may stand there, whatever its own header says.

use super::{
    super::{
        broken::Broken,
        ending::Ending,
        footer::Footer,
        keys::ObjectKeys,
        layout::{Layout, Span},
        record::{Header, PartNumber},
        sizes::{self, CHUNK_BYTES},
    },
    ending::Closing,
};

/// What is known of the records that are to come.
pub(super) enum Course {
    /// Each of them, up to a record's number.
    Known { layout: Layout, at: u64, end: u64, ending: Option<Ending> },
    /// What they say themselves, and maybe how they must end.
    FromStart { read: Read, ending: Option<Ending> },
}

/// What may come next.
pub(super) enum Next {
    Record,
    RecordOrFooter,
    Closing(Closing),
    Nothing,
}

/// What was read from an object's start.
#[derive(Default)]
pub(super) struct Read {
    last: Option<Header>,
    /// Plaintext of all parts but the last.
    before_bytes: u64,
    before: Before,
}

/// What all parts but the last have in common.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Before {
    #[default]
    NoPart,
    /// The same number of full records.
    Chunks(u64),
    Uneven,
}

impl Course {
    pub(super) fn from_start() -> Self {
        Self::FromStart { read: Read::default(), ending: None }
    }

    pub(super) fn to_ending(ending: &Ending) -> Self {
        let known = Some(ending.clone());
        match ending.layout().filter(|_| ending.states_all()) {
            Some(layout) => {
                Self::Known { layout: layout.clone(), at: 0, end: layout.records(), ending: known }
            }
            None => Self::FromStart { read: Read::default(), ending: known },
        }
    }

    pub(super) fn range(layout: &Layout, span: &Span) -> Self {
        let std::ops::Range { start: at, end } = span.records;
        Self::Known { layout: layout.clone(), at, end, ending: None }
    }

    pub(super) fn next(&self) -> Next {
        match self {
            Self::Known { at, end, .. } if at < end => Next::Record,
            Self::Known { ending: Some(ending), .. } => {
                Next::Closing(Closing::new(ending.tail_bytes()))
            }
            Self::Known { ending: None, .. } => Next::Nothing,
            Self::FromStart { read, .. } if read.is_between_parts() => Next::RecordOrFooter,
            Self::FromStart { .. } => Next::Record,
        }
    }

    /// Checks that the record of this header may stand next; `part` is the header before it.
    pub(super) fn expect(&mut self, header: &Header, part: Option<&Header>) -> Result<(), Broken> {
        let continues = part.filter(|part| part.part == header.part);
        let expected = match self {
            Self::Known { layout, at, .. } => {
                let salt = continues.map_or(header.salt, |part| part.salt);
                layout.header(*at, salt)
            }
            Self::FromStart { read, .. } => read.expected(header),
        };
        if expected.as_ref() != Some(header) {
            return Err(Broken::Order);
        }
        if let Self::FromStart { read, .. } = self {
            read.add(header);
        }
        Ok(())
    }

    /// A record has held.
    pub(super) fn advance(&mut self) {
        if let Self::Known { at, .. } = self {
            *at += 1;
        }
    }

    /// Checks what stands behind the records.
    pub(super) fn close(&self, closing: &Closing, keys: &ObjectKeys) -> Result<(), Broken> {
        let footer = closing.footer(keys)?;
        let agrees = match self {
            Self::Known { ending, .. } => {
                ending.as_ref().is_some_and(|known| *known.footer() == footer)
            }
            Self::FromStart { read, ending } => {
                let known = ending.as_ref();
                read.agrees(&footer) && known.is_none_or(|known| *known.footer() == footer)
            }
        };
        agrees.then_some(()).ok_or(Broken::Footer)
    }
}

impl Read {
    fn is_between_parts(&self) -> bool {
        self.last.is_none_or(|last| is_last_of_part(&last))
    }

    /// The only header that may follow: that of the part's next record, or of the next part's first,
    /// whose length and salt are its own.
    fn expected(&self, header: &Header) -> Option<Header> {
        match self.last {
            None => Some(Header { part: header.part.min(1), index: 0, ..*header }),
            Some(last) if !is_last_of_part(&last) => Some(Header { index: last.index + 1, ..last }),
            Some(last) if last.part == 0 => None,
            Some(last) => Some(Header { part: last.part + 1, index: 0, ..*header }),
        }
    }

    fn add(&mut self, header: &Header) {
        if let Some(last) = self.last.filter(|last| last.part != header.part) {
            self.before = self.before.and(last.part_bytes);
            self.before_bytes += last.part_bytes;
        }
        self.last = Some(*header);
    }

    /// Whether a footer states what was read. A last part without content has left no record.
    fn agrees(&self, footer: &Footer) -> bool {
        let (last, last_bytes) = self.last.map_or((0, 0), |last| (last.part, last.part_bytes));
        let total = self.before_bytes + last_bytes;
        let is_single = self.last.is_none_or(|last| last.part == 0);
        let is_multipart = self.last.is_none_or(|last| last.part > 0);
        let follows = |number: PartNumber| number.value() == last + 1;
        match *footer {
            Footer::Single { bytes } => is_single && bytes == total,
            Footer::Complete { parts, bytes, chunks } => {
                let before = match () {
                    () if follows(parts) && last > 0 => self.before.and(last_bytes),
                    () if follows(parts) || parts.value() == last => self.before,
                    () => Before::Uneven,
                };
                is_multipart && bytes == total && before == Before::of(chunks)
            }
            Footer::LastPart { number, bytes } => {
                let is_last = number.value() == last && bytes == last_bytes;
                let is_empty = follows(number) && bytes == 0;
                is_multipart && (is_last || is_empty)
            }
            Footer::Irregular { .. } => false,
        }
    }
}

impl Before {
    fn of(chunks: u32) -> Self {
        if chunks == 0 { Self::NoPart } else { Self::Chunks(chunks.into()) }
    }

    /// With one more part.
    fn and(self, part_bytes: u64) -> Self {
        let chunks = part_bytes / CHUNK_BYTES;
        let is_full = part_bytes.is_multiple_of(CHUNK_BYTES);
        let fits = matches!(self, Self::NoPart) || self == Self::Chunks(chunks);
        if is_full && fits { Self::Chunks(chunks) } else { Self::Uneven }
    }
}

fn is_last_of_part(header: &Header) -> bool {
    u64::from(header.index) + 1 == sizes::records(header.part_bytes)
}
