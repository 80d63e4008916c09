//! `portcullis rewrap`: the newest key for what is sealed already.

use std::process::ExitCode;

use clap::Args;

use super::{
    Failure,
    sweep::{self, Became, Changing, Over, Words, Work},
};
use crate::{
    pipeline::maintenance::{
        CopyConditions, Failed, Found, Maintenance, RewrapOptions, Rewrapped, Target, Tried,
        patiently,
    },
    s3::xml::ListedObject,
};

/// Wrap the data keys of sealed objects anew, after a rotation
///
/// Each object that is not under the newest key of its rule's keyring gets a new key box; the storage
/// copies its records onto themselves, and no body moves. Objects can be read all the while. Running it
/// again goes on where it was: what is done is passed over. Once another run finds nothing to do and
/// nothing left, older versions neither, the old key can be disabled.
///
/// Exit code 0: done. 1: something failed, or it did not come to the end.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rewrap {
    #[command(flatten)]
    pub(crate) changing: Changing,
    /// A keyring of the rule's, in place of the one that it writes with
    #[arg(long, value_name = "KEYRING")]
    pub(crate) to: Option<String>,
    /// Go on where the storage ignores conditions on what is copied: what another program writes to an
    /// object while it is being re-wrapped is lost
    #[arg(long)]
    pub(crate) danger_unguarded: bool,
}

struct Rewrapping {
    to: Option<String>,
    dry_run: bool,
    has_locks: bool,
    conditions: CopyConditions,
}

impl Work for Rewrapping {
    type Outcome = Became;
    type Tried = Tried;

    async fn run(
        &self,
        maintenance: &Maintenance,
        target: &Target,
        listed: &ListedObject,
        tried: &Tried,
    ) -> Result<Became, Failed> {
        let to = self.to.as_deref();
        if listed.is_noncurrent {
            let needs_it = match maintenance.look(target).await? {
                Found::Gone => return Ok(Became::Gone),
                Found::NotSealed => false,
                // What no rule opens any more still needs its key.
                Found::Sealed(look) => {
                    maintenance.is_wrapped_so(target, &look, to).await? != Some(true)
                }
                Found::Broken(_) => true,
            };
            return Ok(Became::OldVersion { needs_it });
        }
        let (is_rehearsal, has_locks) = (self.dry_run, self.has_locks);
        let options = RewrapOptions { to, is_rehearsal, has_locks, conditions: self.conditions };
        Ok(match maintenance.rewrap(target, options, tried).await? {
            Rewrapped::Done(was) => {
                let was_newest = maintenance.is_wrapped_so(target, &was, to).await?;
                Became::Done { bytes: listed.bytes, old_needs_it: was_newest == Some(false) }
            }
            Rewrapped::Current => Became::Already,
            Rewrapped::NotSealed => Became::Other,
            Rewrapped::Gone => Became::Gone,
            Rewrapped::Left(left) => Became::Left(left),
        })
    }
}

pub(super) async fn run(arguments: Rewrap) -> Result<ExitCode, Failure> {
    let Rewrap { changing, to, danger_unguarded } = arguments;
    let (maintenance, stop) = changing.open()?;
    if let Some(to) = &to
        && maintenance.settings().keyrings.find(to).is_none()
    {
        return Err(Failure::usage(format!("the configuration has no keyring {to:?}")));
    }
    let conditions = if changing.dry_run {
        CopyConditions::default()
    } else {
        conditions(&maintenance, &changing.over, danger_unguarded).await?
    };
    let has_locks = changing.has_locks(&maintenance).await?;
    let work = Rewrapping { to, dry_run: changing.dry_run, has_locks, conditions };
    sweep::change(maintenance, &changing, (work, stop), &WORDS).await
}

/// How copies can be made on condition; if they cannot, that has to be wanted.
async fn conditions(
    maintenance: &Maintenance,
    over: &Over,
    danger_unguarded: bool,
) -> Result<CopyConditions, Failure> {
    let conditions =
        patiently(|| maintenance.copy_conditions(&over.place.bucket, &over.place.prefix)).await;
    let conditions = sweep::found(conditions)?;
    if conditions.source.is_none() && !danger_unguarded {
        return Err(Failure::runtime(UNGUARDED));
    }
    Ok(conditions)
}

const UNGUARDED: &str = "the storage ignores `x-amz-copy-source-if-match`, so that what another program \
                         writes to an object while it is being re-wrapped would be lost. Let nobody \
                         write to the bucket meanwhile, and say so with --danger-unguarded";

static WORDS: Words = Words {
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
