//! What a client asks for of an object's plaintext, and which stored bytes to ask for because of it.
//! Invariant: what was remembered of an object only saves requests: the answer decides which object it is.

use std::ops::Range;

use http::StatusCode;

use super::{Opening, courier::Courier, endings::Identity, fault::Fault, stored::Stored};
use crate::{
    pipeline::rescue::Error,
    seal::{Broken, Layout, PartNumber},
    transform::{
        range::{ByteRange, Resolved},
        seal::Sealed,
    },
};

/// What a client asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::pipeline) enum Asked {
    Whole,
    Range(ByteRange),
    /// A part that has not been found yet.
    Part(PartNumber),
    /// A part of an object of so many.
    Found {
        number: PartNumber,
        first: u64,
        end: u64,
        parts: u32,
    },
}

/// What object is likely to be there, and where its plaintext stands. It saves a request if it is, and
/// nothing is taken for true because of it.
#[derive(Debug)]
pub(in crate::pipeline) struct Guess {
    object: Identity,
    layout: Layout,
}

impl Guess {
    /// What was seen last under the name.
    pub(super) fn of(courier: &Courier) -> Option<Box<Self>> {
        let (object, ending) = courier.sender.context.endings.guess(courier.name())?;
        Some(Box::new(Self { object, layout: ending.layout()?.clone() }))
    }

    /// The stored bytes that hold what is asked for.
    fn stored(&self, asked: Asked) -> Option<Range<u64>> {
        let wanted = match asked {
            Asked::Range(range) => match range.resolve(self.layout.bytes()) {
                Resolved::Partial(wanted) => wanted,
                Resolved::Whole | Resolved::Unsatisfiable => return None,
            },
            Asked::Found { first, end, .. } => first..end,
            Asked::Whole | Asked::Part(_) => return None,
        };
        Some(self.layout.span(wanted)?.stored)
    }
}

impl Asked {
    pub(super) fn found(number: PartNumber, layout: &Layout) -> Result<Self, Fault> {
        let missing = Fault::PartNumber(number.value().into());
        let Range { start: first, end } = layout.part(number).ok_or(missing)?;
        Ok(Self::Found { number, first, end, parts: layout.parts() })
    }
}

impl Opening {
    /// The range of stored bytes to ask for at first.
    pub(super) fn stored(&self) -> Option<String> {
        let guessed = self.guess.as_ref().and_then(|guess| guess.stored(self.asked));
        if let Some(Range { start, end }) = guessed {
            return Some(ByteRange::Between(start, end - 1).to_string());
        }
        let range = match self.asked {
            Asked::Range(range) => range.stored(),
            Asked::Found { first, end, .. } if first < end => {
                ByteRange::Between(first, end - 1).stored()
            }
            // Nothing of the object is wanted but its head.
            Asked::Found { .. } => ByteRange::Between(0, 0),
            Asked::Whole | Asked::Part(_) => return None,
        };
        Some(range.to_string())
    }

    /// Keeps the guess only if the range that is asked for comes of it.
    pub(super) fn settle(&mut self) {
        let asked = self.asked;
        self.guess = self.guess.take().filter(|guess| guess.stored(asked).is_some());
    }

    /// Learns where a part stands: unless that is likely known, its object is looked at first.
    pub(super) async fn find(&mut self, number: PartNumber) -> Result<(), Error> {
        let guessed = self.guess.as_ref().map(|guess| Asked::found(number, &guess.layout));
        if let Some(Ok(found)) = guessed {
            self.asked = found;
            return Ok(());
        }
        self.guess = None;
        let head = self.courier.head().await?;
        // Whatever is wrong, the request itself will be told.
        self.asked = Asked::Whole;
        if head.status != StatusCode::OK {
            return Ok(());
        }
        let Some(sealed) = Sealed::read(&head.headers).map_err(Fault::from)? else {
            return Ok(());
        };
        let keys = self.place().unlock(&sealed, self.customer.as_ref()).await?;
        let (stored, id) = (Stored::of(&head)?, sealed.committed.object_id());
        let ending = self.courier.ending(&keys, id, &stored).await?;
        let layout = ending.layout().ok_or(Fault::Broken(Broken::Tail))?;
        self.asked = Asked::found(number, layout)?;
        self.guess = stored
            .etag
            .map(|etag| Box::new(Guess { object: Identity { id, etag }, layout: layout.clone() }));
        Ok(())
    }

    /// Whether the object is another than the one that was likely to be there.
    pub(super) fn is_other(&self, sealed: &Sealed, stored: &Stored) -> bool {
        self.guess.as_ref().is_some_and(|guess| {
            let object = &guess.object;
            object.id != sealed.committed.object_id() || Some(&object.etag) != stored.etag.as_ref()
        })
    }
}
