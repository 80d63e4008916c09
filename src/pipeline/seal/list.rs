//! Listings of buckets with sealed objects. Invariant: entries leave in the storage's order, with the
//! sizes and tags that HEAD and GET tell; where all of a bucket is sealed, the listing is the only
//! request, but for objects whose size does not tell.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
};

use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;

use super::{
    Opening,
    asked::Asked,
    courier::Sender,
    fault::Fault,
    looks::{Look, Name},
    stored::{Body, Stored},
};
use crate::{
    pipeline::{reply::ReplyError, rescue::Error},
    policy::Mode,
    s3::{BucketName, ObjectKey},
    seal::{Layout, Plain, plain},
    transform::{
        etag::Tagged,
        listing::{Entry, Listing, Piece},
        seal::{Sealed, Sealing, UnsealedObjects},
    },
};

/// How a listing is to be mended.
#[derive(Debug)]
pub(in crate::pipeline) struct ListPlan {
    pub(super) bucket: BucketName,
    /// `encoding-type=url` was asked for.
    pub(super) is_encoded: bool,
    pub(super) sender: Sender,
}

/// A listing on its way to the client.
pub(in crate::pipeline) struct Listed {
    stored: Body,
    /// `None`: it has ended.
    listing: Option<Listing>,
    queue: VecDeque<Slot>,
    looking: usize,
    plan: Arc<ListPlan>,
}

/// What is to leave in its turn.
enum Slot {
    Ready(Bytes),
    Looking(Pin<Box<dyn Future<Output = Bytes> + Send>>),
    Failed(ReplyError),
}

impl ListPlan {
    pub(in crate::pipeline) fn mend(self, stored: Body) -> Listed {
        let listing = Some(Listing::new(self.is_encoded));
        Listed { stored, listing, queue: VecDeque::new(), looking: 0, plan: Arc::new(self) }
    }

    /// What is known of an entry at once; none if its object has to be looked at.
    fn at_once(&self, entry: &Entry) -> Option<Bytes> {
        let Some((sealing, mode)) = entry.key().and_then(|key| self.sealing(key)) else {
            return Some(entry.as_is());
        };
        let all_is_sealed = mode == Mode::Enforce && sealing.unsealed == UnsealedObjects::Refuse;
        match entry.plain() {
            Plain::Bytes(bytes) if all_is_sealed => Some(entry.render(bytes, Tagged::Sealed)),
            Plain::NotSealed => Some(entry.render(entry.size(), Tagged::Plain)),
            Plain::Bytes(_) | Plain::Marked | Plain::Irregular => {
                let looks = &self.sender.context.looks;
                let name = Name::of(self.bucket.as_str(), entry)?;
                looks.find(name).map(|look| rendered(entry, look))
            }
        }
    }

    fn sealing(&self, key: &str) -> Option<(&Arc<Sealing>, Mode)> {
        let rules = &self.sender.context.settings.rules;
        let rule = rules.find(self.bucket.as_str(), Some(key))?;
        Some((rule.sealing()?, rules.mode(Some(rule))))
    }

    /// Looks at the object. Where that fails its stored size is shown: a listing must not end because
    /// one object of it is gone, or broken.
    async fn look(self: Arc<Self>, entry: Entry) -> Bytes {
        match self.find_out(&entry).await {
            Ok(look) => {
                if let Some(name) = Name::of(self.bucket.as_str(), &entry) {
                    self.sender.context.looks.keep(name, look);
                }
                rendered(&entry, look)
            }
            Err(error) => {
                let bucket = self.bucket.as_str();
                tracing::warn!(%error, bucket, "a listed object could not be looked at");
                entry.render(entry.size(), Tagged::Sealed)
            }
        }
    }

    async fn find_out(&self, entry: &Entry) -> Result<Look, Error> {
        let gone = || Error::from(Fault::Changed);
        let key = entry.key().ok_or_else(gone)?;
        let (sealing, mode) = self.sealing(key).ok_or_else(gone)?;
        let key = ObjectKey::parse(key).map_err(|_| gone())?;
        let version_id = entry.version_id().map(str::to_owned);
        let courier = self.sender.clone().about((self.bucket.clone(), key), version_id);
        let (customer, sealing, guess) = (None, Arc::clone(sealing), None);
        let (asked, is_head) = (Asked::Whole, true);
        let opening = Opening { asked, customer, is_head, sealing, mode, courier, guess };
        Ok(opening.look().await?.0)
    }
}

impl Opening {
    /// Looks at the object's head, and at its ending where the size alone does not tell.
    pub(super) async fn look(&self) -> Result<(Look, http::response::Parts), Error> {
        let head = self.courier.head().await?;
        if head.status != StatusCode::OK {
            return Err(Error::Unreadable(format!("{} for the head of an object", head.status)));
        }
        let look = self.look_at(&head).await?;
        Ok((look, head))
    }

    pub(super) async fn look_at(&self, head: &http::response::Parts) -> Result<Look, Error> {
        let Some(sealed) = Sealed::read(&head.headers).map_err(Fault::from)? else {
            return Ok(Look::Plain);
        };
        let stored = Stored::of(head)?;
        if let Plain::Bytes(bytes) = plain(stored.bytes)
            && !self.may_be_irregular(&stored)
        {
            return Ok(Look::Sealed(bytes));
        }
        let keys = self.place().unlock(&sealed, self.customer.as_ref()).await?;
        let ending = self.courier.ending(&keys, sealed.committed.object_id(), &stored).await?;
        let bytes = ending.layout().map(Layout::bytes);
        Ok(Look::Sealed(bytes.unwrap_or(stored.bytes)))
    }
}

fn rendered(entry: &Entry, look: Look) -> Bytes {
    match look {
        Look::Sealed(bytes) => entry.render(bytes, Tagged::Sealed),
        Look::Plain => entry.render(entry.size(), Tagged::Plain),
    }
}

impl Listed {
    /// The next piece for the client.
    pub(in crate::pipeline) fn poll(
        &mut self,
        cx: &mut Task<'_>,
    ) -> Poll<Option<Result<Bytes, ReplyError>>> {
        if let Err(error) = self.feed(cx) {
            self.listing = None;
            self.queue.push_back(Slot::Failed(error));
        }
        for slot in &mut self.queue {
            if let Slot::Looking(look) = slot
                && let Poll::Ready(bytes) = look.as_mut().poll(cx)
            {
                *slot = Slot::Ready(bytes);
                self.looking -= 1;
            }
        }
        match self.queue.pop_front() {
            Some(Slot::Ready(bytes)) => Poll::Ready(Some(Ok(bytes))),
            Some(Slot::Failed(error)) => Poll::Ready(Some(Err(error))),
            Some(looking) => {
                self.queue.push_front(looking);
                Poll::Pending
            }
            None if self.listing.is_none() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Takes more of the storage's answer, as long as there is room for what comes of it.
    fn feed(&mut self, cx: &mut Task<'_>) -> Result<(), ReplyError> {
        while self.looking < LOOKING_MAX && self.queue.len() < QUEUE_MAX {
            let Some(listing) = &mut self.listing else { break };
            match listing.pull()? {
                Some(Piece::Bytes(bytes)) => self.queue.push_back(Slot::Ready(bytes)),
                Some(Piece::Entry(entry)) => self.take(entry),
                None => match Pin::new(&mut self.stored).poll_frame(cx) {
                    Poll::Ready(Some(frame)) => {
                        if let Ok(data) = frame?.into_data() {
                            listing.push(&data);
                        }
                    }
                    Poll::Ready(None) => {
                        let rest = self.listing.take().map(Listing::finish).transpose()?;
                        let rest = rest.filter(|rest| !rest.is_empty());
                        self.queue.extend(rest.map(Slot::Ready));
                    }
                    Poll::Pending => break,
                },
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: Entry) {
        let slot = if let Some(bytes) = self.plan.at_once(&entry) {
            Slot::Ready(bytes)
        } else {
            self.looking += 1;
            Slot::Looking(Box::pin(Arc::clone(&self.plan).look(entry)))
        };
        self.queue.push_back(slot);
    }

    pub(in crate::pipeline) fn is_ended(&self) -> bool {
        self.listing.is_none() && self.queue.is_empty()
    }
}

impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listed").field("queued", &self.queue.len()).finish_non_exhaustive()
    }
}

/// Objects that one listing looks at together.
const LOOKING_MAX: usize = 16;
/// Entries and what is between them that wait for their turn: about 128 KiB.
const QUEUE_MAX: usize = 256;
