//! What the operator has done to objects at rest: that it is done, that nothing of an object is lost with
//! it, whatever fails in between, and that what cannot be done is told.

mod crashes;
mod rewrap;
mod seal;

use std::{sync::Arc, time::Duration};

use portcullis::{
    app, config,
    pipeline::maintenance::{
        Conditions, CopyConditions, Failed, Maintenance, Patience, RewrapOptions, Rewrapped,
        SealOptions, Sealed, Target, Tried,
    },
    s3::{BucketName, ObjectKey},
    telemetry::metrics::Metrics,
    transform::copies::SourceCondition,
};

use crate::support::{
    Gate, Request, Upstream, now,
    store::{Object, Store},
};

const RULE: &str = "treatment = \"seal\"\nkeyring = [\"main\", \"other\"]\nplaintext = \"pass\"";
const BOX: &str = "x-amz-meta-pcl-k";

/// A backend, a gate before it, and the operator with the gate's configuration.
struct Ground {
    gate: Gate,
    _upstream: Upstream,
    store: Arc<Store>,
    operator: Maintenance,
}

impl Ground {
    async fn new() -> Self {
        Self::with(RULE).await
    }

    async fn with(rule: &str) -> Self {
        let store = Store::new();
        let upstream = store.start().await;
        let gate = Gate::builder().keyring().another_keyring().rule(rule).start(&upstream).await;
        let operator = operator(&gate);
        Self { gate, _upstream: upstream, store, operator }
    }

    /// Writes an object by way of the gate.
    async fn write(&self, key: &str, body: &[u8]) {
        let request = Request::put(&format!("/bucket/{key}"), body)
            .header("content-type", "text/plain")
            .header("x-amz-meta-colour", "blue")
            .header("x-amz-tagging", "a=b")
            .header("x-amz-grant-read", "uri=\"http://acs/AllUsers\", id=\"you\"");
        self.gate.send(request).await.is_ok();
        self.store.log();
    }

    /// Puts an object there that is not sealed.
    fn place(&self, key: &str, body: &[u8]) {
        let headers = [
            ("content-type", "text/plain"),
            ("x-amz-meta-colour", "blue"),
            ("x-amz-tagging", "a=b"),
            ("x-amz-grant-read", "uri=\"http://acs/AllUsers\", id=\"you\""),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let object = Object {
            body: body.to_owned(),
            etag: format!("\"{:032x}\"", body.len()),
            headers: headers.to_vec(),
            version_id: None,
        };
        self.store.put(&format!("/bucket/{key}"), object);
    }

    /// It is there, with all that belongs to it.
    async fn is_whole(&self, key: &str, body: &[u8], whence: &str) {
        let read = self.gate.send(Request::get(&format!("/bucket/{key}"))).await;
        assert_eq!(read.status, 200, "{whence}: {}", read.text());
        assert!(read.body == body, "{whence}: other bytes");
        assert_eq!(read.header("x-amz-meta-colour"), Some("blue"), "{whence}");
        assert_eq!(read.header("content-type"), Some("text/plain"), "{whence}");
        let stored = self.stored(key);
        let kept = |name: &str| header(&stored, name).map(str::to_owned);
        assert_eq!(kept("x-amz-tagging").as_deref(), Some("a=b"), "{whence}");
        let granted = kept("x-amz-grant-read").unwrap_or_default();
        assert!(granted.contains("AllUsers") && granted.contains("you"), "{whence}: {granted}");
    }

    fn stored(&self, key: &str) -> Object {
        self.store.object(&format!("/bucket/{key}")).unwrap()
    }

    fn is_sealed(&self, key: &str) -> bool {
        header(&self.stored(key), BOX).is_some()
    }
}

fn operator(gate: &Gate) -> Maintenance {
    let config = config::load(&gate.file("portcullis.toml"), now()).unwrap();
    let metrics = Metrics::new().unwrap();
    let settings = app::settings(&config, None, &metrics).unwrap();
    let at_once = Patience::beginning_with(Duration::ZERO);
    Maintenance::new(settings, metrics).with_patience(at_once)
}

fn target(key: &str) -> Target {
    Target {
        bucket: BucketName::parse("bucket").unwrap(),
        key: ObjectKey::parse(key).unwrap(),
        version_id: None,
    }
}

fn header<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    object.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn plaintext(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

async fn seal(
    operator: &Maintenance,
    target: &Target,
    options: SealOptions,
) -> Result<Sealed, Failed> {
    operator.seal(target, options, &Tried::default()).await
}

async fn rewrap(
    operator: &Maintenance,
    target: &Target,
    options: RewrapOptions<'_>,
) -> Result<Rewrapped, Failed> {
    operator.rewrap(target, options, &Tried::default()).await
}

/// To another keyring, if it is named.
fn to(keyring: Option<&str>) -> RewrapOptions<'_> {
    let (copies, writes) = (Conditions::Honoured, Conditions::Honoured);
    let conditions = CopyConditions { source: Some(SourceCondition::S3), copies, writes };
    RewrapOptions { to: keyring, is_rehearsal: false, has_locks: false, conditions }
}

const SEALING: SealOptions = SealOptions {
    is_rehearsal: false,
    verifies: false,
    has_locks: false,
    conditions: Conditions::Honoured,
};
