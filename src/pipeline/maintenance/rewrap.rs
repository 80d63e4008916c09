//! Wrapping an object's data key anew. Invariant: the records stay as they are, byte for byte, and
//! metadata, tags and grants as they were; the object can be opened before, after and all the while.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

use super::{
    super::seal::{Courier, Errand, Fault, Source, SourceSeal, cut},
    CopyConditions, Failed, Left, Look, Maintenance, Target, Tried, grants,
    look::archived,
    tried::Written,
    upload::{MakesParts, Upload},
};
use crate::{
    pipeline::Place,
    s3::{Query, headers, xml},
    seal::{Broken, PartNumber},
    transform::seal::{Requested, Sealed, Sealing},
};

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrapped {
    /// It was under these keys, and is under the newest.
    Done(Look),
    /// It is so already.
    Current,
    /// It is not sealed.
    NotSealed,
    /// There is none by that name any more.
    Gone,
    /// It stays as it is.
    Left(Left),
}

/// How boxes are made anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct RewrapOptions<'a> {
    /// Another keyring of the rule's than that which it writes with.
    pub to: Option<&'a str>,
    /// Nothing is written.
    pub is_rehearsal: bool,
    /// Whether the bucket's objects can be locked ([`Maintenance::has_locks`]).
    pub has_locks: bool,
    /// How the backend takes the condition that an object is what it was.
    pub conditions: CopyConditions,
}

impl Maintenance {
    /// Wraps the data key of an object under the newest key of its rule's keyring; bound as its rule
    /// says. What earlier attempts at the object have tried is known by `tried`.
    ///
    /// # Errors
    ///
    /// The box does not open, the keyring is not among those of the rule, or the backend refuses.
    pub async fn rewrap(
        &self,
        target: &Target,
        options: RewrapOptions<'_>,
        tried: &Tried,
    ) -> Result<Rewrapped, Failed> {
        let Some(sealing) = self.sealing(target) else {
            return Ok(Rewrapped::Left(Left::NoRule));
        };
        let sealing = Arc::new(writing_with(&sealing, options.to)?);
        let Some(source) = self.source(target, &sealing).await? else { return Ok(Rewrapped::Gone) };
        let Some(seal) = &source.seal else { return Ok(Rewrapped::NotSealed) };
        if self.is_current(target, &seal.sealed, &sealing).await? {
            let Some((was, tags)) = tried.wrapped(&seal.sealed) else {
                return Ok(Rewrapped::Current);
            };
            source.courier.keep_tags(&tags, &seal.sealed).await?;
            return Ok(Rewrapped::Done(was));
        }
        if seal.sealed.key_box.needs_customer_key() {
            return Ok(Rewrapped::Left(Left::CustomerKey));
        }
        let left = match archived(&source.head.headers, false) {
            None => self.held(&source, options.has_locks).await?,
            left => left,
        };
        if let Some(left) = left {
            return Ok(Rewrapped::Left(left));
        }
        let was = Look::of(&seal.sealed);
        if !options.is_rehearsal {
            let dek = source.dek(seal).await?;
            let place = self.place(target, &sealing);
            let committed = seal.sealed.committed;
            let (sealed, _) = place.rewrap(&dek, committed, &Requested::default()).await?;
            self.describe_anew(source, (target, &sealed), options, tried).await?;
        }
        Ok(Rewrapped::Done(was))
    }

    /// Whether a sealed object that was looked at is under the keys that a rewrap would give it; `None`:
    /// no rule seals there.
    ///
    /// # Errors
    ///
    /// The keyring gives no key.
    pub async fn is_wrapped_so(
        &self,
        target: &Target,
        look: &Look,
        to: Option<&str>,
    ) -> Result<Option<bool>, Failed> {
        let Some(sealing) = self.sealing(target) else { return Ok(None) };
        let sealing = writing_with(&sealing, to)?;
        let (ring, version) = self.newest(target, &sealing).await?;
        Ok(Some(ring == look.keyring && version == look.key_version))
    }

    /// Under the newest key, bound as the rule says, and for this bucket.
    async fn is_current(
        &self,
        target: &Target,
        sealed: &Sealed,
        sealing: &Sealing,
    ) -> Result<bool, Failed> {
        let wrapped = sealed.key_box.bucket_key();
        let (ring, version) = self.newest(target, sealing).await?;
        let is_newest = ring == wrapped.ring && version == wrapped.version;
        if !is_newest || sealed.key_box.binding() != sealing.binding {
            return Ok(false);
        }
        if sealing.aliases.is_empty() {
            return Ok(true);
        }
        if sealed.key_box.needs_customer_key() {
            return Ok(false);
        }
        // It may be for the bucket that it was restored from.
        let sealing = Sealing { aliases: Vec::new(), ..sealing.clone() };
        let place = self.place(target, &sealing);
        match place.open_box(sealed, None).await {
            Ok(_) => Ok(true),
            Err(Fault::Broken(Broken::Box)) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The keyring and key that new objects of the bucket are wrapped with.
    async fn newest(&self, target: &Target, sealing: &Sealing) -> Result<(String, String), Failed> {
        let name = sealing.writes_with();
        let unknown = || Failed::new(format!("there is no keyring {name:?}"));
        let ring = self.settings.keyrings.find(name).ok_or_else(unknown)?;
        let current = ring.current(target.bucket.as_str(), None).await.map_err(Fault::from)?;
        Ok((name.to_owned(), current.wrapped.version.clone()))
    }

    /// Has the storage copy the object onto itself, with this box.
    async fn describe_anew(
        &self,
        source: Source,
        (target, sealed): (&Target, &Sealed),
        options: RewrapOptions<'_>,
        tried: &Tried,
    ) -> Result<(), Failed> {
        let belongings = source.courier.belongings(&source.head.headers).await?;
        let tags = &belongings.tags;
        let mut described = belongings.with(sealed)?;
        if let Some(SourceSeal { sealed: was, .. }) = &source.seal {
            let was = Look::of(was);
            tried.note(Written::Box { sealed: sealed.clone(), was, tags: tags.clone() });
        }
        if source.stored.bytes > self.request_bytes_max {
            let conditions = options.conditions.writes.that_it_is(&source.etag);
            let (belongings, has_locks, maker) = (&belongings, options.has_locks, CopiedParts);
            let upload = Upload {
                maintenance: self,
                target,
                source,
                belongings,
                has_locks,
                conditions,
                maker,
            };
            return upload.run(described).await;
        }
        if !tags.is_empty() {
            let replaces = HeaderValue::from_static("REPLACE");
            described.insert(headers::X_AMZ_TAGGING_DIRECTIVE, replaces);
        }
        let CopyConditions { source: condition, copies, .. } = options.conditions;
        described.extend(condition.unwrap_or_default().that_it_is(&source.etag));
        described.extend(copies.that_it_is(&source.etag));
        let courier = &source.courier;
        let copied = courier.copy_onto_itself(described).await;
        copied.map_err(|failed| may_have_lost(failed, tags))?;
        courier.keep_tags(tags, sealed).await
    }

    pub(super) fn place<'a>(&'a self, target: &'a Target, sealing: &'a Sealing) -> Place<'a> {
        let keyrings = &self.settings.keyrings;
        Place { bucket: &target.bucket, key: &target.key, sealing, keyrings }
    }
}

impl Courier {
    /// Has the storage copy the object onto itself, to be described so, on the conditions that are among
    /// these headers.
    pub(super) async fn copy_onto_itself(&self, described: HeaderMap) -> Result<(), Failed> {
        let path = HeaderValue::try_from(self.path());
        let path = path.map_err(|_| Failed::new("the key cannot be written into a header"))?;
        let errand = Errand::new(Method::PUT, Query::default())
            .with_all(described)
            .with(header::CONTENT_LENGTH, HeaderValue::from(0))
            .with(headers::X_AMZ_COPY_SOURCE, path)
            .with(headers::X_AMZ_METADATA_DIRECTIVE, HeaderValue::from_static("REPLACE"));
        let (head, document) = self.answer(errand).await?;
        copied(head.status, &document)
    }
}

/// A copy may begin with a 200 before the storage knows.
fn copied(status: http::StatusCode, document: &Bytes) -> Result<(), Failed> {
    if xml::locate(document, "CopyObjectResult", "ETag").is_ok() {
        return Ok(());
    }
    let text = |element| xml::find(document, "Error", element).ok().flatten();
    let text = |element| text(element).map(|(text, _)| text).unwrap_or_default();
    Err(Failed::answered(status, &text("Code"), &text("Message")))
}

/// Parts of stored bytes, which the storage copies.
struct CopiedParts;

impl MakesParts for CopiedParts {
    fn ranges(&self, size: u64) -> Vec<Range<u64>> {
        cut(std::slice::from_ref(&(0..size)))
    }

    async fn make(
        &mut self,
        source: &Source,
        place: (&str, PartNumber),
        range: Range<u64>,
    ) -> Result<String, Failed> {
        Ok(source.courier.copy_part(place, &range, &source.etag).await?)
    }

    fn ending(&self) -> Result<Option<Bytes>, Failed> {
        Ok(None)
    }
}

/// Some backends copy no tags, and whether this one has copied the object is not known.
fn may_have_lost(failed: Failed, tags: &[(String, String)]) -> Failed {
    if tags.is_empty() || !failed.may_pass() {
        return failed;
    }
    let tags = grants::told(tags);
    failed.and(&format!("if it was copied all the same, see whether it has its tags {tags}"))
}

/// As the rule says, but written with this keyring.
fn writing_with(sealing: &Sealing, ring: Option<&str>) -> Result<Sealing, Failed> {
    let mut sealing = sealing.clone();
    let Some(ring) = ring else { return Ok(sealing) };
    match sealing.keyrings.iter().position(|name| name == ring) {
        Some(place) => sealing.keyrings.swap(0, place),
        None => {
            return Err(Failed::new(format!(
                "the rule would not open it with {ring:?}: add that to its `keyring` first"
            )));
        }
    }
    Ok(sealing)
}
