//! `cargo xtask bench`: what the README says of memory and speed, measured.
//!
//! A gate runs as a process of its own before the embedded backend of another, so that its figures
//! are its own. Invariant: a figure is printed, never asserted; only wrong bytes fail.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use crate::{Failure, conformance, root, server::Server, tools};

/// Sends an object up and down and prints what it took.
pub(crate) fn run(options: &[&str]) -> Result<ExitCode, Failure> {
    let size = match options {
        [] => "5368709120",
        ["--bytes", size] => size,
        _ => return Err("`bench` takes only --bytes N".into()),
    };
    let python = tools::python()?;
    let program = conformance::gate_program()?;
    let folder = tools::folder().join("bench");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let (_backend, behind) = start(&program, &folder.join("backend"), None)?;
    let (_gate, front) = start(&program, &folder.join("gate"), Some(&behind))?;
    let status = Command::new("sh")
        .args(["-c", ". \"$0\" && exec \"$@\""])
        .arg(front.join("env.sh"))
        .arg(&python)
        .arg(root().join("benches/transfer.py"))
        .arg(size)
        .env("PORTCULLIS_PIDS", format!("{}:{}", pid(&front)?, pid(&behind)?))
        .status()?;
    fs::remove_dir_all(&folder)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts `portcullis dev` in a folder, before the backend of another's.
fn start(
    program: &Path,
    folder: &Path,
    behind: Option<&PathBuf>,
) -> Result<(Server, PathBuf), Failure> {
    fs::create_dir_all(folder)?;
    let script = match behind {
        None => "exec \"$0\" \"$@\"".to_owned(),
        Some(behind) => format!(
            ". '{}/env.sh' && exec \"$0\" \"$@\" --upstream \"$PORTCULLIS_BACKEND_URL\"",
            behind.display()
        ),
    };
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("echo $$ > '{}/pid'; {script}", folder.display()));
    command.arg(program).args(["dev", "--https", ANY_PORT, "--http", ANY_PORT]);
    command.args(["--admin", ANY_PORT]).arg("--dir").arg(folder);
    let mut server = Server::start("portcullis dev", &command, &folder.join("gate.log"))?;
    server.wait_until(READY_LIMIT, |server| server.has_said("ready"))?;
    Ok((server, folder.to_owned()))
}

fn pid(folder: &Path) -> Result<String, Failure> {
    Ok(fs::read_to_string(folder.join("pid"))?.trim().to_owned())
}

const ANY_PORT: &str = "127.0.0.1:0";
const READY_LIMIT: Duration = Duration::from_secs(30);
