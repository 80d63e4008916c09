//! `portcullis scan`: how much is sealed, by which keys, and what is not. Invariant: it writes nothing.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Args;
use serde::Serialize;

use super::{
    Failure, out,
    sweep::{self, Named, Over, Progress, Stop, Work},
};
use crate::{
    pipeline::maintenance::{Failed, Found, Look, Maintenance, Target},
    s3::xml::ListedObject,
    seal::Binding,
};

/// Tell how much of a bucket is sealed, by which keys, and what is not
///
/// Looks at each object's head, not at its bytes. Sizes are those at rest.
///
/// Exit code 0: everything was looked at. 1: something could not be, or cannot be what it says.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) over: Over,
    /// Look at older versions, too
    #[arg(long)]
    pub(crate) versions: bool,
    /// Print one JSON document instead
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print a line for each object instead, as it is found
    #[arg(long)]
    pub(crate) csv: bool,
}

struct Looking;

impl Work for Looking {
    type Outcome = Found;
    type Tried = ();

    async fn run(
        &self,
        maintenance: &Maintenance,
        target: &Target,
        _: &ListedObject,
        (): &(),
    ) -> Result<Found, Failed> {
        maintenance.look(target).await
    }
}

/// The document of `--json`. Names are kept from version to version; new ones may come.
#[derive(Debug, Default, Serialize)]
struct Scanned {
    url: String,
    objects: Count,
    sealed: Count,
    not_sealed: Count,
    /// Since it was listed.
    gone: Count,
    /// Of what is sealed.
    customer_keys: Count,
    broken: Count,
    unseen: Count,
    keys: Vec<OfKey>,
    /// The first of what is not sealed.
    examples: Vec<Named>,
    start_after: Option<String>,
    broke_off: Option<String>,
    #[serde(skip)]
    by_key: BTreeMap<(String, String), Count>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Count {
    count: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct OfKey {
    keyring: String,
    version: String,
    #[serde(flatten)]
    count: Count,
}

pub(super) async fn run(arguments: Scan) -> Result<ExitCode, Failure> {
    let Scan { over, versions, json, csv } = arguments;
    let (stop, maintenance) = (Stop::new()?, sweep::open(&over.config)?);
    let mut scanned = Scanned { url: over.place.to_string(), ..Scanned::default() };
    if csv {
        out::document(&format!("{CSV_HEAD}\n"));
    }
    let is_seen = io::stdout().is_terminal();
    let take = |listed: &ListedObject, found: Result<Found, Failed>, progress: &Progress| {
        if csv {
            let row = csv_row(listed, &found);
            // A file has each key as it is.
            let row = if is_seen { out::shown(&row) } else { row };
            progress.above(&format!("{row}\n"));
        }
        if let Some(told) = scanned.add(&over, listed, found) {
            progress.tell(&told);
        }
    };
    let swept = sweep::sweep(maintenance, (&over, versions), (Looking, stop), take).await?;
    scanned.start_after = swept.until.filter(|_| swept.broke_off.is_some());
    scanned.broke_off = swept.broke_off;
    scanned.keys = std::mem::take(&mut scanned.by_key)
        .into_iter()
        .map(|((keyring, version), count)| OfKey { keyring, version, count })
        .collect();
    if csv {
        // Standard output has the rows alone.
        out::stderr(&scanned.ending());
    } else if json {
        out::document(&out::json(&scanned)?);
    } else {
        out::stdout(&scanned.table());
    }
    Ok(if scanned.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Scanned {
    /// Counts one; what is to be told of it at once.
    fn add(
        &mut self,
        over: &Over,
        listed: &ListedObject,
        found: Result<Found, Failed>,
    ) -> Option<String> {
        self.objects.add(listed.bytes);
        match found {
            Ok(Found::Gone) => {
                self.gone.add(listed.bytes);
                None
            }
            Ok(Found::NotSealed) => {
                self.not_sealed.add(listed.bytes);
                if self.examples.len() < EXAMPLES_MAX {
                    self.examples.push(over.named(listed));
                }
                None
            }
            Ok(Found::Sealed(look)) => {
                self.sealed.add(listed.bytes);
                if look.needs_customer_key {
                    self.customer_keys.add(listed.bytes);
                }
                let key = (look.keyring, look.key_version);
                self.by_key.entry(key).or_default().add(listed.bytes);
                None
            }
            Ok(Found::Broken(broken)) => {
                self.broken.add(listed.bytes);
                let name = over.named(listed).shown();
                Some(format!("{} {name}: {broken}", out::red("broken:")))
            }
            Err(failed) => {
                self.unseen.add(listed.bytes);
                let (name, why) = (over.named(listed).shown(), out::shown(&failed.to_string()));
                Some(format!("{} {name}: {why}", out::red("not seen:")))
            }
        }
    }

    fn is_good(&self) -> bool {
        self.broken.count == 0 && self.unseen.count == 0 && self.broke_off.is_none()
    }

    fn table(&self) -> String {
        let mut text = out::bold(&out::shown(&self.url)) + "\n";
        let mut row = |name: &str, count: Count| {
            let bytes = out::counted_bytes(count.bytes);
            // Infallible: writing into a String.
            let _ = writeln!(text, "  {name:<32}{:>12}  {bytes}", count.count);
        };
        row("objects", self.objects);
        row("sealed", self.sealed);
        for key in &self.keys {
            let name = format!("  {}, {}", out::shown(&key.keyring), out::shown(&key.version));
            row(&name, key.count);
        }
        let rows = [
            ("  of these, by customers' keys", self.customer_keys),
            ("broken", self.broken),
            ("not seen", self.unseen),
            ("gone meanwhile", self.gone),
        ];
        for (name, count) in rows {
            if count.count > 0 {
                row(name, count);
            }
        }
        row("not sealed", self.not_sealed);
        for example in &self.examples {
            let _ = writeln!(text, "    {}", example.shown());
        }
        if self.not_sealed.count > self.examples.len() as u64 {
            let _ = writeln!(text, "    … --csv tells them all");
        }
        text + &self.ending()
    }

    /// What is left to be done, if it did not come to the end.
    fn ending(&self) -> String {
        sweep::ending(self.broke_off.as_deref(), self.start_after.as_deref())
    }
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

fn csv_row(listed: &ListedObject, found: &Result<Found, Failed>) -> String {
    let (state, look, detail) = match found {
        Ok(Found::Gone) => ("gone", None, String::new()),
        Ok(Found::NotSealed) => ("not sealed", None, String::new()),
        Ok(Found::Sealed(look)) => ("sealed", Some(look), String::new()),
        Ok(Found::Broken(broken)) => ("broken", None, broken.to_string()),
        Err(failed) => ("not seen", None, failed.to_string()),
    };
    let of = |text: fn(&Look) -> &str| look.map(text).unwrap_or_default();
    let bytes = listed.bytes.to_string();
    let cells = [
        listed.key.as_str(),
        listed.version_id.as_deref().unwrap_or_default(),
        if listed.is_noncurrent { "no" } else { "yes" },
        &bytes,
        state,
        of(|look| &look.keyring),
        of(|look| &look.key_version),
        of(|look| match look.binding {
            Binding::BucketAndKey => "key",
            Binding::Bucket => "bucket",
            Binding::Nothing => "nothing",
        }),
        of(|look| if look.needs_customer_key { "yes" } else { "no" }),
        &detail,
    ];
    cells.map(csv_cell).join(",")
}

/// RFC 4180.
fn csv_cell(text: &str) -> String {
    if text.contains(|it: char| it == ',' || it == '"' || it.is_control()) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

const CSV_HEAD: &str = "key,version_id,current,stored_bytes,state,keyring,key_version,binding,\
                        customer_key,detail";
const EXAMPLES_MAX: usize = 10;

const EXAMPLES: &str = "\
Examples:
  portcullis scan s3://bucket --config portcullis.toml
  portcullis scan s3://bucket/2025/ --config portcullis.toml --json | jq .not_sealed
  portcullis scan s3://bucket --config portcullis.toml --csv > objects.csv";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_could_be_mistaken_are_quoted() {
        for (text, expected) in
            [("a b", "a b"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("a\nb", "\"a\nb\"")]
        {
            assert_eq!(csv_cell(text), expected);
        }
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let look = Look {
            keyring: "main".to_owned(),
            key_version: "2".to_owned(),
            binding: Binding::BucketAndKey,
            needs_customer_key: false,
        };
        let listed = ListedObject { key: "a,b".to_owned(), bytes: 7, ..ListedObject::default() };
        let row = csv_row(&listed, &Ok(Found::Sealed(look)));
        assert_eq!(row, "\"a,b\",,yes,7,sealed,main,2,key,no,");
        assert_eq!(csv_row(&ListedObject::default(), &Ok(Found::Gone)), ",,yes,0,gone,,,,,");
        assert_eq!(CSV_HEAD.split(',').count(), 10);
    }
}
