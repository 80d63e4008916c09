//! What the user typed after `portcullis keys`. Invariant: as for all arguments, nothing is opened
//! here.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Make and rotate the keys of local keyrings
///
/// A keyring's file holds versions of a key: one is active and wraps what is new, enabled ones open
/// what they wrapped, disabled ones refuse to. Running gates take over a changed file by themselves.
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = EXAMPLES
)]
pub(crate) struct Keys {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    New(KeysNew),
    List(KeysList),
    Rotate(KeysRotate),
    Activate(KeysActivate),
    Enable(KeysEnable),
    Disable(KeysDisable),
}

/// Make a keyring's file, with a first key
///
/// Only its owner may read it. Keep a copy where the objects are not: without it nobody can open what
/// its keys sealed.
#[derive(Args, Debug)]
pub(crate) struct KeysNew {
    /// The file; there must be none of this name yet
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Show the versions of a keyring's key, never the key
#[derive(Args, Debug)]
pub(crate) struct KeysList {
    /// The keyring's file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Print one JSON document instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// Add a version, and write with it from now on
///
/// The versions before it are enabled: they open what they wrapped. Replicas that do not share the
/// file read nothing that a newer version wrapped; give it to all of them first, with --prepare.
#[derive(Args, Debug)]
pub(crate) struct KeysRotate {
    /// The keyring's file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only add it: it opens, and writes once it is activated
    #[arg(long)]
    pub(crate) prepare: bool,
}

/// Write with this version from now on
#[derive(Args, Debug)]
pub(crate) struct KeysActivate {
    /// The keyring's file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Which; it must be enabled
    #[arg(value_name = "VERSION")]
    pub(crate) version: u32,
}

/// Let a disabled version open what it wrapped
#[derive(Args, Debug)]
pub(crate) struct KeysEnable {
    /// The keyring's file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Which
    #[arg(value_name = "VERSION")]
    pub(crate) version: u32,
}

/// Refuse to open what a version wrapped
///
/// The key stays in the file, so that it can be enabled again.
#[derive(Args, Debug)]
pub(crate) struct KeysDisable {
    /// The keyring's file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Which; not the active one
    #[arg(value_name = "VERSION")]
    pub(crate) version: u32,
}

const EXAMPLES: &str = "\
Examples:
  portcullis keys new company.keyring
  portcullis keys list company.keyring
  portcullis keys rotate company.keyring
  portcullis keys disable company.keyring 1

  portcullis keys rotate --prepare company.keyring   on several machines: add, hand out the file,
  portcullis keys activate company.keyring 2         and write with it when all have it";
