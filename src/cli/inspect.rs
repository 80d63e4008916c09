//! `portcullis inspect`: what an object is, at rest. Invariant: it writes nothing, and shows no key
//! unless it is asked for by name.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use clap::Args;
use http::{HeaderMap, header, response::Parts};
use serde::Serialize;

use super::{
    Failure, out,
    storage::{ObjectUrl, Storage},
};
use crate::{
    pipeline::Place,
    seal::{Binding, Ending, Layout},
    transform::{
        etag::{self, Tagged},
        seal::Sealed,
    },
};

/// Look at an object as the backend stores it
///
/// Says whether it is sealed, by which key, bound to what, how large its plaintext is, and whether
/// its key box and its ending open here. The bytes in between are checked by reading the object.
/// Exit code 0: sealed and it opens, or not sealed. 1: there is no such object, or a check failed.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Inspect {
    /// The object, as `s3://BUCKET/KEY`
    #[arg(value_name = "URL")]
    pub(crate) object: ObjectUrl,
    /// The configuration: backend, credential and keyrings
    #[arg(long, short, value_name = "FILE", env = "PORTCULLIS_CONFIG")]
    pub(crate) config: PathBuf,
    /// A version of it
    #[arg(long, value_name = "ID")]
    pub(crate) version_id: Option<String>,
    /// Print one JSON document instead
    #[arg(long)]
    pub(crate) json: bool,
    /// Show the object's data key, with which anybody can read it
    #[arg(long)]
    pub(crate) danger_show_dek: bool,
}

pub(super) async fn run(arguments: Inspect) -> Result<ExitCode, Failure> {
    let storage = Storage::open(&arguments.config).await?;
    let object = &arguments.object;
    let head = storage.head(object, arguments.version_id.as_deref()).await?;
    let Some(head) = head else {
        return Err(Failure::runtime(format!("{object}: there is no such object")));
    };
    let found = Found::of(&storage, &arguments, &head).await?;
    if arguments.json {
        out::document(&out::json(&found)?);
    } else {
        out::stdout(&found.table());
    }
    let fails = found.seal.as_ref().is_some_and(|seal| seal.failure.is_some());
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The document of `--json`. Names are kept from version to version; new ones may come.
#[derive(Serialize)]
struct Found {
    object: String,
    version_id: Option<String>,
    etag: Option<String>,
    stored_bytes: u64,
    sealed: bool,
    #[serde(flatten)]
    seal: Option<Seal>,
}

#[derive(Default, Serialize)]
struct Seal {
    format: &'static str,
    etag_shown: Option<String>,
    object_id: Option<String>,
    commitment: Option<String>,
    keyring: Option<String>,
    key_version: Option<String>,
    kms_key_id: Option<String>,
    bound_to: Option<&'static str>,
    customer_key: Option<bool>,
    /// `None`: not tried, since that needs a customer's key.
    opens: Option<bool>,
    bytes: Option<u64>,
    parts: Option<u32>,
    /// The check that failed, in the format's words.
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dek: Option<String>,
}

impl Found {
    async fn of(storage: &Storage, arguments: &Inspect, head: &Parts) -> Result<Self, Failure> {
        let object = &arguments.object;
        let stored = text(&head.headers, &header::CONTENT_LENGTH);
        let stored = stored.and_then(|length| length.parse().ok());
        let stored_bytes = stored
            .ok_or_else(|| Failure::runtime(format!("{object}: the storage tells no length")))?;
        let etag = text(&head.headers, &header::ETAG).map(str::to_owned);
        let mut found = Self {
            object: object.to_string(),
            version_id: arguments.version_id.clone(),
            etag,
            stored_bytes,
            sealed: false,
            seal: None,
        };
        match Sealed::read_all(&head.headers) {
            Ok(None) => {}
            Ok(Some(sealed)) => {
                found.sealed = true;
                let seal = Seal::of(storage, arguments, &found, (&sealed, head)).await?;
                found.seal = Some(seal);
            }
            Err(broken) => {
                found.sealed = true;
                let failure = Some(format!("{}: {broken}", broken.check()));
                let opens = Some(false);
                found.seal = Some(Seal { format: FORMAT, opens, failure, ..Seal::default() });
            }
        }
        Ok(found)
    }

    fn table(&self) -> String {
        let mut text = out::bold(&out::shown(&self.object)) + "\n";
        let mut row = |name: &str, value: Option<String>| {
            // Infallible: writing into a String.
            value.map(|value| writeln!(text, "  {name:<14}{value}"));
        };
        let shown = |value: &Option<String>| value.as_deref().map(out::shown);
        let etag = shown(&self.etag).unwrap_or_else(|| "none".to_owned());
        let Some(seal) = &self.seal else {
            row("sealed", Some(out::yellow("no")));
            row("size", Some(out::counted_bytes(self.stored_bytes)));
            row("etag", Some(etag));
            return text;
        };
        row("sealed", Some(FORMAT.to_owned()));
        row("opens", Some(seal.verdict()));
        row("size", seal.bytes.map(out::counted_bytes));
        row("stored", Some(out::counted_bytes(self.stored_bytes)));
        row("parts", seal.parts.map(|parts| parts.to_string()));
        let key = shown(&seal.keyring).zip(shown(&seal.key_version));
        row("keyring", key.map(|(ring, version)| format!("{ring}, version {version}")));
        row("KMS key", shown(&seal.kms_key_id));
        row("bound to", seal.bound_to.map(str::to_owned));
        let needed = seal.customer_key.map(|needed| if needed { "needed" } else { "none" });
        row("customer key", needed.map(str::to_owned));
        row("object id", seal.object_id.clone());
        row("commitment", seal.commitment.clone());
        row("data key", seal.dek.as_deref().map(out::red));
        row(
            "etag",
            Some(match &seal.etag_shown {
                Some(as_shown) => format!("{etag}, shown as {}", out::shown(as_shown)),
                None => etag,
            }),
        );
        text
    }
}

impl Seal {
    fn verdict(&self) -> String {
        match (&self.failure, self.opens) {
            (Some(failure), _) => out::red(&format!("no: {}", out::shown(failure))),
            (None, Some(_)) => out::green("yes"),
            (None, None) => out::yellow("not tried: that needs the customer's key"),
        }
    }

    async fn of(
        storage: &Storage,
        arguments: &Inspect,
        found: &Found,
        (sealed, head): (&Sealed, &Parts),
    ) -> Result<Self, Failure> {
        let key_box = &sealed.key_box;
        let wrapped = key_box.bucket_key();
        let ring = storage.keyrings.find(&wrapped.ring);
        let kms_key_id = ring.and_then(|ring| ring.kms_key_id(&wrapped.version));
        let mut seal = Self {
            format: FORMAT,
            etag_shown: found.etag.as_deref().map(|it| etag::shown(it, Tagged::Sealed).into()),
            object_id: Some(hex::encode(sealed.committed.object_id().as_bytes())),
            commitment: Some(hex::encode(sealed.committed.commitment())),
            keyring: Some(wrapped.ring.clone()),
            key_version: Some(wrapped.version.clone()),
            kms_key_id: kms_key_id.map(str::to_owned),
            bound_to: Some(match key_box.binding() {
                Binding::BucketAndKey => "bucket and key",
                Binding::Bucket => "bucket",
                Binding::Nothing => "nothing",
            }),
            customer_key: Some(key_box.needs_customer_key()),
            ..Self::default()
        };
        if !key_box.needs_customer_key() {
            seal.open(storage, arguments, found.stored_bytes, (sealed, head)).await?;
            seal.opens = Some(seal.failure.is_none());
        }
        Ok(seal)
    }

    /// Tries the key box and the ending.
    async fn open(
        &mut self,
        storage: &Storage,
        arguments: &Inspect,
        stored_bytes: u64,
        (sealed, head): (&Sealed, &Parts),
    ) -> Result<(), Failure> {
        let Inspect { object, version_id, .. } = arguments;
        let sealing = storage.sealing(object);
        let place = Place {
            bucket: &object.bucket,
            key: &object.key,
            sealing: &sealing,
            keyrings: &storage.keyrings,
        };
        let dek = match place.open_box(sealed, None).await {
            Ok(dek) => dek,
            Err(fault) => {
                self.failure = Some(fault.to_string());
                return Ok(());
            }
        };
        if arguments.danger_show_dek {
            self.dek = Some(hex::encode(dek.expose()));
        }
        let opened = sealed.committed.unlock(&dek);
        let counted = Ending::bytes(stored_bytes);
        let (keys, count) = match opened.and_then(|keys| Ok((keys, counted?))) {
            Ok(both) => both,
            Err(broken) => {
                self.failure = Some(format!("{}: {broken}", broken.check()));
                return Ok(());
            }
        };
        let etag = head.headers.get(header::ETAG);
        let last = storage.last(object, version_id.as_deref(), (count, etag)).await?;
        match Ending::read(&keys, stored_bytes, &last) {
            Ok(ending) => {
                self.bytes = ending.layout().map(Layout::bytes);
                let parts = ending.layout().filter(|_| ending.is_of_parts()).map(Layout::parts);
                self.parts = parts;
            }
            Err(broken) => self.failure = Some(format!("{}: {broken}", broken.check())),
        }
        Ok(())
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

const FORMAT: &str = "pcl1";

const EXAMPLES: &str = "\
Examples:
  portcullis inspect s3://bucket/report.pdf --config portcullis.toml
  portcullis inspect s3://bucket/report.pdf --json | jq -r .keyring";
