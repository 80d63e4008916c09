//! What takes an object's place part by part. Invariant: it takes it whole, and only if the object, and all
//! that belongs to it, is by then what it was when it was read.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, header};

use super::{
    super::seal::{Fault, Source},
    Failed, Maintenance, Target,
    belongings::Belongings,
};
use crate::{seal::PartNumber, transform::parts};

/// How the parts are made.
pub(super) trait MakesParts: Send {
    /// The ranges of the source that they are made of.
    fn ranges(&self, size: u64) -> Vec<Range<u64>>;

    /// Makes one; its tag. Whatever an earlier attempt has made of it is replaced.
    fn make(
        &mut self,
        source: &Source,
        place: (&str, PartNumber),
        range: Range<u64>,
    ) -> impl Future<Output = Result<String, Failed>> + Send;

    /// One more behind them, if it takes one.
    fn ending(&self) -> Result<Option<Bytes>, Failed>;
}

/// An upload in the place of an object.
pub(super) struct Upload<'a, M> {
    pub(super) maintenance: &'a Maintenance,
    pub(super) target: &'a Target,
    pub(super) source: Source,
    pub(super) belongings: &'a Belongings,
    pub(super) has_locks: bool,
    /// That it is still the object.
    pub(super) conditions: HeaderMap,
    pub(super) maker: M,
}

impl<M: MakesParts> Upload<'_, M> {
    /// Uploads what is described so.
    pub(super) async fn run(mut self, described: HeaderMap) -> Result<(), Failed> {
        let upload_id = self.source.courier.create(described).await?;
        let uploaded = self.fill(&upload_id).await;
        if uploaded.is_err() {
            // What is left behind otherwise costs room, and is found by listing uploads.
            let _ = self.source.courier.abort(&upload_id).await;
        }
        uploaded
    }

    async fn fill(&mut self, upload_id: &str) -> Result<(), Failed> {
        let mut tags = Vec::new();
        let mut numbers = (1..).map_while(PartNumber::new);
        let mut number = || numbers.next().ok_or_else(|| Failed::new("more parts than it takes"));
        for range in self.maker.ranges(self.source.stored.bytes) {
            let number = number()?;
            tags.push((number, self.part((upload_id, number), range).await?));
        }
        if let Some(bytes) = self.maker.ending()? {
            let number = number()?;
            tags.push((number, self.source.courier.put_part(upload_id, number, bytes).await?));
        }
        self.renew().await?;
        self.is_what_it_was().await?;
        let document = parts::completion(tags.iter().map(|(number, tag)| (*number, tag.as_str())));
        self.complete(upload_id, &document).await
    }

    async fn part(
        &mut self,
        place: (&str, PartNumber),
        range: Range<u64>,
    ) -> Result<String, Failed> {
        let mut patience = self.maintenance.patience;
        loop {
            let made = match self.renew().await {
                Ok(()) => self.maker.make(&self.source, place, range.clone()).await,
                Err(failed) => Err(failed),
            };
            match made {
                Err(failed) if failed.may_pass() && patience.again().await => {}
                made => return made,
            }
        }
    }

    /// An upload can outlast a credential.
    async fn renew(&mut self) -> Result<(), Failed> {
        self.source.courier = self.maintenance.courier(self.target).await?;
        Ok(())
    }

    /// Not every change shows in the `ETag` that the completion has as its condition, and some backends
    /// look at conditions of single uploads alone.
    async fn is_what_it_was(&mut self) -> Result<(), Failed> {
        let head = self.source.courier.head().await?;
        if head.headers.get(header::ETAG) != Some(&self.source.etag)
            || self.source.courier.belongings(&head.headers).await? != *self.belongings
        {
            return Err(Fault::Changed.into());
        }
        self.source.head = head;
        match self.maintenance.held(&self.source, self.has_locks).await? {
            Some(_) => Err(Fault::Changed.into()),
            None => Ok(()),
        }
    }

    async fn complete(&self, upload_id: &str, document: &[u8]) -> Result<(), Failed> {
        let mut patience = self.maintenance.patience;
        let mut unsure = None;
        loop {
            let conditions = self.conditions.clone();
            let courier = &self.source.courier;
            let completed = courier.complete(upload_id, document.to_owned(), conditions).await;
            match completed.map_err(Failed::from) {
                Ok(_) => return Ok(()),
                Err(failed) if failed.may_pass() && patience.again().await => unsure = Some(failed),
                // It may have been completed by an attempt whose answer was lost: another look tells.
                Err(failed) => return Err(unsure.unwrap_or(failed)),
            }
        }
    }
}
