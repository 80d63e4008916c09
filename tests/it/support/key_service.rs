//! A key service that does as it is told, also what no honest one does: KMS by its JSON protocol, and
//! Vault's transit engine with its logins, on one port.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::within;

/// It knows the KMS keys `K1` and `K2` of [`arn`], the alias `alias/ring` of `K1`, and the transit key
/// `ring`.
pub(crate) struct KeyService {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    asked: mpsc::UnboundedReceiver<Asked>,
}

/// One question, as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `Decrypt` of KMS, or Vault's path behind `/v1/`.
    pub(crate) what: String,
    /// In lower case.
    pub(crate) headers: String,
    pub(crate) body: Value,
}

/// What comes instead of an honest answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A status and a body.
    Says(u16, String),
    /// An honest answer with members replaced.
    Altered(Value),
    Silence,
    HangUp,
    /// Half of an honest answer.
    CutOff,
}

#[derive(Default)]
struct State {
    script: VecDeque<Fault>,
    otherwise: Option<Fault>,
    alias: String,
    /// By its text: key, bucket, plaintext.
    wrapped: HashMap<String, (String, Value, String)>,
    version: u32,
    given: u32,
    tokens: Vec<String>,
    /// Seconds.
    lifetime: u32,
}

/// Of a key that it knows.
pub(crate) fn arn(id: &str) -> String {
    format!("arn:aws:kms:eu-central-1:123456789012:key/{id}")
}

impl KeyService {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            alias: "K1".to_owned(),
            version: 1,
            lifetime: 3600,
            tokens: vec!["a-given-token".to_owned()],
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let (sender, asked) = mpsc::unbounded_channel();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared), sender.clone()));
            }
        });
        Self { address, state, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next question that it gets is answered so.
    pub(crate) fn once(&self, fault: Fault) {
        self.with(|state| state.script.push_back(fault));
    }

    /// Every question is, until told otherwise.
    pub(crate) fn always(&self, fault: Option<Fault>) {
        self.with(|state| state.otherwise = fault);
    }

    /// `alias/ring` stands for another key from now on.
    pub(crate) fn points_the_alias_at(&self, id: &str) {
        self.with(|state| id.clone_into(&mut state.alias));
    }

    /// Every token that it gave is good for nothing.
    pub(crate) fn revokes_tokens(&self) {
        self.with(|state| state.tokens.clear());
    }

    /// Tokens from now on are good for so many seconds.
    pub(crate) fn gives_tokens_for(&self, seconds: u32) {
        self.with(|state| state.lifetime = seconds);
    }

    /// The next question.
    pub(crate) async fn next(&mut self) -> Asked {
        within("a question for a key", self.asked.recv()).await.unwrap()
    }

    /// The next question of this kind; others are passed over.
    pub(crate) async fn next_of(&mut self, what: &str) -> Asked {
        loop {
            let asked = self.next().await;
            if asked.what == what {
                return asked;
            }
        }
    }

    /// How many questions came that nobody has looked at.
    pub(crate) fn unseen(&mut self) -> usize {
        std::iter::from_fn(|| self.asked.try_recv().ok()).count()
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }
}

impl State {
    fn answer(&mut self, asked: &Asked) -> (u16, Value) {
        let token = asked.headers.lines().find_map(|line| line.strip_prefix("x-vault-token: "));
        let is_logged_in = token.is_some_and(|token| self.tokens.iter().any(|one| one == token));
        match asked.what.as_str() {
            "GenerateDataKey" => self.generate(&asked.body),
            "Decrypt" => self.decrypt(&asked.body),
            "auth/approle/login" if asked.body.get("secret_id") == Some(&json!("right")) => {
                self.log_in()
            }
            "auth/kubernetes/login" => self.log_in(),
            _ if !is_logged_in => (403, json!({ "errors": ["permission denied"] })),
            "auth/token/lookup-self" => {
                (200, json!({ "data": { "ttl": self.lifetime, "renewable": true } }))
            }
            "auth/token/renew-self" => (200, self.grant(token.unwrap_or_default())),
            "transit/encrypt/ring" => self.encrypt(&asked.body),
            "transit/decrypt/ring" => self.transit_decrypt(&asked.body),
            _ => (404, json!({ "errors": [] })),
        }
    }

    fn generate(&mut self, asked: &Value) -> (u16, Value) {
        let Some(id) = self.key(&asked["KeyId"]) else { return refusal("NotFoundException") };
        assert_eq!(asked["KeySpec"], "AES_256");
        self.given += 1;
        let plaintext = BASE64_STANDARD.encode(self.given.to_be_bytes().repeat(8));
        let blob = BASE64_STANDARD.encode(format!("wrapped by {id}: {}", self.given));
        let bound = (id.clone(), asked["EncryptionContext"].clone(), plaintext.clone());
        self.wrapped.insert(blob.clone(), bound);
        (200, json!({ "Plaintext": plaintext, "CiphertextBlob": blob, "KeyId": arn(&id) }))
    }

    fn decrypt(&self, asked: &Value) -> (u16, Value) {
        let Some(id) = self.key(&asked["KeyId"]) else { return refusal("NotFoundException") };
        let found = self.wrapped.get(asked["CiphertextBlob"].as_str().unwrap());
        let Some((key, context, plaintext)) = found else {
            return refusal("InvalidCiphertextException");
        };
        if *key != id {
            return refusal("IncorrectKeyException");
        }
        if *context != asked["EncryptionContext"] {
            return refusal("InvalidCiphertextException");
        }
        (200, json!({ "Plaintext": plaintext, "KeyId": arn(&id) }))
    }

    fn key(&self, named: &Value) -> Option<String> {
        let named = named.as_str()?;
        if named == "alias/ring" {
            return Some(self.alias.clone());
        }
        let id = named.rsplit('/').next()?;
        ["K1", "K2"].contains(&id).then(|| id.to_owned())
    }

    fn encrypt(&mut self, asked: &Value) -> (u16, Value) {
        self.given += 1;
        let wrapped = BASE64_STANDARD.encode(format!("wrapped: {}", self.given));
        let text = format!("vault:v{}:{wrapped}", self.version);
        let plaintext = asked["plaintext"].as_str().unwrap().to_owned();
        let bound = json!([asked["context"], asked["associated_data"]]);
        self.wrapped.insert(text.clone(), ("ring".to_owned(), bound, plaintext));
        (200, json!({ "data": { "ciphertext": text, "key_version": self.version } }))
    }

    fn transit_decrypt(&self, asked: &Value) -> (u16, Value) {
        let bound = json!([asked["context"], asked["associated_data"]]);
        match self.wrapped.get(asked["ciphertext"].as_str().unwrap()) {
            Some((_, known, plaintext)) if *known == bound => {
                (200, json!({ "data": { "plaintext": plaintext } }))
            }
            _ => (400, json!({ "errors": ["cipher: message authentication failed"] })),
        }
    }

    fn log_in(&mut self) -> (u16, Value) {
        self.given += 1;
        let token = format!("token-{}", self.given);
        self.tokens.push(token.clone());
        (200, self.grant(&token))
    }

    fn grant(&self, token: &str) -> Value {
        json!({ "auth": { "client_token": token, "lease_duration": self.lifetime, "renewable": true } })
    }
}

fn refusal(kind: &str) -> (u16, Value) {
    (400, json!({ "__type": kind, "message": "as told" }))
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>, sender: mpsc::UnboundedSender<Asked>) {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = read(&mut stream).await {
        let (fault, (status, honest)) = {
            let mut state = state.lock().unwrap();
            let fault = state.script.pop_front().or_else(|| state.otherwise.clone());
            (fault, state.answer(&asked))
        };
        let _ = sender.send(asked);
        let honest = match (&fault, honest) {
            (Some(Fault::Altered(members)), mut honest) => {
                let members = members.as_object().unwrap().clone();
                honest.as_object_mut().unwrap().extend(members);
                honest
            }
            (_, honest) => honest,
        };
        let (status, body) = match &fault {
            Some(Fault::Says(status, body)) => (*status, body.clone()),
            _ => (status, honest.to_string()),
        };
        let bytes = format!(
            "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n\
             {body}",
            body.len()
        );
        match fault {
            Some(Fault::Silence) => return std::future::pending().await,
            Some(Fault::HangUp) => return,
            Some(Fault::CutOff) => {
                let half = bytes.as_bytes().split_at(bytes.len() - body.len() / 2).0;
                let _ = stream.write_all(half).await;
                return;
            }
            Some(Fault::Says(..) | Fault::Altered(_)) | None => {
                if stream.write_all(bytes.as_bytes()).await.is_err() {
                    return;
                }
            }
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
    let header = |name: &str| {
        let lines = headers.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let what = match header("x-amz-target") {
        Some(target) => target.trim_start_matches("TrentService.").to_owned(),
        None => line.split(' ').nth(1)?.trim_start_matches("/v1/").to_owned(),
    };
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).ok()? };
    Some(Asked { what, headers: headers.to_lowercase(), body })
}
