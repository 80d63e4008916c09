//! From the parts to the whole. Invariant: every part is validated, whatever the others were,
//! before the first missing one ends the load.

use std::{path::Path, time::Duration};

use zeroize::Zeroizing;

use super::{
    Config, Gate, Inventory, TOKEN_SECRET_BYTES_MIN,
    auth::accepts_sigv2,
    backend::Backend,
    loading::Loading,
    reader::{self, OneOrMany},
    source::{At, Place, Source, read_file},
    stamps::Stamps,
    written::{self, Written},
};
use crate::{
    identity::Mode,
    policy::Policies,
    secret::Secret,
    sigv4::{Credential, Credentials},
    telemetry::audit,
};

impl Loading<'_> {
    /// Reads the file at `path`, and every file that it names.
    pub(super) fn configuration(&mut self, path: &Path) -> Option<Config> {
        let source = self.configuration_file(path)?;
        let written = reader::read::<Written>(&source, &mut self.faults)?;
        let listeners = self.listeners(&written.listeners, &source.whole());
        let admin = self.admin(written.admin.as_ref(), &listeners, &source.whole());
        let audit = self.audit(written.audit.as_ref());
        let drain_limit_seconds = self.within(
            written.drain_limit_seconds.as_ref(),
            0..=DRAIN_LIMIT_MOST_SECONDS,
            DRAIN_LIMIT_DEFAULT_SECONDS,
        );
        let (gate, inventory) = self.gate(&written, &source.whole());
        Some(Config {
            listeners,
            admin: admin?,
            audit,
            drain_limit: Duration::from_secs(drain_limit_seconds),
            gate: gate?,
            files: Vec::new(),
            stamps: Stamps::default(),
            warnings: Vec::new(),
            inventory,
        })
    }

    fn configuration_file(&mut self, path: &Path) -> Option<Source> {
        self.stamps.note(path);
        match read_file(path) {
            Ok(read) => Some(Source::new(path, self.utf8(path, &read.bytes)?)),
            Err(message) => self.fault(Place::whole(path).fault(message)),
        }
    }

    fn gate(&mut self, written: &Written, file: &Place) -> (Option<Gate>, Inventory) {
        let s3 = written.s3.as_ref();
        let region = s3.and_then(|s3| s3.region.as_ref()).and_then(|region| self.region(region));
        let domains = self.domains(s3.map_or(&[], |s3| &s3.domains));
        let (mode, credentials) = self.auth(written, file);
        let accept_sigv2 = accepts_sigv2(written.auth.as_ref(), region.as_deref());
        self.backend = written.upstream.as_ref().and_then(|upstream| self.backend(upstream));
        let otherwise = self.otherwise(written.policies.as_ref());
        let declared = self.declared(written.policies.as_ref());
        let (attachments, statements): (Vec<_>, Vec<_>) =
            self.attachments(&written.policy, otherwise, &declared, file).into_iter().unzip();
        let keyrings = self.keyrings(&written.keyrings);
        let rules = self.rules(&written.rules, written.mode.as_ref(), &keyrings);
        let upstream = written.upstream.as_ref().and_then(|upstream| self.upstream(upstream));
        if let (Some(written), Some(mode)) = (&written.upstream, &mode) {
            self.check_upstream_credentials(written, mode);
        }
        if let Some(upstream) = &upstream {
            self.refuse_keys_in_the_clear(&written.rules, &upstream.endpoint);
        }
        let client_idle_timeout = self.timeout(
            written.client_idle_timeout_seconds.as_ref(),
            CLIENT_IDLE_TIMEOUT_DEFAULT_SECONDS,
        );
        let token_secrets = self.token_secrets(written, mode.as_ref(), file);
        let inventory = Inventory {
            auth: mode.as_ref().map_or("", Mode::as_str),
            callers: callers(mode.as_ref(), &credentials),
            policies: attachments.iter().map(|a| a.name.clone()).zip(statements).collect(),
            rules: written.rules.len(),
            backend: self.backend.as_ref().map(Backend::name),
        };
        let whole = |region, upstream, mode| Gate {
            region,
            mode,
            domains,
            accept_sigv2,
            credentials: Credentials::new(credentials),
            keyrings,
            rules,
            policies: Policies::new(attachments, otherwise).declaring(declared),
            explain_refusals: written.explain_refusals.unwrap_or(true),
            client_idle_timeout,
            upstream,
            token_secrets,
        };
        let parts = region.zip(upstream).zip(mode);
        (parts.map(|((region, upstream), mode)| whole(region, upstream, mode)), inventory)
    }

    fn audit(&mut self, section: Option<&written::Audit>) -> audit::Target {
        let Some(named) = section.and_then(|section| section.file.as_ref()) else {
            return audit::Target::Stderr;
        };
        let path = named.named_path();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder
            && !folder.is_dir()
        {
            let message = format!("the folder {} does not exist; make it", folder.display());
            self.faults.push(named.fault(message));
        }
        audit::Target::File(path)
    }

    fn token_secrets(
        &mut self,
        written: &Written,
        mode: Option<&Mode>,
        file: &Place,
    ) -> Vec<Secret> {
        match (&written.token_secret, mode) {
            (Some(written), _) => self.secrets(written),
            // Forwarded uploads keep the backend's own ids.
            (None, Some(Mode::Forward)) => Vec::new(),
            (None, _) => {
                self.faults.push(file.fault(
                    "the file lacks `token_secret`; write `token_secret = \"file:token.secret\"`",
                ));
                Vec::new()
            }
        }
    }

    /// Long random secrets, the current one first.
    pub(super) fn secrets(
        &mut self,
        written: &At<OneOrMany<At<Zeroizing<String>>>>,
    ) -> Vec<Secret> {
        if written.value.0.is_empty() {
            self.faults.push(written.fault("the list is empty; name the current secret first"));
        }
        written.value.0.iter().filter_map(|written| self.long_secret(written)).collect()
    }

    fn long_secret(&mut self, written: &At<Zeroizing<String>>) -> Option<Secret> {
        let secret = self.secret(written)?;
        let bytes = secret.expose().len();
        if bytes < TOKEN_SECRET_BYTES_MIN {
            return self.fault(written.fault(format!(
                "this secret has {bytes} bytes, too few; make one of {TOKEN_SECRET_BYTES_MIN} or \
                 more: openssl rand -hex 32"
            )));
        }
        Some(secret)
    }
}

/// ARNs of those who may call.
fn callers(mode: Option<&Mode>, credentials: &[Credential]) -> Vec<String> {
    match mode {
        Some(Mode::Ambient(ambient)) => vec![ambient.identity.arn().to_owned()],
        Some(Mode::Verify | Mode::Forward) | None => {
            credentials.iter().map(|c| c.identity.arn().to_owned()).collect()
        }
    }
}

/// How long a drain waits unless `drain_limit_seconds` says otherwise.
const DRAIN_LIMIT_DEFAULT_SECONDS: u64 = 30;
/// Silence of a client unless `client_idle_timeout_seconds` says otherwise.
const CLIENT_IDLE_TIMEOUT_DEFAULT_SECONDS: u64 = 60;
/// No drain waits longer than an hour.
const DRAIN_LIMIT_MOST_SECONDS: u64 = 3600;
