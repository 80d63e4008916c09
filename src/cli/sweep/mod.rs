//! Going over the objects of a bucket, many at a time. Invariant: no more are under way than were asked
//! for, no more of a list is held than a page, and where it stopped can be told.

mod args;
mod change;
mod patience;
mod progress;
mod stop;
mod tally;

use std::{collections::VecDeque, path::Path, sync::Arc};

use tokio::task::JoinHandle;

pub(crate) use self::args::Over;
pub(super) use self::{
    change::{Became, Telling, change},
    progress::Progress,
    tally::Words,
};
use self::{patience::patiently, stop::Stop, tally::Tally};
use super::{Failure, now};
use crate::{
    app, config,
    pipeline::maintenance::{Failed, Listing, Maintenance, Page, Target},
    s3::{ObjectKey, xml::ListedObject},
    telemetry::metrics::Metrics,
};

/// What is done to each object.
pub(super) trait Work: Send + Sync + 'static {
    /// What becomes of one.
    type Outcome: Send + 'static;

    /// Does it; again, if it failed for a reason that may have passed.
    fn run(
        &self,
        maintenance: &Maintenance,
        target: &Target,
        listed: &ListedObject,
    ) -> impl Future<Output = Result<Self::Outcome, Failed>> + Send;
}

/// How far it went.
#[derive(Clone, Debug, Default)]
pub(super) struct Swept {
    /// Objects that were gone over.
    pub(super) objects: u64,
    /// Every object up to this key was gone over without a failure; `None`: not even the first.
    pub(super) until: Option<String>,
    /// Why the list was not gone over to its end.
    pub(super) broke_off: Option<String>,
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
    let (mut swept, progress, stop) = (Swept::default(), Progress::new(), Stop::new()?);
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
    async fn page(
        &self,
        page: Page,
        stop: &Stop,
        progress: &Progress,
        mut take: impl FnMut(&ListedObject, Result<W::Outcome, Failed>),
    ) {
        let mut objects = page.objects.into_iter();
        let mut under_way = VecDeque::new();
        loop {
            while under_way.len() < self.over.jobs() && !stop.is_told() {
                let Some(listed) = objects.next() else { break };
                let task = self.start(listed.clone());
                under_way.push_back((listed, task));
            }
            let Some((listed, task)) = under_way.pop_front() else { break };
            progress.at(&listed.key);
            let outcome = task.await;
            take(&listed, outcome.unwrap_or_else(|error| Err(Failed::new(error.to_string()))));
        }
    }

    fn start(&self, listed: ListedObject) -> JoinHandle<Result<W::Outcome, Failed>> {
        let (maintenance, work) = (Arc::clone(&self.maintenance), Arc::clone(&self.work));
        let bucket = self.over.place.bucket.clone();
        tokio::spawn(async move {
            let key = ObjectKey::parse(&listed.key);
            let key = key.map_err(|error| Failed::new(error.to_string()))?;
            // The current one is taken as it is by then.
            let version_id = listed.version_id.clone().filter(|_| listed.is_noncurrent);
            let target = Target { bucket, key, version_id };
            patiently(|| work.run(&maintenance, &target, &listed)).await
        })
    }
}

impl Swept {
    fn count(&mut self, listed: &ListedObject, is_good: bool) {
        self.objects += 1;
        self.has_failed |= !is_good;
        if !self.has_failed {
            self.until = Some(listed.key.clone());
        }
    }
}
