//! A keyring's file. Invariant: exactly one version writes, no version and no secret stands there
//! twice, and no message shows a secret.

use std::{path::Path, time::SystemTime};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use zeroize::Zeroizing;

use super::{
    super::{
        loading::Loading,
        reader,
        secrets::is_reference,
        source::{At, FileRead, Place, Source, read_file},
        suggest::{self, quoted},
    },
    written::{self, Key},
};
use crate::{
    keyring::{Local, State},
    seal::Kek,
    secret::Secret,
};

/// What a keyring's file holds.
#[derive(Debug)]
pub struct KeyringFile {
    /// In the order of the file.
    pub keys: Vec<KeyVersion>,
}

/// One version of a keyring's key.
#[derive(Debug)]
pub struct KeyVersion {
    /// Key boxes bear it.
    pub version: u32,
    /// What it is good for.
    pub state: State,
    /// When it was made.
    pub created: SystemTime,
    /// The key as written: hexadecimal digits, or where they are to be found.
    pub written: Secret,
    key: Kek,
}

impl KeyringFile {
    /// The keyring; none without a version that writes, which is no file that loads.
    pub fn into_local(self) -> Option<Local> {
        let mut active = None;
        let (mut others, mut disabled) = (Vec::new(), Vec::new());
        for KeyVersion { version, state, key, .. } in self.keys {
            let version = version.to_string();
            match state {
                State::Active => active = Some((version, key)),
                State::Enabled => others.push((version, key)),
                State::Disabled => disabled.push(version),
            }
        }
        Some(Local::with_disabled(active?, others, disabled))
    }
}

impl Loading<'_> {
    /// The keys of a `local` keyring.
    pub(super) fn local(&mut self, named: &At<String>) -> Option<Local> {
        let (path, read) = self.file(named)?;
        let file = self.keyring_text(&path, &read)?;
        if read.others_may_read && file.keys.iter().any(|key| !is_reference(&key.text())) {
            self.faults.push(Place::whole(&path).fault(OTHERS_MAY_READ));
        }
        file.into_local()
    }

    /// A keyring's file that no configuration names.
    pub(in crate::config) fn keyring_file(&mut self, path: &Path) -> Option<KeyringFile> {
        let read = match read_file(path) {
            Ok(read) => read,
            Err(message) => return self.fault(Place::whole(path).fault(message)),
        };
        let file = self.keyring_text(path, &read)?;
        if read.others_may_read && file.keys.iter().any(|key| !is_reference(&key.text())) {
            self.warnings.push(Place::whole(path).fault(OTHERS_MAY_READ));
        }
        Some(file)
    }

    /// `None` where any of it is faulty.
    fn keyring_text(&mut self, path: &Path, read: &FileRead) -> Option<KeyringFile> {
        let faults_before = self.faults.len();
        let source = Source::new(path, self.utf8(path, &read.bytes)?);
        let written = reader::read::<written::File>(&source, &mut self.faults)?;
        let mut keys: Vec<KeyVersion> = Vec::new();
        for written in &written.keys {
            let Some(key) = self.key_version(written) else { continue };
            self.refuse_repeated(written, &key, &keys);
            keys.push(key);
        }
        if self.faults.len() == faults_before {
            self.refuse_unless_one_is_active(&source, &written.keys, &keys);
        }
        (self.faults.len() == faults_before).then_some(KeyringFile { keys })
    }

    fn key_version(&mut self, written: &Key) -> Option<KeyVersion> {
        let version = written.version.as_ref().and_then(|version| self.version(version));
        let state = written.state.as_ref().and_then(|state| self.state(state));
        let created = written.created.as_ref().and_then(|created| self.created(created));
        let key = written.secret.as_ref().and_then(|secret| self.kek(secret));
        let text = written.secret.as_ref()?.value.as_bytes();
        Some(KeyVersion {
            version: version?,
            state: state?,
            created: created?,
            written: Secret::new(text),
            key: key?,
        })
    }

    fn version(&mut self, written: &At<u64>) -> Option<u32> {
        match u32::try_from(written.value) {
            Ok(version) if version > 0 => Some(version),
            Ok(_) | Err(_) => {
                self.fault(written.fault(format!("write a number from 1 to {}", u32::MAX)))
            }
        }
    }

    fn state(&mut self, written: &At<String>) -> Option<State> {
        let known = State::ALL.into_iter().find(|state| state.as_str() == written.value);
        if known.is_none() {
            let instead = suggest::instead(&written.value, &State::ALL.map(State::as_str));
            let message = format!("unknown state {}; {instead}", quoted(&written.value));
            self.faults.push(written.fault(message));
        }
        known
    }

    fn created(&mut self, written: &At<String>) -> Option<SystemTime> {
        match OffsetDateTime::parse(&written.value, &Rfc3339) {
            Ok(at) => Some(at.into()),
            Err(_) => self.fault(
                written
                    .fault("write a moment as RFC 3339 has it, such as \"2030-01-31T12:00:00Z\""),
            ),
        }
    }

    fn kek(&mut self, written: &At<Zeroizing<String>>) -> Option<Kek> {
        let secret = self.secret_or_literal(written)?;
        let mut bytes = Zeroizing::new([0; 32]);
        match hex::decode_to_slice(secret.expose(), bytes.as_mut()) {
            Ok(()) => Some(Kek::from_bytes(&bytes)),
            Err(_) => self.fault(written.fault(
                "a key is 32 random bytes, written as 64 hexadecimal digits; `portcullis keys \
                 rotate` adds one",
            )),
        }
    }

    fn refuse_repeated(&mut self, written: &Key, key: &KeyVersion, before: &[KeyVersion]) {
        if let Some(version) = &written.version
            && before.iter().any(|other| other.version == key.version)
        {
            let message = "this version stands above already; each may occur once";
            self.faults.push(version.fault(message));
        }
        let is_same = |other: &&KeyVersion| {
            verify_slices_are_equal(other.key.expose(), key.key.expose()).is_ok()
        };
        if let (Some(secret), Some(other)) = (&written.secret, before.iter().find(is_same)) {
            self.faults.push(secret.fault(format!(
                "this is the key of version {} again; a version has a key of its own",
                other.version
            )));
        }
    }

    fn refuse_unless_one_is_active(
        &mut self,
        source: &Source,
        written: &[Key],
        keys: &[KeyVersion],
    ) {
        let active = |(_, key): &(&Key, &KeyVersion)| key.state == State::Active;
        let mut active = written.iter().zip(keys).filter(active);
        if active.next().is_none() {
            self.faults.push(source.whole().fault(
                "no version is active, so nothing could be written; write state = \"active\" in \
                 the newest `[[key]]`",
            ));
        }
        for state in active.filter_map(|(written, _)| written.state.as_ref()) {
            self.faults.push(state.fault(
                "another version is active already, and only one can write; write \"enabled\" \
                 where it should only read",
            ));
        }
    }
}

impl KeyVersion {
    fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.written.expose())
    }
}

const OTHERS_MAY_READ: &str = "every user of this machine may read these keys; chmod this file to \
                               0600, or to 0640 with the group that the proxy runs as";
