//! Sealing an object in place. Invariant: it is read and written under the `ETag` that was looked at, and
//! what is written is whole before it takes the object's place.

use std::ops::Range;

use aws_lc_rs::digest::{Context as Sha256, SHA256};
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use http_body_util::BodyExt as _;

use super::{
    super::seal::{Errand, Fault, NewKeys, Source},
    Conditions, Failed, Left, Maintenance, Target, Tried,
    belongings::{is_described, leave_room},
    look::archived,
    tried::{Plaintext as Was, Written},
    upload::{MakesParts, Upload},
};
use crate::{
    policy::SealedPermit,
    s3::Query,
    seal::{
        CHUNK_BYTES, Completion, ObjectKeys, PLAIN_BYTES_MAX, PartNumber, Salt, Sealer, StoredPart,
        stored,
    },
    transform::seal::{Requested, SealedBody, Sealing, Unopened},
    upstream::{Copied, CopyError, Outbound, Plaintext},
};

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// It was not sealed, and is.
    Done {
        /// Of plaintext.
        bytes: u64,
    },
    /// It is so already.
    Already,
    /// There is none by that name any more.
    Gone,
    /// It stays as it is.
    Left(Left),
}

/// How objects are sealed in place.
#[derive(Clone, Copy, Debug)]
pub struct SealOptions {
    /// Nothing is written.
    pub is_rehearsal: bool,
    /// Each object is read before, and opened afterwards, and both have to be the same.
    pub verifies: bool,
    /// Whether the bucket's objects can be locked ([`Maintenance::has_locks`]).
    pub has_locks: bool,
    /// How the backend takes the condition that an object is what it was.
    pub conditions: Conditions,
}

impl Maintenance {
    /// Seals an object that is not sealed, as its rule says; metadata, tags and grants stay. What earlier
    /// attempts at the object have tried is known by `tried`.
    ///
    /// # Errors
    ///
    /// The keyring gives no key, the backend refuses, the object became another one meanwhile, or what
    /// was sealed is not what was read.
    pub async fn seal(
        &self,
        target: &Target,
        options: SealOptions,
        tried: &Tried,
    ) -> Result<Sealed, Failed> {
        let Some(sealing) = self.sealing(target) else { return Ok(Sealed::Left(Left::NoRule)) };
        let Some(source) = self.source(target, &sealing).await? else { return Ok(Sealed::Gone) };
        if let Some(seal) = &source.seal {
            let Some(was) = tried.object(&seal.sealed) else { return Ok(Sealed::Already) };
            compare(&source, was).await?;
            return Ok(Sealed::Done { bytes: was.bytes });
        }
        if let Some(left) = self.left(&source, options).await? {
            return Ok(Sealed::Left(left));
        }
        let bytes = source.stored.bytes;
        if options.is_rehearsal {
            return Ok(Sealed::Done { bytes });
        }
        let (mut source, mut was) = (source, Was { bytes, digest: None });
        if options.verifies {
            was.digest = Some(digest(&source).await?);
            // That took its time, and not every change shows in the tag.
            let Some(now) = self.source(target, &sealing).await? else { return Ok(Sealed::Gone) };
            if now.etag != source.etag {
                return Err(Fault::Changed.into());
            }
            if let Some(left) = self.left(&now, options).await? {
                return Ok(Sealed::Left(left));
            }
            source = now;
        }
        self.replace(source, (target, &sealing), options, (tried, was)).await?;
        if options.verifies {
            let sealed = self.source(target, &sealing).await?;
            let sealed = sealed.ok_or_else(|| Failed::new("it was sealed, and is gone"))?;
            verify(&sealed, tried).await?;
        }
        Ok(Sealed::Done { bytes })
    }

    /// Why it is not to be sealed, or cannot be.
    async fn left(&self, source: &Source, options: SealOptions) -> Result<Option<Left>, Failed> {
        let head = &source.head.headers;
        is_described(head)?;
        leave_room(head)?;
        match archived(head, options.verifies) {
            None => self.held(source, options.has_locks).await,
            left => Ok(left),
        }
    }

    async fn replace(
        &self,
        source: Source,
        (target, sealing): (&Target, &Sealing),
        options: SealOptions,
        (tried, was): (&Tried, Was),
    ) -> Result<(), Failed> {
        let belongings = source.courier.belongings(&source.head.headers).await?;
        let place = self.place(target, sealing);
        let NewKeys { keys, sealed, .. } = place.new_keys(&Requested::default()).await?;
        tried.note(Written::Object { id: sealed.committed.object_id(), was });
        let described = belongings.with(&sealed)?;
        let conditions = options.conditions.that_it_is(&source.etag);
        let bytes = source.stored.bytes;
        if bytes <= PLAIN_BYTES_MAX && stored(bytes).is_some_and(|it| it <= self.request_bytes_max)
        {
            return put(&source, &keys, described, conditions).await;
        }
        let maker = SealedParts {
            each: part_bytes(bytes, self.request_bytes_max),
            keys,
            stored: Vec::new(),
        };
        let (belongings, has_locks) = (&belongings, options.has_locks);
        let upload =
            Upload { maintenance: self, target, source, belongings, has_locks, conditions, maker };
        upload.run(described).await
    }
}

/// Parts that are sealed on their way.
struct SealedParts {
    keys: ObjectKeys,
    /// Of plaintext, but in the last one.
    each: u64,
    stored: Vec<StoredPart>,
}

impl MakesParts for SealedParts {
    fn ranges(&self, size: u64) -> Vec<Range<u64>> {
        let starts = (0..size.div_ceil(self.each)).map(|index| index * self.each);
        starts.map(|start| start..(start + self.each).min(size)).collect()
    }

    async fn make(
        &mut self,
        source: &Source,
        (upload_id, number): (&str, PartNumber),
        range: Range<u64>,
    ) -> Result<String, Failed> {
        let bytes = range.end - range.start;
        let plain = source.bring(Some(range)).await?.body;
        let sealer = Sealer::part(&self.keys, number, salt()?, bytes).map_err(unsealable)?;
        let is_footered = sealer.is_footered();
        let query = Query::of("partNumber", &number.value().to_string());
        let errand = Errand::new(Method::PUT, query.and("uploadId", upload_id));
        let tag = send(source, errand, plain, sealer).await?;
        self.stored.push(StoredPart { number, bytes, is_footered });
        Ok(tag)
    }

    fn ending(&self) -> Result<Option<Bytes>, Failed> {
        let completion = Completion::of(&self.keys, &self.stored);
        match completion.map_err(|error| Failed::new(error.to_string()))? {
            Completion::AsItIs => Ok(None),
            Completion::Add(bytes) => Ok(Some(bytes)),
            Completion::Rebuild(_) => Err(Failed::new("its parts came out uneven")),
        }
    }
}

async fn put(
    source: &Source,
    keys: &ObjectKeys,
    described: HeaderMap,
    conditions: HeaderMap,
) -> Result<(), Failed> {
    let bytes = source.stored.bytes;
    let plain = source.bring(None).await?.body;
    let sealer = Sealer::single(keys, salt()?, bytes).map_err(unsealable)?;
    let errand = Errand::new(Method::PUT, Query::default());
    send(source, errand.with_all(described).with_all(conditions), plain, sealer).await?;
    Ok(())
}

/// Sends what is read, sealed; the tag that the backend gives it.
async fn send(
    source: &Source,
    errand: Errand,
    plain: Copied,
    sealer: Sealer,
) -> Result<String, Failed> {
    let (bytes, outcome) = (plain.length(), plain.outcome());
    let plain = (bytes > 0).then(|| Plaintext::Copied(Box::new(plain)));
    let body = Outbound::sealed(SealedBody::new(plain, sealer), SealedPermit::of_operator());
    let answer = source.courier.answer(errand.with_body(body)).await;
    if let Some(error) = outcome.failed() {
        return Err(Failed::passing(error.to_string()));
    }
    let (head, _) = answer?;
    if bytes > 0 && !outcome.is_complete() {
        return Err(Failed::passing("the storage answered before it had all of the object"));
    }
    let etag = head.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok());
    Ok(etag.map(str::to_owned).unwrap_or_default())
}

/// Whether what is there now is what was sealed; whatever somebody else wrote since is theirs.
async fn verify(now: &Source, tried: &Tried) -> Result<(), Failed> {
    let Some(seal) = &now.seal else { return Err(Fault::Changed.into()) };
    match tried.object(&seal.sealed) {
        Some(was) => compare(now, was).await,
        None => Ok(()),
    }
}

async fn compare(sealed: &Source, was: Was) -> Result<(), Failed> {
    match was.digest {
        Some(before) if digest(sealed).await? != before => {
            Err(Failed::new("it was sealed, and opens to something else"))
        }
        _ => Ok(()),
    }
}

/// The SHA-256 of an object's plaintext.
async fn digest(source: &Source) -> Result<[u8; 32], Failed> {
    let mut body = source.bring(None).await?.body;
    let mut digest = Sha256::new(&SHA256);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|error| unread(&error))?.into_data() {
            digest.update(&data);
        }
    }
    let digest = digest.finish();
    <[u8; 32]>::try_from(digest.as_ref()).map_err(|_| Failed::new("a digest of another length"))
}

/// What breaks off may not do so again; what does not open never will.
fn unread(error: &CopyError) -> Failed {
    match error {
        CopyError::Unopened(unopened) if matches!(**unopened, Unopened::Broken(_)) => {
            Failed::new(format!("it is sealed, and does not open: {error}"))
        }
        CopyError::Unopened(_) | CopyError::BrokeOff(_) | CopyError::Length => {
            Failed::passing(error.to_string())
        }
    }
}

/// Of each part but the last: whole records, and so few parts that one can be added.
fn part_bytes(size: u64, request_bytes_max: u64) -> u64 {
    let most = request_bytes_max.min(PART_BYTES_USUAL);
    let least = size.div_ceil(PARTS_MAX);
    most.max(least).next_multiple_of(CHUNK_BYTES)
}

fn salt() -> Result<Salt, Failed> {
    Ok(Salt::generate().map_err(Fault::from)?)
}

fn unsealable(error: crate::seal::Unsealable) -> Failed {
    Failed::new(error.to_string())
}

/// What is read and written in a few seconds.
const PART_BYTES_USUAL: u64 = 1 << 30;
/// Of the 10,000 that an upload takes, one is for what comes behind them.
const PARTS_MAX: u64 = 9_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_records_and_few_enough() {
        let (mib, gib) = (1 << 20, 1 << 30);
        assert_eq!(part_bytes(6 * gib, 5 * gib), gib);
        assert_eq!(part_bytes(6 * mib, 5 * mib), 5 * mib);
        assert_eq!(part_bytes(6 * mib, 5 * mib + 1), 5 * mib + CHUNK_BYTES);
        let largest = part_bytes(50_000_000_000_000, 5 * gib);
        assert!(largest < PLAIN_BYTES_MAX && largest.is_multiple_of(CHUNK_BYTES));
    }
}
