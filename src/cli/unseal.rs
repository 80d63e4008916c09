//! `portcullis unseal`: opens a sealed object offline. Invariant: plaintext goes out record by record as
//! each is checked, and a file of it exists only when every check has held.

use std::{
    convert::Infallible,
    env, fs,
    fs::{File, OpenOptions},
    io::{self, Read, Seek as _, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{self, ExitCode},
};

use clap::Args;
use zeroize::Zeroizing;

use super::Failure;
use crate::{
    seal::{Broken, Committed, Complete, Dek, Ending, ObjectId, ObjectKeys, Opener},
    secret::Secret,
};

/// Open a sealed object offline
///
/// Reads the bytes as the backend stores them, and writes the plaintext. Each record is checked
/// before a byte of it is written; with --output, the file appears only when every check has held.
/// A failed check ends with exit code 1 and is named as in docs/format.md.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Unseal {
    /// The stored object; several files are its pieces, in order
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Where the plaintext goes [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The object's data key: 32 bytes in hex, or `file:PATH` or `env:NAME` where they stand
    #[arg(long, value_name = "HEX", value_parser = secret)]
    pub(crate) dek: Secret,
    /// The object's id, 32 bytes in hex
    #[arg(long, value_name = "HEX", value_parser = bytes_32)]
    pub(crate) object_id: [u8; 32],
    /// The object's commitment to its key, 32 bytes in hex
    #[arg(long, value_name = "HEX", value_parser = bytes_32)]
    pub(crate) commitment: [u8; 32],
}

pub(super) fn run(arguments: &Unseal) -> Result<ExitCode, Failure> {
    let dek = dek(&arguments.dek)?;
    let mut stored = Stored::open(&arguments.files)?;
    let committed = Committed::new(ObjectId::from_bytes(arguments.object_id), arguments.commitment);
    let keys = committed.unlock(&dek).map_err(|broken| stored.refused(broken))?;
    match &arguments.output {
        None => {
            let mut out = io::stdout().lock();
            unseal(&keys, &mut stored, &mut out)?;
            out.flush().map_err(|error| Failure::runtime(format!("standard output: {error}")))?;
        }
        Some(path) => to_file(path, |out| unseal(&keys, &mut stored, out))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The stored bytes: files, one after the other.
struct Stored {
    files: Vec<(PathBuf, File)>,
    /// The one that is being read.
    at: usize,
    bytes: u64,
}

impl Stored {
    fn open(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut stored = Self { files: Vec::new(), at: 0, bytes: 0 };
        for path in paths {
            let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
            let (metadata, file) = opened.map_err(|error| Failure::file(path, &error))?;
            if !metadata.is_file() {
                let reason = "not a file; how an object ends is looked at first";
                return Err(Failure::runtime(format!("{}: {reason}", path.display())));
            }
            stored.bytes = stored.bytes.saturating_add(metadata.len());
            stored.files.push((path.clone(), file));
        }
        Ok(stored)
    }

    /// The last bytes of all files together.
    fn last(&mut self, count: u64) -> Result<Vec<u8>, Failure> {
        let mut skip = self.bytes.saturating_sub(count);
        let mut last = Vec::new();
        for (path, file) in &mut self.files {
            let mut read = || {
                let length = file.metadata()?.len();
                let start = skip.min(length);
                skip -= start;
                file.seek(SeekFrom::Start(start))?;
                (&*file).take(length - start).read_to_end(&mut last)?;
                file.rewind()
            };
            read().map_err(|error| Failure::file(path, &error))?;
        }
        Ok(last)
    }

    /// The next bytes; none at the end of the last file.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        while let Some((path, file)) = self.files.get_mut(self.at) {
            let read = file.read(buffer).map_err(|error| Failure::file(path, &error))?;
            if read > 0 {
                return Ok(read);
            }
            self.at += 1;
        }
        Ok(0)
    }

    fn refused(&self, broken: Broken) -> Failure {
        let name = self.files.first().map(|(path, _)| path.display().to_string());
        let name = name.unwrap_or_default();
        Failure::runtime(format!("{name}: the check `{}` failed: {broken}", broken.check()))
    }
}

/// Opens all of it. The ending is read first, so that an object that ends wrongly gives no byte.
fn unseal(
    keys: &ObjectKeys,
    stored: &mut Stored,
    out: &mut impl Write,
) -> Result<Complete, Failure> {
    let count = Ending::bytes(stored.bytes).map_err(|broken| stored.refused(broken))?;
    let last = stored.last(count)?;
    let ending = Ending::read(keys, stored.bytes, &last);
    let ending = ending.map_err(|broken| stored.refused(broken))?;
    let mut opener = Opener::with_ending(keys, &ending);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = stored.read(&mut buffer)?;
        let Some(mut input) = buffer.get(..read).filter(|input| !input.is_empty()) else { break };
        while !input.is_empty() {
            let plaintext = opener.open(&mut input).map_err(|broken| stored.refused(broken))?;
            out.write_all(&plaintext.unwrap_or_default())
                .map_err(|error| Failure::runtime(format!("writing plaintext: {error}")))?;
        }
    }
    opener.finish().map_err(|broken| stored.refused(broken))
}

/// Writes a file beside the one that is wanted, and gives it its name only when `write` has succeeded.
fn to_file(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<Complete, Failure>,
) -> Result<(), Failure> {
    let name = path.file_name().ok_or_else(|| {
        Failure::usage(format!("--output {}: name a file to be written", path.display()))
    })?;
    let mut partial_name = std::ffi::OsString::from(".");
    partial_name.push(name);
    partial_name.push(format!(".{}.partial", process::id()));
    let partial = Partial(path.with_file_name(partial_name));
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial.0);
    let mut file = created.map_err(|error| Failure::file(&partial.0, &error))?;
    write(&mut file)?;
    file.sync_all().map_err(|error| Failure::file(&partial.0, &error))?;
    fs::rename(&partial.0, path).map_err(|error| Failure::file(path, &error))
}

/// A file that goes when it is dropped, unless it was renamed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The data key as typed, or from where it was said to stand.
fn dek(typed: &Secret) -> Result<Dek, Failure> {
    let text = Zeroizing::new(String::from_utf8_lossy(typed.expose()).into_owned());
    let hex = if let Some(path) = text.strip_prefix("file:") {
        let path = Path::new(path);
        Zeroizing::new(fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?)
    } else if let Some(name) = text.strip_prefix("env:") {
        let value = env::var(name);
        Zeroizing::new(value.map_err(|error| Failure::usage(format!("--dek env:{name}: {error}")))?)
    } else {
        text
    };
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(hex.trim(), bytes.as_mut())
        .map_err(|_| Failure::usage("--dek: write 64 hexadecimal digits"))?;
    Ok(Dek::from_bytes(&bytes))
}

/// What was typed, or where it is to be found; nobody but its command looks.
#[expect(clippy::unnecessary_wraps, reason = "the form that clap wants")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

fn bytes_32(text: &str) -> Result<[u8; 32], &'static str> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| "write 64 hexadecimal digits")?;
    Ok(bytes)
}

/// A few records at once: most lie in one piece then, and are opened without being copied.
const READ_BYTES: usize = 512 * 1024;

const EXAMPLES: &str = "\
Examples:
  portcullis unseal stored.bin --output plain.bin \\
      --dek file:dek.hex --object-id 3941…c7a2 --commitment 95d7…7b17";
