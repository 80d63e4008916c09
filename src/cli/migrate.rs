//! `portcullis migrate`: sealing what is already there.

use std::process::ExitCode;

use clap::Args;

use super::{
    Failure,
    sweep::{self, Became, Over, Stop, Telling, Words, Work},
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
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) over: Over,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Read each object before, open it afterwards, and compare: three times the traffic
    #[arg(long)]
    pub(crate) verify: bool,
    /// Upload objects with more sealed bytes than this in parts [default: 5 GiB,
    /// at least 5 MiB]
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = u64::MAX,
        hide_default_value = true,
        value_parser = sweep::part_bytes
    )]
    pub(crate) part_bytes: u64,
    /// Go on where the storage ignores `If-Match` on writes: what another program writes to an object
    /// while it is being sealed is lost
    #[arg(long)]
    pub(crate) danger_unguarded: bool,
    /// Print one JSON document instead
    #[arg(long)]
    pub(crate) json: bool,
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
            let needs_it = maintenance.look(target).await? == Found::NotSealed;
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
    let stop = Stop::new()?;
    let maintenance = sweep::open(&arguments.over.config)?.in_requests_of(arguments.part_bytes);
    let Migrate { over, dry_run, verify, danger_unguarded, json, .. } = arguments;
    let conditions = if dry_run {
        Conditions::default()
    } else {
        conditions(&maintenance, &over, danger_unguarded).await?
    };
    let has_locks = patiently(|| maintenance.has_locks(&over.place.bucket)).await;
    let has_locks = has_locks.map_err(|failed| Failure::runtime(failed.to_string()))?;
    let options = SealOptions { is_rehearsal: dry_run, verifies: verify, has_locks, conditions };
    let telling = Telling { dry_run, json, words: &WORDS };
    sweep::change(maintenance, &over, (Migrating(options), stop), telling).await
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
