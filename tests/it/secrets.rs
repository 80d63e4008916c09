//! Where keys are not found: in no log, however much it is to tell, and not in memory when their request
//! is over.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use portcullis::{
    seal::{Dek, Kek, ObjectName, Wrapping},
    transform::seal::Sealed,
};

use crate::support::{Reply, Request, Upstream, client::SECRET_ACCESS_KEY, program::Program};

const KEYRING_SECRET: &str = "5eed5eed0123456789abcdef0123456789abcdef0123456789abcdef5eed5eed";
const LINES: &str = "access_key_id = \"AKIDGATE\"\nsecret_access_key = \"file:token.secret\"\n\
                     [[keyring]]\nname = \"main\"\ntype = \"local\"\nfile = \"main.keyring\"\n\
                     [[rule]]\nbuckets = [\"*\"]\ntreatment = \"seal\"";

async fn program(upstream: &Upstream) -> Program {
    let keyring = format!(
        "[[key]]\nversion = 1\nstate = \"active\"\ncreated = \"2026-01-31T12:00:00Z\"\n\
         secret = \"{KEYRING_SECRET}\"\n"
    );
    let files = [("main.keyring", keyring.as_str())];
    Program::start(upstream, LINES, &files, &[("RUST_LOG", "trace")]).await
}

/// The keys of an object that was just stored, as whoever holds the keyring finds them.
async fn keys(upstream: &mut Upstream) -> (Dek, Vec<u8>) {
    let seen = upstream.next().await;
    let headers = seen.headers.iter().filter(|(name, _)| name.starts_with("x-amz-meta-pcl-"));
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let sealed = Sealed::read(&headers.collect()).unwrap().unwrap();
    let mut secret = [0; 32];
    hex::decode_to_slice(KEYRING_SECRET, &mut secret).unwrap();
    let wrapped = sealed.key_box.bucket_key();
    let bucket_key = Kek::from_bytes(&secret).unwrap("bucket", &wrapped.bytes).unwrap();
    let id = sealed.committed.object_id();
    let name = ObjectName { bucket: "bucket", key: "key" };
    let dek = Wrapping { id, name, customer: None }.open(&sealed.key_box, &bucket_key).unwrap();
    (dek, bucket_key.expose().to_vec())
}

#[tokio::test]
async fn no_key_is_in_a_log_that_tells_everything() {
    let mut upstream = Upstream::start().await;
    let program = program(&upstream).await;
    let stored = program.client().send(&Request::put("/bucket/key", "body")).await;
    stored.is_ok();
    let (dek, bucket_key) = keys(&mut upstream).await;
    // A read that fails, for what it says.
    upstream.replies(Reply::ok().header("x-amz-meta-pcl-c", "x").header("x-amz-meta-pcl-k", "x"));
    program.client().send(&Request::get("/bucket/key")).await.is_refused_with(500, "InternalError");
    let log = program.log().await.join("\n");
    assert!(log.contains("TRACE"), "the log tells everything: {log}");
    for secret in [&dek.expose()[..], &bucket_key, &hex::decode(KEYRING_SECRET).unwrap()] {
        for spelt in [hex::encode(secret), BASE64_STANDARD.encode(secret), format!("{secret:?}")] {
            assert!(!log.to_lowercase().contains(&spelt.to_lowercase()));
        }
    }
    for secret in [SECRET_ACCESS_KEY, &"0123456789abcdef".repeat(4)] {
        assert!(!log.contains(secret));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_data_key_is_wiped_when_its_request_is_over() {
    let mut upstream = Upstream::start().await;
    let program = program(&upstream).await;
    program.client().send(&Request::put("/bucket/key", vec![7; 200_000])).await.is_ok();
    let (dek, bucket_key) = keys(&mut upstream).await;
    let is_there = |secret: &[u8]| {
        let memory = program.memory();
        memory.iter().any(|region| memchr::memmem::find(region, secret).is_some())
    };
    // What is kept for its bucket is found: the search works.
    assert!(is_there(&bucket_key));
    assert!(!is_there(dek.expose()));
}
