//! The gate as a program of its own: what it takes from its environment cannot be had otherwise.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    os::unix::fs::FileExt as _,
    process::{Child, Command, Stdio},
    thread,
};

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{Upstream, client::Client, gate, within};

/// `portcullis serve`, killed when dropped.
pub(crate) struct Program {
    child: Child,
    folder: TempDir,
    listener: SocketAddr,
    admin: SocketAddr,
    /// What it has logged since it started to listen.
    log: mpsc::UnboundedReceiver<String>,
}

impl Program {
    /// `upstream` are lines of `[upstream]`; `environment` gets the folder's path for `DIR`.
    pub(crate) async fn start(
        upstream: &Upstream,
        lines: &str,
        files: &[(&str, &str)],
        environment: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "token_secret = \"file:token.secret\"\n[s3]\nregion = \"eu-central-1\"\n\
             [[listener]]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
             [credentials]\nfile = \"credentials.toml\"\n\
             [upstream]\nendpoint = \"http://{}\"\nregion = \"us-east-1\"\n{lines}\n",
            upstream.address()
        );
        gate::write_private(&folder.path().join("portcullis.toml"), &text);
        gate::write_private(&folder.path().join("token.secret"), &"0123456789abcdef".repeat(4));
        gate::write_private(&folder.path().join("credentials.toml"), &gate::credentials());
        for (name, text) in files {
            gate::write_private(&folder.path().join(name), text);
        }
        let directory = folder.path().to_str().unwrap();
        let environment = environment.iter().map(|(k, v)| (*k, v.replace("DIR", directory)));
        let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["serve", "--config", &format!("{directory}/portcullis.toml")])
            .env_clear()
            .env("HOME", directory)
            .envs(environment)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = lines_of(&mut child);
        let listener = address(&mut lines, "listening").await;
        let admin = address(&mut lines, "admin listening").await;
        Self { child, folder, listener, admin, log: lines }
    }

    /// What is in its memory now, of what it can write to.
    pub(crate) fn memory(&self) -> Vec<Vec<u8>> {
        let process = format!("/proc/{}", self.child.id());
        let memory = fs::File::open(format!("{process}/mem")).unwrap();
        let maps = fs::read_to_string(format!("{process}/maps")).unwrap();
        let writable =
            maps.lines().filter(|line| line.split(' ').nth(1).unwrap().starts_with("rw"));
        writable
            .filter_map(|line| {
                let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
                let [start, end] = [start, end].map(|it| u64::from_str_radix(it, 16).unwrap());
                let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
                // Some of the kernel's own cannot be read.
                memory.read_exact_at(&mut bytes, start).ok().map(|()| bytes)
            })
            .collect()
    }

    /// All that it has logged, which ends it.
    pub(crate) async fn log(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        let mut lines = Vec::new();
        while let Some(line) = within("the log", self.log.recv()).await {
            lines.push(line);
        }
        lines
    }

    pub(crate) fn client(&self) -> Client {
        Client { address: self.listener, tls: None }
    }

    pub(crate) fn admin(&self) -> Client {
        Client { address: self.admin, tls: None }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(child: &mut Child) -> mpsc::UnboundedReceiver<String> {
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (sender, lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            eprintln!("gate: {line}");
            let _ = sender.send(line);
        }
    });
    lines
}

async fn address(lines: &mut mpsc::UnboundedReceiver<String>, what: &str) -> SocketAddr {
    loop {
        let line = within(what, lines.recv()).await.unwrap();
        if line.contains(what) {
            let (_, address) = line.split_once("127.0.0.1:").unwrap();
            let port: String = address.chars().take_while(char::is_ascii_digit).collect();
            return format!("127.0.0.1:{port}").parse().unwrap();
        }
    }
}
