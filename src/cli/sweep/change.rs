//! Commands that change objects: each is gone over once, and all of them are summed up.

use std::process::ExitCode;

use super::{Over, Tally, Words, Work, sweep};
use crate::{
    cli::{Failure, out},
    pipeline::maintenance::{Left, Maintenance},
};

/// What became of an object.
pub(in crate::cli) enum Became {
    /// What the command is there for; so many bytes.
    Done(u64),
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

/// Goes over all objects, older versions too where the bucket has any, and tells what became of them.
pub(in crate::cli) async fn change<W: Work<Outcome = Became>>(
    maintenance: Maintenance,
    over: &Over,
    work: W,
    Telling { dry_run, json, words }: Telling,
) -> Result<ExitCode, Failure> {
    let with_versions = maintenance.has_versions(&over.place.bucket).await;
    let with_versions = with_versions.map_err(|failed| Failure::runtime(failed.to_string()))?;
    let mut tally = Tally::new(over, dry_run);
    let swept =
        sweep(
            maintenance,
            (over, with_versions),
            work,
            |listed, outcome, progress| match outcome {
                Ok(became) => tally.add(&became),
                Err(failed) => progress.tell(&tally.failed(over.named(listed), failed.to_string())),
            },
        )
        .await?;
    tally.end(swept);
    out::stdout(&if json { out::json(&tally)? } else { tally.table(words) });
    Ok(if tally.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
