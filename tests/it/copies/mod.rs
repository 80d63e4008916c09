//! Copies in every combination of sealed and not: what the backend is asked, what becomes of the copy,
//! and that nothing is copied that could not be read, or that nobody looked at.

mod combinations;
mod customer_keys;
mod faults;
mod parts;
mod refusals;
mod store;

use std::sync::Arc;

use self::store::{Backend, Object};
use crate::support::{Gate, Request, Seen, Upstream, client::Answer, upstream::Serve};

const BOX: &str = "x-amz-meta-pcl-k";
const SSE: &str = "x-amz-server-side-encryption";
const SOURCE: &str = "x-amz-copy-source";
const DIRECTIVE: &str = "x-amz-metadata-directive";
const GUARD: &str = "x-amz-copy-source-if-match";

/// A backend, the gate before it, and another gate that seals whatever it is sent, for buckets where the
/// first one does not.
struct Ground {
    gate: Gate,
    sealing: Gate,
    upstream: Upstream,
    backend: Arc<Backend>,
}

impl Ground {
    async fn new() -> Self {
        let backend = Arc::new(Backend::default());
        let upstream = Upstream::serving(Arc::clone(&backend) as Arc<dyn Serve>).await;
        let gate = Gate::builder()
            .keyring()
            .another_keyring()
            .plain_listener()
            .tls_listener()
            .rule("buckets = [\"sealed\"]\ntreatment = \"seal\"\nkeyring = \"main\"")
            .rule("buckets = [\"other\"]\ntreatment = \"seal\"\nkeyring = \"other\"")
            .rule(
                "buckets = [\"mixed\"]\ntreatment = \"seal\"\nkeyring = \"main\"\n\
                 plaintext = \"pass\"",
            )
            .rule(
                "buckets = [\"audited\"]\ntreatment = \"seal\"\nkeyring = \"main\"\n\
                 mode = \"audit\"",
            )
            .rule(
                "buckets = [\"vault\"]\ntreatment = \"inject\"\nsse = \"SSE-C\"\n\
                 customer_key = [\"file:token.secret\", \"file:tls.key\"]",
            )
            .start(&upstream)
            .await;
        let sealing = Gate::builder().keyring().rule("treatment = \"seal\"").start(&upstream).await;
        Self { gate, sealing, upstream, backend }
    }

    /// Writes an object; in these buckets one that is sealed all the same.
    async fn write(&mut self, name: &str, body: &[u8]) {
        let request = Request::put(&format!("/{name}"), body)
            .header("content-type", "text/plain")
            .header("cache-control", "no-store")
            .header("x-amz-meta-colour", "blue");
        let is_open = !name.starts_with("mixed") && !name.starts_with("audited");
        let gate = if is_open { &self.gate } else { &self.sealing };
        gate.send(request).await.is_ok();
        self.upstream.taken();
    }

    /// Puts an object there that is not sealed, whatever the rule.
    fn place(&self, name: &str, body: &[u8]) {
        let mut object = Object { body: body.to_owned(), ..Object::default() };
        object.set("content-type", "text/plain");
        object.set("cache-control", "no-store");
        object.set("x-amz-meta-colour", "blue");
        self.backend.store(|store| store.keep(name, object));
    }

    /// The answer to a copy, and what the backend was asked for it.
    async fn copy(&mut self, request: Request) -> (Answer, Vec<Seen>) {
        let answer = self.gate.send(request).await;
        (answer, self.upstream.taken())
    }

    /// It reads like this.
    async fn reads(&mut self, name: &str, body: &[u8]) -> Answer {
        let answer = self.gate.send(Request::get(&format!("/{name}"))).await;
        assert_eq!(answer.is_ok().body, body, "{name}");
        self.upstream.taken();
        answer
    }

    fn is_sealed(&self, name: &str) -> bool {
        self.backend.store(|store| store.find(name).unwrap().header(BOX).is_some())
    }

    fn stored(&self, name: &str) -> Option<Object> {
        self.backend.store(|store| store.find(name).cloned())
    }
}

fn copy(from: &str, to: &str) -> Request {
    Request::put(&format!("/{to}"), "").header(SOURCE, from)
}

fn plaintext(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn shown(answer: &Answer) -> String {
    answer.element("ETag").unwrap().replace("&quot;", "\"")
}
