//! The folder of `portcullis dev`: credentials, secrets, certificates, policies, configuration.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::pki;
use crate::cli::{DevArgs, Failure, Treatment, keys};
#[cfg(feature = "embedded")]
use crate::{embedded::Backend, secret::Secret};

/// A prepared folder.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) directory: PathBuf,
    /// What clients sign with.
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    policies: Vec<PathBuf>,
    has_seed_policies: bool,
    treatment: Treatment,
    upstream: Option<Upstream>,
}

/// A backend that runs elsewhere.
#[derive(Debug)]
struct Upstream {
    url: String,
    region: String,
    ca: Option<PathBuf>,
}

/// Where the gate listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listeners {
    pub(super) https: SocketAddr,
    pub(super) http: SocketAddr,
    pub(super) admin: SocketAddr,
}

impl Listeners {
    /// As asked for; a tour leaves the usual ports to whatever runs there.
    pub(super) fn wanted(args: &DevArgs) -> Self {
        let free = |address: SocketAddr| {
            SocketAddr::new(address.ip(), if args.tour { 0 } else { address.port() })
        };
        Self { https: free(args.https), http: free(args.http), admin: free(args.admin) }
    }
}

impl Setup {
    /// Makes what is not there yet, and keeps what is: exported credentials stay good.
    pub(super) fn prepare(args: &DevArgs) -> Result<Self, Failure> {
        let directory = create_private(&args.dir)?;
        pki::ensure(&directory, super::super::now().into())?;
        keep_or_make(&directory.join("token.secret"), || random_hex(32))?;
        let access_key_id = keep_or_make(&directory.join("access-key-id"), || {
            Ok(format!("PORTCULLIS{}", random_hex(5)?.to_uppercase()))
        })?;
        let secret_access_key =
            keep_or_make(&directory.join("secret-access-key"), || random_hex(20))?;
        if !directory.join(KEYRING).exists() {
            keys::file::make(&directory.join(KEYRING), super::super::now())?;
        }
        let upstream = args.upstream.as_ref().map(|url| Upstream {
            url: url.clone(),
            region: upstream_region(),
            ca: args.upstream_ca.as_ref().map(|ca| fs::canonicalize(ca).unwrap_or(ca.clone())),
        });
        let setup = Self {
            policies: policies(&directory, &args.policy)?,
            has_seed_policies: args.policy.is_empty(),
            treatment: args.treatment,
            directory,
            access_key_id,
            secret_access_key,
            upstream,
        };
        setup.write_credentials()?;
        Ok(setup)
    }

    pub(super) fn is_before_another(&self) -> bool {
        self.upstream.is_some()
    }

    /// Whether the documents are its own, which ask for a header that nothing adds.
    pub(super) fn refuses_plain(&self) -> bool {
        self.has_seed_policies && matches!(self.treatment, Treatment::Off | Treatment::Require)
    }

    pub(super) fn configuration_path(&self) -> PathBuf {
        self.directory.join("portcullis.toml")
    }

    /// The embedded backend, unless another was named.
    #[cfg(feature = "embedded")]
    pub(super) async fn start_backend(&self) -> Result<Option<Backend>, Failure> {
        if self.upstream.is_some() {
            return Ok(None);
        }
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let secret = Secret::new(self.secret_access_key.as_str());
        let data = self.directory.join("data");
        let backend = Backend::start(&data, address, &self.access_key_id, &secret, REGION).await?;
        Ok(Some(backend))
    }

    /// Where the backend listens.
    pub(super) fn backend_url(
        &self,
        #[cfg(feature = "embedded")] backend: Option<&Backend>,
    ) -> Result<String, Failure> {
        #[cfg(feature = "embedded")]
        if let Some(backend) = backend {
            return Ok(format!("http://{}", backend.address()));
        }
        self.upstream.as_ref().map(|upstream| upstream.url.clone()).ok_or_else(|| {
            Failure::usage("this build has no embedded backend: name one with --upstream URL")
        })
    }

    /// Writes `portcullis.toml`.
    pub(super) fn write_configuration(
        &self,
        listeners: &Listeners,
        backend_url: &str,
    ) -> Result<(), Failure> {
        let mut text = String::from(
            "# Written by `portcullis dev` at each start. For a configuration of your own begin\n\
             # with config/portcullis.toml.\n\n\
             token_secret = \"file:token.secret\"\n",
        );
        let Listeners { https, http, admin } = listeners;
        // Infallible: writing into a String.
        let _ = write!(
            text,
            "\n[s3]\nregion = {region}\ndomains = [\"localhost\", \"s3.localhost\"]\n\
             \n[[listener]]\naddress = \"{https}\"\n\
             tls.certificates = [{{ certificate = \"tls.pem\", key = \"tls.key\" }}]\n\
             \n[[listener]]\naddress = \"{http}\"\n\
             \n[admin]\naddress = \"{admin}\"\n\
             \n[audit]\nfile = \"audit.jsonl\"\n\
             \n[credentials]\nfile = \"credentials.toml\"\n\
             \n[upstream]\nendpoint = {backend}\nregion = {upstream_region}\n\
             access_key_id = \"{id}\"\nsecret_access_key = \"{secret}\"\n",
            region = quoted(REGION),
            backend = quoted(backend_url),
            upstream_region =
                quoted(self.upstream.as_ref().map_or(REGION, |upstream| &upstream.region)),
            id = if self.upstream.is_some() {
                "env:AWS_ACCESS_KEY_ID"
            } else {
                "file:access-key-id"
            },
            secret = if self.upstream.is_some() {
                "env:AWS_SECRET_ACCESS_KEY"
            } else {
                "file:secret-access-key"
            },
        );
        if let Some(ca) = self.upstream.as_ref().and_then(|upstream| upstream.ca.as_ref()) {
            let _ = writeln!(text, "ca = {}", quoted(&ca.to_string_lossy()));
        }
        let _ = write!(
            text,
            "\n[[keyring]]\nname = \"dev\"\ntype = \"local\"\nfile = {}\n",
            quoted(KEYRING)
        );
        for policy in &self.policies {
            let document = quoted(&policy.to_string_lossy());
            let _ = write!(text, "\n[[policy]]\ndocument = {document}\nbuckets = [\"*\"]\n");
        }
        let treatment = match self.treatment {
            Treatment::Off => "\"off\"",
            Treatment::Require => "\"require\"",
            Treatment::Inject => "\"inject\"\nsse = \"AES256\"",
            Treatment::Seal => "\"seal\"",
        };
        let _ = write!(text, "\n[[rule]]\nbuckets = [\"*\"]\ntreatment = {treatment}\n");
        write_private(&self.configuration_path(), text.as_bytes())
    }

    fn write_credentials(&self) -> Result<(), Failure> {
        let text = format!(
            "[[credential]]\nname = \"dev\"\naccount = \"123456789012\"\n\
             access_key_id = {}\nsecret_access_key = {}\n",
            quoted(&self.access_key_id),
            quoted(&self.secret_access_key)
        );
        write_private(&self.directory.join("credentials.toml"), text.as_bytes())
    }
}

/// The documents that are in force: those named, or the seed's.
fn policies(directory: &Path, named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    if !named.is_empty() {
        return named
            .iter()
            .map(|path| fs::canonicalize(path).map_err(|error| Failure::file(path, &error)))
            .collect();
    }
    let folder = create_private(&directory.join("policies"))?;
    let mut written = Vec::new();
    for (name, text) in SEED_POLICIES {
        write_private(&folder.join(name), text.as_bytes())?;
        written.push(Path::new("policies").join(name));
    }
    Ok(written)
}

/// What objects are sealed with.
const KEYRING: &str = "dev.keyring";
/// Another region than us-east-1, where boto3 and the AWS CLI still presign with SigV2.
pub(super) const REGION: &str = "eu-central-1";

fn upstream_region() -> String {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "us-east-1".to_owned())
}

/// Creates a folder that only its owner may enter, and returns its absolute path.
fn create_private(path: &Path) -> Result<PathBuf, Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| fs::canonicalize(path))
        .map_err(|error| Failure::file(path, &error))
}

/// Writes a file that only its owner may read; a reader sees the old one or the new one, whole.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| Failure::file(path, &error))
}

fn keep_or_make(
    path: &Path,
    new: impl FnOnce() -> Result<String, Failure>,
) -> Result<String, Failure> {
    match fs::read_to_string(path) {
        Ok(kept) if !kept.trim().is_empty() => Ok(kept.trim().to_owned()),
        Ok(_) | Err(_) => {
            let made = new()?;
            write_private(path, made.as_bytes())?;
            Ok(made)
        }
    }
}

fn random_hex(bytes: usize) -> Result<String, Failure> {
    let mut random = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| Failure::runtime("the system gave no randomness"))?;
    Ok(hex::encode(random))
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

const SEED_POLICIES: [(&str, &str); 2] = [
    ("require-sse.json", include_str!("../../../config/policies/require-sse.json")),
    ("require-tls-all.json", include_str!("../../../config/policies/require-tls-all.json")),
];
