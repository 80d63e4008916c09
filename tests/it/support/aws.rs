//! What AWS answers on the way to a credential, over real HTTP: STS, the instance's metadata service
//! and the container endpoints, all on one port.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{now, within};

/// Gives keys `ASIA1`, `ASIA2` …, each with a token, each good for a lifetime.
pub(crate) struct Aws {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    asked: mpsc::UnboundedReceiver<Asked>,
}

struct State {
    lifetime: Duration,
    is_down: bool,
    given: usize,
}

/// One question, as it arrived.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// `GET /path`
    pub(crate) line: String,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Aws {
    pub(crate) async fn start(lifetime: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { lifetime, is_down: false, given: 0 }));
        let (sender, asked) = mpsc::unbounded_channel();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared), sender.clone()));
            }
        });
        Self { address, state, asked }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers 500 from now on.
    pub(crate) fn goes_down(&self) {
        self.state.lock().unwrap().is_down = true;
    }

    /// The next question.
    pub(crate) async fn next(&mut self) -> Asked {
        within("a question for a credential", self.asked.recv()).await.unwrap()
    }
}

impl State {
    fn answer(&mut self, asked: &Asked) -> (u16, String) {
        if self.is_down {
            return (500, String::new());
        }
        match asked.line.as_str() {
            "PUT /latest/api/token" => (200, "the-imds-token".to_owned()),
            line if line.starts_with("GET /latest/") && line.ends_with("-credentials/") => {
                (200, "the-instances-role".to_owned())
            }
            line if line.starts_with("GET ") => (200, self.json()),
            _ if asked.body.contains("Action=AssumeRoleWithWebIdentity") => {
                (200, self.xml("AssumeRoleWithWebIdentity"))
            }
            _ => (200, self.xml("AssumeRole")),
        }
    }

    fn json(&mut self) -> String {
        let (id, expiration) = self.give();
        serde_json::json!({
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2020-01-01T00:00:00Z",
            "AccessKeyId": id, "SecretAccessKey": "secret", "Token": format!("token-of-{id}"),
            "Expiration": expiration,
        })
        .to_string()
    }

    fn xml(&mut self, action: &str) -> String {
        let (id, expiration) = self.give();
        format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
             <Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
             <SessionToken>token-of-{id}</SessionToken><Expiration>{expiration}</Expiration>\
             </Credentials><AssumedRoleUser><AssumedRoleId>AROA:s</AssumedRoleId>\
             <Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn></AssumedRoleUser>\
             </{action}Result></{action}Response>"
        )
    }

    fn give(&mut self) -> (String, String) {
        self.given += 1;
        let expires_at = OffsetDateTime::from(now() + self.lifetime);
        (format!("ASIA{}", self.given), expires_at.format(&Rfc3339).unwrap())
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>, sender: mpsc::UnboundedSender<Asked>) {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = read(&mut stream).await {
        let (status, body) = state.lock().unwrap().answer(&asked);
        let _ = sender.send(asked);
        let reply = format!(
            "HTTP/1.1 {status} Said\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let (line, headers) = head.split_once("\r\n")?;
    let headers = headers.to_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    let line = line.trim_end_matches(" HTTP/1.1").to_owned();
    Some(Asked { line, headers, body: String::from_utf8(body).ok()? })
}
