//! Going over the objects of a bucket, many at a time. Invariant: no more are under way than were asked
//! for, no more of a list is held than a page, and where it stopped can be told.

mod args;
mod change;
mod progress;
mod stop;
mod tally;

use std::{collections::VecDeque, path::Path, sync::Arc};

use tokio::{sync::Semaphore, task::JoinHandle};

pub(crate) use self::args::{Changing, Over};
use self::tally::Tally;
pub(super) use self::{
    args::Named,
    change::{Became, change, found},
    progress::Progress,
    stop::Stop,
    tally::{Words, ending},
};
use super::{Failure, now, out};
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
    /// Something before what is counted now was not done.
    has_gap: bool,
    /// The last so many failed for a reason that may pass.
    in_vain: u32,
}

/// Loads the configuration and makes ready what it names.
pub(super) fn open(path: &Path) -> Result<Maintenance, Failure> {
    let config = config::load(path, now()).map_err(Failure::faults)?;
    let metrics = Metrics::new()?;
    let settings = app::settings(&config, None, &metrics)?;
    Ok(Maintenance::new(settings, metrics))
}

/// Goes over what is listed, until it is told to stop; `take` is told of each object, in the order of the
/// list.
pub(super) async fn sweep<W: Work>(
    maintenance: Maintenance,
    (over, with_versions): (&Over, bool),
    (work, stop): (W, Stop),
    mut take: impl FnMut(&ListedObject, Result<W::Outcome, Failed>, &Progress),
) -> Result<Swept, Failure> {
    let listing = Listing {
        bucket: over.place.bucket.clone(),
        prefix: over.place.prefix.clone(),
        start_after: over.start_after.clone(),
        with_versions,
    };
    let sweep = Sweep { maintenance: Arc::new(maintenance), work: Arc::new(work), over };
    let progress = Progress::new();
    let mut swept = Swept { until: over.start_after.clone(), ..Swept::default() };
    let mut next = None;
    loop {
        if let Some(reason) = stop.reason() {
            swept.broke_off = Some(reason);
            return Ok(swept);
        }
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
                let Some(outcome) = outcome else { return swept.has_gap = true };
                if let Some(why) = swept.count(listed, outcome.as_ref().err()) {
                    stop.tell(&why);
                }
                progress.add(listed.bytes);
                take(listed, outcome, &progress);
                if let Some(error) = out::unwritten() {
                    swept.has_gap = true;
                    stop.tell(&format!("standard output: {error}"));
                }
            })
            .await;
        if next.is_none() {
            swept.broke_off = stop.reason().filter(|_| swept.has_gap);
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
    /// Goes over a page. Objects that are done wait for those before them, and hold nobody up. `None`: one
    /// was not begun.
    async fn page(
        &self,
        page: Page,
        stop: &Stop,
        progress: &Progress,
        mut take: impl FnMut(&ListedObject, Option<Result<W::Outcome, Failed>>),
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
            take(&listed, ended.unwrap_or_else(|error| Some(Err(Failed::new(error.to_string())))));
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
    /// Counts one; why to stop, if there is no use in going on.
    fn count(&mut self, listed: &ListedObject, failed: Option<&Failed>) -> Option<String> {
        self.objects += 1;
        if !self.has_gap && self.under_way.as_ref() != Some(&listed.key) {
            self.until = self.under_way.replace(listed.key.clone()).or(self.until.take());
        }
        self.has_gap |= failed.is_some();
        let in_vain = failed.filter(|failed| failed.is_passing());
        self.in_vain = if in_vain.is_some() { self.in_vain + 1 } else { 0 };
        let failed = in_vain.filter(|_| self.in_vain >= IN_VAIN_MAX)?;
        Some(format!("{IN_VAIN_MAX} objects in a row could not be reached: {failed}"))
    }
}

/// Each has been tried four times.
const IN_VAIN_MAX: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(key: &str) -> ListedObject {
        ListedObject { key: key.to_owned(), ..ListedObject::default() }
    }

    #[test]
    fn where_to_go_on_is_before_the_first_that_was_not_done() {
        for is_begun in [true, false] {
            let mut swept = Swept { until: Some("0".to_owned()), ..Swept::default() };
            let failed = Failed::new("no");
            let mut until = |key: &str, is_good| {
                if is_good || is_begun {
                    swept.count(&listed(key), (!is_good).then_some(&failed));
                } else {
                    swept.has_gap = true;
                }
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

    #[test]
    fn a_storage_that_is_gone_is_not_asked_for_ever() {
        let mut swept = Swept::default();
        let (away, refused) = (Failed::passing("away"), Failed::new("no"));
        for _ in 1..IN_VAIN_MAX {
            assert_eq!(swept.count(&listed("a"), Some(&away)), None);
        }
        assert_eq!(swept.count(&listed("a"), Some(&refused)), None, "it answers");
        for _ in 1..IN_VAIN_MAX {
            assert_eq!(swept.count(&listed("a"), Some(&away)), None);
        }
        assert!(swept.count(&listed("a"), Some(&away)).unwrap().ends_with("away"));
    }
}
