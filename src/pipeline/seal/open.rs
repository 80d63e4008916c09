//! Answers about sealed objects, opened. Invariant: what the client gets was checked before it left,
//! and says of sizes what is so of the plaintext.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, response::Parts};

use super::{
    super::{reply::ReplyBody, rescue::Error, trace::Trace},
    Alarm, Presentation,
    asked::{Asked, Guess},
    conceal,
    courier::Courier,
    fault::Fault,
    keys::Place,
    stored::{Body, Extent, Stored, begin, broke_off, skipped},
};
use crate::{
    policy::Mode,
    s3::headers,
    seal::{Broken, Layout, ObjectKeys, Opener, Plain, begins_single, plain},
    transform::{
        etag::{self, Tagged},
        range::{ContentRange, Resolved},
        seal::{self, Customer, Irregular, OpenedBody, Sealed, Sealing, Unopened, UnsealedObjects},
    },
};

/// All that is needed to open what comes.
#[derive(Debug)]
pub(in crate::pipeline) struct Opening {
    pub(in crate::pipeline) asked: Asked,
    pub(in crate::pipeline) customer: Option<Customer>,
    pub(in crate::pipeline) is_head: bool,
    pub(in crate::pipeline) sealing: Arc<Sealing>,
    pub(in crate::pipeline) mode: Mode,
    pub(in crate::pipeline) courier: Courier,
    pub(in crate::pipeline) guess: Option<Box<Guess>>,
}

impl Opening {
    /// The reply, from the storage's answer.
    pub(in crate::pipeline) async fn relay(
        self,
        mut head: Parts,
        body: Body,
        trace: &mut Trace,
    ) -> Result<Response<ReplyBody>, Error> {
        match head.status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
            StatusCode::RANGE_NOT_SATISFIABLE if self.guess.is_some() => {
                // The range was that of another object.
                self.courier.sender.context.endings.forget(self.courier.name());
                return Err(Fault::Changed.into());
            }
            StatusCode::RANGE_NOT_SATISFIABLE => return Err(self.unsatisfiable(&head).into()),
            _ => {
                let tagged = self.tagged(&head).await;
                Presentation { tagged, encryption: None }.apply(&mut head.headers);
                return Ok(Response::from_parts(head, ReplyBody::stream(body)));
            }
        }
        match Sealed::read(&head.headers).map_err(Fault::from)? {
            Some(sealed) => {
                let alarm = trace.alarm(head.status.as_u16());
                self.open(&sealed, head, body, alarm).await
            }
            None => self.pass(head, body, trace).await,
        }
    }

    async fn open(
        mut self,
        sealed: &Sealed,
        mut head: Parts,
        mut body: Body,
        alarm: Alarm,
    ) -> Result<Response<ReplyBody>, Error> {
        let stored = Stored::of(&head)?;
        // The head of a regular object needs no key, unless the client brings one to be tried.
        let has_customer = self.customer.is_some() || sealed.key_box.needs_customer_key();
        let size = plain(stored.bytes);
        let (keys, extent, begun) = match size {
            Plain::Bytes(bytes)
                if self.is_head && !has_customer && !self.may_be_irregular(&stored) =>
            {
                (None, Extent::Regular(bytes), Bytes::new())
            }
            Plain::Bytes(_) | Plain::Marked | Plain::Irregular | Plain::NotSealed => {
                let keys = self.place().unlock(sealed, self.customer.as_ref()).await?;
                let (extent, begun) = self.extent((&keys, sealed), &stored, &mut body).await?;
                (Some(keys), extent, begun)
            }
        };
        if let (Asked::Found { number, .. }, Extent::Ended(ending)) = (self.asked, &extent) {
            // What was guessed may have been another object.
            let layout = ending.layout().ok_or(Fault::Broken(Broken::Tail))?;
            self.asked = Asked::found(number, layout)?;
        }
        let wanted = self.wanted(extent.bytes()?)?;
        self.describe(sealed, &mut head, extent.bytes()?, wanted.as_ref());
        let body = match keys {
            _ if self.is_head || wanted.as_ref().is_some_and(Range::is_empty) => {
                ReplyBody::text(Bytes::new())
            }
            None => return Err(Fault::Broken(Broken::Box).into()),
            Some(keys) => {
                let mut opened = match wanted {
                    None => self.open_whole(&keys, &extent, (&stored, body, begun)).await?,
                    Some(wanted) => {
                        let source = (&stored, body, begun);
                        self.open_range(&keys, &extent, source, wanted).await?
                    }
                };
                opened.begin().await.map_err(|error| match error {
                    Unopened::Broken(broken) => Fault::from(broken).into(),
                    Unopened::Stored(error) => broke_off(&error),
                })?;
                alarm.metrics.sealing().opened();
                ReplyBody::opened(opened, alarm)
            }
        };
        Ok(Response::from_parts(head, body))
    }

    /// Which bytes of the plaintext; none: all of it, as if nothing else had been asked for.
    fn wanted(&self, bytes: u64) -> Result<Option<Range<u64>>, Fault> {
        match self.asked {
            Asked::Whole | Asked::Part(_) => Ok(None),
            Asked::Found { first, end, .. } if end <= bytes => Ok(Some(first..end)),
            Asked::Found { .. } => Err(Fault::Changed),
            Asked::Range(range) => match range.resolve(bytes) {
                Resolved::Whole => Ok(None),
                Resolved::Partial(range) => Ok(Some(range)),
                Resolved::Unsatisfiable => {
                    Err(Fault::Range { asked: range.to_string(), bytes: Some(bytes) })
                }
            },
        }
    }

    /// The head of the reply: sizes of the plaintext, and how the object is encrypted.
    fn describe(&self, sealed: &Sealed, head: &mut Parts, bytes: u64, wanted: Option<&Range<u64>>) {
        conceal(&mut head.headers);
        let encryption = Some(self.place().encryption(&sealed.key_box, self.customer.as_ref()));
        Presentation { tagged: Tagged::Sealed, encryption }.apply(&mut head.headers);
        let (status, length) = match wanted {
            // A part without content has no range that could be named.
            Some(range) if range.is_empty() => (StatusCode::OK, 0),
            Some(range) => (StatusCode::PARTIAL_CONTENT, range.end - range.start),
            None => (StatusCode::OK, bytes),
        };
        head.status = status;
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(range) = wanted.filter(|range| !range.is_empty()) {
            let said = ContentRange::Partial { range: range.clone(), size: bytes }.to_string();
            head.headers.extend(HeaderValue::try_from(said).map(|it| (header::CONTENT_RANGE, it)));
        }
        if let Asked::Found { parts, .. } = self.asked
            && parts > 1
        {
            head.headers.insert(headers::X_AMZ_MP_PARTS_COUNT, HeaderValue::from(parts));
        }
    }

    /// Whether an object of a regular size may have been completed as it came, with odd parts and a small
    /// last one. What its tag says of parts is only a hint, and good enough for a head.
    pub(super) fn may_be_irregular(&self, stored: &Stored) -> bool {
        let counts = |etag: &HeaderValue| etag::says_parts(etag.as_bytes());
        self.sealing.irregular == Irregular::Accept && stored.etag.as_ref().is_some_and(counts)
    }

    /// How much plaintext there is, and what was read of the body to learn it. The size of a single PUT
    /// tells all; that of parts does not: odd ones can have the size of a regular object.
    async fn extent(
        &self,
        (keys, sealed): (&ObjectKeys, &Sealed),
        stored: &Stored,
        body: &mut Body,
    ) -> Result<(Extent, Bytes), Error> {
        let id = sealed.committed.object_id();
        let mut begun = Bytes::new();
        if let Some(ending) = self.courier.remembered(id, stored) {
            return Ok((Extent::Ended(ending), begun));
        }
        match (plain(stored.bytes), self.asked) {
            (Plain::Bytes(bytes), _) if self.is_head && !self.may_be_irregular(stored) => {
                return Ok((Extent::Regular(bytes), begun));
            }
            (Plain::Bytes(0), _) => return Ok((Extent::Regular(0), begun)),
            (Plain::Bytes(bytes), Asked::Whole | Asked::Range(_))
                if !self.is_head && !self.is_other(sealed, stored) =>
            {
                let wanted = self.wanted(bytes)?.unwrap_or(0..bytes);
                begun = begin(body, stored, &wanted).await?;
                match begins_single(skipped(&begun, stored, &wanted)) {
                    Some(true) => return Ok((Extent::Regular(bytes), begun)),
                    Some(false) => {}
                    None => return Err(Fault::Broken(Broken::Truncated).into()),
                }
            }
            (Plain::Bytes(_) | Plain::Marked | Plain::Irregular | Plain::NotSealed, _) => {}
        }
        Ok((Extent::Ended(self.courier.ending(keys, id, stored).await?), begun))
    }

    async fn open_whole(
        &self,
        keys: &ObjectKeys,
        extent: &Extent,
        (stored, body, begun): (&Stored, Body, Bytes),
    ) -> Result<OpenedBody<Body>, Error> {
        let (body, begun) = if stored.is_whole() {
            (body, begun)
        } else {
            // It was asked for a range which turned out to be nothing of a range.
            let all = self.courier.get(0..stored.bytes, stored.etag.as_ref()).await?;
            (all.into_body(), Bytes::new())
        };
        let opener = match extent {
            Extent::Regular(_) => Opener::new(keys),
            Extent::Ended(ending) => Opener::with_ending(keys, ending),
        };
        let bytes = Some(extent.bytes()?);
        let opening = seal::Opening { stored: body, begun, skip: 0, take: stored.bytes, bytes };
        Ok(OpenedBody::new(opening, opener))
    }

    async fn open_range(
        &self,
        keys: &ObjectKeys,
        extent: &Extent,
        (stored, body, begun): (&Stored, Body, Bytes),
        wanted: Range<u64>,
    ) -> Result<OpenedBody<Body>, Error> {
        let layout = match extent {
            Extent::Regular(_) => Layout::single(stored.bytes),
            Extent::Ended(ending) => ending.layout().cloned(),
        };
        let layout = layout.ok_or(Fault::Broken(Broken::Tail))?;
        let bytes = Some(wanted.end - wanted.start);
        let span = layout.span(wanted).ok_or(Fault::Broken(Broken::Size))?;
        let opener = Opener::range(keys, &layout, &span);
        let take = span.stored.end - span.stored.start;
        if stored.range.start <= span.stored.start && span.stored.end <= stored.range.end {
            let skip = span.stored.start - stored.range.start;
            let opening = seal::Opening { stored: body, begun, skip, take, bytes };
            return Ok(OpenedBody::new(opening, opener));
        }
        drop(body);
        let answer = self.courier.get(span.stored, stored.etag.as_ref()).await?;
        let (stored, begun) = (answer.into_body(), Bytes::new());
        Ok(OpenedBody::new(seal::Opening { stored, begun, skip: 0, take, bytes }, opener))
    }

    /// How a tag is shown where the answer has no more than that: a 304 does not tell whether its object
    /// is sealed, so where some are not, the object is looked at.
    async fn tagged(&self, head: &Parts) -> Tagged {
        let etag = head.headers.get(header::ETAG);
        if head.status != StatusCode::NOT_MODIFIED || etag.is_none() || !self.passes_unsealed() {
            return Tagged::Sealed;
        }
        match self.courier.head().await {
            Ok(now)
                if now.headers.get(header::ETAG) == etag
                    && matches!(Sealed::read(&now.headers), Ok(None)) =>
            {
                Tagged::Plain
            }
            _ => Tagged::Sealed,
        }
    }

    fn passes_unsealed(&self) -> bool {
        self.mode != Mode::Enforce || self.sealing.unsealed == UnsealedObjects::Pass
    }

    /// An object that is not sealed.
    async fn pass(
        self,
        mut head: Parts,
        mut body: Body,
        trace: &mut Trace,
    ) -> Result<Response<ReplyBody>, Error> {
        if !self.passes_unsealed() {
            return Err(Fault::NotSealed.into());
        }
        if let Asked::Found { .. } = self.asked {
            self.courier.sender.context.endings.forget(self.courier.name());
            return Err(Fault::Changed.into());
        }
        trace.passed();
        if let (Asked::Range(range), StatusCode::PARTIAL_CONTENT) = (self.asked, head.status) {
            let etag = head.headers.get(header::ETAG).cloned();
            let answer = self.courier.fetch(range.to_string(), etag.as_ref()).await?;
            let (other, other_body) = answer.into_parts();
            for name in [header::CONTENT_LENGTH, header::CONTENT_RANGE] {
                if let Some(value) = other.headers.get(&name) {
                    head.headers.insert(name, value.clone());
                }
            }
            body = other_body;
        }
        Presentation { tagged: Tagged::Plain, encryption: None }.apply(&mut head.headers);
        Ok(Response::from_parts(head, ReplyBody::stream(body)))
    }

    /// The storage has so many bytes, and the client is told of its own.
    fn unsatisfiable(&self, head: &Parts) -> Fault {
        let said = head.headers.get(header::CONTENT_RANGE).and_then(ContentRange::parse);
        let bytes = said.and_then(|said| match plain(said.size()) {
            Plain::Bytes(bytes) => Some(bytes),
            Plain::Marked | Plain::Irregular | Plain::NotSealed => None,
        });
        let asked = match self.asked {
            Asked::Range(range) => range.to_string(),
            Asked::Whole | Asked::Part(_) | Asked::Found { .. } => String::new(),
        };
        Fault::Range { asked, bytes }
    }

    pub(super) fn place(&self) -> Place<'_> {
        let Courier { bucket, key, sender, .. } = &self.courier;
        Place { bucket, key, sealing: &self.sealing, keyrings: &sender.context.settings.keyrings }
    }
}
