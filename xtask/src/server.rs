//! Processes that run beside a chore. Invariant: each is on a leash, a pipe from this process; when
//! the pipe closes, for whatever reason, the process and its children end.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::Failure;

/// A process on a leash.
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    leash: Option<ChildStdin>,
    log: PathBuf,
}

impl Server {
    /// Starts `command` in a process group of its own, with its output going to `log`.
    pub(crate) fn start(
        name: &'static str,
        command: &Command,
        log: &Path,
    ) -> Result<Self, Failure> {
        let output = File::create(log)?;
        let mut leashed = leashed(command);
        leashed.stdout(output.try_clone()?).stderr(output);
        let mut child =
            leashed.spawn().map_err(|error| format!("{name} cannot be started: {error}"))?;
        let leash = child.stdin.take();
        Ok(Self { name, child, leash, log: log.to_owned() })
    }

    /// Waits until `is_ready` says so.
    pub(crate) fn wait_until(
        &mut self,
        limit: Duration,
        mut is_ready: impl FnMut(&Self) -> bool,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        while !is_ready(self) {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{} ended with {status}\n{}", self.name, self.tail()).into());
            }
            if began.elapsed() > limit {
                let seconds = limit.as_secs();
                let tail = self.tail();
                return Err(format!("{} was not ready in {seconds} s\n{tail}", self.name).into());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// The process group of it and of all that it starts.
    pub(crate) fn group(&self) -> u32 {
        self.child.id()
    }

    /// Whether the output has this line.
    pub(crate) fn has_said(&self, line: &str) -> bool {
        fs::read_to_string(&self.log).is_ok_and(|log| log.lines().any(|said| said == line))
    }

    /// The last lines of the output.
    pub(crate) fn tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself must not be signalled: its id may be another's by now.
        if let (Ok(Some(_)), Some(leash)) = (self.child.try_wait(), &mut self.leash) {
            let _ = leash.write_all(b"ended\n");
        }
        drop(self.leash.take());
        let _ = self.child.wait();
    }
}

/// Runs `command` on a leash to its end, with this process's output.
pub(crate) fn run_to_end(command: &Command) -> Result<ExitStatus, Failure> {
    run_leashed(leashed(command))
}

/// Runs `command` on a leash to its end, with its output behind what is in `log` already.
pub(crate) fn run_into(command: &Command, log: &Path) -> Result<ExitStatus, Failure> {
    let output = File::options().create(true).append(true).open(log)?;
    let mut leashed = leashed(command);
    leashed.stdout(output.try_clone()?).stderr(output);
    run_leashed(leashed)
}

fn run_leashed(mut leashed: Command) -> Result<ExitStatus, Failure> {
    let mut child = leashed.spawn()?;
    let mut leash = child.stdin.take();
    // `Child::wait` closes stdin first, which would pull the leash.
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(POLL);
    };
    if let Some(leash) = &mut leash {
        let _ = leash.write_all(b"ended\n");
    }
    Ok(status)
}

/// Runs `command` silently; its output is told only if it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program} cannot be run: {error}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(stdout.into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} ended with {}\n{}{}", output.status, stdout, stderr).into())
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Whether something takes connections there.
pub(crate) fn is_listening(port: u16) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpStream::connect_timeout(&address, PROBE_LIMIT).is_ok()
}

/// Whether something answers HTTP there.
pub(crate) fn answers_http(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut stream = TcpStream::connect_timeout(&address, PROBE_LIMIT)?;
        stream.set_read_timeout(Some(PROBE_LIMIT))?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        Ok(&head == b"HTTP/")
    };
    ask().unwrap_or(false)
}

/// The same command under a shell that becomes it, after leaving a watcher behind.
fn leashed(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", LEASH, "leash"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    shell.stdin(Stdio::piped()).process_group(0);
    shell
}

/// The watcher ignores the signal that it sends to its own group, and gives the rest 10 seconds.
const LEASH: &str = r#"
exec 3<&0
(
    trap '' TERM INT HUP
    exec >/dev/null 2>&1
    read -r word <&3
    [ "$word" = ended ] && exit
    kill -TERM -$$
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 $$ || exit; sleep 0.1; done
    done
    kill -KILL -$$
) &
exec "$@" </dev/null 3<&-
"#;

const POLL: Duration = Duration::from_millis(20);
const PROBE_LIMIT: Duration = Duration::from_secs(2);
const TAIL_LINES: usize = 20;

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, process::Command, time::Duration};

    use super::{POLL, Server};

    /// Its process is there and not just waiting to be reaped.
    fn runs(id: u32) -> bool {
        fs::read_to_string(format!("/proc/{id}/stat"))
            .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").starts_with(" Z"))
    }

    #[test]
    fn a_dropped_server_ends_with_its_children() {
        let log = std::env::temp_dir().join(format!("xtask-leash-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; echo up; wait"]);
        let mut server = Server::start("sh", &command, &log).unwrap();
        server.wait_until(Duration::from_secs(30), |server| server.has_said("up")).unwrap();
        let grandchild: u32 = server.tail().lines().next().unwrap().parse().unwrap();
        let child = server.child.id();
        assert!(runs(child) && runs(grandchild));
        drop(server);
        while runs(grandchild) {
            std::thread::sleep(POLL);
        }
        assert!(!runs(child));
        fs::remove_file(Path::new(&log)).unwrap();
    }

    #[test]
    fn a_server_that_ends_early_says_why() {
        let log = std::env::temp_dir().join(format!("xtask-early-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such port; exit 3"]);
        let mut server = Server::start("sh", &command, &log).unwrap();
        let failure = server.wait_until(Duration::from_secs(30), |_| false).unwrap_err();
        assert!(failure.to_string().contains("exit status: 3\nno such port"), "{failure}");
        fs::remove_file(Path::new(&log)).unwrap();
    }
}
