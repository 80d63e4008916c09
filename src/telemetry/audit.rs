//! One JSON line per decision. Invariant: lines are written whole and in the order in which they were
//! queued; one that is not written is counted.
//!
//! A target that fails (a full disk) does not stop the gate: what it refuses and permits does not depend
//! on the log. Lines are lost meanwhile, which `portcullis_audit_lines_lost_total` and the program's log
//! tell; a target that hangs makes requests wait.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    thread,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
};

use super::metrics::AuditLines;
use crate::policy::Context;

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
    /// The id that the client got too, where the reply was made here.
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
    /// How `requester` is known, where not by a signature that was verified: `ambient`, by where the
    /// request came from; `forward`, by what it claims, which the backend verifies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_mode: Option<&'static str>,
    /// AWS's operation name; absent when unclassified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// Bucket name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_name: Option<String>,
    /// Decoded key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The rule of the bucket and key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `audit` where refusals do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<&'static str>,
    /// Of writes that S3 takes encryption headers with: `compliant` (they came along), `mended` (the
    /// rule's were added, or took their place), `would-mend` (audit mode added none) or `absent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<&'static str>,
    /// `allow`, `deny`, `would-deny` (audit mode let it pass), `refused` (before policy: signature,
    /// shape) or `failed` (after it: upstream).
    pub decision: &'static str,
    /// Document that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Statement that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// Why, in words, for everything but `allow`, where keys of a deletion were denied, and where the client left before its reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where policy denies, what it was decided on: the condition keys that the documents ask about,
    /// and their values; null where a key is absent. (`portcullis explain --audit-line` reads it.)
    #[serde(skip_serializing_if = "Context::is_empty")]
    pub condition_keys: Context,
    /// How many keys of a deletion were denied; the others were passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied_keys: Option<usize>,
    /// The first ten of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denied_keys_first: Vec<String>,
    /// `false` where an object was handed out that is not sealed, under a rule that seals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<bool>,
    /// The check of the sealed-object format that failed; a line with it may follow that of its
    /// request, where bytes were already out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal_check: Option<&'static str>,
    /// HTTP status answered; 499 where the client had left, or was cut off, before its reply.
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
/// queue is full senders wait.
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
    pub fn open(target: &Target, lines: AuditLines) -> io::Result<Self> {
        let sink = Sink::open(target)?;
        let writer = Writer { target: target.clone(), sink, lines, lost: 0 };
        let (queue, entries) = mpsc::channel(QUEUE_LINES_MAX);
        thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(entries))?;
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

    /// Queues a line where nobody can wait; where the queue is full, a task waits in its stead.
    pub fn write_unattended(&self, line: &Line) {
        let Ok(mut bytes) = serde_json::to_vec(line) else { return };
        bytes.push(b'\n');
        if let Err(TrySendError::Full(entry)) = self.queue.try_send(Entry::Line(bytes)) {
            let audit = self.clone();
            if let Ok(runtime) = Handle::try_current() {
                drop(runtime.spawn(async move { audit.send(entry).await }));
            } else {
                tracing::error!("the audit queue is full; a line is lost");
            }
        }
    }

    /// Reopens a file target (log rotation). Where the new file cannot be opened, the old one stays.
    pub async fn reopen(&self) {
        self.send(Entry::Reopen).await;
    }

    /// Waits until every queued line was given to the system.
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

/// The thread that writes.
struct Writer {
    target: Target,
    sink: Sink,
    lines: AuditLines,
    /// Since the target began to fail.
    lost: u64,
}

impl Writer {
    /// Until all senders are gone; flushes whenever the queue is empty.
    ///
    /// Then it looks away for a moment, and takes what came meanwhile together: to be woken for each
    /// line costs the requests more than the line does.
    fn run(mut self, mut entries: mpsc::Receiver<Entry>) {
        while let Some(entry) = entries.blocking_recv() {
            self.take(entry);
            while let Ok(entry) = entries.try_recv() {
                self.take(entry);
            }
            self.flush();
            thread::sleep(GATHERING);
        }
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Line(bytes) => self.write(&bytes),
            Entry::Reopen => self.reopen(),
            Entry::Flush(done) => {
                self.flush();
                let _ = done.send(());
            }
        }
    }

    fn write(&mut self, line: &[u8]) {
        match self.sink.writer().write_all(line) {
            Ok(()) => self.lines.written.inc(),
            Err(error) => {
                self.lines.lost.inc();
                // One line of log for a failure, however long it lasts.
                if self.lost == 0 {
                    tracing::error!(%error, "the audit log cannot be written; lines are lost");
                }
                self.lost += 1;
            }
        }
    }

    /// What cannot be flushed stays in the buffer and is tried again with the next lines.
    fn flush(&mut self) {
        if self.sink.writer().flush().is_ok() && self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            tracing::warn!(lost, "the audit log is written again; lines were lost");
        }
    }

    fn reopen(&mut self) {
        self.flush();
        match Sink::open(&self.target) {
            Ok(sink) => {
                let pending = std::mem::replace(&mut self.sink, sink).into_pending();
                if let Err(error) = self.sink.writer().write_all(&pending) {
                    tracing::error!(%error, "the last lines of the old audit log are lost");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the audit log cannot be reopened; the old file stays");
            }
        }
    }
}

/// Where bytes go.
enum Sink {
    Stderr(io::Stderr),
    File(BufWriter<File>),
}

impl Sink {
    fn open(target: &Target) -> io::Result<Self> {
        match target {
            Target::Stderr => Ok(Self::Stderr(io::stderr())),
            Target::File(path) => {
                let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
                Ok(Self::File(BufWriter::with_capacity(BUFFER_BYTES, file)))
            }
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Stderr(stderr) => stderr,
            Self::File(file) => file,
        }
    }

    /// What was taken and could not be written.
    fn into_pending(self) -> Vec<u8> {
        match self {
            Self::Stderr(_) => Vec::new(),
            Self::File(file) => file.into_parts().1.unwrap_or_default(),
        }
    }
}

/// Lines that wait for the writer at most.
pub const QUEUE_LINES_MAX: usize = 4096;
/// How long lines gather before they are written together: far below what a reader of the log sees,
/// and in which no gate fills the queue.
const GATHERING: Duration = Duration::from_millis(2);
/// Far above any line, so that the buffer takes each whole or not at all.
const BUFFER_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

    use prometheus::Registry;

    use super::{Audit, AuditLines, BUFFER_BYTES, Line, Target};

    fn line(request_id: &str) -> Line {
        Line { request_id: request_id.to_owned(), decision: "allow", ..Line::default() }
    }

    fn ids(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        let line = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
        text.lines().map(|it| line(it)["request_id"].as_str().unwrap().to_owned()).collect()
    }

    fn lines() -> AuditLines {
        AuditLines::register(&Registry::new()).unwrap()
    }

    #[tokio::test]
    async fn lines_are_written_in_order_by_whoever_holds_a_clone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let audit = Audit::open(&Target::File(path.clone()), lines()).unwrap();
        let clone = audit.clone();
        for number in 0..5000 {
            let audit = if number % 2 == 0 { &audit } else { &clone };
            audit.write(&line(&number.to_string())).await;
        }
        audit.flush().await;
        let expected: Vec<_> = (0..5000).map(|number| number.to_string()).collect();
        assert_eq!(ids(&path), expected);
    }

    #[tokio::test]
    async fn a_file_is_appended_to_and_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        for id in ["one", "two"] {
            let audit = Audit::open(&Target::File(path.clone()), lines()).unwrap();
            audit.write(&line(id)).await;
            audit.flush().await;
        }
        assert_eq!(ids(&path), ["one", "two"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_rotated_file_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("audit"), folder.path().join("audit.1"));
        let audit = Audit::open(&Target::File(path.clone()), lines()).unwrap();
        audit.write(&line("one")).await;
        audit.flush().await;
        fs::rename(&path, &rotated).unwrap();
        audit.reopen().await;
        audit.write(&line("two")).await;
        audit.flush().await;
        assert_eq!((ids(&rotated), ids(&path)), (vec!["one".into()], vec!["two".into()]));
    }

    #[tokio::test]
    async fn where_no_new_file_can_be_opened_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, moved) = (folder.path().join("logs"), folder.path().join("moved"));
        fs::create_dir(&inner).unwrap();
        let audit = Audit::open(&Target::File(inner.join("audit")), lines()).unwrap();
        fs::rename(&inner, &moved).unwrap();
        audit.reopen().await;
        audit.write(&line("one")).await;
        audit.flush().await;
        assert_eq!(ids(&moved.join("audit")), ["one"]);
    }

    #[tokio::test]
    async fn lines_that_a_full_disk_refuses_are_counted() {
        let lines = lines();
        let target = Target::File("/dev/full".into());
        let audit = Audit::open(&target, lines.clone()).unwrap();
        for _ in 0..4 {
            audit.write(&line(&"x".repeat(BUFFER_BYTES / 2))).await;
        }
        audit.flush().await;
        assert_eq!((lines.written.get(), lines.lost.get()), (1, 3));
    }
}
