//! Sealing an object in place. Invariant: it is read and written under the `ETag` that was looked at, and
//! what is written is whole before it takes the object's place.

use aws_lc_rs::digest::{Context as Sha256, SHA256};
use http::{HeaderMap, Method, header};
use http_body_util::BodyExt as _;

use super::{
    super::seal::{Errand, Fault, NewKeys, Source},
    Conditions, Failed, Left, Maintenance, Target,
    grants::tagging,
    look::locked,
};
use crate::{
    policy::SealedPermit,
    s3::Query,
    seal::{
        CHUNK_BYTES, Completion, ObjectKeys, PLAIN_BYTES_MAX, PartNumber, Salt, Sealer, StoredPart,
        stored,
    },
    transform::{
        parts,
        seal::{METADATA_BYTES_MAX, Requested, SealedBody, Sealing, metadata_bytes},
    },
    upstream::{Copied, Outbound, Plaintext},
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
    /// How the backend takes the condition that an object is what it was.
    pub conditions: Conditions,
}

/// What takes the place of an object.
struct Replacement<'a> {
    source: &'a Source,
    keys: ObjectKeys,
    described: HeaderMap,
    conditions: HeaderMap,
}

impl Maintenance {
    /// Seals an object that is not sealed, as its rule says; metadata, tags and grants stay.
    ///
    /// # Errors
    ///
    /// The keyring gives no key, the backend refuses, the object became another one meanwhile, or what
    /// was sealed is not what was read.
    pub async fn seal(&self, target: &Target, options: SealOptions) -> Result<Sealed, Failed> {
        let Some(sealing) = self.sealing(target) else { return Ok(Sealed::Left(Left::NoRule)) };
        let Some(source) = self.source(target, &sealing).await? else { return Ok(Sealed::Gone) };
        if source.seal.is_some() {
            return Ok(Sealed::Already);
        }
        if let Some(left) = locked(&source.head.headers, source.courier.sender.context.time()) {
            return Ok(Sealed::Left(left));
        }
        let bytes = source.stored.bytes;
        if options.is_rehearsal {
            return Ok(Sealed::Done { bytes });
        }
        let before = if options.verifies { Some(digest(&source).await?) } else { None };
        self.replace(&source, (target, &sealing), options).await?;
        if let Some(before) = before {
            let sealed = self.source(target, &sealing).await?.filter(|now| now.seal.is_some());
            let sealed = sealed.ok_or_else(|| Failed::new("it was sealed, and is not there"))?;
            if digest(&sealed).await? != before {
                return Err(Failed::new("it was sealed, and opens to something else"));
            }
        }
        Ok(Sealed::Done { bytes })
    }

    async fn replace(
        &self,
        source: &Source,
        (target, sealing): (&Target, &Sealing),
        options: SealOptions,
    ) -> Result<(), Failed> {
        let mut described = self.described(source).await?;
        let bytes = metadata_bytes(&described);
        if bytes > METADATA_BYTES_MAX {
            return Err(Failed::new(format!(
                "its user metadata has {bytes} bytes, of which {METADATA_BYTES_MAX} have room beside \
                 the proxy's own"
            )));
        }
        described.extend(tagging(&source.courier.all_tags().await?)?);
        let place = self.place(target, sealing);
        let NewKeys { keys, sealed, .. } = place.new_keys(&Requested::default()).await?;
        sealed.insert(&mut described).map_err(crate::upstream::Error::from)?;
        let conditions = options.conditions.that_it_is(&source.etag);
        let replacement = Replacement { source, keys, described, conditions };
        let bytes = source.stored.bytes;
        if bytes <= PLAIN_BYTES_MAX && stored(bytes).is_some_and(|it| it <= self.request_bytes_max)
        {
            replacement.put().await
        } else {
            replacement.upload(self.request_bytes_max).await
        }
    }
}

impl Replacement<'_> {
    async fn put(&self) -> Result<(), Failed> {
        let bytes = self.source.stored.bytes;
        let plain = self.source.bring(None).await?.body;
        let sealer = Sealer::single(&self.keys, salt()?, bytes).map_err(unsealable)?;
        let errand = Errand::new(Method::PUT, Query::default())
            .with_all(self.described.clone())
            .with_all(self.conditions.clone());
        self.send(errand, plain, sealer).await?;
        Ok(())
    }

    async fn upload(&self, request_bytes_max: u64) -> Result<(), Failed> {
        let courier = &self.source.courier;
        let upload_id = courier.create(self.described.clone()).await?;
        let uploaded = self.upload_parts(&upload_id, request_bytes_max).await;
        if uploaded.is_err() {
            // What is left behind otherwise costs room, and is found by listing uploads.
            let _ = courier.abort(&upload_id).await;
        }
        uploaded
    }

    async fn upload_parts(&self, upload_id: &str, request_bytes_max: u64) -> Result<(), Failed> {
        let (courier, size) = (&self.source.courier, self.source.stored.bytes);
        let each = part_bytes(size, request_bytes_max);
        let (mut tags, mut parts, mut start) = (Vec::new(), Vec::new(), 0);
        for number in (1..).map_while(PartNumber::new) {
            if start >= size {
                break;
            }
            let range = start..(start + each).min(size);
            start = range.end;
            let bytes = range.end - range.start;
            let plain = self.source.bring(Some(range)).await?.body;
            let sealer = Sealer::part(&self.keys, number, salt()?, bytes).map_err(unsealable)?;
            let is_footered = sealer.is_footered();
            let query = Query::of("partNumber", &number.value().to_string());
            let errand = Errand::new(Method::PUT, query.and("uploadId", upload_id));
            tags.push((number, self.send(errand, plain, sealer).await?));
            parts.push(StoredPart { number, bytes, is_footered });
        }
        let completion = Completion::of(&self.keys, &parts);
        match completion.map_err(|error| Failed::new(error.to_string()))? {
            Completion::AsItIs => {}
            Completion::Add(bytes) => {
                let number = u16::try_from(parts.len() + 1).ok().and_then(PartNumber::new);
                let number =
                    number.ok_or_else(|| Failed::new("more parts than an upload takes"))?;
                tags.push((number, courier.put_part(upload_id, number, bytes).await?));
            }
            Completion::Rebuild(_) => return Err(Failed::new("its parts came out uneven")),
        }
        // Some backends honour conditions on single uploads alone.
        if courier.head().await?.headers.get(header::ETAG) != Some(&self.source.etag) {
            return Err(Fault::Changed.into());
        }
        let document = parts::completion(tags.iter().map(|(number, tag)| (*number, tag.as_str())));
        courier.complete(upload_id, document, self.conditions.clone()).await?;
        Ok(())
    }

    /// Sends what is read, sealed; the tag that the backend gives it.
    async fn send(&self, errand: Errand, plain: Copied, sealer: Sealer) -> Result<String, Failed> {
        let (bytes, outcome) = (plain.length(), plain.outcome());
        let plain = (bytes > 0).then(|| Plaintext::Copied(Box::new(plain)));
        let body = Outbound::sealed(SealedBody::new(plain, sealer), SealedPermit::of_operator());
        let answer = self.source.courier.answer(errand.with_body(body)).await;
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
}

/// The SHA-256 of an object's plaintext.
async fn digest(source: &Source) -> Result<[u8; 32], Failed> {
    let mut body = source.bring(None).await?.body;
    let mut digest = Sha256::new(&SHA256);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failed::passing(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            digest.update(&data);
        }
    }
    let digest = digest.finish();
    <[u8; 32]>::try_from(digest.as_ref()).map_err(|_| Failed::new("a digest of another length"))
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
