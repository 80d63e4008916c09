//! `portcullis migrate`: sealing what is already there.

use std::process::ExitCode;

use clap::Args;

use super::{
    Failure,
    sweep::{self, Became, Changing, Over, Words, Work},
};
use crate::{
    pipeline::maintenance::{
        Conditions, Failed, Found, Maintenance, SealOptions, Sealed, Target, Tried, patiently,
    },
    s3::xml::ListedObject,
};

/// Seal the objects that are not sealed yet, in place
///
/// Each is read, sealed as its rule says, and written back over itself, with its metadata, tags and
/// grants. Meanwhile the gates before the bucket should hand out both (plaintext = "pass" in the rule).
/// Running it again goes on where it was: what is sealed is passed over. Older versions stay as they
/// are, and so does what is locked: both are counted.
///
/// Exit code 0: done. 1: something failed, or it did not come to the end.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) changing: Changing,
    /// Read each object before, open it afterwards, and compare: three times the traffic
    #[arg(long)]
    pub(crate) verify: bool,
    /// Go on where the storage ignores `If-Match` on writes: what another program writes to an object
    /// while it is being sealed is lost
    #[arg(long)]
    pub(crate) danger_unguarded: bool,
}

struct Migrating(SealOptions);

impl Work for Migrating {
    type Outcome = Became;
    type Tried = Tried;

    async fn run(
        &self,
        maintenance: &Maintenance,
        target: &Target,
        listed: &ListedObject,
        tried: &Tried,
    ) -> Result<Became, Failed> {
        if listed.is_noncurrent {
            let needs_it = match maintenance.look(target).await? {
                Found::Gone => return Ok(Became::Gone),
                Found::NotSealed | Found::Broken(_) => true,
                Found::Sealed(_) => false,
            };
            return Ok(Became::OldVersion { needs_it });
        }
        Ok(match maintenance.seal(target, self.0, tried).await? {
            Sealed::Done { bytes } => Became::Done { bytes, old_needs_it: true },
            Sealed::Already => Became::Already,
            Sealed::Gone => Became::Gone,
            Sealed::Left(left) => Became::Left(left),
        })
    }
}

pub(super) async fn run(arguments: Migrate) -> Result<ExitCode, Failure> {
    let Migrate { changing, verify, danger_unguarded } = arguments;
    let (maintenance, stop) = changing.open()?;
    let conditions = if changing.dry_run {
        Conditions::default()
    } else {
        conditions(&maintenance, &changing.over, danger_unguarded).await?
    };
    let has_locks = changing.has_locks(&maintenance).await?;
    let is_rehearsal = changing.dry_run;
    let work = Migrating(SealOptions { is_rehearsal, verifies: verify, has_locks, conditions });
    sweep::change(maintenance, &changing, (work, stop), &WORDS).await
}

/// How writes can be made on condition; if they cannot, that has to be wanted.
async fn conditions(
    maintenance: &Maintenance,
    over: &Over,
    danger_unguarded: bool,
) -> Result<Conditions, Failure> {
    let conditions =
        patiently(|| maintenance.conditions(&over.place.bucket, &over.place.prefix)).await;
    let conditions = sweep::found(conditions)?;
    if conditions == Conditions::Ignored && !danger_unguarded {
        return Err(Failure::runtime(UNGUARDED));
    }
    Ok(conditions)
}

const UNGUARDED: &str = "the storage ignores `If-Match` on writes, so that what another program writes \
                         to an object while it is being sealed would be lost. Let nobody write to the \
                         bucket meanwhile, and say so with --danger-unguarded";

static WORDS: Words = Words {
    done: "sealed",
    would_be_done: "would be sealed",
    already: "sealed already",
    other: "other",
    old_versions: "not sealed",
};

const EXAMPLES: &str = "\
Examples:
  portcullis scan s3://bucket --config portcullis.toml
  portcullis migrate s3://bucket --config portcullis.toml --dry-run
  portcullis migrate s3://bucket --config portcullis.toml --verify
  portcullis migrate s3://bucket/2025/ --config portcullis.toml --json | jq .failures";
