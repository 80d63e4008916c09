//! One JSON line per decision.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    thread,
};

use tokio::sync::{mpsc, oneshot};

/// Where audit lines go.
#[derive(Clone, Debug, Default)]
pub enum Target {
    /// Standard error.
    #[default]
    Stderr,
    /// Appended to a file, created with mode 0600; reopened on SIGHUP.
    File(PathBuf),
}

/// One decision. Names follow the AWS S3 access-log schema where it has one. Never holds a secret, a signature or a token.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Line {
    /// RFC 3339, UTC, milliseconds.
    pub time: String,
    /// The id that the client got too.
    pub request_id: String,
    /// Client address without port.
    pub remote_ip: String,
    /// `1.2`, `1.3`; absent on plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<&'static str>,
    /// Whose client certificate was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Principal ARN; absent for anonymous or unauthenticated callers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// Access key id as presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// `REST-HEADER`, `REST-QUERY-STRING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_type: Option<&'static str>,
    /// AWS's operation name; absent when unclassified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// Bucket name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_name: Option<String>,
    /// Decoded key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `allow`, `deny`, `refused` (before policy: signature, shape) or `failed` (after it: upstream).
    pub decision: &'static str,
    /// Document that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Statement that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// Why, in words, for everything but `allow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// HTTP status answered.
    pub http_status: u16,
    /// S3 code answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// User-Agent, cut to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// From head received to answer's head.
    pub total_time_ms: u64,
}

/// The open audit log: a queue of [`QUEUE_LINES_MAX`] lines before a thread that writes. Where the
/// queue is full senders wait, so that no line is lost; a line that cannot be written is logged.
#[derive(Clone, Debug)]
pub struct Audit {
    queue: mpsc::Sender<Entry>,
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    Reopen,
    Flush(oneshot::Sender<()>),
}

impl Audit {
    /// Opens the target and starts the writer, which ends with the last clone.
    ///
    /// # Errors
    ///
    /// The file cannot be created or appended to.
    pub fn open(target: &Target) -> io::Result<Self> {
        let sink = Sink::open(target)?;
        let (queue, entries) = mpsc::channel(QUEUE_LINES_MAX);
        let target = target.clone();
        thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_all(entries, sink, &target))?;
        Ok(Self { queue })
    }

    /// Queues a line.
    pub async fn write(&self, line: &Line) {
        match serde_json::to_vec(line) {
            Ok(mut bytes) => {
                bytes.push(b'\n');
                self.send(Entry::Line(bytes)).await;
            }
            Err(error) => tracing::error!(%error, "an audit line cannot be written as JSON"),
        }
    }

    /// Reopens a file target (log rotation).
    pub async fn reopen(&self) {
        self.send(Entry::Reopen).await;
    }

    /// Waits until every queued line is written.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        self.send(Entry::Flush(done)).await;
        let _ = flushed.await;
    }

    async fn send(&self, entry: Entry) {
        if self.queue.send(entry).await.is_err() {
            tracing::error!("the audit writer has ended; a line is lost");
        }
    }
}

/// Where bytes go.
enum Sink {
    Stderr(io::Stderr),
    File(io::BufWriter<File>),
}

impl Sink {
    fn open(target: &Target) -> io::Result<Self> {
        match target {
            Target::Stderr => Ok(Self::Stderr(io::stderr())),
            Target::File(path) => {
                let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
                Ok(Self::File(io::BufWriter::new(file)))
            }
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Stderr(stderr) => stderr,
            Self::File(file) => file,
        }
    }
}

/// Writes until all senders are gone; flushes whenever the queue is empty.
fn write_all(mut entries: mpsc::Receiver<Entry>, mut sink: Sink, target: &Target) {
    while let Some(entry) = entries.blocking_recv() {
        let written = match entry {
            Entry::Line(bytes) => sink.writer().write_all(&bytes),
            Entry::Reopen => sink.writer().flush().and_then(|()| {
                sink = Sink::open(target)?;
                Ok(())
            }),
            Entry::Flush(done) => {
                let flushed = sink.writer().flush();
                let _ = done.send(());
                flushed
            }
        };
        let written = if entries.is_empty() { written.and(sink.writer().flush()) } else { written };
        if let Err(error) = written {
            tracing::error!(%error, "the audit log cannot be written");
        }
    }
}

/// Lines that wait for the writer at most.
pub const QUEUE_LINES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::{Audit, Line, Target};

    fn line(request_id: &str) -> Line {
        Line { request_id: request_id.to_owned(), decision: "allow", ..Line::default() }
    }

    #[tokio::test]
    async fn lines_are_written_in_order_and_a_rotated_file_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("audit"), folder.path().join("audit.1"));
        let audit = Audit::open(&Target::File(path.clone())).unwrap();
        audit.write(&line("one")).await;
        audit.write(&line("two")).await;
        audit.flush().await;
        fs::rename(&path, &rotated).unwrap();
        audit.reopen().await;
        audit.write(&line("three")).await;
        audit.flush().await;
        let ids = |path| -> Vec<String> {
            let text = fs::read_to_string(path).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            lines
                .map(|line: serde_json::Value| line["request_id"].as_str().unwrap().into())
                .collect()
        };
        assert_eq!(ids(&rotated), ["one", "two"]);
        assert_eq!(ids(&path), ["three"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
