//! What the conformance tier needs and a machine may lack, set up in `.tools/` (git-ignored).
//!
//! Invariant: what is there and fits is used as it is; what cannot be had is a reason, not a panic.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Failure, root, server::run_quietly};

/// The folder of everything that is installed or written by chores.
pub(crate) fn folder() -> PathBuf {
    root().join(".tools")
}

/// The Python environment with the clients of `tests/conformance/requirements.txt`.
pub(crate) fn python() -> Result<PathBuf, Failure> {
    let venv = folder().join("venv");
    let python = venv.join("bin/python");
    let wanted = root().join("tests/conformance/requirements.txt");
    let installed = venv.join("requirements.txt");
    if python.exists()
        && fs::read(&installed).is_ok_and(|it| fs::read(&wanted).is_ok_and(|w| w == it))
    {
        return Ok(python);
    }
    println!("installing the S3 clients into {} ...", venv.display());
    create_venv(&venv)?;
    run_quietly(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&wanted),
    )?;
    fs::copy(&wanted, &installed)?;
    Ok(python)
}

fn create_venv(venv: &Path) -> Result<(), Failure> {
    let create = || run_quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv));
    if create().is_err() {
        // Debian keeps the module apart from python3.
        apt_install(&["python3-venv"])?;
        create()?;
    }
    Ok(())
}

/// Ceph's programs, from Debian's packages.
pub(crate) fn ceph() -> Result<(), Failure> {
    let programs = ["ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "radosgw", "radosgw-admin"];
    if programs.iter().all(|program| is_installed(program)) {
        return Ok(());
    }
    println!("installing Ceph's packages ...");
    apt_install(&["radosgw", "ceph-osd", "ceph-mon", "ceph-common"])
}

/// Debian's packages, where root can install them.
pub(crate) fn apt_install(packages: &[&str]) -> Result<(), Failure> {
    let names = packages.join(" ");
    if !is_installed("apt-get") {
        return Err(format!("{names}: not installed, and this system has no apt-get").into());
    }
    if run_quietly(Command::new("id").arg("-u"))?.trim() != "0" {
        return Err(format!("{names}: not installed, and only root can install them").into());
    }
    run_quietly(Command::new("apt-get").arg("update"))?;
    run_quietly(
        Command::new("apt-get")
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    Ok(())
}

/// Whether a program of this name is on the path.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
