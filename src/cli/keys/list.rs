//! `portcullis keys list`. Invariant: it shows versions, states and dates alone.

use std::{fmt::Write as _, time::SystemTime};

use serde::Serialize;

use super::{args::KeysList, file::Keyring};
use crate::{
    cli::{
        Failure,
        out::{self, counted},
    },
    keyring::State,
};

pub(super) fn run(arguments: &KeysList) -> Result<(), Failure> {
    let (keyring, warnings) = Keyring::read(&arguments.file)?;
    out::stderr(&out::warnings(&warnings));
    let text = if arguments.json {
        out::json(&Document::of(&keyring))?
    } else {
        table(&keyring, super::super::now())
    };
    out::stdout(&text);
    Ok(())
}

fn table(keyring: &Keyring, now: SystemTime) -> String {
    let mut text = out::bold(&row("version", "state", "created", "age")) + "\n";
    for key in &keyring.keys {
        let age = now.duration_since(key.created).unwrap_or_default().as_secs() / SECONDS_A_DAY;
        let age = counted(usize::try_from(age).unwrap_or(usize::MAX), "day");
        let state = key.state.as_str();
        let row = row(&key.version.to_string(), state, &out::date(key.created), &age);
        let row = match key.state {
            State::Active => out::green(&row),
            State::Enabled => row,
            State::Disabled => out::red(&row),
        };
        // Infallible: writing into a String.
        let _ = writeln!(text, "{row}");
    }
    text
}

fn row(version: &str, state: &str, created: &str, age: &str) -> String {
    format!("{version:>7}  {state:<8}  {created:<20}  {age}")
}

/// The document of `--json`. Names are kept from version to version; new ones may come.
#[derive(Serialize)]
struct Document {
    keys: Vec<DocumentKey>,
}

#[derive(Serialize)]
struct DocumentKey {
    version: u32,
    state: &'static str,
    created: String,
}

impl Document {
    fn of(keyring: &Keyring) -> Self {
        let keys = keyring.keys.iter().map(|key| DocumentKey {
            version: key.version,
            state: key.state.as_str(),
            created: out::date(key.created),
        });
        Self { keys: keys.collect() }
    }
}

const SECONDS_A_DAY: u64 = 24 * 60 * 60;
