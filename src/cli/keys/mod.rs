//! `portcullis keys`: the files of local keyrings. Invariant: what is printed holds no key, and a file
//! is replaced whole, by one that the gate would load, or not at all.

mod args;
pub(super) mod file;
mod list;

use std::{path::Path, process::ExitCode};

pub(crate) use self::args::Keys;
use self::{
    args::KeysCommand,
    file::{Keyring, Replacing},
};
use super::{Failure, out};
use crate::keyring::State;

pub(super) fn run(arguments: &Keys) -> Result<ExitCode, Failure> {
    match &arguments.command {
        KeysCommand::New(new) => make(&new.file)?,
        KeysCommand::List(list) => list::run(list)?,
        KeysCommand::Rotate(rotate) => change(&rotate.file, |keyring| {
            let version = keyring.add(super::now())?;
            if rotate.prepare {
                return Ok(format!(
                    "version {version} is added, and opens; `portcullis keys activate` lets it write"
                ));
            }
            keyring.activate(version)?;
            Ok(format!(
                "version {version} writes from now on; those before it open what they wrapped"
            ))
        })?,
        KeysCommand::Activate(activate) => change(&activate.file, |keyring| {
            keyring.activate(activate.version)?;
            Ok(format!("version {} writes from now on", activate.version))
        })?,
        KeysCommand::Enable(enable) => change(&enable.file, |keyring| {
            keyring.enable(enable.version)?;
            Ok(format!("version {} opens what it wrapped", enable.version))
        })?,
        KeysCommand::Disable(disable) => change(&disable.file, |keyring| {
            keyring.disable(disable.version)?;
            Ok(format!("version {} refuses to open what it wrapped", disable.version))
        })?,
    }
    Ok(ExitCode::SUCCESS)
}

fn make(path: &Path) -> Result<(), Failure> {
    file::make(path, super::now())?;
    out::line(&format!(
        "{}: version 1 writes. Keep a copy elsewhere: without it nobody opens what it sealed.",
        path.display()
    ));
    Ok(())
}

/// Changes a file, and tells what changed.
fn change(
    path: &Path,
    change: impl FnOnce(&mut Keyring) -> Result<String, String>,
) -> Result<(), Failure> {
    let replacing = Replacing::begin(path)?;
    let (mut keyring, warnings) = Keyring::read(path)?;
    out::stderr(&out::warnings(&warnings));
    let refused = |reason| Failure::usage(format!("{}: {reason}", path.display()));
    let before = keyring.states();
    let done = change(&mut keyring).map_err(refused)?;
    if keyring.states() == before {
        out::line(&format!("{}: nothing to do: {done}", path.display()));
        return Ok(());
    }
    replacing.finish(&keyring)?;
    out::line(&format!("{}: {done}", path.display()));
    Ok(())
}

impl Keyring {
    /// A new version, which opens.
    fn add(&mut self, now: std::time::SystemTime) -> Result<u32, String> {
        let last = self.keys.iter().map(|key| key.version).max().unwrap_or(0);
        let version = last.checked_add(1).ok_or("it has no room for another version")?;
        self.keys.push(file::Key::generate(version, State::Enabled, now)?);
        Ok(version)
    }

    fn activate(&mut self, version: u32) -> Result<(), String> {
        if self.state(version)? == State::Disabled {
            return Err(format!(
                "version {version} is disabled; enable it first, if it is really to write again"
            ));
        }
        for key in &mut self.keys {
            key.state = match key.state {
                _ if key.version == version => State::Active,
                State::Active => State::Enabled,
                other @ (State::Enabled | State::Disabled) => other,
            };
        }
        Ok(())
    }

    fn enable(&mut self, version: u32) -> Result<(), String> {
        if self.state(version)? == State::Disabled {
            self.set(version, State::Enabled);
        }
        Ok(())
    }

    fn disable(&mut self, version: u32) -> Result<(), String> {
        if self.state(version)? == State::Active {
            return Err(format!(
                "version {version} is active, and without it nothing could be written; activate \
                 another one or rotate first"
            ));
        }
        self.set(version, State::Disabled);
        Ok(())
    }

    fn set(&mut self, version: u32, state: State) {
        for key in self.keys.iter_mut().filter(|key| key.version == version) {
            key.state = state;
        }
    }

    fn state(&self, version: u32) -> Result<State, String> {
        let found = self.keys.iter().find(|key| key.version == version);
        found.map(|key| key.state).ok_or_else(|| {
            let known: Vec<_> = self.keys.iter().map(|key| key.version.to_string()).collect();
            format!("there is no version {version}; it has {}", known.join(", "))
        })
    }

    fn states(&self) -> Vec<(u32, State)> {
        self.keys.iter().map(|key| (key.version, key.state)).collect()
    }
}
