//! One JSON line per decision.

use std::path::PathBuf;

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

/// The open audit log: a bounded queue before a writer thread; a full queue makes senders wait, no line is lost.
#[derive(Clone, Debug)]
pub struct Audit {}

impl Audit {
    /// Opens the target and starts the writer.
    pub fn open(_target: &Target) -> std::io::Result<Self> {
        todo!()
    }
    /// Queues a line.
    pub async fn write(&self, _line: &Line) {
        todo!()
    }
    /// Reopens a file target (log rotation).
    pub async fn reopen(&self) {
        todo!()
    }
    /// Waits until every queued line is written.
    pub async fn flush(&self) {
        todo!()
    }
}
