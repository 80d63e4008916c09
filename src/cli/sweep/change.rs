//! Commands that change objects: each is gone over once, and all of them are summed up.

use std::process::ExitCode;

use super::{Changing, Progress, Stop, Tally, Words, Work, sweep};
use crate::{
    cli::{Failure, out},
    pipeline::maintenance::{Failed, Left, Maintenance, Probed, patiently},
    s3::xml::ListedObject,
};

/// What became of an object.
pub(in crate::cli) enum Became {
    /// What the command is there for.
    Done {
        bytes: u64,
        /// Whether what it was before needs it, too, where that stays as an older version.
        old_needs_it: bool,
    },
    /// It needed nothing.
    Already,
    /// The command is not there for it.
    Other,
    /// It is gone since it was listed.
    Gone,
    /// It stays as it is.
    Left(Left),
    /// It is an older version, which stays as it is, and may have needed it.
    OldVersion { needs_it: bool },
}

impl Changing {
    /// Loads the configuration and makes ready what it names; from now on signals are heard.
    pub(in crate::cli) fn open(&self) -> Result<(Maintenance, Stop), Failure> {
        let stop = Stop::new()?;
        Ok((super::open(&self.over.config)?.in_requests_of(self.part_bytes), stop))
    }

    /// Whether objects there can be locked.
    pub(in crate::cli) async fn has_locks(
        &self,
        maintenance: &Maintenance,
    ) -> Result<bool, Failure> {
        let has_locks = patiently(|| maintenance.has_locks(&self.over.place.bucket)).await;
        has_locks.map_err(|failed| Failure::runtime(failed.to_string()))
    }
}

/// What a probe has found; what it could not delete is told of.
pub(in crate::cli) fn found<T>(probed: Result<Probed<T>, Failed>) -> Result<T, Failure> {
    let probed = probed.map_err(|failed| Failure::runtime(format!("the probe: {failed}")))?;
    if let Some(left) = probed.left_behind {
        let left = out::shown(&left);
        out::stderr(&format!("{} of the probe, {left}\n", out::yellow("warning:")));
    }
    Ok(probed.found)
}

/// Goes over all objects, older versions too where the bucket has any, and tells what became of them.
pub(in crate::cli) async fn change<W: Work<Outcome = Became>>(
    maintenance: Maintenance,
    Changing { over, dry_run, json, .. }: &Changing,
    (work, stop): (W, Stop),
    words: &Words,
) -> Result<ExitCode, Failure> {
    let versioning = patiently(|| maintenance.versioning(&over.place.bucket)).await;
    let versioning = versioning.map_err(|failed| Failure::runtime(failed.to_string()))?;
    let mut tally = Tally::new(over, *dry_run);
    let take =
        |listed: &ListedObject, outcome: Result<Became, Failed>, progress: &Progress| match outcome
        {
            Ok(became) => {
                tally.add(&became);
                if matches!(became, Became::Done { old_needs_it: true, .. })
                    && versioning.keeps(listed)
                {
                    tally.makes_old();
                }
            }
            Err(failed) => progress.tell(&tally.failed(over.named(listed), failed.to_string())),
        };
    let swept = sweep(maintenance, (over, versioning.has_versions()), (work, stop), take).await?;
    tally.end(swept);
    if *json {
        out::document(&out::json(&tally)?);
    } else {
        out::stdout(&tally.table(words));
    }
    Ok(if tally.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
