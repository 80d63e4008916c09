//! What a copy reads, looked at before anything is copied. Invariant: what is copied then is what was
//! looked at, by its `ETag`; whether the client's conditions hold for that is the storage's to say.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, response::Parts};

use super::{
    super::{authorize::Authorized, rescue::Error, send::speaks_of_keys, treat::SourceRule},
    courier::Courier,
    errands::Failure,
    fault::Fault,
    keys::Place,
    stored::{Body, Extent, Stored},
    uncopyable::Uncopyable,
};
use crate::{
    policy::Mode,
    s3::{CopySource, headers},
    seal::{Broken, Dek, ObjectId, ObjectKeys, Opener, Plain, plain},
    telemetry::metrics::Metrics,
    transform::seal::{Customer, OpenedBody, Opening, Sealed, Sealing, UnsealedObjects, reserved},
    upstream::Copied,
};

/// The source of a copy.
pub(in crate::pipeline) struct Source {
    pub(in crate::pipeline) courier: Courier,
    /// What the storage says of it.
    pub(in crate::pipeline) head: Parts,
    pub(in crate::pipeline) stored: Stored,
    /// By which it is known from now on.
    pub(in crate::pipeline) etag: HeaderValue,
    /// `None`: it is not sealed.
    pub(in crate::pipeline) seal: Option<Seal>,
}

/// What a sealed source is opened with.
pub(in crate::pipeline) struct Seal {
    pub(in crate::pipeline) sealed: Sealed,
    rule: SourceRule,
    customer: Option<Customer>,
}

/// A source on its way.
pub(in crate::pipeline) struct Brought {
    pub(in crate::pipeline) body: Copied,
    /// How many tags it has, as far as the storage says.
    pub(super) has_tags: bool,
}

impl Authorized {
    /// Looks at what is to be copied. The client's conditions on it are taken out of the request, since
    /// they are settled with this.
    pub(super) async fn look(
        &mut self,
        source: &CopySource,
        metrics: &Arc<Metrics>,
    ) -> Result<Source, Error> {
        let rule = self.source.take();
        let customer = match &rule {
            Some(_) => Customer::of_copy_source(&mut self.request.headers).map_err(Fault::from)?,
            // Its keys are the storage's to ask for.
            None => None,
        };
        if customer.is_some() && self.context.peer.tls.is_none() {
            return Err(Fault::CustomerKeyInTheClear.into());
        }
        let conditions = conditions(&mut self.request.headers);
        let object = (source.bucket.clone(), source.key.clone());
        let mut courier = self.sender(metrics)?.about(object, source.version_id.clone());
        courier.speak_as(&self.request.headers);
        let (courier, head) = self.find(courier, &conditions).await?;
        let stored = Stored::of(&head)?;
        let etag = stored.etag.clone();
        let etag = etag.ok_or_else(|| Error::Unreadable("an object without an ETag".to_owned()))?;
        let seal = seal(&head.headers, rule, customer)?;
        Ok(Source { courier, head, stored, etag, seal })
    }

    /// The head of the source; of several customer's keys the one that fits is found.
    async fn find(
        &mut self,
        mut courier: Courier,
        conditions: &HeaderMap,
    ) -> Result<(Courier, Parts), Error> {
        let mut head = courier.head_if(conditions).await?;
        let keys = std::mem::take(&mut self.keys);
        for headers in keys.alternatives(&self.request.headers) {
            if !speaks_of_keys(head.status) {
                break;
            }
            courier.speak_as(&headers);
            head = courier.head_if(conditions).await?;
        }
        match head.status {
            StatusCode::OK => Ok((courier, head)),
            StatusCode::NOT_MODIFIED | StatusCode::PRECONDITION_FAILED => {
                Err(Uncopyable::Condition.into())
            }
            status => {
                let said = courier.refusal(conditions).await?;
                let code = said.as_ref().map(|(code, _)| code.as_str());
                if status == StatusCode::NOT_FOUND {
                    self.absence.reveal(code)?;
                }
                Err(Uncopyable::source(status, said).into())
            }
        }
    }
}

impl Source {
    /// What the operator looks at, whose head this is; opened as this rule says.
    pub(in crate::pipeline) fn of_operator(
        courier: Courier,
        head: Parts,
        sealing: &Arc<Sealing>,
    ) -> Result<Self, Error> {
        let stored = Stored::of(&head)?;
        let etag = stored.etag.clone();
        let etag = etag.ok_or_else(|| Error::Unreadable("an object without an ETag".to_owned()))?;
        let rule = SourceRule { sealing: Arc::clone(sealing), mode: Mode::Enforce };
        let sealed = Sealed::read_all(&head.headers).map_err(Fault::from)?;
        let seal = sealed.map(|sealed| Seal { sealed, rule, customer: None });
        Ok(Self { courier, head, stored, etag, seal })
    }

    /// The data key of a sealed one.
    pub(in crate::pipeline) async fn dek(&self, seal: &Seal) -> Result<Dek, Fault> {
        let dek = self.place(seal).open_box(&seal.sealed, seal.customer.as_ref()).await?;
        // What is not the object's must not be wrapped for it.
        seal.sealed.committed.unlock(&dek)?;
        Ok(dek)
    }

    /// The plaintext, or a range of it.
    pub(in crate::pipeline) async fn bring(
        &self,
        range: Option<Range<u64>>,
    ) -> Result<Brought, Error> {
        match &self.seal {
            Some(seal) => self.open(seal, range).await,
            None => self.fetch(range).await,
        }
    }

    async fn fetch(&self, range: Option<Range<u64>>) -> Result<Brought, Error> {
        let size = self.stored.bytes;
        let wanted = range.map_or(Ok(0..size), |range| within(range, size))?;
        let answer = if wanted == (0..size) {
            self.courier.all(&self.stored).await?
        } else {
            self.courier.get(wanted.clone(), Some(&self.etag)).await?
        };
        let (head, body) = answer.into_parts();
        if Stored::of(&head)?.range != wanted {
            return Err(Error::Unreadable("another range than was asked for".to_owned()));
        }
        let body = Copied::as_it_is(body, wanted.end - wanted.start);
        Ok(Brought { body, has_tags: self.has_tags(&head.headers) })
    }

    async fn open(&self, seal: &Seal, range: Option<Range<u64>>) -> Result<Brought, Error> {
        let keys = self.place(seal).unlock(&seal.sealed, seal.customer.as_ref()).await?;
        let (stored, bytes, opener) = if let Some(range) = range {
            let ending = self.courier.ending(&keys, seal.id(), &self.stored).await?;
            let layout = ending.layout().ok_or(Fault::Broken(Broken::Tail))?;
            let range = within(range, layout.bytes())?;
            let bytes = range.end - range.start;
            let span = layout.span(range).ok_or(Fault::Broken(Broken::Size))?;
            let opener = Opener::range(&keys, layout, &span);
            (span.stored, bytes, opener)
        } else {
            let extent = self.extent(&keys, seal).await?;
            let opener = match &extent {
                Extent::Regular(_) => Opener::new(&keys),
                Extent::Ended(ending) => Opener::with_ending(&keys, ending),
            };
            (0..self.stored.bytes, extent.bytes()?, opener)
        };
        let take = stored.end - stored.start;
        let (head, body) = self.courier.get(stored, Some(&self.etag)).await?.into_parts();
        let opening =
            Opening { stored: body, begun: Bytes::new(), skip: 0, take, bytes: Some(bytes) };
        let body: OpenedBody<Body> = OpenedBody::new(opening, opener);
        let has_tags = self.has_tags(&head.headers);
        Ok(Brought { body: Copied::opened(body, bytes), has_tags })
    }

    async fn extent(&self, keys: &ObjectKeys, seal: &Seal) -> Result<Extent, Error> {
        match plain(self.stored.bytes) {
            Plain::Bytes(bytes) => Ok(Extent::Regular(bytes)),
            Plain::NotSealed => Err(Fault::Broken(Broken::Size).into()),
            Plain::Marked | Plain::Irregular => {
                let ending = self.courier.ending(keys, seal.id(), &self.stored).await?;
                Ok(Extent::Ended(ending))
            }
        }
    }

    /// The tags that a copy takes along.
    pub(super) async fn tags(&self) -> Result<Vec<(String, String)>, Error> {
        self.courier.tags().await.map_err(|failure| match failure {
            Failure::Error(error) => error,
            Failure::Told(told) => {
                Error::Unreadable(format!("{} for the tags of a copy's source", told.head.status))
            }
        })
    }

    /// Some backends tell in the head already, some only with the body.
    fn has_tags(&self, answer: &HeaderMap) -> bool {
        let count = |headers: &HeaderMap| {
            headers.get(headers::X_AMZ_TAGGING_COUNT).is_some_and(|count| count != "0")
        };
        count(answer) || count(&self.head.headers)
    }

    fn place<'a>(&'a self, seal: &'a Seal) -> Place<'a> {
        let Courier { bucket, key, sender, .. } = &self.courier;
        Place {
            bucket,
            key,
            sealing: &seal.rule.sealing,
            keyrings: &sender.context.settings.keyrings,
        }
    }
}

impl Seal {
    fn id(&self) -> ObjectId {
        self.sealed.committed.object_id()
    }
}

/// What a source is sealed with, as far as its rule opens it.
fn seal(
    head: &HeaderMap,
    rule: Option<SourceRule>,
    customer: Option<Customer>,
) -> Result<Option<Seal>, Fault> {
    let Some(rule) = rule else {
        return if reserved(head).is_some() {
            Err(Uncopyable::SealedElsewhere.into())
        } else {
            Ok(None)
        };
    };
    match Sealed::read(head)? {
        Some(sealed) => Ok(Some(Seal { sealed, rule, customer })),
        None if rule.mode == Mode::Enforce && rule.sealing.unsealed == UnsealedObjects::Refuse => {
            Err(Fault::NotSealed)
        }
        None => Ok(None),
    }
}

/// The client's conditions on the source, as a read of it says them.
fn conditions(received: &mut HeaderMap) -> HeaderMap {
    let renamed = CONDITIONS.iter();
    renamed.filter_map(|(sent, name)| Some((name.clone(), received.remove(sent)?))).collect()
}

/// A range that has to lie within the source, unlike that of a read.
fn within(range: Range<u64>, size: u64) -> Result<Range<u64>, Uncopyable> {
    if range.end <= size { Ok(range) } else { Err(Uncopyable::Beyond { size }) }
}

static CONDITIONS: [(HeaderName, HeaderName); 4] = [
    (headers::X_AMZ_COPY_SOURCE_IF_MATCH, header::IF_MATCH),
    (headers::X_AMZ_COPY_SOURCE_IF_NONE_MATCH, header::IF_NONE_MATCH),
    (headers::X_AMZ_COPY_SOURCE_IF_MODIFIED_SINCE, header::IF_MODIFIED_SINCE),
    (headers::X_AMZ_COPY_SOURCE_IF_UNMODIFIED_SINCE, header::IF_UNMODIFIED_SINCE),
];
