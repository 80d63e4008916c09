//! A keyring's file, as it is written. Invariant: who reads it sees the old one or the new one, whole;
//! keys are wiped from memory, and what is written anew keeps owner and mode.

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    time::SystemTime,
};

use zeroize::Zeroizing;

use crate::{
    cli::{Failure, out},
    config::{self, Fault},
    keyring::State,
    seal::Kek,
    secret::Secret,
};

/// The keys of a file, as they stand there.
pub(super) struct Keyring {
    pub(super) keys: Vec<Key>,
}

/// One version.
pub(super) struct Key {
    pub(super) version: u32,
    pub(super) state: State,
    pub(super) created: SystemTime,
    /// The key, or where it is to be found.
    written: Secret,
}

/// Makes a file that nobody but its owner may read, with one key that writes.
pub(in crate::cli) fn make(path: &Path, now: SystemTime) -> Result<(), Failure> {
    let replacing = Replacing::begin(path)?;
    if path.symlink_metadata().is_ok() {
        return Err(Failure::usage(format!(
            "{}: is there already, and whoever overwrites keys loses objects; take another name, \
             or add a key with `portcullis keys rotate`",
            path.display()
        )));
    }
    let key = Key::generate(1, State::Active, now).map_err(Failure::runtime)?;
    replacing.finish(&Keyring { keys: vec![key] })
}

impl Keyring {
    /// Reads a file as the gate would, and what should be mended of it.
    pub(super) fn read(path: &Path) -> Result<(Self, Vec<Fault>), Failure> {
        let (file, warnings) = config::load_keyring_file(path).map_err(Failure::faults)?;
        let keys = file.keys.into_iter().map(|key| Key {
            version: key.version,
            state: key.state,
            created: key.created,
            written: key.written,
        });
        Ok((Self { keys: keys.collect() }, warnings))
    }

    /// The bytes of the file, in memory that is wiped and never moved before.
    fn text(&self) -> Zeroizing<String> {
        let bytes: usize = self.keys.iter().map(|key| KEY_BYTES + key.written.expose().len()).sum();
        let mut text = Zeroizing::new(String::with_capacity(HEAD.len() + bytes));
        text.push_str(HEAD);
        for key in &self.keys {
            // Infallible: writing into a String.
            let _ = write!(
                text,
                "\n[[key]]\nversion = {}\nstate = \"{}\"\ncreated = \"{}\"\nsecret = ",
                key.version,
                key.state.as_str(),
                out::date(key.created),
            );
            push_quoted(&mut text, &String::from_utf8_lossy(key.written.expose()));
            text.push('\n');
        }
        text
    }
}

impl Key {
    pub(super) fn generate(version: u32, state: State, now: SystemTime) -> Result<Self, String> {
        let key = Kek::generate().map_err(|error| error.to_string())?;
        let mut digits = Zeroizing::new([0; 64]);
        // Infallible: there is room for two digits a byte.
        let _ = hex::encode_to_slice(key.expose(), digits.as_mut());
        Ok(Self { version, state, created: now, written: Secret::new(digits.as_slice()) })
    }
}

/// A file that is about to take another's place. It keeps others from doing the same meanwhile, and
/// goes when it is dropped.
pub(super) struct Replacing {
    /// Where links lead: they stay.
    target: PathBuf,
    partial: PathBuf,
    file: File,
}

impl Replacing {
    pub(super) fn begin(path: &Path) -> Result<Self, Failure> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let Some(name) = target.file_name() else {
            return Err(Failure::usage(format!("{}: name a file", path.display())));
        };
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(".new");
        let partial = target.with_file_name(hidden);
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
        match created {
            Ok(file) => Ok(Self { target, partial, file }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Failure::runtime(format!(
                    "{}: is there: another `portcullis keys` is at work on {}, or one was killed; \
                 remove it in the latter case",
                    partial.display(),
                    path.display()
                )))
            }
            Err(error) => Err(Failure::file(&partial, &error)),
        }
    }

    pub(super) fn finish(mut self, keyring: &Keyring) -> Result<(), Failure> {
        let written = self.write(&keyring.text());
        written.map_err(|error| Failure::file(&self.target, &error))
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if let Ok(before) = self.target.metadata() {
            chown(&self.partial, Some(before.uid()), Some(before.gid()))?;
            self.file.set_permissions(fs::Permissions::from_mode(before.mode() & 0o777))?;
        }
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.target)?;
        // The name has to last, too.
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Replacing {
    fn drop(&mut self) {
        // Fails where it has taken the other's place.
        let _ = fs::remove_file(&self.partial);
    }
}

/// As a TOML basic string.
fn push_quoted(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            // Infallible, as above.
            _ if character.is_control() => {
                let _ = write!(text, "\\u{:04X}", u32::from(character));
            }
            _ => text.push(character),
        }
    }
    text.push('"');
}

const HEAD: &str = "\
# Keys of a keyring, written by `portcullis keys`. Whoever reads this file can open every object that
# they sealed; whoever loses it loses those objects.
";
/// Of an entry without its secret, escapes included: more than it takes.
const KEY_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::{HEAD, KEY_BYTES, Key, Keyring, Secret, State};

    #[test]
    fn text_never_outgrows_its_first_allocation() {
        let key = |written: &str| Key {
            version: u32::MAX,
            state: State::Disabled,
            created: SystemTime::UNIX_EPOCH,
            written: Secret::new(written),
        };
        let keyring = Keyring { keys: vec![key(&"0".repeat(64)), key("file:/a \"b\".key")] };
        let text = keyring.text();
        let bytes: usize = keyring.keys.iter().map(|k| KEY_BYTES + k.written.expose().len()).sum();
        assert!(text.len() <= HEAD.len() + bytes && text.capacity() == HEAD.len() + bytes);
        assert!(text.ends_with("secret = \"file:/a \\\"b\\\".key\"\n"), "{}", *text);
    }
}
