//! Going over the objects of a bucket, many at a time. Invariant: no more are under way than were asked
//! for, no more of a list is held than a page, and where it stopped can be told.

mod args;
mod change;
mod progress;
mod stop;
mod tally;

use std::{collections::VecDeque, path::Path, sync::Arc};

use tokio::{sync::Semaphore, task::JoinHandle};

pub(crate) use self::args::{Over, part_bytes};
pub(super) use self::{
    change::{Became, Telling, change, found},
    progress::Progress,
    tally::{Words, ending},
};
use self::{stop::Stop, tally::Tally};
use super::{Failure, now};
use crate::{
    app, config,
    pipeline::maintenance::{Failed, Listing, Maintenance, Page, Target, patiently},
    s3::{ObjectKey, xml::ListedObject},
    telemetry::metrics::Metrics,
};

/// What is done to each object.
pub(super) trait Work: Send + Sync + 'static {
    /// What becomes of one.
    type Outcome: Send + 'static;
    /// What earlier attempts at one may have done.
    type Tried: Default + Send + Sync;

    /// Does it; again, if it failed for a reason that may have passed.
    fn run(
        &self,
        maintenance: &Maintenance,
        target: &Target,
        listed: &ListedObject,
        tried: &Self::Tried,
    ) -> impl Future<Output = Result<Self::Outcome, Failed>> + Send;
}

/// How far it went.
#[derive(Clone, Debug, Default)]
pub(super) struct Swept {
    /// Objects that were gone over.
    pub(super) objects: u64,
    /// All that there is of keys up to this one was gone over without a failure; `None`: not even of the
    /// first.
    pub(super) until: Option<String>,
    /// Why the list was not gone over to its end.
    pub(super) broke_off: Option<String>,
    /// Older versions of this key may still come.
    under_way: Option<String>,
    has_failed: bool,
}

/// Loads the configuration and makes ready what it names.
pub(super) fn open(path: &Path) -> Result<Maintenance, Failure> {
    let config = config::load(path, now()).map_err(Failure::faults)?;
    let metrics = Metrics::new()?;
    let settings = app::settings(&config, None, &metrics)?;
    Ok(Maintenance::new(settings, metrics))
}

/// Goes over what is listed; `take` is told of each object, in the order of the list.
pub(super) async fn sweep<W: Work>(
    maintenance: Maintenance,
    (over, with_versions): (&Over, bool),
    work: W,
    mut take: impl FnMut(&ListedObject, Result<W::Outcome, Failed>, &Progress),
) -> Result<Swept, Failure> {
    let listing = Listing {
        bucket: over.place.bucket.clone(),
        prefix: over.place.prefix.clone(),
        start_after: over.start_after.clone(),
        with_versions,
    };
    let sweep = Sweep { maintenance: Arc::new(maintenance), work: Arc::new(work), over };
    let (progress, stop) = (Progress::new(), Stop::new()?);
    let mut swept = Swept { until: over.start_after.clone(), ..Swept::default() };
    let mut next = None;
    loop {
        let page = patiently(|| sweep.maintenance.list(&listing, next.as_ref())).await;
        let page = match page {
            Ok(page) => page,
            Err(failed) if next.is_none() => return Err(Failure::runtime(failed.to_string())),
            Err(failed) => {
                swept.broke_off = Some(failed.to_string());
                return Ok(swept);
            }
        };
        next.clone_from(&page.next);
        sweep
            .page(page, &stop, &progress, |listed, outcome| {
                swept.count(listed, outcome.is_ok());
                progress.add(listed.bytes);
                take(listed, outcome, &progress);
            })
            .await;
        if stop.is_told() {
            swept.broke_off = Some("it was told to stop".to_owned());
            return Ok(swept);
        }
        if next.is_none() {
            return Ok(swept);
        }
    }
}

struct Sweep<'a, W> {
    maintenance: Arc<Maintenance>,
    work: Arc<W>,
    over: &'a Over,
}

impl<W: Work> Sweep<'_, W> {
    /// Goes over a page. Objects that are done wait for those before them, and hold nobody up.
    async fn page(
        &self,
        page: Page,
        stop: &Stop,
        progress: &Progress,
        mut take: impl FnMut(&ListedObject, Result<W::Outcome, Failed>),
    ) {
        let jobs = Arc::new(Semaphore::new(self.over.jobs()));
        let tasks =
            page.objects.into_iter().map(|listed| (self.start(listed.clone(), &jobs), listed));
        let mut tasks: VecDeque<_> = tasks.collect();
        while let Some((mut task, listed)) = tasks.pop_front() {
            progress.at(&listed.key);
            let ended = tokio::select! {
                ended = &mut task => ended,
                () = stop.told() => {
                    // What is under way is finished, and nothing else is begun.
                    jobs.close();
                    task.await
                }
            };
            match ended {
                Ok(Some(outcome)) => take(&listed, outcome),
                Ok(None) => {}
                Err(error) => take(&listed, Err(Failed::new(error.to_string()))),
            }
        }
    }

    /// `None`: it was not begun.
    fn start(&self, listed: ListedObject, jobs: &Arc<Semaphore>) -> Task<W::Outcome> {
        let (maintenance, work) = (Arc::clone(&self.maintenance), Arc::clone(&self.work));
        let (bucket, jobs) = (self.over.place.bucket.clone(), Arc::clone(jobs));
        tokio::spawn(async move {
            let _turn = jobs.acquire().await.ok()?;
            let key = ObjectKey::parse(&listed.key);
            let key = match key.map_err(|error| Failed::new(error.to_string())) {
                Ok(key) => key,
                Err(failed) => return Some(Err(failed)),
            };
            // The current one is taken as it is by then.
            let version_id = listed.version_id.clone().filter(|_| listed.is_noncurrent);
            let target = Target { bucket, key, version_id };
            let tried = W::Tried::default();
            Some(patiently(|| work.run(&maintenance, &target, &listed, &tried)).await)
        })
    }
}

type Task<T> = JoinHandle<Option<Result<T, Failed>>>;

impl Swept {
    fn count(&mut self, listed: &ListedObject, is_good: bool) {
        self.objects += 1;
        if !self.has_failed && self.under_way.as_ref() != Some(&listed.key) {
            self.until = self.under_way.replace(listed.key.clone()).or(self.until.take());
        }
        self.has_failed |= !is_good;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_go_on_is_before_the_first_that_failed() {
        let mut swept = Swept { until: Some("0".to_owned()), ..Swept::default() };
        let mut until = |key: &str, is_good| {
            swept.count(&ListedObject { key: key.to_owned(), ..ListedObject::default() }, is_good);
            swept.until.clone().unwrap()
        };
        assert_eq!(until("a", true), "0", "older versions of it may come");
        assert_eq!(until("a", true), "0");
        assert_eq!(until("b", true), "a");
        assert_eq!(until("b", false), "a");
        assert_eq!(until("c", true), "a");
        assert_eq!(until("d", true), "a");
    }
}
