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

use clap::{ArgGroup, Args};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::{Failure, failure::EXIT_FAILED, out, storage::ObjectUrl};
use crate::{
    config,
    keyring::{Keyrings, Kind, Limits, Settings},
    pipeline::{Fault, Place},
    seal::{Broken, Committed, Complete, Dek, Ending, KeyBox, ObjectId, ObjectKeys, Opener},
    secret::Secret,
    telemetry::metrics::Metrics,
    transform::seal::{Customer, Irregular, Sealed, Sealing, UnsealedObjects},
};

/// Open a sealed object offline
///
/// Reads the bytes as the backend stores them, and writes the plaintext. Each record is checked
/// before a byte of it is written; with --output, the file appears only when every check has held.
/// A failed check ends with exit code 1 and is named as in docs/format.md. The key is had from a
/// keyring, by the object's two metadata values and the name that it is bound to, or given itself.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("key").required(true)))]
pub(crate) struct Unseal {
    /// The stored object; several files are its pieces, in order
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Where the plaintext goes; `-` is standard output [default: -]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The keyring's file, as `portcullis keys` makes it
    #[arg(long, value_name = "FILE", group = "key", requires = "name", help_heading = KEYRING)]
    pub(crate) keyring: Option<PathBuf>,
    /// A configuration with the keyring, which may be a key service's
    #[arg(long, short, value_name = "FILE", group = "key", requires = "name", help_heading = KEYRING)]
    pub(crate) config: Option<PathBuf>,
    /// The name that the object was stored under, as `s3://BUCKET/KEY`
    #[arg(long, value_name = "URL", requires_all = ["pcl_c", "pcl_k"], help_heading = KEYRING)]
    pub(crate) name: Option<ObjectUrl>,
    /// The value of its metadata pcl-c
    #[arg(long, value_name = "VALUE", help_heading = KEYRING)]
    pub(crate) pcl_c: Option<String>,
    /// The value of its metadata pcl-k
    #[arg(long, value_name = "VALUE", help_heading = KEYRING)]
    pub(crate) pcl_k: Option<String>,
    /// The customer's key, where it was sealed with one (SSE-C): 32 bytes in hex, `file:PATH` or
    /// `env:NAME`
    #[arg(long, value_name = "HEX", value_parser = secret, help_heading = KEYRING)]
    pub(crate) customer_key: Option<Secret>,
    /// The object's data key: 32 bytes in hex, or `file:PATH` or `env:NAME` where they stand
    #[arg(
        long,
        value_name = "HEX",
        value_parser = secret,
        group = "key",
        requires_all = ["object_id", "commitment"],
        help_heading = DATA_KEY
    )]
    pub(crate) dek: Option<Secret>,
    /// The object's id, 32 bytes in hex
    #[arg(long, value_name = "HEX", value_parser = bytes_32, help_heading = DATA_KEY)]
    pub(crate) object_id: Option<[u8; 32]>,
    /// The object's commitment to its key, 32 bytes in hex
    #[arg(long, value_name = "HEX", value_parser = bytes_32, help_heading = DATA_KEY)]
    pub(crate) commitment: Option<[u8; 32]>,
}

pub(super) fn run(arguments: &Unseal) -> Result<ExitCode, Failure> {
    let found = keys(arguments)?;
    let mut stored = Stored::open(&arguments.files)?;
    let keys = found.map_err(|broken| stored.refused(broken))?;
    match arguments.output.as_deref().filter(|path| path.as_os_str() != "-") {
        None => {
            let mut out = io::stdout().lock();
            unseal(&keys, &mut stored, &mut out)?;
            out.flush().map_err(|error| Failure::runtime(format!("standard output: {error}")))?;
        }
        Some(path) => to_output(path, |out| unseal(&keys, &mut stored, out))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The object's keys, by whichever way was given.
fn keys(arguments: &Unseal) -> Result<Result<ObjectKeys, Broken>, Failure> {
    let Unseal { dek, object_id, commitment, name, pcl_c, pcl_k, .. } = arguments;
    if let (Some(dek), Some(id), Some(commitment)) = (dek, object_id, commitment) {
        let committed = Committed::new(ObjectId::from_bytes(*id), *commitment);
        let dek = Dek::from_bytes(&*bytes_of(dek, "--dek")?);
        return Ok(committed.unlock(&dek));
    }
    let (Some(name), Some(pcl_c), Some(pcl_k)) = (name, pcl_c, pcl_k) else {
        let advice = "give --name, --pcl-c and --pcl-k with a keyring, or --dek, --object-id and \
                      --commitment";
        return Err(Failure::usage(advice));
    };
    let sealed = Committed::decode(pcl_c).and_then(|committed| {
        let key_box = KeyBox::decode(pcl_k)?;
        Ok(Sealed { committed, key_box })
    });
    let sealed = match sealed {
        Ok(sealed) => sealed,
        Err(broken) => return Ok(Err(broken)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Key services are logged into by tasks of their own.
    let _entered = runtime.enter();
    let keyrings = keyrings(arguments, &sealed.key_box)?;
    let customer = arguments.customer_key.as_ref().map(|key| bytes_of(key, "--customer-key"));
    let customer = customer.transpose()?.map(|key| Customer::from_bytes(&key));
    let sealing = Sealing {
        keyrings: vec![sealed.key_box.bucket_key().ring.clone()],
        binding: sealed.key_box.binding(),
        aliases: Vec::new(),
        unsealed: UnsealedObjects::Refuse,
        irregular: Irregular::default(),
        kms_key_id: None,
    };
    let (bucket, key) = (&name.bucket, &name.key);
    let place = Place { bucket, key, sealing: &sealing, keyrings: &keyrings };
    match runtime.block_on(place.unlock(&sealed, customer.as_ref())) {
        Ok(keys) => Ok(Ok(keys)),
        Err(Fault::Broken(broken)) => Ok(Err(broken)),
        Err(fault) => Err(fault.into()),
    }
}

/// Those of the configuration, or the one of a file, under whatever name the box knows it.
fn keyrings(arguments: &Unseal, key_box: &KeyBox) -> Result<Keyrings, Failure> {
    if let Some(path) = &arguments.config {
        let config = config::load(path, super::now()).map_err(Failure::faults)?;
        return Ok(Keyrings::open(&config.gate.keyrings, None, &*Metrics::new()?)?);
    }
    let path = arguments.keyring.as_deref().unwrap_or(Path::new(""));
    let (file, warnings) = config::load_keyring_file(path).map_err(Failure::faults)?;
    out::stderr(&out::warnings(&warnings));
    let local = file.into_local().ok_or_else(|| {
        Failure::usage(format!("{}: no version of the keyring is active", path.display()))
    })?;
    let name = key_box.bucket_key().ring.clone();
    let settings = Settings { name, kind: Kind::Local(local), limits: Limits::default() };
    Ok(Keyrings::open(&[settings], None, &*Metrics::new()?)?)
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

/// Writes plaintext where it is wanted: a file as a whole or not at all; what is none, such as a pipe, as it
/// comes.
fn to_output(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<Complete, Failure>,
) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            Err(Failure::usage(format!("--output {}: it is a folder", path.display())))
        }
        Ok(there) if !there.is_file() => {
            let opened = OpenOptions::new().write(true).open(path);
            write(&mut opened.map_err(|error| Failure::file(path, &error))?).map(drop)
        }
        Ok(_) => {
            // What a link leads to is what is replaced.
            let file = fs::canonicalize(path).map_err(|error| Failure::file(path, &error))?;
            to_file(&file, write)
        }
        Err(_) if fs::symlink_metadata(path).is_ok() => {
            Err(Failure::usage(format!("--output {}: a link that leads nowhere", path.display())))
        }
        Err(_) => to_file(path, write),
    }
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
    partial.goes_with_a_signal()?;
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial.0);
    let mut file = created.map_err(|error| Failure::file(&partial.0, &error))?;
    write(&mut file)?;
    file.sync_all().map_err(|error| Failure::file(&partial.0, &error))?;
    fs::rename(&partial.0, path).map_err(|error| Failure::file(path, &error))
}

/// A file that goes when it is dropped, unless it was renamed.
struct Partial(PathBuf);

impl Partial {
    /// From now on SIGINT and SIGTERM end the process without leaving plaintext behind.
    fn goes_with_a_signal(&self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        drop(entered);
        let path = self.0.clone();
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            let _ = fs::remove_file(path);
            process::exit(EXIT_FAILED.into());
        });
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A key as typed, or from where it was said to stand.
fn bytes_of(typed: &Secret, option: &str) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let text = Zeroizing::new(String::from_utf8_lossy(typed.expose()).into_owned());
    let hex = if let Some(path) = text.strip_prefix("file:") {
        let path = Path::new(path);
        Zeroizing::new(fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?)
    } else if let Some(name) = text.strip_prefix("env:") {
        let value = env::var(name);
        let missing = |error| Failure::usage(format!("{option} env:{name}: {error}"));
        Zeroizing::new(value.map_err(missing)?)
    } else {
        text
    };
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(hex.trim(), bytes.as_mut())
        .map_err(|_| Failure::usage(format!("{option}: write 64 hexadecimal digits")))?;
    Ok(bytes)
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

const KEYRING: &str = "Key from a keyring";
const DATA_KEY: &str = "Key itself";

const EXAMPLES: &str = "\
Examples:
  portcullis unseal stored.bin --output plain.bin --keyring company.keyring \\
      --name s3://bucket/report.pdf --pcl-c AQE4…kXz --pcl-k AQIE…9wQ
  portcullis unseal stored.bin --output plain.bin \\
      --dek file:dek.hex --object-id 3941…c7a2 --commitment 95d7…7b17";
