//! The gate as a program of its own: what it takes from its environment cannot be had otherwise.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
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
            fs::write(folder.path().join(name), text).unwrap();
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
        Self { child, folder, listener, admin }
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
