//! What the user typed after `portcullis policy`. Invariant: as for all arguments, nothing is opened
//! here.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Check, test and write bucket policies
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Policy {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

/// The commands, as their files are named.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    Check(PolicyCheck),
    Test(PolicyTest),
}

/// Read policy documents as the proxy does, or as S3 does when it stores them
///
/// Prints every fault at once, in S3's words and with file, line, column and mend; then warnings of
/// what is allowed and hardly meant. Exit code 0: every document would load. 2: one has faults.
#[derive(Args, Debug)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct PolicyCheck {
    /// Policy documents
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Read them as S3 reads the policy of this bucket
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// A condition key that `[policies.declare]` speaks for; may be repeated
    #[arg(long, value_name = "KEY", conflicts_with = "bucket")]
    pub(crate) declare: Vec<String>,
    /// Print one JSON document instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// Judge cases: documents, requests, and what is expected of them
///
/// A case is a JSON object with `policy`, `request` (`action`, `resource`, `principal`, `context`)
/// and `expected`: `Allowed`, `ImplicitlyDenied` or `ExplicitlyDenied`. A file holds one, a list, or
/// one a line. Documents are read leniently, so that also what S3 would not store can be judged.
/// Exit code 0: all agree. 1: some do not, or could not be judged. 2: a file cannot be read.
#[derive(Args, Debug)]
#[command(after_help = TEST_EXAMPLES)]
pub(crate) struct PolicyTest {
    /// Files of cases, or folders of them (*.json, *.jsonl)
    #[arg(required = true, value_name = "FILE-OR-DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Print one JSON document instead
    #[arg(long)]
    pub(crate) json: bool,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  portcullis policy check policies/*.json
  portcullis policy check --bucket backups for-aws.json
  portcullis policy check --declare aws:SourceVpce policy.json";

const TEST_EXAMPLES: &str = "\
Examples:
  portcullis policy test tests/policies/
  portcullis policy test cases.json --json | jq '.disagreements[].id'";
