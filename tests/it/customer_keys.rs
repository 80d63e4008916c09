//! SSE-C by the proxy: the key goes along on every road to an object, and clients never know.

use crate::support::{Gate, Reply, Request, Upstream, documents::deny, upstream::Seen};

const RULE: &str = "buckets = [\"vault\"]\ntreatment = \"inject\"\nsse = \"SSE-C\"\n\
                    customer_key = \"file:token.secret\"";
const ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";
const KEY: &str = "x-amz-server-side-encryption-customer-key";
const MD5: &str = "x-amz-server-side-encryption-customer-key-md5";
const SOURCE_KEY: &str = "x-amz-copy-source-server-side-encryption-customer-key";

const CREATED: &str =
    "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";

async fn gate() -> (Gate, Upstream) {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().rule(RULE).start(&upstream).await;
    (gate, upstream)
}

fn key(seen: &Seen) -> String {
    assert_eq!(seen.header(ALGORITHM), Some("AES256"), "{}", seen.target);
    assert!(seen.header(MD5).is_some());
    seen.header(KEY).unwrap().to_owned()
}

async fn sent(gate: &Gate, upstream: &mut Upstream, request: Request) -> Seen {
    gate.send(request).await.is_ok();
    upstream.next().await
}

#[tokio::test]
async fn what_is_written_is_read_with_the_same_key() {
    let (gate, mut upstream) = gate().await;
    let written = key(&sent(&gate, &mut upstream, Request::put("/vault/key", "body")).await);
    for request in [
        Request::get("/vault/key"),
        Request::new("HEAD", "/vault/key"),
        Request::get("/vault/key?attributes").header("x-amz-object-attributes", "ETag"),
    ] {
        assert_eq!(key(&sent(&gate, &mut upstream, request).await), written);
    }
    let other = key(&sent(&gate, &mut upstream, Request::put("/vault/key2", "body")).await);
    assert_ne!(other, written, "each object has its own");
}

#[tokio::test]
async fn other_buckets_and_operations_get_no_key() {
    let (gate, mut upstream) = gate().await;
    for request in [
        Request::put("/other/key", "body"),
        Request::get("/other/key"),
        Request::get("/vault"),
        Request::new("DELETE", "/vault/key"),
        Request::get("/vault/key?tagging"),
    ] {
        assert_eq!(sent(&gate, &mut upstream, request).await.header(KEY), None);
    }
}

#[tokio::test]
async fn a_multipart_upload_keeps_the_key_it_began_with() {
    let (gate, mut upstream) = gate().await;
    upstream.replies(Reply::ok().body(CREATED));
    let answer = gate.send(Request::post("/vault/key?uploads", "")).await;
    let id = answer.is_ok().element("UploadId").unwrap();
    let created = key(&upstream.next().await);
    // A rotation in between: the upload goes on, new objects get the new key.
    let configuration = std::fs::read_to_string(gate.file("portcullis.toml")).unwrap();
    let rotated = configuration.replace(
        "customer_key = \"file:token.secret\"",
        "customer_key = [\"file:new.secret\", \"file:token.secret\"]",
    );
    std::fs::write(gate.file("new.secret"), "fedcba9876543210fedcba9876543210").unwrap();
    restrict(&gate.file("new.secret"));
    std::fs::write(gate.file("portcullis.toml"), rotated).unwrap();
    gate.reload().unwrap();
    let part = Request::put(&format!("/vault/key?partNumber=1&uploadId={id}"), "part");
    assert_eq!(key(&sent(&gate, &mut upstream, part).await), created);
    let copied = Request::put(&format!("/vault/key?partNumber=2&uploadId={id}"), "")
        .header("x-amz-copy-source", "/vault/source");
    let seen = sent(&gate, &mut upstream, copied).await;
    assert_eq!(key(&seen), created);
    assert!(seen.header(SOURCE_KEY).is_some_and(|source| source != created));
    let complete = Request::post(
        &format!("/vault/key?uploadId={id}"),
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>\
         </CompleteMultipartUpload>",
    );
    assert_eq!(key(&sent(&gate, &mut upstream, complete).await), created);
    assert_ne!(key(&sent(&gate, &mut upstream, Request::put("/vault/key", "")).await), created);
}

#[tokio::test]
async fn copies_bring_the_keys_of_both_sides() {
    let (gate, mut upstream) = gate().await;
    let copy = |to: &str, from: &str| Request::put(to, "").header("x-amz-copy-source", from);
    let seen = sent(&gate, &mut upstream, copy("/vault/a", "/vault/b")).await;
    assert_ne!(seen.header(SOURCE_KEY).unwrap(), key(&seen));
    let seen = sent(&gate, &mut upstream, copy("/vault/a", "/other/b")).await;
    assert!(seen.header(KEY).is_some() && seen.header(SOURCE_KEY).is_none());
    let seen = sent(&gate, &mut upstream, copy("/other/a", "/vault/b")).await;
    assert!(seen.header(KEY).is_none() && seen.header(SOURCE_KEY).is_some());
}

/// Some objects were there before the rule, or were written with a key that has been replaced since.
#[tokio::test]
async fn a_read_tries_every_key_and_then_none() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder()
        .rule(&RULE.replace("\"file:token.secret\"", "[\"file:token.secret\", \"file:tls.key\"]"))
        .start(&upstream)
        .await;
    let refusal = || error("400 Bad Request", "InvalidRequest");
    for request in [Request::get("/vault/key"), Request::new("HEAD", "/vault/key")] {
        upstream.replies(refusal()).replies(refusal()).replies(Reply::ok().body("stored"));
        gate.send(request).await.is_ok();
        let (first, second) = (key(&upstream.next().await), key(&upstream.next().await));
        assert_ne!(first, second);
        assert_eq!(upstream.next().await.header(KEY), None);
    }
    // Where nothing helps, the client gets the first answer.
    upstream.replies(error("400 Bad Request", "First")).replies(refusal()).replies(refusal());
    gate.send(Request::get("/vault/key")).await.is_refused_with(400, "First");
}

#[tokio::test]
async fn what_is_not_about_keys_is_not_tried_again() {
    let (gate, mut upstream) = gate().await;
    upstream.replies(error("404 Not Found", "NoSuchKey"));
    gate.send(Request::get("/vault/key")).await.is_refused_with(404, "NoSuchKey");
    upstream.next().await;
    upstream.replies(error("400 Bad Request", "Bad"));
    gate.send(Request::put("/vault/key", "body")).await.is_refused_with(400, "Bad");
    upstream.next().await;
    assert_eq!(upstream.requests(), 2, "a body is sent once");
}

/// With a key that a client brings itself.
fn own(request: Request) -> Request {
    request.header(ALGORITHM, "AES256").header(KEY, "b3du").header(MD5, "bWQ1")
}

#[tokio::test]
async fn a_key_of_the_clients_own_stays_its_own() {
    let (gate, mut upstream) = gate().await;
    for request in [Request::put("/vault/key", "body"), Request::get("/vault/key")] {
        assert_eq!(key(&sent(&gate, &mut upstream, own(request)).await), "b3du");
    }
    upstream.replies(Reply::ok().body(CREATED));
    let answer = gate.send(own(Request::post("/vault/key?uploads", ""))).await;
    let id = answer.is_ok().element("UploadId").unwrap();
    upstream.next().await;
    let part = Request::put(&format!("/vault/key?partNumber=1&uploadId={id}"), "part");
    let seen = sent(&gate, &mut upstream, part).await;
    assert_eq!(seen.header(KEY), None, "ours would not fit");
}

#[tokio::test]
async fn where_a_rule_overrides_the_clients_own_key_reads_only_what_was_there_before() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder().rule(&format!("{RULE}\noverride = true")).start(&upstream).await;
    let written = key(&sent(&gate, &mut upstream, own(Request::put("/vault/key", "body"))).await);
    assert_ne!(written, "b3du");
    let refusal = || error("400 Bad Request", "InvalidRequest");
    upstream.replies(refusal()).replies(refusal()).replies(Reply::ok().body("stored"));
    gate.send(own(Request::get("/vault/key"))).await.is_ok();
    assert_eq!(key(&upstream.next().await), written);
    assert_eq!(upstream.next().await.header(KEY), None);
    assert_eq!(key(&upstream.next().await), "b3du");
    upstream.replies(Reply::ok().body(CREATED));
    let answer = gate.send(own(Request::post("/vault/key?uploads", ""))).await;
    let id = answer.is_ok().element("UploadId").unwrap();
    let created = key(&upstream.next().await);
    let part = own(Request::put(&format!("/vault/key?partNumber=1&uploadId={id}"), "part"));
    assert_eq!(key(&sent(&gate, &mut upstream, part).await), created);
}

#[tokio::test]
async fn where_a_rule_overrides_with_another_encryption_the_clients_own_key_is_left_out() {
    let mut upstream = Upstream::start().await;
    let rule = "treatment = \"inject\"\nsse = \"AES256\"\noverride = true";
    let gate = Gate::builder().rule(rule).start(&upstream).await;
    upstream.replies(Reply::ok().body(CREATED));
    let answer = gate.send(own(Request::post("/vault/key?uploads", ""))).await;
    let id = answer.is_ok().element("UploadId").unwrap();
    assert_eq!(upstream.next().await.header(KEY), None);
    let part = own(Request::put(&format!("/vault/key?partNumber=1&uploadId={id}"), "part"));
    assert_eq!(sent(&gate, &mut upstream, part).await.header(KEY), None);
    upstream.replies(error("400 Bad Request", "InvalidRequest")).replies(Reply::ok());
    gate.send(own(Request::get("/vault/older"))).await.is_ok();
    assert_eq!(upstream.next().await.header(KEY), None);
    assert_eq!(key(&upstream.next().await), "b3du");
}

#[tokio::test]
async fn an_upload_begun_with_the_clients_own_key_goes_on_with_it() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder().rule(RULE).start(&upstream).await;
    upstream.replies(Reply::ok().body(CREATED));
    let answer = gate.send(own(Request::post("/vault/key?uploads", ""))).await;
    let id = answer.is_ok().element("UploadId").unwrap();
    upstream.next().await;
    let configuration = std::fs::read_to_string(gate.file("portcullis.toml")).unwrap();
    std::fs::write(gate.file("portcullis.toml"), configuration + "override = true\n").unwrap();
    gate.reload().unwrap();
    let part = own(Request::put(&format!("/vault/key?partNumber=1&uploadId={id}"), "part"));
    assert_eq!(key(&sent(&gate, &mut upstream, part).await), "b3du");
}

#[tokio::test]
async fn in_audit_mode_nothing_is_written_with_a_key_and_what_was_is_read() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder().rule(&format!("{RULE}\nmode = \"audit\"")).start(&upstream).await;
    assert_eq!(sent(&gate, &mut upstream, Request::put("/vault/k", "b")).await.header(KEY), None);
    upstream.replies(Reply::status("400 Bad Request")).replies(Reply::ok());
    gate.send(Request::get("/vault/k")).await.is_ok();
    assert_eq!(upstream.next().await.header(KEY), None);
    assert!(upstream.next().await.header(KEY).is_some());
}

#[tokio::test]
async fn no_audit_line_holds_a_key() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder()
        .rule(RULE)
        .policy(&deny("s3:GetObject", "arn:aws:s3:::vault/*"))
        .start(&upstream)
        .await;
    let written = key(&sent(&gate, &mut upstream, Request::put("/vault/key", "body")).await);
    let refused = gate.send(Request::get("/vault/key")).await;
    refused.is_refused_with(403, "AccessDenied");
    assert!(!refused.text().contains(&written));
    for line in gate.audit().await {
        assert!(!line.to_string().contains(&written), "{line}");
    }
}

fn error(status: &str, code: &str) -> Reply {
    let document = format!("<Error><Code>{code}</Code></Error>");
    Reply::status(status).header("content-type", "application/xml").body(document)
}

fn restrict(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
