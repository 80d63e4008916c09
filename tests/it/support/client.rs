//! A client over a bare socket, which signs as S3 wants it, or wrongly in one named way.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{now, within};

pub(crate) const ACCESS_KEY_ID: &str = "AKIDCLIENT";
pub(crate) const SECRET_ACCESS_KEY: &str = "the-clients-secret-access-key";
pub(crate) const REGION: &str = "eu-central-1";

/// Reaches one listener of a gate; every request has a connection of its own.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    /// `None`: plain HTTP.
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
}

/// A request, correct in all that is not said otherwise.
#[derive(Clone)]
pub(crate) struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    unsigned_headers: Vec<(String, String)>,
    body: Vec<u8>,
    payload: Payload,
    signing: Signing,
    expects_continue: bool,
    stops_after: Option<usize>,
    has_no_length: bool,
    alterations: Vec<(String, String)>,
}

#[derive(Clone)]
enum Payload {
    /// The SHA-256 of these bytes.
    Sha256Of(Vec<u8>),
    Unsigned,
    /// This text.
    Named(String),
    /// In chunks with a CRC32 trailer, computed over these bytes.
    TrailerOf(Vec<u8>),
}

#[derive(Clone)]
struct Signing {
    access_key_id: String,
    secret_access_key: String,
    region: String,
    at: SystemTime,
    style: Style,
    is_tampered: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Style {
    Anonymous,
    Header,
    Query(Duration),
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Such as `Forbidden`.
    pub(crate) reason: String,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the connection broke before the promised end.
    pub(crate) is_cut: bool,
    /// Whether a 100 Continue came before it.
    pub(crate) was_continued: bool,
}

/// An open connection to a gate.
pub(crate) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    host: String,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

// === impl Client ===

impl Client {
    /// Opens a connection, with a TLS handshake where there is TLS.
    pub(crate) async fn connect(&self) -> std::io::Result<Connection> {
        let tcp = TcpStream::connect(self.address).await?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(tcp),
            Some(config) => {
                let name = ServerName::try_from("localhost").unwrap();
                Box::new(TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?)
            }
        };
        Ok(Connection { stream: BufReader::new(stream), host: self.address.to_string() })
    }

    /// Sends a request over a connection of its own.
    pub(crate) async fn send(&self, request: &Request) -> Answer {
        let mut connection = self.connect().await.unwrap();
        connection.send(request).await
    }

    /// Sends a request whose `Host` is this one.
    pub(crate) async fn send_as(&self, host: &str, request: &Request) -> Answer {
        let mut connection = self.connect().await.unwrap();
        host.clone_into(&mut connection.host);
        connection.send(request).await
    }

    /// Writes these bytes and gives the answer.
    pub(crate) async fn send_raw(&self, bytes: &[u8]) -> Answer {
        let mut connection = self.connect().await.unwrap();
        connection.write(bytes).await;
        connection.answer(false).await
    }
}

// === impl Connection ===

impl Connection {
    /// Sends a request and waits for its answer. With `Expect`, the body waits for the 100.
    pub(crate) async fn send(&mut self, request: &Request) -> Answer {
        let (head, body) = request.to_bytes(&self.host);
        self.write(&head).await;
        let mut was_continued = false;
        if request.expects_continue {
            let answer = self.answer(request.method == "HEAD").await;
            if answer.status != 100 {
                return answer;
            }
            was_continued = true;
        }
        let is_cut_short = request.stops_after.is_some_and(|after| after < body.len());
        let sent = body.get(..request.stops_after.unwrap_or(body.len())).unwrap_or(&body);
        self.write(sent).await;
        if is_cut_short {
            let _ = self.stream.shutdown().await;
        }
        Answer { was_continued, ..self.answer(request.method == "HEAD").await }
    }

    /// Writes as much as the other side takes: it may have answered and closed already.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let _ = within("the gate to take bytes", write).await;
    }

    /// Sends a request, and does not wait for its answer.
    pub(crate) async fn begin(&mut self, request: &Request) {
        let (head, body) = request.to_bytes(&self.host);
        self.write(&head).await;
        self.write(&body).await;
    }

    /// What comes, as it is on the wire, up to this text.
    pub(crate) async fn read_until(&mut self, text: &str) -> String {
        let read = async {
            let mut read = Vec::new();
            while !read.windows(text.len()).any(|window| window == text.as_bytes()) {
                if !matches!(self.stream.read_buf(&mut read).await, Ok(count) if count > 0) {
                    break;
                }
            }
            String::from_utf8(read).unwrap()
        };
        within(text, read).await
    }

    /// The next answer. Status 0: the connection ended without one.
    pub(crate) async fn answer(&mut self, is_head: bool) -> Answer {
        within("an answer from the gate", read_answer(&mut self.stream, is_head)).await
    }

    /// Whether the gate has closed the connection; waits until it has, or sends something.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        !matches!(within("the gate to close", self.stream.read(&mut byte)).await, Ok(1))
    }
}

// === impl Request ===

impl Request {
    pub(crate) fn new(method: &'static str, target: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            headers: Vec::new(),
            unsigned_headers: Vec::new(),
            body: Vec::new(),
            payload: Payload::Sha256Of(Vec::new()),
            signing: Signing {
                access_key_id: ACCESS_KEY_ID.to_owned(),
                secret_access_key: SECRET_ACCESS_KEY.to_owned(),
                region: REGION.to_owned(),
                at: now(),
                style: Style::Header,
                is_tampered: false,
            },
            expects_continue: false,
            stops_after: None,
            has_no_length: false,
            alterations: Vec::new(),
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn put(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("PUT", target).body(body)
    }

    pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).body(body)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.payload = Payload::Sha256Of(self.body.clone());
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `x-amz-server-side-encryption: AES256`
    pub(crate) fn encrypted(self) -> Self {
        self.header("x-amz-server-side-encryption", "AES256")
    }

    /// A header that the signature does not cover.
    pub(crate) fn unsigned_header(mut self, name: &str, value: &str) -> Self {
        self.unsigned_headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The signature covers the hash of other bytes than are sent.
    pub(crate) fn claiming_to_be(mut self, other: &[u8]) -> Self {
        self.payload = Payload::Sha256Of(other.to_owned());
        self
    }

    pub(crate) fn unsigned_payload(mut self) -> Self {
        self.payload = Payload::Unsigned;
        self
    }

    /// `x-amz-content-sha256` is this text, whatever the body is.
    pub(crate) fn payload_mode(mut self, mode: &str) -> Self {
        self.payload = Payload::Named(mode.to_owned());
        self
    }

    /// The body in aws-chunked framing with a CRC32 trailer, as the SDKs send it over TLS.
    pub(crate) fn in_chunks(mut self) -> Self {
        self.payload = Payload::TrailerOf(self.body.clone());
        self
    }

    /// In chunks, with the trailer of other bytes than are sent.
    pub(crate) fn in_chunks_claiming_to_be(mut self, other: &[u8]) -> Self {
        self.payload = Payload::TrailerOf(other.to_owned());
        self
    }

    /// Framed by HTTP's own chunks, and no length of the content told anywhere.
    pub(crate) fn without_length(mut self) -> Self {
        self.has_no_length = true;
        self
    }

    pub(crate) fn anonymous(mut self) -> Self {
        self.signing.style = Style::Anonymous;
        self
    }

    /// Signed in the query, good for this long.
    pub(crate) fn presigned(mut self, expires: Duration) -> Self {
        self.signing.style = Style::Query(expires);
        self.payload = Payload::Unsigned;
        self
    }

    pub(crate) fn signed_by(mut self, access_key_id: &str, secret_access_key: &str) -> Self {
        access_key_id.clone_into(&mut self.signing.access_key_id);
        secret_access_key.clone_into(&mut self.signing.secret_access_key);
        self
    }

    pub(crate) fn signed_for_region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.signing.region);
        self
    }

    pub(crate) fn signed_at(mut self, at: SystemTime) -> Self {
        self.signing.at = at;
        self
    }

    /// One digit of the signature is changed.
    pub(crate) fn with_tampered_signature(mut self) -> Self {
        self.signing.is_tampered = true;
        self
    }

    /// The body waits for a 100 Continue.
    pub(crate) fn expecting_continue(mut self) -> Self {
        self.expects_continue = true;
        self
    }

    /// The client closes its side after so many bytes of the body.
    pub(crate) fn stopping_after(mut self, bytes: usize) -> Self {
        self.stops_after = Some(bytes);
        self
    }

    /// Once all is signed, the head has `to` in place of the first `from`.
    pub(crate) fn altered(mut self, from: &str, to: &str) -> Self {
        self.alterations.push((from.to_owned(), to.to_owned()));
        self
    }

    /// Head and body as they go over the wire.
    pub(crate) fn to_bytes(&self, host: &str) -> (Vec<u8>, Vec<u8>) {
        let (body, payload_hash, framing) = self.framed();
        let mut headers = vec![("host".to_owned(), host.to_owned())];
        headers.extend(self.headers.iter().cloned().chain(framing));
        let mut target = self.target.clone();
        self.sign(host, &mut target, &mut headers, payload_hash);
        headers.extend(self.unsigned_headers.iter().cloned());
        if self.expects_continue {
            headers.push(("expect".to_owned(), "100-continue".to_owned()));
        }
        let body = if self.has_no_length {
            headers.push(("transfer-encoding".to_owned(), "chunked".to_owned()));
            [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()
        } else {
            if !body.is_empty() || matches!(self.method, "PUT" | "POST") {
                headers.push(("content-length".to_owned(), body.len().to_string()));
            }
            body
        };
        let mut head = format!("{} {target} HTTP/1.1\r\n", self.method);
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        for (from, to) in &self.alterations {
            assert!(head.contains(from), "{from:?} is not in {head}");
            head = head.replacen(from, to, 1);
        }
        (head.into_bytes(), body)
    }

    /// The body's bytes, the payload hash to sign, and the headers that tell the framing.
    fn framed(&self) -> (Vec<u8>, String, Vec<(String, String)>) {
        match &self.payload {
            Payload::Sha256Of(bytes) => {
                let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
                (self.body.clone(), hex::encode(digest), Vec::new())
            }
            Payload::Named(mode) => (self.body.clone(), mode.clone(), Vec::new()),
            Payload::Unsigned => (self.body.clone(), "UNSIGNED-PAYLOAD".to_owned(), Vec::new()),
            Payload::TrailerOf(bytes) => {
                let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, bytes);
                let crc = STANDARD.encode(u32::try_from(crc).unwrap().to_be_bytes());
                let mut framed = Vec::new();
                for chunk in self.body.chunks(CHUNK_BYTES) {
                    framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    framed.extend_from_slice(chunk);
                    framed.extend_from_slice(b"\r\n");
                }
                let end = format!("0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n");
                framed.extend_from_slice(end.as_bytes());
                let headers = [
                    ("content-encoding", "aws-chunked".to_owned()),
                    ("x-amz-decoded-content-length", self.body.len().to_string()),
                    ("x-amz-trailer", "x-amz-checksum-crc32".to_owned()),
                ];
                let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
                (framed, "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(), headers)
            }
        }
    }

    fn sign(
        &self,
        host: &str,
        target: &mut String,
        headers: &mut Vec<(String, String)>,
        payload_hash: String,
    ) {
        let Signing { access_key_id, secret_access_key, region, at, style, is_tampered } =
            &self.signing;
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        match style {
            Style::Anonymous => return,
            Style::Header => {}
            Style::Query(expires) => {
                settings.signature_location = SignatureLocation::QueryParams;
                settings.expires_in = Some(*expires);
                settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
            }
        }
        let credentials =
            Credentials::new(access_key_id, secret_access_key, None, None, "a test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&credentials)
            .region(region)
            .name("s3")
            .time(*at)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let uri = format!("http://{host}{target}");
        let signed = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let payload = SignableBody::Precomputed(payload_hash);
        let request = SignableRequest::new(self.method, &uri, signed, payload).unwrap();
        let (instructions, _) = sign(request, &parameters).unwrap().into_parts();
        for (name, value) in instructions.headers() {
            let value = if *is_tampered && name == "authorization" {
                tampered(value)
            } else {
                value.to_owned()
            };
            headers.push((name.to_owned(), value));
        }
        for (name, value) in instructions.params() {
            target.push(if target.contains('?') { '&' } else { '?' });
            *target += &format!("{name}={}", encoded(value));
        }
    }
}

fn tampered(authorization: &str) -> String {
    let mut authorization = authorization.to_owned();
    let last = authorization.pop().unwrap();
    authorization.push(if last == '0' { '1' } else { '0' });
    authorization
}

fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, RESERVED).to_string()
}

// === impl Answer ===

impl Answer {
    /// The one value of a header.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} came twice: {:?}", self.headers);
        value
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of the first XML element of this name.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (content, _) = rest.split_once(&format!("</{name}>"))?;
        Some(content.to_owned())
    }

    /// It is the S3 error of this status and code, whole and in the form that SDKs read.
    #[track_caller]
    pub(crate) fn is_refused_with(&self, status: u16, code: &str) -> &Self {
        let found = (self.status, self.element("Code").unwrap_or_default());
        assert_eq!(found, (status, code.to_owned()), "{self:?}\n{}", self.text());
        assert!(!self.is_cut, "the error was cut off");
        assert_eq!(self.header("content-type"), Some("application/xml"));
        assert_eq!(self.element("RequestId").as_deref(), self.header("x-amz-request-id"));
        self
    }

    /// It is a whole 200.
    #[track_caller]
    pub(crate) fn is_ok(&self) -> &Self {
        assert_eq!((self.status, self.is_cut), (200, false), "{self:?}\n{}", self.text());
        self
    }
}

async fn read_answer(stream: &mut BufReader<Box<dyn Stream>>, is_head: bool) -> Answer {
    let mut answer = Answer {
        status: 0,
        reason: String::new(),
        headers: Vec::new(),
        body: Vec::new(),
        is_cut: true,
        was_continued: false,
    };
    let Some(line) = read_line(stream).await else { return answer };
    answer.status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    answer.reason = line.splitn(3, ' ').nth(2).unwrap_or_default().to_owned();
    loop {
        match read_line(stream).await {
            Some(line) if line.is_empty() => break,
            Some(line) => {
                let (name, value) = line.split_once(':').unwrap();
                answer.headers.push((name.to_lowercase(), value.trim().to_owned()));
            }
            None => return answer,
        }
    }
    let is_bodiless = is_head || matches!(answer.status, 100 | 204 | 304);
    let length = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
    answer.is_cut = match (is_bodiless, length, answer.header("transfer-encoding")) {
        (true, ..) => false,
        (_, _, Some(_)) => !read_chunks(stream, &mut answer.body).await,
        (_, Some(length), _) => {
            let read = stream.take(length as u64).read_to_end(&mut answer.body).await;
            !matches!(read, Ok(read) if read == length)
        }
        (_, None, None) => stream.read_to_end(&mut answer.body).await.is_err(),
    };
    answer
}

/// False if the body ends before its last chunk.
async fn read_chunks(stream: &mut BufReader<Box<dyn Stream>>, body: &mut Vec<u8>) -> bool {
    loop {
        let Some(line) = read_line(stream).await else { return false };
        let Ok(length) = u64::from_str_radix(line.trim(), 16) else { return false };
        let read = stream.take(length).read_to_end(body).await;
        if !matches!(read, Ok(read) if read as u64 == length) {
            return false;
        }
        let ends_line = read_line(stream).await.is_some_and(|line| line.is_empty());
        if !ends_line || length == 0 {
            return ends_line;
        }
    }
}

/// A line without its end; `None` if the connection ended first.
async fn read_line(stream: &mut BufReader<Box<dyn Stream>>) -> Option<String> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await {
            Ok(b'\n') => break,
            Ok(byte) => line.push(byte),
            Err(_) => return None,
        }
    }
    Some(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
}

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The SDKs' chunks are larger; more of them find more.
const CHUNK_BYTES: usize = 64 * 1024;
