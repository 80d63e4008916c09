//! The key services of the conformance tier: KMS's protocol, by moto, and Vault's, by OpenBao.
//!
//! Invariant: one that cannot be had is told and left out; its cases skip themselves by name.

use std::{fs, path::Path, process::Command};

use crate::{
    Failure,
    backend::START_LIMIT,
    server::{Server, answers_http, free_port},
    tools,
};

/// Services that run; dropping them ends them.
#[derive(Default)]
pub(crate) struct KeyServices {
    /// Where they are, as environment variables.
    pub(crate) places: Vec<(&'static str, String)>,
    servers: Vec<Server>,
}

/// Starts both, where the suite that asks them is wanted.
pub(crate) fn start(suites: &[String], python: &Path) -> KeyServices {
    let mut services = KeyServices::default();
    if !suites.is_empty() && suites.iter().all(|suite| suite != SUITE) {
        return services;
    }
    for (name, started) in [("KMS", kms(python)), ("OpenBao", openbao(python))] {
        match started {
            Ok((server, places)) => {
                services.servers.push(server);
                services.places.extend(places);
            }
            Err(failure) => println!("{name} cannot be started: {failure}"),
        }
    }
    services
}

type Started = (Server, Vec<(&'static str, String)>);

fn kms(python: &Path) -> Result<Started, Failure> {
    let port = free_port()?;
    let mut command = Command::new(python.with_file_name("moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let server = serving("kms", &command, port)?;
    Ok((server, vec![("PORTCULLIS_KMS_URL", format!("http://127.0.0.1:{port}"))]))
}

/// In memory, and open to whoever has the root token: the cases set it up.
fn openbao(python: &Path) -> Result<Started, Failure> {
    let port = free_port()?;
    let mut command = Command::new(python.with_file_name("bao"));
    command
        .args(["server", "-dev", "-dev-no-store-token"])
        .arg(format!("-dev-root-token-id={ROOT_TOKEN}"))
        .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
        .env("HOME", folder()?);
    let server = serving("openbao", &command, port)?;
    let places = vec![
        ("PORTCULLIS_VAULT_ADDR", format!("http://127.0.0.1:{port}")),
        ("PORTCULLIS_VAULT_TOKEN", ROOT_TOKEN.to_owned()),
    ];
    Ok((server, places))
}

fn serving(name: &'static str, command: &Command, port: u16) -> Result<Server, Failure> {
    let mut server = Server::start(name, command, &folder()?.join(format!("{name}.log")))?;
    server.wait_until(START_LIMIT, |_| answers_http(port))?;
    Ok(server)
}

fn folder() -> Result<std::path::PathBuf, Failure> {
    let folder = tools::folder().join("run/keys");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The suite of `tests/conformance` that asks them.
const SUITE: &str = "keyrings";
const ROOT_TOKEN: &str = "root-token";
