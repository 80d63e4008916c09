//! A Ceph cluster of one node, as small as it gets, with its object gateway.
//!
//! A monitor and one storage daemon that keeps everything in memory; no manager. Invariant: nothing
//! of it lies outside its folder, and no file of an installed Ceph is read.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Failure,
    backend::{Running, START_LIMIT, Upstream},
    server::{Server, answers_http, free_port, run_quietly},
};

/// Starts the cluster and makes one user. Everything in `folder` must be new.
pub(crate) fn start(folder: &Path) -> Result<Running, Failure> {
    let cluster = Cluster { folder: folder.to_owned() };
    let (mon_port, port) = (free_port()?, free_port()?);
    cluster.configure(mon_port, port)?;
    cluster.make_keys()?;
    cluster.make_monitor(mon_port)?;
    let mut mon = cluster.daemon("ceph-mon", &["-i", "a"])?;
    mon.wait_until(START_LIMIT, |_| cluster.ceph(&["status"]).is_ok())?;
    cluster.ceph(&["osd", "new", OSD_ID])?;
    cluster.run("ceph-osd", &["-i", "0", "--mkfs", "--osd-uuid", OSD_ID])?;
    let mut osd = cluster.daemon("ceph-osd", &["-i", "0"])?;
    osd.wait_until(START_LIMIT, |_| {
        cluster.ceph(&["osd", "stat"]).is_ok_and(|stat| stat.contains("1 up"))
    })?;
    let mut rgw = cluster.daemon("radosgw", &["-n", "client.rgw"])?;
    rgw.wait_until(START_LIMIT, |_| answers_http(port))?;
    cluster.make_user()?;
    let upstream = Upstream {
        url: format!("http://127.0.0.1:{port}"),
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET_ACCESS_KEY.to_owned(),
        region: "us-east-1".to_owned(),
    };
    Ok(Running { upstream: Some(upstream), servers: vec![rgw, osd, mon] })
}

struct Cluster {
    folder: PathBuf,
}

impl Cluster {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn configure(&self, mon_port: u16, port: u16) -> Result<(), Failure> {
        for name in ["mon", "osd", "crash"] {
            fs::create_dir_all(self.folder.join(name))?;
        }
        let text = CONFIGURATION
            .replace("CLUSTER_ID", CLUSTER_ID)
            .replace("FOLDER", &self.folder.to_string_lossy())
            .replace("MON_PORT", &mon_port.to_string())
            .replace("RGW_PORT", &port.to_string());
        Ok(fs::write(self.folder.join("ceph.conf"), text)?)
    }

    fn make_keys(&self) -> Result<(), Failure> {
        let keyring = self.path("keyring");
        run_quietly(
            Command::new("ceph-authtool")
                .args(["--create-keyring", &keyring, "--gen-key", "-n", "mon."])
                .args(["--cap", "mon", "allow *"]),
        )?;
        for (name, capabilities) in [
            ("client.admin", ["mon", "allow *", "osd", "allow *"]),
            ("osd.0", ["mon", "allow profile osd", "osd", "allow *"]),
            ("client.rgw", ["mon", "allow rw", "osd", "allow rwx"]),
        ] {
            let mut command = Command::new("ceph-authtool");
            command.args([&keyring, "--gen-key", "-n", name]);
            for capability in capabilities.chunks(2) {
                command.arg("--cap").args(capability);
            }
            run_quietly(&mut command)?;
        }
        Ok(())
    }

    fn make_monitor(&self, port: u16) -> Result<(), Failure> {
        let map = self.path("monmap");
        run_quietly(
            Command::new("monmaptool")
                .args(["--create", "--fsid", CLUSTER_ID, "--addv", "a"])
                .args([&format!("[v2:127.0.0.1:{port}]"), &map]),
        )?;
        let keyring = self.path("keyring");
        let options = ["--mkfs", "-i", "a", "--monmap", &map, "--keyring", &keyring];
        self.run("ceph-mon", &options).map(drop)
    }

    fn make_user(&self) -> Result<(), Failure> {
        let options = ["-n", "client.rgw", "user", "create", "--uid", "gate"];
        let keys = ["--access-key", ACCESS_KEY_ID, "--secret", SECRET_ACCESS_KEY];
        let name = ["--display-name", "gate"];
        self.run("radosgw-admin", &[&options[..], &keys, &name].concat()).map(drop)
    }

    fn daemon(&self, program: &'static str, options: &[&str]) -> Result<Server, Failure> {
        let mut command = self.command(program);
        command.arg("-f").args(options);
        Server::start(program, &command, &self.folder.join(format!("{program}.out")))
    }

    fn ceph(&self, words: &[&str]) -> Result<String, Failure> {
        let limit = ["--connect-timeout", CONNECT_LIMIT_SECONDS];
        self.run("ceph", &[&limit, words].concat())
    }

    fn run(&self, program: &str, options: &[&str]) -> Result<String, Failure> {
        run_quietly(self.command(program).args(options))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["-c", &self.path("ceph.conf")]);
        command
    }
}

const CLUSTER_ID: &str = "5f0c6d0e-0b6b-4c56-9d2c-6a3b8f6f2a10";
const OSD_ID: &str = "8f7b7a0e-5c0c-4a55-8a39-0d3a0c0f5e11";
const ACCESS_KEY_ID: &str = "CONFORMANCEGATE00001";
const SECRET_ACCESS_KEY: &str = "conformance/gate/secret/of/a/throwaway/1";
const CONNECT_LIMIT_SECONDS: &str = "20";

/// Quick elections, no replication, no sockets with long paths, no manager that must be waited for.
const CONFIGURATION: &str = "\
[global]
fsid = CLUSTER_ID
mon initial members = a
mon host = [v2:127.0.0.1:MON_PORT]
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
public addr = 127.0.0.1
auth allow insecure global id reclaim = false
paxos propose interval = 0.05
paxos min wait = 0.02
run dir = FOLDER
admin socket =
pid file =
log file = FOLDER/$name.log
log to stderr = false
crash dir = FOLDER/crash
keyring = FOLDER/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
mon data avail crit = 1
mon data avail warn = 2
osd objectstore = memstore
memstore device bytes = 4294967296
[mon.a]
mon data = FOLDER/mon
[osd.0]
osd data = FOLDER/osd
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:RGW_PORT tcp_nodelay=1
rgw dns name = localhost
rgw thread pool size = 32
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = conformance=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=
rgw enable ops log = false
rgw enable usage log = false
";
