//! `portcullis check`: every fault of a configuration, or what it holds. Invariant: what is printed
//! holds no secret, since it is made from names, places and dates alone.

mod online;

use std::{
    fmt::Write as _,
    process::ExitCode,
    time::{Duration, SystemTime},
};

use serde::Serialize;

use self::online::Probed;
use super::{
    Failure,
    args::Check,
    failure::{EXIT_FAILED, EXIT_REFUSED},
    out::{self, counted, date},
};
use crate::{
    config::{self, Certificate, Config, Fault, Listener},
    keyring::{Kind, Settings},
    telemetry::audit,
};

pub(super) fn run(arguments: &Check) -> Result<ExitCode, Failure> {
    let now = config::now();
    let loaded = config::load(&arguments.config, now);
    let probed = match &loaded {
        Ok(config) if arguments.online => Some(online::probe(config)?),
        Ok(_) | Err(_) => None,
    };
    let text = match &loaded {
        _ if arguments.json => json(&loaded, probed.as_deref())?,
        Ok(config) => report(config, probed.as_deref(), now),
        Err(faults) => out::faults(faults),
    };
    out::stdout(&text);
    Ok(match (&loaded, probed) {
        (Err(_), _) => ExitCode::from(EXIT_REFUSED),
        (Ok(_), Some(probed)) if !probed.iter().all(Probed::is_ok) => ExitCode::from(EXIT_FAILED),
        (Ok(_), _) => ExitCode::SUCCESS,
    })
}

/// What was loaded, for people.
fn report(config: &Config, probed: Option<&[Probed]>, now: SystemTime) -> String {
    let mut text = out::warnings(&config.warnings);
    let rows = [
        ("listeners", config.listeners.iter().map(listener_row).collect()),
        ("certificates", certificates(config).map(|c| certificate_row(c, now)).collect()),
        ("admin", vec![config.admin.to_string()]),
        ("audit", vec![audit_row(&config.audit)]),
        ("auth", vec![config.inventory.auth.to_owned()]),
        ("callers", config.inventory.callers.clone()),
        ("policies", config.inventory.policies.iter().map(policy_row).collect()),
        ("keyrings", config.gate.keyrings.iter().map(keyring_row).collect()),
        ("rules", vec![config.inventory.rules.to_string()]),
        ("upstream", vec![upstream_row(config)]),
    ];
    for (title, lines) in rows {
        push_rows(&mut text, title, lines);
    }
    if let Some(probed) = probed {
        push_rows(&mut text, "online", probed.iter().map(Probed::row).collect());
    }
    let warned = match config.warnings.len() {
        0 => String::new(),
        warnings => format!(", with {}", counted(warnings, "warning")),
    };
    let failed = probed.unwrap_or_default().iter().filter(|probed| !probed.is_ok()).count();
    let verdict = match failed {
        0 => out::green("fine"),
        failed => out::red(&format!("{} without keys", counted(failed, "keyring"))),
    };
    let _ = writeln!(text, "{verdict}{warned}");
    text
}

/// A title before the first line, and room in its place before the others.
fn push_rows(text: &mut String, title: &str, lines: Vec<String>) {
    let lines = if lines.is_empty() { vec!["none".to_owned()] } else { lines };
    for (index, line) in lines.iter().enumerate() {
        let title = if index == 0 { title } else { "" };
        let _ = writeln!(text, "{title:<14}{line}");
    }
}

fn listener_row(listener: &Listener) -> String {
    let address = listener.settings.address;
    match &listener.settings.tls {
        None => format!("{address}  plain HTTP"),
        Some(tls) if tls.client_ca.is_some() => format!("{address}  TLS, client certificates"),
        Some(_) => format!("{address}  TLS"),
    }
}

fn certificate_row(certificate: &Certificate, now: SystemTime) -> String {
    let left = certificate.not_after.duration_since(now).unwrap_or(Duration::ZERO);
    let days = counted(usize::try_from(left.as_secs() / SECONDS_A_DAY).unwrap_or(0), "day");
    format!("{}  until {}, {days}", certificate.path.display(), date(certificate.not_after))
}

fn audit_row(target: &audit::Target) -> String {
    match target {
        audit::Target::Stderr => "standard error".to_owned(),
        audit::Target::File(path) => path.display().to_string(),
    }
}

fn upstream_row(config: &Config) -> String {
    let upstream = &config.gate.upstream;
    let backend = config.inventory.backend.map(|name| format!("  backend {name}"));
    let backend = backend.unwrap_or_default();
    format!("{}  region {}{backend}", upstream.endpoint, upstream.region)
}

fn policy_row((name, statements): &(String, usize)) -> String {
    format!("{name}  {}", counted(*statements, "statement"))
}

fn keyring_row(keyring: &Settings) -> String {
    let kind = keyring.kind.as_str();
    let keys = match &keyring.kind {
        Kind::Local(local) => {
            format!("{}, {} writes", counted(local.versions(), "version"), local.active())
        }
        Kind::AwsKms(kms) => format!("{} at {}", kms.key_ids.join(", "), kms.endpoint),
        Kind::Vault(vault) => format!("{}/{} at {}", vault.mount, vault.key, vault.address),
    };
    format!("{}  {kind}, {keys}", keyring.name)
}

fn certificates(config: &Config) -> impl Iterator<Item = &Certificate> {
    config.listeners.iter().flat_map(|listener| &listener.certificates)
}

fn json(loaded: &Result<Config, Vec<Fault>>, probed: Option<&[Probed]>) -> Result<String, Failure> {
    let (config, faults) = match loaded {
        Ok(config) => (Some(config), &[][..]),
        Err(faults) => (None, faults.as_slice()),
    };
    let report = JsonReport {
        ok: config.is_some(),
        faults: faults.iter().map(JsonFault::of).collect(),
        warnings: config.iter().flat_map(|c| &c.warnings).map(JsonFault::of).collect(),
        loaded: config.map(JsonLoaded::of),
        online: probed,
    };
    let mut text = serde_json::to_string_pretty(&report)?;
    text.push('\n');
    Ok(text)
}

/// The document of `--json`. Names are kept from version to version; new ones may come.
#[derive(Serialize)]
struct JsonReport<'c> {
    ok: bool,
    faults: Vec<JsonFault<'c>>,
    warnings: Vec<JsonFault<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loaded: Option<JsonLoaded<'c>>,
    /// With `--online`.
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<&'c [Probed]>,
}

#[derive(Serialize)]
struct JsonFault<'c> {
    path: String,
    line: Option<usize>,
    column: Option<usize>,
    message: &'c str,
}

impl<'c> JsonFault<'c> {
    fn of(fault: &'c Fault) -> Self {
        let (line, column) = fault.place.unzip();
        Self { path: fault.path.display().to_string(), line, column, message: &fault.message }
    }
}

#[derive(Serialize)]
struct JsonLoaded<'c> {
    listeners: Vec<JsonListener>,
    admin: String,
    audit: String,
    auth: &'static str,
    callers: &'c [String],
    policies: Vec<JsonPolicy<'c>>,
    keyrings: Vec<JsonKeyring<'c>>,
    rules: usize,
    upstream: JsonUpstream<'c>,
    files: Vec<String>,
}

impl<'c> JsonLoaded<'c> {
    fn of(config: &'c Config) -> Self {
        let policies = config.inventory.policies.iter();
        let upstream = &config.gate.upstream;
        Self {
            listeners: config.listeners.iter().map(JsonListener::of).collect(),
            admin: config.admin.to_string(),
            audit: audit_row(&config.audit),
            auth: config.inventory.auth,
            callers: &config.inventory.callers,
            policies: policies
                .map(|(name, statements)| JsonPolicy { name, statements: *statements })
                .collect(),
            keyrings: config.gate.keyrings.iter().map(JsonKeyring::of).collect(),
            rules: config.inventory.rules,
            upstream: JsonUpstream {
                endpoint: upstream.endpoint.to_string(),
                region: &upstream.region,
                backend: config.inventory.backend,
            },
            files: config.files.iter().map(|path| path.display().to_string()).collect(),
        }
    }
}

#[derive(Serialize)]
struct JsonListener {
    address: String,
    tls: bool,
    client_certificates: bool,
    certificates: Vec<JsonCertificate>,
}

impl JsonListener {
    fn of(listener: &Listener) -> Self {
        let tls = listener.settings.tls.as_ref();
        Self {
            address: listener.settings.address.to_string(),
            tls: tls.is_some(),
            client_certificates: tls.is_some_and(|tls| tls.client_ca.is_some()),
            certificates: listener.certificates.iter().map(JsonCertificate::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct JsonCertificate {
    path: String,
    not_after: String,
}

impl JsonCertificate {
    fn of(certificate: &Certificate) -> Self {
        let path = certificate.path.display().to_string();
        Self { path, not_after: date(certificate.not_after) }
    }
}

#[derive(Serialize)]
struct JsonPolicy<'c> {
    name: &'c str,
    statements: usize,
}

#[derive(Serialize)]
struct JsonKeyring<'c> {
    name: &'c str,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'c> JsonKeyring<'c> {
    fn of(keyring: &'c Settings) -> Self {
        Self { name: &keyring.name, kind: keyring.kind.as_str() }
    }
}

#[derive(Serialize)]
struct JsonUpstream<'c> {
    endpoint: String,
    region: &'c str,
    backend: Option<&'static str>,
}

const SECONDS_A_DAY: u64 = 24 * 60 * 60;
