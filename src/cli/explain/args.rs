//! What the user typed after `portcullis explain`. Invariant: as for all arguments, nothing is opened
//! here.

use std::{net::IpAddr, path::PathBuf};

use clap::{ArgGroup, Args};

/// Say what policy makes of a request, and why
///
/// The request is given as options, as a curl line, or as a line of the audit log; it is read and
/// judged by the proxy's own code. Prints the decision, then each document, statement and condition
/// with what the request has and what the document asks for, and what to change.
/// Exit code 0: allowed. 1: denied, or refused before any policy is asked. 2: a wrong call, or a
/// policy or configuration with faults.
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    group(ArgGroup::new("documents").required(true)),
    group(ArgGroup::new("asked").required(true)),
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Explain {
    /// A policy document, as one for all buckets; may be repeated
    #[arg(long, short, value_name = "FILE", group = "documents")]
    pub(crate) policy: Vec<PathBuf>,
    /// A configuration: its policies, rules, callers and domains
    #[arg(long, short, value_name = "FILE", group = "documents", conflicts_with = "policy")]
    pub(crate) config: Option<PathBuf>,

    /// The request's URL, as `https://HOST/BUCKET/KEY` or `s3://BUCKET/KEY`
    #[arg(long, value_name = "URL", group = "asked", help_heading = REQUEST)]
    pub(crate) url: Option<String>,
    /// Its method [default: GET]
    #[arg(long, short = 'X', value_name = "METHOD", requires = "url", help_heading = REQUEST)]
    pub(crate) method: Option<String>,
    /// A header, as 'Name: value'; may be repeated
    #[arg(long, short = 'H', value_name = "HEADER", requires = "url", help_heading = REQUEST)]
    pub(crate) header: Vec<String>,
    /// Its body, or @FILE: for operations whose document condition keys ask about
    #[arg(long, short = 'd', value_name = "DATA", requires = "url", help_heading = REQUEST)]
    pub(crate) data: Option<String>,
    /// The request as a curl command; `-` reads it from standard input
    #[arg(long, value_name = "COMMAND", group = "asked", help_heading = REQUEST)]
    pub(crate) curl: Option<String>,
    /// The request of an audit line; `-` reads it from standard input
    #[arg(long, value_name = "JSON", group = "asked", help_heading = REQUEST)]
    pub(crate) audit_line: Option<String>,
    /// An action by itself, such as s3:PutObject
    #[arg(
        long,
        value_name = "ACTION",
        group = "asked",
        requires = "resource",
        help_heading = REQUEST
    )]
    pub(crate) action: Option<String>,
    /// The ARN that the action is about, such as `arn:aws:s3:::bucket/key`
    #[arg(long, value_name = "ARN", requires = "action", help_heading = REQUEST)]
    pub(crate) resource: Option<String>,

    /// The caller's ARN
    #[arg(long, value_name = "ARN", conflicts_with = "anonymous", help_heading = SURROUNDINGS)]
    pub(crate) principal: Option<String>,
    /// The caller has no credentials
    #[arg(long, help_heading = SURROUNDINGS)]
    pub(crate) anonymous: bool,
    /// The request comes over plain HTTP [default: as the URL says, else TLS 1.3]
    #[arg(long, help_heading = SURROUNDINGS)]
    pub(crate) plain_http: bool,
    /// The client's address [default: 192.0.2.1]
    #[arg(long, value_name = "ADDRESS", help_heading = SURROUNDINGS)]
    pub(crate) source_ip: Option<IpAddr>,
    /// When it arrives, such as 2030-01-31T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", help_heading = SURROUNDINGS)]
    pub(crate) at: Option<String>,
    /// Sets a condition key, whatever the request says, as KEY=VALUE; may be repeated, also for a
    /// key with several values
    #[arg(long, value_name = "KEY=VALUE", help_heading = SURROUNDINGS)]
    pub(crate) context: Vec<String>,
    /// Makes a condition key absent; may be repeated
    #[arg(long, value_name = "KEY", help_heading = SURROUNDINGS)]
    pub(crate) without: Vec<String>,
    /// A base domain of virtual-hosted style; may be repeated [default: those of AWS]
    #[arg(long, value_name = "DOMAIN", conflicts_with = "config", help_heading = SURROUNDINGS)]
    pub(crate) domain: Vec<String>,
    /// Where no statement applies nobody passes, not even known callers
    #[arg(long, conflicts_with = "config", help_heading = SURROUNDINGS)]
    pub(crate) strict: bool,

    /// Print one JSON document instead
    #[arg(long)]
    pub(crate) json: bool,
}

const REQUEST: &str = "The request";
const SURROUNDINGS: &str = "What surrounds it";

const EXAMPLES: &str = "\
Examples:
  portcullis explain --policy policy.json --method PUT --url s3://bucket/key
  portcullis explain -c portcullis.toml --url https://s3.example.com/bucket/key --anonymous
  portcullis explain -p policy.json --curl \"curl -T file https://s3.example.com/bucket/key\"
  grep 2F1B84A93C5D6E70 audit.jsonl | portcullis explain -c portcullis.toml --audit-line -
  portcullis explain -p policy.json --action s3:GetObject --resource arn:aws:s3:::bucket/key \\
      --context aws:SourceVpce=vpce-1 --json";
