//! Questions to a key service over HTTP/1.1. Invariant: an answer is bounded, and its body, which may
//! hold a key, is wiped when dropped; no redirect is followed.

use std::{error::Error as StdError, fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header::HOST, request::Parts};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::{Deserialize, Deserializer, de::Visitor};
use zeroize::Zeroizing;

use super::error::Fault;
use crate::{
    seal::BucketKey,
    trust::{self, Authorities},
};

/// Connections to one service, which clones share.
#[derive(Clone, Debug)]
pub(super) struct Http {
    pool: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: Uri,
}

/// What a service said.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Http {
    /// Reads the trusted CAs; connects to nothing yet. `endpoint` has a scheme, a host and no path.
    pub(super) fn new(endpoint: Uri, ca: Option<&Authorities>) -> Result<Self, rustls::Error> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_WAIT));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(trust::tls(ca)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_IDLE_CONNECTIONS_MAX)
            .http1_max_buf_size(BUFFER_BYTES_MAX)
            .build(connector);
        Ok(Self { pool, endpoint })
    }

    /// The head of a request to this path.
    pub(super) fn head(&self, method: http::Method, path: &str) -> Result<Parts, Fault> {
        let unbuilt =
            |error: &dyn fmt::Display| Fault::Refused(format!("no such request: {error}"));
        let mut uri = self.endpoint.clone().into_parts();
        uri.path_and_query = Some(path.parse().map_err(|error| unbuilt(&error))?);
        let uri = Uri::from_parts(uri).map_err(|error| unbuilt(&error))?;
        let host = uri.authority().map_or("", |authority| authority.as_str()).to_owned();
        let request = Request::builder().method(method).uri(uri).header(HOST, host).body(());
        Ok(request.map_err(|error| unbuilt(&error))?.into_parts().0)
    }

    /// Sends a request and reads the whole answer. Dropping the future closes the connection.
    pub(super) async fn send(
        &self,
        head: Parts,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Answer, Fault> {
        let request = Request::from_parts(head, Full::from(Bytes::from_owner(body)));
        let answer = self.pool.request(request).await;
        let answer = answer.map_err(|error| Fault::Transient(explained(&error)))?;
        let (head, mut incoming) = answer.into_parts();
        let mut body = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES_USUAL));
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| Fault::Transient(explained(&error)))?;
            let Ok(data) = frame.into_data() else { continue };
            if body.len() + data.len() > ANSWER_BYTES_MAX {
                let reason = format!("its answer is longer than {ANSWER_BYTES_MAX} bytes");
                return Err(Fault::Refused(reason));
            }
            body.extend_from_slice(&data);
        }
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

impl Answer {
    /// Whether a later answer may be another: overload, or a failure of the service's own.
    pub(super) fn is_transient(&self) -> bool {
        self.status.is_server_error()
            || matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
    }
}

/// 32 bytes in base64, as JSON has them.
pub(super) struct KeyText(pub(super) BucketKey);

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = KeyText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("32 bytes in base64")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<KeyText, E> {
        let mut bytes = Zeroizing::new([0; 33]);
        let length = BASE64_STANDARD.decode_slice(text, bytes.as_mut());
        let whole = length.ok().filter(|length| *length == 32).and_then(|_| bytes.first_chunk());
        whole
            .map(|bytes| KeyText(BucketKey::from_bytes(bytes)))
            .ok_or_else(|| E::custom("a key has 32 bytes"))
    }
}

/// An answer that is not what the service's documentation says. The parser's words are not told: they
/// may quote a key.
pub(super) fn garbled(error: &serde_json::Error) -> Fault {
    let (line, column) = (error.line(), error.column());
    Fault::Transient(format!("its answer cannot be read beyond {line}:{column}"))
}

/// A text of the service's own, fit for a line of the log.
pub(super) fn told(text: &str) -> String {
    let told: String = text.chars().take(TOLD_CHARS_MAX).collect();
    let ellipsis = if told.len() < text.len() { "…" } else { "" };
    let told: Vec<&str> = told.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words: Vec<&str> = told.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ") + ellipsis
}

/// An error with its causes: the outermost says little.
fn explained(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

const CONNECT_WAIT: Duration = Duration::from_secs(3);
const POOL_IDLE: Duration = Duration::from_secs(20);
const POOL_IDLE_CONNECTIONS_MAX: usize = 8;
/// A wrapped key and its key, in JSON, take less than 2 KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// So that a key is mostly read into one piece of memory, which is wiped.
const ANSWER_BYTES_USUAL: usize = 4 * 1024;
/// Head and read buffer of a connection.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// What is shown of a service's words.
const TOLD_CHARS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_services_words_fit_on_a_line() {
        assert_eq!(
            told("1 error occurred:\n\t* permission denied\n\n\u{1b}[31m"),
            "1 error occurred: * permission denied [31m"
        );
        assert_eq!(told(&"a".repeat(1000)).chars().count(), 301);
    }
}
