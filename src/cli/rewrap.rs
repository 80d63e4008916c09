//! `portcullis rewrap`: the newest key for what is sealed already.

use std::process::ExitCode;

use clap::Args;

use super::{
    Failure, out,
    sweep::{self, Over, Tally, Words, Work},
};
use crate::{
    pipeline::maintenance::{Failed, Found, Maintenance, Rewrapped, Target},
    s3::xml::ListedObject,
};

/// Wrap the data keys of sealed objects anew, after a rotation
///
/// Each object that is not under the newest key of its rule's keyring gets a new key box; the storage
/// copies its records onto themselves, and no body moves. Objects can be read all the while. Running it
/// again goes on where it was: what is done is passed over. Once it reports nothing left, older versions
/// neither, the old key can be disabled.
///
/// Exit code 0: done. 1: something failed, or it did not come to the end.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rewrap {
    #[command(flatten)]
    pub(crate) over: Over,
    /// A keyring of the rule's, in place of the one that it writes with
    #[arg(long, value_name = "KEYRING")]
    pub(crate) to: Option<String>,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Copy objects with more stored bytes than this in parts [default: 5 GiB]
    #[arg(long, value_name = "BYTES", default_value_t = u64::MAX, hide_default_value = true)]
    pub(crate) part_bytes: u64,
    /// Print one JSON document instead
    #[arg(long)]
    pub(crate) json: bool,
}

struct Rewrapping {
    to: Option<String>,
    dry_run: bool,
}

enum Outcome {
    Current(Rewrapped),
    OldVersion { needs_it: bool },
}

impl Work for Rewrapping {
    type Outcome = Outcome;

    async fn run(
        &self,
        maintenance: &Maintenance,
        target: &Target,
        listed: &ListedObject,
    ) -> Result<Outcome, Failed> {
        let to = self.to.as_deref();
        if !listed.is_noncurrent {
            return Ok(Outcome::Current(maintenance.rewrap(target, to, self.dry_run).await?));
        }
        let needs_it = match maintenance.look(target).await? {
            Found::Sealed(look) => {
                maintenance.is_wrapped_so(target, &look, to).await? == Some(false)
            }
            Found::Gone | Found::NotSealed | Found::Broken(_) => false,
        };
        Ok(Outcome::OldVersion { needs_it })
    }
}

pub(super) async fn run(arguments: Rewrap) -> Result<ExitCode, Failure> {
    let Rewrap { over, to, dry_run, part_bytes, json } = arguments;
    let maintenance = sweep::open(&over.config)?.in_requests_of(part_bytes);
    if let Some(to) = &to
        && maintenance.settings().keyrings.find(to).is_none()
    {
        return Err(Failure::usage(format!("the configuration has no keyring {to:?}")));
    }
    let with_versions = maintenance.has_versions(&over.place.bucket).await;
    let with_versions = with_versions.map_err(|failed| Failure::runtime(failed.to_string()))?;
    let mut tally = Tally::new(&over, dry_run);
    let work = Rewrapping { to, dry_run };
    let swept =
        sweep::sweep(maintenance, (&over, with_versions), work, |listed, outcome, progress| {
            match outcome {
                Ok(Outcome::OldVersion { needs_it }) => tally.old_versions += u64::from(needs_it),
                Ok(Outcome::Current(Rewrapped::Done(_))) => tally.done(listed.bytes),
                Ok(Outcome::Current(Rewrapped::Current)) => tally.already += 1,
                Ok(Outcome::Current(Rewrapped::NotSealed)) => tally.other += 1,
                Ok(Outcome::Current(Rewrapped::Gone)) => tally.gone += 1,
                Ok(Outcome::Current(Rewrapped::Left(left))) => tally.left(left),
                Err(failed) => progress.tell(&tally.failed(over.named(listed), failed.to_string())),
            }
        })
        .await?;
    tally.end(swept);
    out::stdout(&if json { out::json(&tally)? } else { tally.table(&WORDS) });
    Ok(if tally.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const WORDS: Words = Words {
    done: "re-wrapped",
    would_be_done: "would be re-wrapped",
    already: "under the newest key",
    other: "not sealed",
    old_versions: "under older keys",
};

const EXAMPLES: &str = "\
Examples:
  portcullis keys rotate company.keyring
  portcullis rewrap s3://bucket --config portcullis.toml --dry-run
  portcullis rewrap s3://bucket --config portcullis.toml
  portcullis rewrap s3://bucket/reports/ --config portcullis.toml --to vault --json";
