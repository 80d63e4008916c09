//! What the user typed. Invariant: nothing here opens a file or asks the system for anything.

use std::{net::SocketAddr, path::PathBuf, sync::LazyLock};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{
    explain::Explain, inspect::Inspect, keys::Keys, migrate::Migrate, policy::Policy,
    rewrap::Rewrap, scan::Scan, unseal::Unseal,
};
use crate::telemetry::log;

/// A transparent HTTP proxy that enforces encryption on S3 traffic.
#[derive(Debug, Parser)]
#[command(
    name = "portcullis",
    version,
    long_version = LONG_VERSION.as_str(),
    after_help = EXAMPLES,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    /// The log on standard error: text, json, or auto (text on a terminal, JSON elsewhere)
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        hide_possible_values = true,
        display_order = 900
    )]
    pub(crate) log_format: LogFormat,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, as their files are named.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
    Check(Check),
    Dev(DevArgs),
    Report(Report),
    Explain(Box<Explain>),
    Policy(Policy),
    Keys(Keys),
    Inspect(Box<Inspect>),
    Scan(Box<Scan>),
    Migrate(Box<Migrate>),
    Rewrap(Box<Rewrap>),
    Unseal(Box<Unseal>),
    Completions(Completions),
}

/// Run the proxy
///
/// Reads the configuration, binds its listeners, and serves until SIGTERM or SIGINT; then lets open
/// requests finish. Files are watched: a changed configuration, policy, credential or certificate
/// comes into force without a restart, unless it has a fault. SIGHUP reads everything anew and
/// reopens the audit log.
#[derive(Args, Debug)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct Serve {
    /// The configuration
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// Validate a configuration and every file that it names
///
/// Prints every fault at once, each with its file, line, column and mend, or else what was loaded.
/// Nothing is sent anywhere, unless --online asks key services for keys, which are thrown away.
/// Exit code 0: it would load. 1: a keyring gives no keys. 2: it has faults.
#[derive(Args, Debug)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct Check {
    /// The configuration
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Ask each keyring for a key, and to unwrap it; and that it unwraps it for no other bucket
    #[arg(long)]
    pub(crate) online: bool,
    /// Print one JSON document instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// Try everything on this machine, with nothing to set up
///
/// Makes a CA and certificates, credentials and a configuration in a folder, runs the proxy with
/// them before an S3 backend that keeps objects in that folder, and stays up. The program prints
/// `ready` when DIR/env.sh can be sourced by a shell that wants to use it.
#[derive(Args, Debug)]
#[command(after_help = DEV_EXAMPLES)]
pub(crate) struct DevArgs {
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = "./portcullis-dev")]
    pub(crate) dir: PathBuf,
    /// The TLS listener; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    pub(crate) https: SocketAddr,
    /// The plain HTTP listener; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) http: SocketAddr,
    /// The admin listener; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090")]
    pub(crate) admin: SocketAddr,
    /// What happens to writes, besides policy
    #[arg(long, value_enum, default_value_t)]
    pub(crate) treatment: Treatment,
    /// A policy document for all buckets; may be repeated [default: require SSE headers and TLS]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
    /// A backend that runs elsewhere, in place of the folder; its credentials come from the
    /// environment, as AWS tools read them
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,
    /// PEM file of the CAs that are trusted for it [default: the system's]
    #[arg(long, value_name = "FILE", requires = "upstream")]
    pub(crate) upstream_ca: Option<PathBuf>,
    /// Send some requests through the proxy, show what comes of each, and end
    #[arg(long)]
    pub(crate) tour: bool,
}

/// Sum up audit logs: which programs write without encryption, and whom enforcement would break
///
/// Run the gate with `mode = "audit"` for a while, then look here before switching to "enforce".
#[derive(Args, Debug)]
#[command(after_help = REPORT_EXAMPLES)]
pub(crate) struct Report {
    /// Audit logs, as `[audit] file` writes them; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print one JSON document instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the completion script of a shell
#[derive(Args, Debug)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// See [`log::Format`].
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Auto,
    Text,
    Json,
}

impl From<LogFormat> for log::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Auto => Self::Auto,
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

/// See `[[rule]]` in the configuration.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Treatment {
    /// Writes pass as sent
    #[default]
    Off,
    /// Writes without encryption headers are refused
    Require,
    /// Writes without encryption headers get `AES256`
    Inject,
    /// Objects are sealed here, and opened when they are read
    Seal,
}

/// The version, and what a bug report should say of the build.
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    let commit = option_env!("PORTCULLIS_COMMIT").unwrap_or("unknown");
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let embedded = if cfg!(feature = "embedded") { "with" } else { "without" };
    format!(
        "{} (commit {commit}, {profile}, {}-{}, {embedded} the embedded backend)",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS,
    )
});

const EXAMPLES: &str = "\
Examples:
  portcullis dev                                   try it, with nothing to set up
  portcullis check --config portcullis.toml        every fault of a configuration at once
  portcullis serve --config portcullis.toml        run it
  portcullis explain -p policy.json --url s3://bucket/key
                                                   what policy makes of a request, and why
  portcullis policy check policy.json              the faults of a document, and its traps
  portcullis keys new company.keyring              make keys to seal objects with

Exit codes: 0 done, 1 failed at run time, 2 wrong call or configuration.
The log's detail follows RUST_LOG, such as RUST_LOG=debug.";

const SERVE_EXAMPLES: &str = "\
Examples:
  portcullis serve --config /etc/portcullis/portcullis.toml
  portcullis serve --config portcullis.toml --log-format json";

const CHECK_EXAMPLES: &str = "\
Examples:
  portcullis check --config portcullis.toml
  portcullis check --config portcullis.toml --online
  portcullis check --config portcullis.toml --json | jq '.faults[].message'";

const DEV_EXAMPLES: &str = "\
Examples:
  portcullis dev &
  . portcullis-dev/env.sh
  aws s3 mb s3://bucket
  aws s3 cp file s3://bucket/                      refused: it carries no SSE header
  aws s3 cp file s3://bucket/ --sse AES256         stored

  portcullis dev --tour
  portcullis dev --policy my-policy.json --upstream https://minio.example.com:9000";

const REPORT_EXAMPLES: &str = "\
Examples:
  portcullis report /var/log/portcullis/audit.jsonl
  zcat audit.jsonl.*.gz | portcullis report - --json | jq '.rows[] | select(.would_refuse > 0)'";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  portcullis completions bash > /etc/bash_completion.d/portcullis
  portcullis completions zsh > \"${fpath[1]}/_portcullis\"
  portcullis completions fish > ~/.config/fish/completions/portcullis.fish";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn the_definitions_are_consistent() {
        Arguments::command().debug_assert();
    }
}
