//! What the user typed after `portcullis policy`. Invariant: as for all arguments, nothing is opened
//! here.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
    Generate(PolicyGenerate),
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

/// Write the bucket policy by which AWS itself enforces what a rule does
///
/// For buckets that are also reached without the proxy. Prints a document of Deny statements that S3
/// stores as it is; it allows nothing.
#[derive(Args, Debug)]
#[command(after_help = GENERATE_EXAMPLES)]
pub(crate) struct PolicyGenerate {
    /// The bucket
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: String,
    /// Only uploads whose key begins so need encryption; may be repeated [default: all]
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Vec<String>,
    /// Uploads must carry this encryption; may be repeated, and any of them will do
    #[arg(long, value_enum, value_name = "ENCRYPTION")]
    pub(crate) require_sse: Vec<Encryption>,
    /// With this KMS key and no other; may be repeated, and any of them will do
    #[arg(long, value_name = "ARN", requires = "require_sse")]
    pub(crate) key: Vec<String>,
    /// Requests must come over TLS
    #[arg(long)]
    pub(crate) require_tls: bool,
    /// Over this version of TLS or a later one
    #[arg(long, value_enum, value_name = "VERSION")]
    pub(crate) tls_version: Option<TlsVersion>,
    /// Nobody changes the bucket's default encryption or replication
    #[arg(long)]
    pub(crate) protect: bool,
}

/// An encryption that an upload can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encryption {
    /// Keys of S3's own
    #[value(name = "AES256")]
    S3,
    /// Keys of KMS
    #[value(name = "aws:kms")]
    Kms,
    /// Keys of KMS, in two layers
    #[value(name = "aws:kms:dsse")]
    KmsDsse,
    /// Keys of the client's own
    #[value(name = "SSE-C")]
    SseC,
}

impl Encryption {
    /// The value of the header; a client's own keys have other headers.
    pub(super) fn algorithm(self) -> Option<&'static str> {
        match self {
            Self::S3 => Some("AES256"),
            Self::Kms => Some("aws:kms"),
            Self::KmsDsse => Some("aws:kms:dsse"),
            Self::SseC => None,
        }
    }
}

/// Those that S3 still takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsVersion {
    #[value(name = "1.2")]
    Tls12,
    #[value(name = "1.3")]
    Tls13,
}

impl TlsVersion {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
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

const GENERATE_EXAMPLES: &str = "\
Examples:
  portcullis policy generate --bucket backups --require-sse AES256 --require-tls > policy.json
  portcullis policy generate --bucket backups --require-sse aws:kms \\
      --key arn:aws:kms:eu-central-1:111122223333:key/1234abcd --tls-version 1.2
  aws s3api put-bucket-policy --bucket backups --policy file://policy.json";
