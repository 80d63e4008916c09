//! Garage, a distributed S3 store, as one node; and the chore that builds it, which takes ten minutes.
//!
//! Invariant: nothing of it lies outside its folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use crate::{
    Failure,
    backend::{Running, START_LIMIT, Upstream},
    server::{Server, answers_http, free_port, run_quietly, run_to_end},
    tools,
};

/// `cargo xtask garage`: builds it into `.tools/garage`, where `cargo xtask test` finds it.
pub(crate) fn install(options: &[&str]) -> Result<ExitCode, Failure> {
    if !options.is_empty() {
        return Err("`garage` takes no options".into());
    }
    let root = tools::folder().join("garage");
    let target = root.join("target");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["install", "garage", "--version", VERSION, "--locked", "--no-default-features"])
        .args(["--features", "bundled-libs,sqlite", "--root"])
        .arg(&root)
        .env("CARGO_TARGET_DIR", &target);
    let status = run_to_end(&command)?;
    if !status.success() {
        return Err(format!("Garage could not be built: {status}").into());
    }
    // Gigabytes that nobody needs again.
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The program, where `GARAGE` names one or the chore has built it.
pub(crate) fn program() -> Result<PathBuf, Failure> {
    if let Some(program) = env::var_os("GARAGE") {
        return Ok(fs::canonicalize(program)?);
    }
    let built = tools::folder().join("garage/bin/garage");
    if built.is_file() {
        return Ok(built);
    }
    Err("Garage is not here: `cargo xtask garage` builds it in ten minutes, or GARAGE names it"
        .into())
}

/// Starts a node and makes one key. Everything in `folder` must be new.
pub(crate) fn start(folder: &Path, program: &Path) -> Result<Running, Failure> {
    let (port, rpc_port) = (free_port()?, free_port()?);
    let configuration = folder.join("garage.toml");
    let text = CONFIGURATION
        .replace("FOLDER", &folder.to_string_lossy())
        .replace("RPC_PORT", &rpc_port.to_string())
        .replace("S3_PORT", &port.to_string());
    fs::write(&configuration, text)?;
    let garage = || {
        let mut command = Command::new(program);
        command.arg("-c").arg(&configuration);
        command
    };
    let mut command = garage();
    command
        .args(["server", "--single-node", "--default-bucket"])
        .env("GARAGE_DEFAULT_ACCESS_KEY", ACCESS_KEY_ID)
        .env("GARAGE_DEFAULT_SECRET_KEY", SECRET_ACCESS_KEY)
        .env("GARAGE_DEFAULT_BUCKET", "default")
        .env("RUST_LOG", "garage=warn");
    let mut server = Server::start("garage", &command, &folder.join("garage.log"))?;
    server.wait_until(START_LIMIT, |_| answers_http(port))?;
    run_quietly(garage().args(["key", "allow", "--create-bucket", ACCESS_KEY_ID]))?;
    let upstream = Upstream {
        url: format!("http://127.0.0.1:{port}"),
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET_ACCESS_KEY.to_owned(),
        region: "us-east-1".to_owned(),
    };
    Ok(Running { upstream: Some(upstream), servers: vec![server] })
}

const VERSION: &str = "2.5.0";
/// In Garage's own form: `GK` and 24 hexadecimal digits.
const ACCESS_KEY_ID: &str = "GK0123456789abcdef01234567";
const SECRET_ACCESS_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const CONFIGURATION: &str = "\
metadata_dir = \"FOLDER/meta\"
data_dir = \"FOLDER/data\"
db_engine = \"sqlite\"
replication_factor = 1
compression_level = \"none\"
metadata_fsync = false
data_fsync = false
rpc_bind_addr = \"127.0.0.1:RPC_PORT\"
rpc_public_addr = \"127.0.0.1:RPC_PORT\"
rpc_secret = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"
allow_world_readable_secrets = true
[s3_api]
s3_region = \"us-east-1\"
api_bind_addr = \"127.0.0.1:S3_PORT\"
root_domain = \".localhost\"
";
