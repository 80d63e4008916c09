//! What has to be seen to when the backend has completed a sealed object. Invariant: success is answered
//! only for an object that can be read, or that another has replaced meanwhile.

use http::{HeaderValue, header};

use super::{
    complete::Completing,
    errands::{Failure, Object, Told},
    fault::Fault,
    stored::Stored,
};
use crate::{
    pipeline::rescue::Error,
    seal::Completion,
    transform::seal::{Anew, Assembly, Irregular, Sealed},
};

impl Completing {
    /// The object has come to be: parts that may have been taken for others are looked at, and it is put
    /// together anew if it has to be.
    pub(super) async fn settle(
        &self,
        object: Object,
        mut assembly: Assembly,
        completion: &Completion,
    ) -> Result<Object, Failure> {
        let etag = object.etag_value();
        for doubt in assembly.doubts(&self.upload.keys) {
            match self.courier.bytes(doubt.at.clone(), etag.as_ref()).await {
                Ok(bytes) if bytes == doubt.footer => assembly.resolve(&doubt),
                Ok(_) => {}
                Err(error) => return replaced(object, error.into()),
            }
        }
        let anew = assembly.anew(&self.upload.keys).map_err(Fault::from)?;
        let is_bare = matches!(completion, Completion::Rebuild(_));
        if assembly.is_broken() || is_bare && self.irregular == Irregular::Rebuild {
            return self.rebuild(object, anew).await;
        }
        Ok(object)
    }

    /// There is no such upload any more: if the object is the one that it was to be, it was completed, and
    /// only the answer was lost, or what had to be seen to afterwards.
    pub(super) async fn repeated(&self, told: Box<Told>) -> Result<Object, Failure> {
        let head = self.courier.head().await?;
        let sealed = Sealed::read(&head.headers).ok().flatten().filter(|sealed| {
            head.status.is_success() && sealed.committed.object_id() == self.upload.id
        });
        let etag = head.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok());
        let (Some(_), Some(etag)) = (sealed, etag.map(str::to_owned)) else {
            return Err(Failure::Told(told));
        };
        let stored = Stored::of(&head)?;
        let object = Object { head, etag };
        match self.find_anew(&stored).await {
            Ok(Some(anew)) if anew.is_broken || self.irregular == Irregular::Rebuild => {
                self.rebuild(object, anew).await
            }
            Ok(_) => Ok(object),
            Err(error) => replaced(object, error.into()),
        }
    }

    /// What is to be mended of the completed object.
    async fn find_anew(&self, stored: &Stored) -> Result<Option<Anew>, Error> {
        let ending = self.courier.read_ending(&self.upload.keys, stored).await?;
        let is_doubtful = self.named.iter().any(|part| part.tag.is_footered.is_none());
        if ending.last_part().is_none() && !is_doubtful {
            return Ok(None);
        }
        let end = ending.records_end(stored.bytes);
        let walk = self.courier.walk(end, stored.etag.as_ref()).await?;
        Ok(Anew::of_completed(&self.named, &self.upload.keys, (&walk, &ending, end)))
    }
}

/// The upload was completed, whatever became of its object then.
pub(super) fn replaced(object: Object, failure: Failure) -> Result<Object, Failure> {
    if failure.is_of_other_object() { Ok(object) } else { Err(failure) }
}

impl Object {
    /// For conditions; `None`: the backend does not tell it.
    pub(super) fn etag_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.etag).ok().filter(|etag| !etag.is_empty())
    }
}
