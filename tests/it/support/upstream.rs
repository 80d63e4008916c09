//! A backend that does as it is told, also what no honest backend does, and records what it was
//! sent down to the byte.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};

use super::within;

/// The backend. Each request takes the next scripted reply; without one it is answered 200.
pub(crate) struct Upstream {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    seen: mpsc::UnboundedReceiver<Seen>,
}

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    heads: usize,
    /// What answers where nothing is scripted.
    serves: Option<Arc<dyn Serve>>,
}

/// Answers requests by what they ask for.
pub(crate) trait Serve: Send + Sync {
    fn serve(&self, request: &Seen) -> Reply;
}

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query, as sent.
    pub(crate) target: String,
    /// Lower-case names, in the order sent.
    pub(crate) headers: Vec<(String, String)>,
    /// What arrived of the body: the bytes on the wire, no framing removed.
    pub(crate) body: Vec<u8>,
    /// Whether all of the body arrived.
    pub(crate) is_complete: bool,
}

/// One scripted reply: bytes, when they are sent, and what happens then.
#[derive(Clone)]
pub(crate) struct Reply {
    status: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// What `content-length` says, if not the truth.
    promised: Option<usize>,
    is_silent: bool,
    is_early: bool,
    then: Then,
    /// It waits for this.
    waits_for: Option<Arc<Notify>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    TakeTheNext,
    Close,
    Hold,
    Ignore,
}

// === impl Upstream ===

impl Upstream {
    /// Answers 200 to everything, until told otherwise.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(Script::default()));
        let (sender, seen) = mpsc::unbounded_channel();
        let shared = Arc::clone(&script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared), sender.clone()));
            }
        });
        Self { address, script, seen }
    }

    /// Answers as this does.
    pub(crate) async fn serving(serves: Arc<dyn Serve>) -> Self {
        let upstream = Self::start().await;
        upstream.script.lock().unwrap().serves = Some(serves);
        upstream
    }

    /// What has come so far and was not asked for yet.
    pub(crate) fn taken(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }

    /// The next request that has no reply yet gets this one.
    pub(crate) fn replies(&self, reply: Reply) -> &Self {
        self.script.lock().unwrap().replies.push_back(reply);
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next request that ended, complete or broken off.
    pub(crate) async fn next(&mut self) -> Seen {
        within("a request at the backend", self.seen.recv()).await.unwrap()
    }

    /// How many request heads have arrived so far.
    pub(crate) fn requests(&self) -> usize {
        self.script.lock().unwrap().heads
    }

    /// Nothing has arrived here. To be asked once the gate has answered.
    #[track_caller]
    pub(crate) fn is_untouched(&self) {
        assert_eq!(self.requests(), 0, "a request reached the backend");
    }
}

// === impl Seen ===

impl Seen {
    /// The one value of a header.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} was sent twice: {:?}", self.headers);
        value
    }

    fn parse(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        Self { method, target, headers, ..Self::default() }
    }

    fn body_len(&self) -> Option<usize> {
        match (self.header("transfer-encoding"), self.header("content-length")) {
            (Some(_), _) => None,
            (None, length) => Some(length.map_or(0, |length| length.parse().unwrap())),
        }
    }
}

// === impl Reply ===

impl Reply {
    /// 200 with an `ETag` and no body.
    pub(crate) fn ok() -> Self {
        Self {
            status: "200 OK".to_owned(),
            headers: vec![("etag".to_owned(), "\"5d41402abc4b2a76b9719d911017c592\"".to_owned())],
            body: Vec::new(),
            promised: None,
            is_silent: false,
            is_early: false,
            then: Then::TakeTheNext,
            waits_for: None,
        }
    }

    /// Another status line, such as `503 Slow Down`.
    pub(crate) fn status(status: &str) -> Self {
        Self { status: status.to_owned(), headers: Vec::new(), ..Self::ok() }
    }

    /// Nothing, ever; the connection stays open.
    pub(crate) fn silence() -> Self {
        Self { is_silent: true, then: Then::Hold, ..Self::ok() }
    }

    /// Nothing; the connection is closed once the request has been read.
    pub(crate) fn hang_up() -> Self {
        Self { is_silent: true, then: Then::Close, ..Self::ok() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// `content-length` promises this many bytes, whatever is sent.
    pub(crate) fn promising(mut self, bytes: usize) -> Self {
        self.promised = Some(bytes);
        self
    }

    /// Not before this.
    pub(crate) fn waiting_for(mut self, notified: Arc<Notify>) -> Self {
        self.waits_for = Some(notified);
        self
    }

    /// Sent as soon as the head has arrived, before any of the body is read.
    pub(crate) fn early(mut self) -> Self {
        self.is_early = true;
        self
    }

    /// Sent as soon as the head has arrived; of the body nothing is ever read.
    pub(crate) fn in_spite_of_the_body(mut self) -> Self {
        self.then = Then::Ignore;
        self
    }

    /// The connection is closed after it.
    pub(crate) fn then_close(mut self) -> Self {
        self.then = Then::Close;
        self
    }

    /// The connection stays open after it, and silent.
    pub(crate) fn then_silence(mut self) -> Self {
        self.then = Then::Hold;
        self
    }

    fn bytes(&self, is_head: bool) -> Vec<u8> {
        if self.is_silent {
            return Vec::new();
        }
        let mut text = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !self.status.starts_with("304") && !self.status.starts_with("204") {
            text += &format!("content-length: {}\r\n", self.promised.unwrap_or(self.body.len()));
        }
        text += "\r\n";
        let mut bytes = text.into_bytes();
        if !is_head {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<Mutex<Script>>,
    seen: mpsc::UnboundedSender<Seen>,
) {
    let mut buffer = Vec::new();
    while let Some(mut request) = read_head(&mut stream, &mut buffer).await {
        let (scripted, serves) = {
            let mut script = script.lock().unwrap();
            script.heads += 1;
            (script.replies.pop_front(), script.serves.clone())
        };
        let mut is_read = false;
        let reply = match (scripted, serves) {
            (Some(reply), _) => reply,
            (None, None) => Reply::ok(),
            (None, Some(serves)) => {
                read_body(&mut stream, &mut buffer, &mut request).await;
                is_read = true;
                if request.is_complete { serves.serve(&request) } else { Reply::hang_up() }
            }
        };
        if let Some(notified) = &reply.waits_for {
            notified.notified().await;
        }
        let bytes = reply.bytes(request.method == "HEAD");
        if reply.is_early || reply.then == Then::Ignore {
            let _ = stream.write_all(&bytes).await;
        }
        if reply.then == Then::Ignore {
            let _ = seen.send(request);
            return std::future::pending().await;
        }
        if !is_read {
            read_body(&mut stream, &mut buffer, &mut request).await;
        }
        let is_complete = request.is_complete;
        // The receiver is gone once the test is over.
        let _ = seen.send(request);
        if !is_complete {
            return;
        }
        if !reply.is_early {
            let _ = stream.write_all(&bytes).await;
        }
        match reply.then {
            Then::TakeTheNext => {}
            Then::Close => return,
            Then::Hold | Then::Ignore => return std::future::pending().await,
        }
    }
}

async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(buffer.get(..end)?).into_owned();
            buffer.drain(..end + 4);
            return Some(Seen::parse(&head));
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// A chunked body ends at its last chunk; what is told of it is the wire's bytes.
async fn read_body(stream: &mut TcpStream, buffer: &mut Vec<u8>, request: &mut Seen) {
    let length = request.body_len();
    loop {
        let end = match length {
            Some(length) => (buffer.len() >= length).then_some(length),
            None => buffer.ends_with(b"0\r\n\r\n").then_some(buffer.len()),
        };
        if let Some(end) = end {
            request.body = buffer.drain(..end).collect();
            request.is_complete = true;
            return;
        }
        if !matches!(stream.read_buf(buffer).await, Ok(read) if read > 0) {
            request.body = std::mem::take(buffer);
            return;
        }
    }
}
