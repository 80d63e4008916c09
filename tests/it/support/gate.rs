//! A gate in this process, configured through files as an operator would.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use portcullis::{app, config};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tempfile::TempDir;

use super::{
    certs::{Authority, Leaf},
    client::{ACCESS_KEY_ID, Answer, Client, REGION, Request, SECRET_ACCESS_KEY},
    now,
    upstream::Upstream,
    within,
};

/// The credential that the gate signs with towards the backend.
pub(crate) const UPSTREAM_KEY_ID: &str = "AKIDGATE";

/// A gate that runs, and the folder of its configuration.
pub(crate) struct Gate {
    app: app::Gate,
    folder: TempDir,
    authority: Authority,
    has_plain: bool,
}

/// What a gate is to be. Without a word it has one plain listener and no policy.
pub(crate) struct Builder {
    listeners: Vec<Listener>,
    policies: Vec<String>,
    rules: Vec<String>,
    head: String,
    upstream: String,
    credentials: String,
    listener_lines: String,
    auth: String,
    signing: String,
    endpoint: Option<SocketAddr>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Listener {
    Plain,
    Tls,
    MutualTls,
    Balanced(&'static str),
}

impl Gate {
    pub(crate) fn builder() -> Builder {
        Builder {
            listeners: Vec::new(),
            policies: Vec::new(),
            rules: Vec::new(),
            head: String::new(),
            upstream: String::new(),
            credentials: String::new(),
            listener_lines: String::new(),
            auth: CREDENTIALS_SECTION.to_owned(),
            signing: SIGNING.to_owned(),
            endpoint: None,
        }
    }

    /// One plain listener, no policy.
    pub(crate) async fn before(upstream: &Upstream) -> Self {
        Self::builder().start(upstream).await
    }

    /// Sends a request to the plain listener.
    pub(crate) async fn send(&self, request: Request) -> Answer {
        self.plain().send(&request).await
    }

    /// The plain listener.
    pub(crate) fn plain(&self) -> Client {
        assert!(self.has_plain, "this gate has no plain listener");
        Client { address: *self.app.addresses().first().unwrap(), tls: None }
    }

    /// The TLS listener, for clients that trust its authority.
    pub(crate) fn tls(&self) -> Client {
        let config = self.trusting().with_no_client_auth();
        Client { tls: Some(Arc::new(config)), ..self.last() }
    }

    /// The TLS listener, for a client with a certificate.
    pub(crate) fn tls_as(&self, leaf: &Leaf) -> Client {
        let chain = vec![CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
        let config = self.trusting().with_client_auth_cert(chain, key).unwrap();
        Client { tls: Some(Arc::new(config)), ..self.last() }
    }

    /// A client of the balanced listener.
    pub(crate) fn balanced(&self) -> Client {
        self.last()
    }

    /// The admin listener.
    pub(crate) fn admin(&self) -> Client {
        Client { address: self.app.admin_address(), tls: None }
    }

    /// The authority of its certificates, and of the clients' that it asks for.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A file of its configuration.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Reads the configuration anew, as a SIGHUP would; an error names the first fault.
    pub(crate) fn reload(&self) -> Result<(), String> {
        let config = load(self.folder.path())?;
        self.app.reload(&config).map(drop).map_err(|error| error.to_string())
    }

    /// Ends it; true if no request had to be cut off.
    pub(crate) async fn stop(self) -> bool {
        within("the gate to stop", self.app.stop()).await
    }

    /// Ends it, and gives its audit lines.
    pub(crate) async fn audit(self) -> Vec<serde_json::Value> {
        let Self { app, folder, .. } = self;
        within("the gate to stop", app.stop()).await;
        let text = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn last(&self) -> Client {
        Client { address: *self.app.addresses().last().unwrap(), tls: None }
    }

    fn trusting(
        &self,
    ) -> rustls::ConfigBuilder<rustls::ClientConfig, rustls::client::WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
    }
}

impl Builder {
    /// A bucket policy for all buckets; named `policy-0.json` and so on.
    pub(crate) fn policy(mut self, document: &serde_json::Value) -> Self {
        self.policies.push(document.to_string());
        self
    }

    /// The lines of a rule, after those before it; for all buckets unless it says `buckets`.
    pub(crate) fn rule(mut self, lines: &str) -> Self {
        let buckets = if lines.contains("buckets") { "" } else { "buckets = [\"*\"]\n" };
        self.rules.push(format!("[[rule]]\n{buckets}{lines}\n"));
        self
    }

    /// A keyring in a file, `main`.
    pub(crate) fn keyring(self) -> Self {
        self.sections("[[keyring]]\nname = \"main\"\ntype = \"local\"\nfile = \"main.keyring\"\n")
    }

    /// Another one, `other`.
    pub(crate) fn another_keyring(self) -> Self {
        self.sections("[[keyring]]\nname = \"other\"\ntype = \"local\"\nfile = \"other.keyring\"\n")
    }

    /// Sections that come before the rules.
    pub(crate) fn sections(mut self, sections: &str) -> Self {
        self.rules.insert(0, sections.to_owned());
        self
    }

    /// A plain listener; comes before any other.
    pub(crate) fn plain_listener(mut self) -> Self {
        self.listeners.insert(0, Listener::Plain);
        self
    }

    pub(crate) fn tls_listener(mut self) -> Self {
        self.listeners.push(Listener::Tls);
        self
    }

    /// A plain listener behind a balancer that speaks PROXY v2 and sits in `network`.
    pub(crate) fn balanced_listener(mut self, network: &'static str) -> Self {
        self.listeners.push(Listener::Balanced(network));
        self
    }

    /// A TLS listener that asks for client certificates.
    pub(crate) fn mutual_tls_listener(mut self) -> Self {
        self.listeners.push(Listener::MutualTls);
        self
    }

    /// A line at the head of the configuration, such as `drain_limit_seconds = 1`.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.head += line;
        self.head += "\n";
        self
    }

    /// Lines of every `[[listener]]`.
    pub(crate) fn with_listener(mut self, lines: &str) -> Self {
        self.listener_lines += lines;
        self.listener_lines += "\n";
        self
    }

    /// A line in the section `[upstream]`.
    pub(crate) fn with_upstream(mut self, line: &str) -> Self {
        self.upstream += line;
        self.upstream += "\n";
        self
    }

    /// A `[[credential]]` besides those of Alice and Mallory.
    pub(crate) fn credential(mut self, entry: &str) -> Self {
        self.credentials += entry;
        self
    }

    /// These sections in place of `[credentials]`.
    pub(crate) fn auth(mut self, sections: &str) -> Self {
        sections.clone_into(&mut self.auth);
        self
    }

    /// Whoever reaches it is `arn:aws:iam::123456789012:user/app`.
    pub(crate) fn ambient(self) -> Self {
        self.auth(AMBIENT)
    }

    /// Requests go on with their callers' signatures; Alice and Mallory are known by name.
    pub(crate) fn forward(mut self) -> Self {
        "credentials = \"none\"\n".clone_into(&mut self.signing);
        self.auth(&format!("[auth]\nmode = \"forward\"\n{CREDENTIALS_SECTION}"))
    }

    /// Its backend is the plain listener of another gate.
    pub(crate) fn behind(mut self, other: &Gate) -> Self {
        self.endpoint = Some(other.plain().address);
        self
    }

    pub(crate) async fn start(mut self, upstream: &Upstream) -> Gate {
        if self.listeners.is_empty() {
            self.listeners.push(Listener::Plain);
        }
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        self.write(folder.path(), &authority, upstream);
        let config = load(folder.path()).unwrap();
        let app = app::Gate::start(config).await.unwrap();
        let has_plain = self.listeners.contains(&Listener::Plain);
        Gate { app, folder, authority, has_plain }
    }

    fn write(&self, folder: &Path, authority: &Authority, upstream: &Upstream) {
        let Leaf { certificate, key } = authority.server();
        let write = |name: &str, text: &str| write_private(&folder.join(name), text);
        write("tls.pem", &certificate);
        write("tls.key", &key);
        write("ca.pem", &authority.pem());
        write("token.secret", &"0123456789abcdef".repeat(4));
        write("main.keyring", &keyring("0123456789abcdef"));
        write("other.keyring", &keyring("fedcba9876543210"));
        write("credentials.toml", &(credentials() + &self.credentials));
        for (number, policy) in self.policies.iter().enumerate() {
            write(&format!("policy-{number}.json"), policy);
        }
        write("portcullis.toml", &self.configuration(upstream));
    }

    fn configuration(&self, upstream: &Upstream) -> String {
        let mut text = format!(
            "token_secret = \"file:token.secret\"\n{}\n\
             [s3]\nregion = \"{REGION}\"\ndomains = [\"localhost\"]\n\
             [admin]\naddress = \"127.0.0.1:0\"\n\
             [audit]\nfile = \"audit.jsonl\"\n\
             {}\
             [upstream]\nendpoint = \"http://{}\"\nregion = \"us-east-1\"\n\
             {}{}",
            self.head,
            self.auth,
            self.endpoint.unwrap_or(upstream.address()),
            self.signing,
            self.upstream,
        );
        for listener in &self.listeners {
            text += "[[listener]]\naddress = \"127.0.0.1:0\"\n";
            text += &self.listener_lines;
            if let Listener::Balanced(network) = listener {
                let _ = writeln!(text, "proxy_protocol_from = [\"{network}\"]");
            }
            if matches!(listener, Listener::Tls | Listener::MutualTls) {
                text += "tls.certificates = [{ certificate = \"tls.pem\", key = \"tls.key\" }]\n";
            }
            if *listener == Listener::MutualTls {
                text += "tls.client_ca = \"ca.pem\"\n";
            }
        }
        for number in 0..self.policies.len() {
            let _ = write!(
                text,
                "[[policy]]\ndocument = \"policy-{number}.json\"\nbuckets = [\"*\"]\n"
            );
        }
        text + &self.rules.concat()
    }
}

const CREDENTIALS_SECTION: &str = "[credentials]\nfile = \"credentials.toml\"\n";
const SIGNING: &str = "access_key_id = \"AKIDGATE\"\nsecret_access_key = \"file:token.secret\"\n";
const AMBIENT: &str = "[auth]\nmode = \"ambient\"\n\
                       [auth.principal]\nname = \"app\"\naccount = \"123456789012\"\n";

/// Alice may sign; Mallory has a credential too.
pub(crate) fn credentials() -> String {
    let mut text = String::new();
    for (name, id, secret) in [
        ("alice", ACCESS_KEY_ID, SECRET_ACCESS_KEY),
        ("mallory", "AKIDMALLORY", "mallorys-secret-access-key"),
    ] {
        let _ = write!(
            text,
            "[[credential]]\nname = \"{name}\"\naccount = \"123456789012\"\n\
             access_key_id = \"{id}\"\nsecret_access_key = \"{secret}\"\n"
        );
    }
    text
}

/// One version, which writes.
fn keyring(quarter: &str) -> String {
    format!(
        "[[key]]\nversion = 1\nstate = \"active\"\ncreated = \"2026-01-31T12:00:00Z\"\n\
         secret = \"{}\"\n",
        quarter.repeat(4)
    )
}

fn load(folder: &Path) -> Result<config::Config, String> {
    config::load(&folder.join("portcullis.toml"), now()).map_err(|faults| {
        let faults: Vec<String> = faults
            .iter()
            .map(|fault| format!("{}:{:?}: {}", fault.path.display(), fault.place, fault.message))
            .collect();
        faults.join("\n")
    })
}

/// Secrets must not be readable by others.
pub(crate) fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
