//! Wrapping an object's data key anew. Invariant: the records stay as they are, byte for byte, and
//! metadata, tags and grants as they were; the object can be opened before, after and all the while.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

use super::{
    super::seal::{Errand, Fault, Source, SourceSeal, cut},
    Failed, Left, Look, Maintenance, Target,
    grants::tagging,
    look::locked,
};
use crate::{
    pipeline::Place,
    s3::{Query, headers, xml},
    seal::{Broken, PartNumber},
    transform::{
        copies, parts,
        seal::{Requested, Sealed, Sealing, hide},
    },
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

impl Maintenance {
    /// Wraps the data key of an object under the newest key of this keyring, or else of that which its
    /// rule writes with; bound as its rule says. With `is_rehearsal` nothing is written.
    ///
    /// # Errors
    ///
    /// The box does not open, the keyring is not among those of the rule, or the backend refuses.
    pub async fn rewrap(
        &self,
        target: &Target,
        to: Option<&str>,
        is_rehearsal: bool,
    ) -> Result<Rewrapped, Failed> {
        let Some(sealing) = self.sealing(target) else {
            return Ok(Rewrapped::Left(Left::NoRule));
        };
        let sealing = Arc::new(writing_with(&sealing, to)?);
        let Some(source) = self.source(target, &sealing).await? else { return Ok(Rewrapped::Gone) };
        let Some(seal) = &source.seal else { return Ok(Rewrapped::NotSealed) };
        if seal.sealed.key_box.needs_customer_key() {
            return Ok(Rewrapped::Left(Left::CustomerKey));
        }
        if self.is_current(target, &seal.sealed, &sealing).await? {
            return Ok(Rewrapped::Current);
        }
        if let Some(left) = locked(&source.head.headers, source.courier.sender.context.time()) {
            return Ok(Rewrapped::Left(left));
        }
        let was = Look::of(&seal.sealed);
        if !is_rehearsal {
            self.wrap_anew(&source, seal, &sealing).await?;
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

    async fn wrap_anew(
        &self,
        source: &Source,
        seal: &SourceSeal,
        sealing: &Sealing,
    ) -> Result<(), Failed> {
        let dek = source.dek(seal).await?;
        let courier = &source.courier;
        let target =
            Target { bucket: courier.bucket.clone(), key: courier.key.clone(), version_id: None };
        let place = self.place(&target, sealing);
        let committed = seal.sealed.committed;
        let (sealed, _) = place.rewrap(&dek, committed, &Requested::default()).await?;
        let mut described = self.described(source).await?;
        hide(&mut described);
        sealed.insert(&mut described).map_err(crate::upstream::Error::from)?;
        let tags = courier.all_tags().await?;
        described.extend(tagging(&tags)?);
        if source.stored.bytes > self.request_bytes_max {
            return self.copy_by_parts(source, described).await;
        }
        if !tags.is_empty() {
            let replaces = HeaderValue::from_static("REPLACE");
            described.insert(headers::X_AMZ_TAGGING_DIRECTIVE, replaces);
        }
        copy(source, described).await?;
        courier.keep_tags(&tags).await
    }

    /// What the object has to be described by, besides its tags, so that nothing of it changes.
    pub(super) async fn described(&self, source: &Source) -> Result<HeaderMap, Failed> {
        let head = &source.head.headers;
        if head.contains_key(headers::X_AMZ_MISSING_META) {
            return Err(Failed::new("the storage does not show all of the object's metadata"));
        }
        let mut described = copies::described(head);
        described.extend(source.courier.grants().await?);
        Ok(described)
    }

    async fn copy_by_parts(&self, source: &Source, described: HeaderMap) -> Result<(), Failed> {
        let courier = &source.courier;
        let upload_id = courier.create(described).await?;
        let copied = copy_parts(source, &upload_id).await;
        if copied.is_err() {
            // What is left behind otherwise costs room, and is found by listing uploads.
            let _ = courier.abort(&upload_id).await;
        }
        copied
    }

    pub(super) fn place<'a>(&'a self, target: &'a Target, sealing: &'a Sealing) -> Place<'a> {
        let keyrings = &self.settings.keyrings;
        Place { bucket: &target.bucket, key: &target.key, sealing, keyrings }
    }
}

async fn copy(source: &Source, described: HeaderMap) -> Result<(), Failed> {
    let courier = &source.courier;
    let path = HeaderValue::try_from(courier.path());
    let path = path.map_err(|_| Failed::new("the key cannot be written into a header"))?;
    let errand = Errand::new(Method::PUT, Query::default())
        .with_all(described)
        .with(header::CONTENT_LENGTH, HeaderValue::from(0))
        .with(headers::X_AMZ_COPY_SOURCE, path)
        .with(headers::X_AMZ_COPY_SOURCE_IF_MATCH, source.etag.clone())
        .with(headers::X_AMZ_METADATA_DIRECTIVE, HeaderValue::from_static("REPLACE"));
    let (head, document) = courier.answer(errand).await?;
    copied(head.status, &document)
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

async fn copy_parts(source: &Source, upload_id: &str) -> Result<(), Failed> {
    let courier = &source.courier;
    let mut tags = Vec::new();
    let pieces = cut(std::slice::from_ref(&(0..source.stored.bytes)));
    for (piece, number) in pieces.iter().zip((1..).map_while(PartNumber::new)) {
        tags.push((number, courier.copy_part((upload_id, number), piece, &source.etag).await?));
    }
    let document = parts::completion(tags.iter().map(|(number, tag)| (*number, tag.as_str())));
    let conditions = HeaderMap::from_iter([(header::IF_MATCH, source.etag.clone())]);
    courier.complete(upload_id, document, conditions).await?;
    Ok(())
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
