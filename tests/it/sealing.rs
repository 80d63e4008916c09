//! Sealing of single objects: what the backend gets, what clients see, and what becomes of what was
//! tampered with.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::{Digest as _, Md5};

use crate::support::{Gate, Reply, Request, Upstream, gate::Builder, upstream::Seen};

const RULE: &str = "treatment = \"seal\"";
const COMMITTED: &str = "x-amz-meta-pcl-c";
const BOX: &str = "x-amz-meta-pcl-k";
const SSE: &str = "x-amz-server-side-encryption";
const ETAG: &str = "\"5d41402abc4b2a76b9719d911017c592\"";
const SHOWN: &str = "\"5d41402abc4b2a76b9719d911017c592-1\"";

async fn gate() -> (Gate, Upstream) {
    start(Gate::builder().keyring().rule(RULE)).await
}

async fn start(builder: Builder) -> (Gate, Upstream) {
    let upstream = Upstream::start().await;
    let gate = builder.start(&upstream).await;
    (gate, upstream)
}

fn plaintext(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

/// What the backend was given to store.
async fn stored(gate: &Gate, upstream: &mut Upstream, request: Request) -> Seen {
    gate.send(request).await.is_ok();
    upstream.next().await
}

/// An answer with what was stored, or a range of it.
fn with(seen: &Seen, range: Option<std::ops::Range<usize>>) -> Reply {
    let reply = match range {
        None => Reply::ok().body(seen.body.clone()),
        Some(range) => Reply::status("206 Partial Content")
            .header("etag", ETAG)
            .header(
                "content-range",
                &format!("bytes {}-{}/{}", range.start, range.end - 1, seen.body.len()),
            )
            .body(seen.body.get(range).unwrap()),
    };
    let mut reply = reply.header("x-amz-server-side-encryption", "AES256");
    for name in [COMMITTED, BOX] {
        reply = reply.header(name, seen.header(name).unwrap());
    }
    reply
}

#[tokio::test]
async fn a_body_is_sealed_and_opened() {
    let (gate, mut upstream) = gate().await;
    for bytes in [0, 1, 65_536, 200_000] {
        let plain = plaintext(bytes);
        let request = Request::put("/bucket/key", plain.clone())
            .header("x-amz-meta-mine", "kept")
            .header("content-md5", &STANDARD.encode(Md5::digest(&plain)))
            .header("content-type", "text/plain");
        let seen = stored(&gate, &mut upstream, request).await;
        assert_eq!(seen.body.len(), bytes + 32 * (bytes.div_ceil(65_536) + 1));
        assert_eq!(seen.header("x-amz-meta-mine"), Some("kept"));
        assert_eq!(seen.header("content-type"), Some("text/plain"));
        assert_eq!(seen.header(SSE), None, "encryption is the proxy's");
        assert_eq!(seen.header("content-md5"), None, "it is that of the plaintext");
        assert!(bytes < 32 || !seen.body.windows(32).any(|window| window == &plain[..32]));
        upstream.replies(with(&seen, None));
        let answer = gate.send(Request::get("/bucket/key")).await;
        assert_eq!(answer.is_ok().body, plain, "{bytes}");
        assert_eq!(answer.header("content-length"), Some(bytes.to_string().as_str()));
        assert_eq!(answer.header("etag"), Some(SHOWN));
        assert_eq!(answer.header(SSE), Some("AES256"));
        assert_eq!((answer.header(COMMITTED), answer.header(BOX)), (None, None));
        upstream.next().await;
    }
}

#[tokio::test]
async fn a_head_tells_the_size_of_the_plaintext() {
    let (gate, mut upstream) = gate().await;
    let seen = stored(&gate, &mut upstream, Request::put("/bucket/key", plaintext(70_000))).await;
    upstream.replies(with(&seen, None));
    let answer = gate.send(Request::new("HEAD", "/bucket/key")).await;
    assert_eq!(answer.is_ok().header("content-length"), Some("70000"));
    assert_eq!(answer.header("etag"), Some(SHOWN));
    assert_eq!(answer.header(BOX), None);
}

#[tokio::test]
async fn the_reply_to_a_put_shows_what_a_read_will() {
    let (gate, mut upstream) = gate().await;
    let answer = gate.send(Request::put("/bucket/key", "body")).await;
    assert_eq!(answer.is_ok().header("etag"), Some(SHOWN));
    assert_eq!(answer.header(SSE), Some("AES256"));
    upstream.next().await;
}

#[tokio::test]
async fn ranges_are_slices() {
    let (gate, mut upstream) = gate().await;
    let plain = plaintext(200_000);
    let seen = stored(&gate, &mut upstream, Request::put("/bucket/key", plain.clone())).await;
    let whole = seen.body.len();
    for (asked, of_stored, expected) in [
        ("bytes=0-0", 0..65_568, 0..1),
        ("bytes=65535-65536", 0..131_136, 65_535..65_537),
        ("bytes=70000-", 65_568..whole, 70_000..200_000),
        ("bytes=196608-999999", 196_704..whole, 196_608..200_000),
        ("bytes=-10", whole - 131_168..whole, 199_990..200_000),
    ] {
        upstream.replies(with(&seen, Some(of_stored.clone())));
        let answer = gate.send(Request::get("/bucket/key").header("range", asked)).await;
        assert_eq!(answer.status, 206, "{asked} {}", answer.text());
        assert_eq!(answer.body, plain[expected.clone()], "{asked}");
        let said = format!("bytes {}-{}/200000", expected.start, expected.end - 1);
        assert_eq!(answer.header("content-range"), Some(said.as_str()));
        let sent = upstream.next().await;
        let sent = sent.header("range").unwrap();
        match asked {
            "bytes=-10" => assert_eq!(sent, "bytes=-131168"),
            "bytes=70000-" => assert_eq!(sent, "bytes=65568-"),
            "bytes=196608-999999" => assert_eq!(sent, "bytes=196704-1049087"),
            _ => assert_eq!(sent, format!("bytes={}-{}", of_stored.start, of_stored.end - 1)),
        }
    }
}

#[tokio::test]
async fn a_range_outside_is_told_with_the_size_of_the_plaintext() {
    let (gate, mut upstream) = gate().await;
    let seen = stored(&gate, &mut upstream, Request::put("/bucket/key", plaintext(100))).await;
    // The backend has bytes there: they are the footer's.
    upstream.replies(with(&seen, Some(0..seen.body.len())));
    let answer = gate.send(Request::get("/bucket/key").header("range", "bytes=100-")).await;
    answer.is_refused_with(416, "InvalidRange");
    assert_eq!(answer.element("ActualObjectSize").as_deref(), Some("100"));
    upstream
        .replies(Reply::status("416 Range Not Satisfiable").header("content-range", "bytes */164"));
    let answer = gate.send(Request::get("/bucket/key").header("range", "bytes=99999-")).await;
    answer.is_refused_with(416, "InvalidRange");
    assert_eq!(answer.element("ActualObjectSize").as_deref(), Some("100"));
}

#[tokio::test]
async fn conditions_are_the_backends_to_judge() {
    let (gate, mut upstream) = gate().await;
    let request =
        Request::get("/bucket/key").header("if-none-match", SHOWN).header("if-match", SHOWN);
    upstream.replies(Reply::status("304 Not Modified").header("etag", ETAG));
    let answer = gate.send(request).await;
    assert_eq!((answer.status, answer.header("etag")), (304, Some(SHOWN)));
    let sent = upstream.next().await;
    assert_eq!(sent.header("if-none-match"), Some(ETAG));
    assert_eq!(sent.header("if-match"), Some(ETAG));
}

#[tokio::test]
async fn where_some_are_not_sealed_an_unchanged_object_keeps_its_tag() {
    let rule = format!("{RULE}\nplaintext = \"pass\"");
    let (gate, mut upstream) = start(Gate::builder().keyring().rule(&rule)).await;
    let seen = stored(&gate, &mut upstream, Request::put("/bucket/key", plaintext(9))).await;
    let unchanged = || Reply::status("304 Not Modified").header("etag", ETAG);
    let became_other = Reply::status("200 OK").header("etag", "\"other\"");
    for (looked, shown) in [
        (Reply::ok().body("plain"), ETAG),
        (with(&seen, None), SHOWN),
        (became_other, SHOWN),
        (Reply::status("404 Not Found"), SHOWN),
    ] {
        upstream.replies(unchanged()).replies(looked);
        let request = Request::get("/bucket/key").header("if-none-match", shown);
        let answer = gate.send(request).await;
        assert_eq!((answer.status, answer.header("etag")), (304, Some(shown)));
        assert_eq!(upstream.next().await.header("if-none-match"), Some(ETAG));
        assert_eq!(upstream.next().await.method, "HEAD");
    }
}

#[tokio::test]
async fn what_was_tampered_with_is_never_handed_out() {
    let (gate, mut upstream) = gate().await;
    let plain = plaintext(300_000);
    let good = stored(&gate, &mut upstream, Request::put("/bucket/key", plain.clone())).await;
    let other = stored(&gate, &mut upstream, Request::put("/bucket/other", plain.clone())).await;
    let changed = |change: &dyn Fn(&mut Seen)| {
        let mut seen = good.clone();
        change(&mut seen);
        seen
    };
    let swap = |seen: &mut Seen, name: &str| {
        let value = other.header(name).unwrap().to_owned();
        let place = seen.headers.iter_mut().find(|(known, _)| known == name).unwrap();
        place.1 = value;
    };
    // Before a byte is out the client is told which check failed.
    for (seen, check) in [
        (changed(&|seen| swap(seen, BOX)), "box"),
        (changed(&|seen| swap(seen, COMMITTED)), "box"),
        (changed(&|seen| seen.body[8] ^= 1), "order"),
        (changed(&|seen| seen.body[5000] ^= 1), "record"),
        (changed(&|seen| drop(seen.body.drain(0..65_568))), "order"),
        (
            changed(&|seen| {
                swap(seen, BOX);
                swap(seen, COMMITTED);
            }),
            "box",
        ),
        (changed(&|seen| seen.body.truncate(20)), "size"),
    ] {
        upstream.replies(with(&seen, None));
        let answer = gate.send(Request::get("/bucket/key")).await;
        answer.is_refused_with(500, "InternalError");
        assert!(answer.text().contains(&format!("`{check}`")), "{check}: {}", answer.text());
        upstream.next().await;
    }
    // Afterwards the connection is cut off.
    for change in [
        (|seen: &mut Seen| seen.body[250_000] ^= 1) as fn(&mut Seen),
        |seen| *seen.body.last_mut().unwrap() ^= 1,
        |seen| seen.body.truncate(seen.body.len() - 32),
        |seen| drop(seen.body.drain(131_136..196_704)),
        |seen| {
            let first = seen.body[..65_568].to_vec();
            seen.body.splice(131_136..131_136, first);
        },
    ] {
        let mut seen = good.clone();
        change(&mut seen);
        upstream.replies(with(&seen, None));
        let answer = gate.send(Request::get("/bucket/key")).await;
        assert!(answer.is_cut && plain.starts_with(&answer.body), "{answer:?}");
        upstream.next().await;
    }
    let metrics = gate.admin().send(&Request::get("/metrics")).await.text();
    assert!(metrics.contains("portcullis_seal_checks_failed_total{check=\"box\"} 3"), "{metrics}");
    assert!(metrics.contains("portcullis_seal_checks_failed_total{check=\"footer\"} 1"));
    let lines = gate.audit().await;
    let checks: Vec<_> = lines.iter().filter_map(|line| line["seal_check"].as_str()).collect();
    assert_eq!(checks.len(), 12, "{checks:?}");
}

#[tokio::test]
async fn what_is_not_sealed_is_refused_unless_the_rule_lets_it_pass() {
    let (gate, mut upstream) = gate().await;
    upstream.replies(Reply::ok().body("plain"));
    gate.send(Request::get("/bucket/key")).await.is_refused_with(403, "InvalidObjectState");
    upstream.replies(Reply::ok().body("plain"));
    assert_eq!(gate.send(Request::new("HEAD", "/bucket/key")).await.status, 403);
    upstream.next().await;
    let (gate, mut upstream) =
        start(Gate::builder().keyring().rule(&format!("{RULE}\nplaintext = \"pass\""))).await;
    upstream.replies(Reply::ok().body("plain"));
    let answer = gate.send(Request::get("/bucket/key")).await;
    assert_eq!(answer.is_ok().text(), "plain");
    assert_eq!(answer.header("etag"), Some(ETAG), "clients may take it for an MD5");
    upstream.next().await;
    // A range was asked for in other terms first.
    let part = |body: &str, range: &str| {
        Reply::status("206 Partial Content")
            .header("etag", ETAG)
            .header("content-range", range)
            .body(body)
    };
    upstream.replies(part("plain", "bytes 0-4/5")).replies(part("la", "bytes 1-2/5"));
    let answer = gate.send(Request::get("/bucket/key").header("range", "bytes=1-2")).await;
    assert_eq!((answer.status, answer.text().as_str()), (206, "la"));
    assert_eq!(answer.header("content-range"), Some("bytes 1-2/5"));
    upstream.next().await;
    let sent = upstream.next().await;
    assert_eq!((sent.header("range"), sent.header("if-match")), (Some("bytes=1-2"), Some(ETAG)));
    let lines = gate.audit().await;
    assert!(lines.iter().all(|line| line["sealed"] == false), "each is told of: {lines:?}");
}

#[tokio::test]
async fn a_key_of_the_clients_is_needed_again() {
    let builder = Gate::builder().keyring().rule(RULE).plain_listener().tls_listener();
    let (gate, mut upstream) = start(builder).await;
    let with_key = |request: Request, key: &str, md5: &str| {
        request
            .header("x-amz-server-side-encryption-customer-algorithm", "AES256")
            .header("x-amz-server-side-encryption-customer-key", key)
            .header("x-amz-server-side-encryption-customer-key-md5", md5)
    };
    let mine = |request| with_key(request, MY_KEY, MY_MD5);
    let answer = gate.tls().send(&mine(Request::put("/bucket/key", "secret"))).await;
    let md5 = answer.is_ok().header("x-amz-server-side-encryption-customer-key-md5");
    assert_eq!((md5, answer.header(SSE)), (Some(MY_MD5), None));
    let seen = upstream.next().await;
    assert!(seen.headers.iter().all(|(_, value)| value != MY_KEY), "it never leaves");
    for (request, status, code) in [
        (Request::get("/bucket/key"), 400, "InvalidRequest"),
        (with_key(Request::get("/bucket/key"), OTHER_KEY, OTHER_MD5), 403, "AccessDenied"),
    ] {
        upstream.replies(with(&seen, None));
        gate.tls().send(&request).await.is_refused_with(status, code);
        upstream.next().await;
    }
    upstream.replies(with(&seen, None));
    assert_eq!(gate.tls().send(&mine(Request::get("/bucket/key"))).await.is_ok().text(), "secret");
    upstream.next().await;
    let head = || Request::new("HEAD", "/bucket/key");
    for (request, expected) in [(head(), 400), (mine(head()), 200)] {
        upstream.replies(with(&seen, None));
        assert_eq!(gate.tls().send(&request).await.status, expected);
        upstream.next().await;
    }
    let plain = stored(&gate, &mut upstream, Request::put("/bucket/key", "x")).await;
    upstream.replies(with(&plain, None));
    let answer = gate.tls().send(&mine(Request::get("/bucket/key"))).await;
    answer.is_refused_with(400, "InvalidRequest");
}

#[tokio::test]
async fn what_cannot_be_done_with_sealed_objects_is_refused_with_its_reason() {
    let (gate, upstream) = gate().await;
    for (request, status, code) in [
        (Request::put("/bucket/key", "x").header(BOX, "mine"), 400, "InvalidArgument"),
        (
            Request::put("/bucket/key", "x").header("x-amz-meta-a", &"a".repeat(1500)),
            400,
            "MetadataTooLarge",
        ),
        (
            Request::put("/bucket/key", "x").header("x-amz-write-offset-bytes", "1"),
            501,
            "NotImplemented",
        ),
        (Request::put("/bucket/key", "x").header(SSE, "aws:kms"), 400, "InvalidArgument"),
        (Request::get("/bucket/key?torrent"), 501, "NotImplemented"),
        (Request::post("/bucket/key?select&select-type=2", "<a/>"), 501, "NotImplemented"),
        (Request::get("/bucket/key?partNumber=0"), 400, "InvalidArgument"),
    ] {
        gate.send(request).await.is_refused_with(status, code);
    }
    upstream.is_untouched();
}

const MY_KEY: &str = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";
const MY_MD5: &str = "dnF5x6K/8ZZRzpfSlMMM+w==";
const OTHER_KEY: &str = "MjIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";
const OTHER_MD5: &str = "HWpMMPIT+ulT94mLAiyh5g==";
