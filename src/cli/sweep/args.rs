//! Which objects, as a person says it.

use std::{path::PathBuf, str::FromStr};

use clap::Args;
use serde::Serialize;

use super::super::out;
use crate::s3::{BucketName, xml::ListedObject};

/// Which objects a command goes over, and how.
#[derive(Args, Debug)]
pub(crate) struct Over {
    /// The objects: `s3://BUCKET`, or those whose keys begin so: `s3://BUCKET/PREFIX`
    #[arg(value_name = "URL")]
    pub(crate) place: Place,
    /// The configuration: backend, credential, keyrings and rules
    #[arg(long, short, value_name = "FILE", env = "PORTCULLIS_CONFIG")]
    pub(crate) config: PathBuf,
    /// Pass over the keys up to and with this one, to go on where an earlier run stopped
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) start_after: Option<String>,
    /// Objects that are worked on at a time: 1 to 256
    #[arg(
        long,
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=256)
    )]
    jobs: u16,
}

/// What the commands that change objects have in common.
#[derive(Args, Debug)]
pub(crate) struct Changing {
    #[command(flatten)]
    pub(crate) over: Over,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write objects with more stored bytes than this in parts [default: 5 GiB, at least 5 MiB]
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = u64::MAX,
        hide_default_value = true,
        value_parser = part_bytes
    )]
    pub(crate) part_bytes: u64,
    /// Print one JSON document instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// An object, or an older version of one, as programs are told of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Named {
    object: String,
    version_id: Option<String>,
}

/// A bucket, or a part of one.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) bucket: BucketName,
    pub(crate) prefix: String,
}

/// What one request may carry: at least what S3 wants of a part, so that none carries a footer but the last.
fn part_bytes(text: &str) -> Result<u64, String> {
    let bytes: u64 = text.parse().map_err(|_| "write a number of bytes".to_owned())?;
    if bytes < PART_BYTES_MIN {
        return Err(format!("S3 wants at least {PART_BYTES_MIN} bytes (5 MiB) of a part"));
    }
    Ok(bytes)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const PART_BYTES_MIN: u64 = 5 << 20;

impl Over {
    pub(super) fn jobs(&self) -> usize {
        self.jobs.into()
    }

    /// How an object of them is named.
    pub(crate) fn named(&self, listed: &ListedObject) -> Named {
        self.place.named(listed)
    }
}

impl Place {
    /// How an object of it is named.
    pub(super) fn named(&self, listed: &ListedObject) -> Named {
        let bucket = self.bucket.as_str();
        let version_id = listed.version_id.clone().filter(|_| listed.is_noncurrent);
        Named { object: format!("s3://{bucket}/{}", listed.key), version_id }
    }
}

impl Named {
    /// To a person.
    pub(crate) fn shown(&self) -> String {
        let name = out::shown(&self.object);
        match &self.version_id {
            Some(version_id) => format!("{name} (version {})", out::shown(version_id)),
            None => name,
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.strip_prefix("s3://").ok_or("write s3://BUCKET or s3://BUCKET/PREFIX")?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let bucket = BucketName::parse(bucket).map_err(|error| error.to_string())?;
        Ok(Self { bucket, prefix: prefix.to_owned() })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket.as_str(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_or_a_prefix_of_it() {
        for (text, shown) in [
            ("s3://bucket", "s3://bucket/"),
            ("s3://bucket/", "s3://bucket/"),
            ("s3://bucket/a/b", "s3://bucket/a/b"),
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), shown);
        }
        for text in ["bucket", "s3://", "s3://B", "https://bucket/a"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
