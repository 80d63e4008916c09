//! Commands that change objects: each is gone over once, and all of them are summed up.

use std::process::ExitCode;

use super::{Over, Progress, Stop, Tally, Words, Work, sweep};
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

/// How a command of the kind is told.
pub(in crate::cli) struct Telling {
    pub(in crate::cli) dry_run: bool,
    pub(in crate::cli) json: bool,
    pub(in crate::cli) words: &'static Words,
}

/// What a probe has found; what it could not delete is told of.
pub(in crate::cli) fn found<T>(probed: Result<Probed<T>, Failed>) -> Result<T, Failure> {
    let probed = probed.map_err(|failed| Failure::runtime(format!("the probe: {failed}")))?;
    if let Some(left) = probed.left_behind {
        out::stderr(&format!("{} of the probe, {left}\n", out::yellow("warning:")));
    }
    Ok(probed.found)
}

/// Goes over all objects, older versions too where the bucket has any, and tells what became of them.
pub(in crate::cli) async fn change<W: Work<Outcome = Became>>(
    maintenance: Maintenance,
    over: &Over,
    (work, stop): (W, Stop),
    Telling { dry_run, json, words }: Telling,
) -> Result<ExitCode, Failure> {
    let versioning = patiently(|| maintenance.versioning(&over.place.bucket)).await;
    let versioning = versioning.map_err(|failed| Failure::runtime(failed.to_string()))?;
    let mut tally = Tally::new(over, dry_run);
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
    if json {
        out::document(&out::json(&tally)?);
    } else {
        out::stdout(&tally.table(words));
    }
    Ok(if tally.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
