//! Putting a completed object together anew on the backend (`docs/format.md`, *Irregular objects*).
//! Invariant: the object that is there stays until the new one takes its place as a whole, and nothing that
//! another has put there is replaced.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};

use super::{
    complete::Completing,
    errands::{Failure, Object},
    mend::replaced,
};
use crate::{
    pipeline::rescue::Error,
    s3::headers,
    seal::PartNumber,
    transform::{copies, parts, seal::Anew},
};

impl Completing {
    /// The object, made of the same records with another ending. If that fails it stays as it is, and
    /// the client is told, so that it repeats its completion.
    pub(super) async fn rebuild(&self, object: Object, anew: Anew) -> Result<Object, Failure> {
        match Box::pin(self.make_anew(&object, anew)).await {
            Ok(rebuilt) => Ok(rebuilt),
            Err(failure) => replaced(object, failure),
        }
    }

    async fn make_anew(&self, object: &Object, anew: Anew) -> Result<Object, Failure> {
        let head = self.courier.head().await?;
        let etag = head.headers.get(header::ETAG).cloned();
        let etag =
            etag.ok_or_else(|| Error::Unreadable("an object without an `ETag`".to_owned()))?;
        if object.etag_value().is_some_and(|completed| completed != etag) {
            return Err(super::Fault::Changed.into());
        }
        let upload_id = self.courier.create(self.described(&head.headers).await?).await?;
        let made = self.put_parts(&upload_id, &etag, anew).await;
        if made.is_err() {
            // What is left behind otherwise costs room, and is found by listing uploads.
            let _ = self.courier.abort(&upload_id).await;
        }
        made
    }

    /// What the object is described by, and who may do what with it.
    async fn described(&self, head: &HeaderMap) -> Result<HeaderMap, Failure> {
        let mut described = self.access.clone();
        described.extend(copies::described(head));
        if head.get(headers::X_AMZ_TAGGING_COUNT).is_some_and(|count| count != "0") {
            described.extend(self.courier.tagging().await?);
        }
        Ok(described)
    }

    async fn put_parts(
        &self,
        upload_id: &str,
        etag: &HeaderValue,
        Anew { mut pieces, ending, .. }: Anew,
    ) -> Result<Object, Failure> {
        // Only the last part may be small, and that is the one with the ending.
        let small = pieces.pop_if(|piece| piece.end - piece.start < COPY_BYTES_MIN);
        let mut numbers = (1..).map_while(PartNumber::new);
        let mut next = || {
            let number = numbers.next();
            number.ok_or_else(|| Error::Unreadable("more parts than an upload takes".to_owned()))
        };
        let mut parts = Vec::new();
        for piece in cut(&pieces) {
            let number = next()?;
            let tag = self.courier.copy_part((upload_id, number), &piece, etag).await?;
            parts.push((number, tag));
        }
        let (number, last) = (next()?, self.last(small, etag, ending).await?);
        parts.push((number, self.courier.put_part(upload_id, number, last).await?));
        let document = parts::completion(parts.iter().map(|(number, tag)| (*number, tag.as_str())));
        let conditions = HeaderMap::from_iter([(header::IF_MATCH, etag.clone())]);
        self.courier.complete(upload_id, document, conditions).await
    }

    /// The ending, behind what is too little to be a part that another follows.
    async fn last(
        &self,
        small: Option<Range<u64>>,
        etag: &HeaderValue,
        ending: Bytes,
    ) -> Result<Bytes, Error> {
        let Some(small) = small else { return Ok(ending) };
        let share = self.courier.sender.context.room.take(small.end - small.start).await?;
        let mut last = BytesMut::from(&*self.courier.bytes(small, Some(etag)).await?);
        last.extend_from_slice(&ending);
        Ok(share.hold(last.freeze()))
    }
}

/// Pieces of a size that one request can copy, none of which is small if none was before.
pub(in crate::pipeline) fn cut(pieces: &[Range<u64>]) -> Vec<Range<u64>> {
    let all: u64 = pieces.iter().map(|piece| piece.end - piece.start).sum();
    let most = all.div_ceil(COPIES_MAX).clamp(COPY_BYTES_USUAL, COPY_BYTES_MAX);
    let mut cuts = Vec::new();
    for Range { start, end } in pieces {
        let count = (end - start).div_ceil(most);
        let each = (end - start).div_ceil(count.max(1));
        let starts = (0..count).map(|number| start + number * each);
        cuts.extend(starts.map(|start| start..(start + each).min(*end)));
    }
    cuts
}

/// S3's minimum for a part that another one follows.
const COPY_BYTES_MIN: u64 = 5 << 20;
/// What a backend copies in a few seconds.
const COPY_BYTES_USUAL: u64 = 1 << 30;
/// S3's limit for one request.
const COPY_BYTES_MAX: u64 = 5 << 30;
/// Below the 10,000 parts of an upload, with room for the pieces' ends.
const COPIES_MAX: u64 = 9_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_cut_evenly_and_hold_everything() {
        let gib = 1 << 30;
        for (pieces, expected) in [
            (vec![], 0),
            (vec![(0, 5 << 20)], 1),
            (vec![(0, gib)], 1),
            (vec![(0, gib + 1)], 2),
            (vec![(7, 3 * gib), (3 * gib + 32, 4 * gib)], 4),
            (vec![(0, 40_000 * gib)], 9_000),
        ] {
            let pieces: Vec<_> = pieces.into_iter().map(|(start, end)| start..end).collect();
            let cuts = cut(&pieces);
            assert_eq!(cuts.len(), expected, "{pieces:?}");
            let total =
                |pieces: &[Range<u64>]| pieces.iter().map(|it| it.end - it.start).sum::<u64>();
            assert_eq!(total(&cuts), total(&pieces));
            for piece in cuts {
                assert!(piece.end - piece.start <= COPY_BYTES_MAX, "{piece:?}");
                assert!(piece.end - piece.start >= COPY_BYTES_MIN, "{piece:?}");
            }
        }
    }
}
