//! The backends that the conformance tier puts a gate before, and what each of them can do.

use std::{path::Path, process::Command, time::Duration};

use crate::{
    Failure, garage, rgw,
    server::{Server, answers_http, free_port},
    tools,
};

/// A kind of backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// The one inside `portcullis dev`.
    Embedded,
    /// moto: broad, lenient, in memory.
    Moto,
    /// Ceph's object gateway: strict.
    Rgw,
    /// A distributed store of its own mind, where it has been built.
    Garage,
}

/// A backend that runs; dropping it ends it.
pub(crate) struct Running {
    /// Absent where the gate brings its own.
    pub(crate) upstream: Option<Upstream>,
    /// In the order in which they end.
    #[expect(dead_code, reason = "kept for their drop")]
    pub(crate) servers: Vec<Server>,
}

/// Where and how a gate reaches it.
pub(crate) struct Upstream {
    pub(crate) url: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) region: String,
}

impl Backend {
    pub(crate) const ALL: [Self; 4] = [Self::Embedded, Self::Moto, Self::Rgw, Self::Garage];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Moto => "moto",
            Self::Rgw => "rgw",
            Self::Garage => "garage",
        }
    }

    /// What a gate's configuration calls it, where it has a name for it.
    pub(crate) fn kind(self) -> Option<&'static str> {
        match self {
            Self::Embedded => None,
            Self::Moto => Some("moto"),
            Self::Rgw => Some("ceph"),
            Self::Garage => Some("garage"),
        }
    }

    /// What cases may ask of it; a case that asks for more is skipped and says so.
    ///
    /// - `sse-echo`: answers a write and a read with the `AES256` that it was written with.
    /// - `copy-metadata`: `CopyObject` keeps user metadata.
    /// - `versions`: keeps and lists object versions.
    /// - `tags`: stores object tags.
    /// - `part-etags`: `ListParts` tells the `ETag` of each part.
    /// - `listing-etags`: listings tell the `ETag` of each object.
    /// - `conditional-put`: honours `If-None-Match: *`.
    /// - `customer-keys`: encrypts with keys that requests bring (SSE-C), and refuses others.
    /// - `customer-key-copies`: copies objects that are encrypted with such keys.
    /// - `locks`: locks and holds objects.
    /// - `kms-keys`: has the KMS key `conformance`.
    /// - `stored-files`: keeps large bodies in files, as they are unless it was to encrypt them.
    /// - `acl-of-parts`: tells, if it has any, the grants of an object that was uploaded in parts.
    /// - `complete-result`: answers `CompleteMultipartUpload` with the element that S3 names.
    pub(crate) fn capabilities(self) -> &'static [&'static str] {
        match self {
            Self::Embedded => &[
                "acl-of-parts",
                "sse-echo",
                "copy-metadata",
                "tags",
                "part-etags",
                "listing-etags",
                "conditional-put",
                "complete-result",
            ],
            Self::Moto => &[
                "sse-echo",
                "copy-metadata",
                "versions",
                "tags",
                "part-etags",
                "listing-etags",
                "conditional-put",
            ],
            Self::Rgw => &[
                "acl-of-parts",
                "copy-metadata",
                "versions",
                "tags",
                "part-etags",
                "listing-etags",
                "complete-result",
                "customer-keys",
                "kms-keys",
                "locks",
            ],
            Self::Garage => &[
                "acl-of-parts",
                "part-etags",
                "listing-etags",
                "complete-result",
                "customer-keys",
                "customer-key-copies",
                "stored-files",
            ],
        }
    }

    /// Starts it with everything that it writes in `folder`. An error is why it cannot be had here.
    pub(crate) fn start(self, folder: &Path, python: &Path) -> Result<Running, Failure> {
        match self {
            Self::Embedded => Ok(Running { upstream: None, servers: Vec::new() }),
            Self::Moto => moto(folder, python),
            Self::Rgw => {
                tools::ceph()?;
                rgw::start(folder)
            }
            Self::Garage => garage::start(folder, &garage::program()?),
        }
    }
}

/// moto checks no signature, so any credentials do.
fn moto(folder: &Path, python: &Path) -> Result<Running, Failure> {
    let port = free_port()?;
    let mut command = Command::new(python.with_file_name("moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let mut server = Server::start("moto", &command, &folder.join("moto.log"))?;
    server.wait_until(START_LIMIT, |_| answers_http(port))?;
    let upstream = Upstream {
        url: format!("http://127.0.0.1:{port}"),
        access_key_id: "backend".to_owned(),
        secret_access_key: "backend-secret".to_owned(),
        region: "us-east-1".to_owned(),
    };
    Ok(Running { upstream: Some(upstream), servers: vec![server] })
}

/// The longest that a backend may take until it answers.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(90);
