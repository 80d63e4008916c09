//! Listings, attributes and deletions where objects are sealed.

use crate::support::{Gate, Reply, Request, Upstream, upstream::Seen};

const RULES: &str = "buckets = [\"sealed\"]\ntreatment = \"seal\"";
const MIXED: &str = "buckets = [\"mixed\"]\ntreatment = \"seal\"\nplaintext = \"pass\"";
const ETAG: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

async fn gate() -> (Gate, Upstream) {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().keyring().rule(RULES).rule(MIXED).start(&upstream).await;
    (gate, upstream)
}

fn listing(entries: &[(&str, u64)]) -> String {
    let entries: String = entries
        .iter()
        .map(|(key, size)| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                 <ETag>&quot;e&quot;</ETag><Size>{size}</Size></Contents>"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name>{entries}\
         <IsTruncated>false</IsTruncated></ListBucketResult>"
    )
}

/// An object's head, as the backend tells it.
fn head(seen: &Seen) -> Reply {
    let mut reply = Reply::ok().body(seen.body.clone());
    for name in ["x-amz-meta-pcl-c", "x-amz-meta-pcl-k"] {
        reply = reply.header(name, seen.header(name).unwrap());
    }
    reply
}

#[tokio::test]
async fn where_all_is_sealed_the_listing_is_the_only_request() {
    let (gate, mut upstream) = gate().await;
    let stored = listing(&[("a", 32), ("b", 33 + 32), ("c", 65_568 + 32), ("d", 3)]);
    upstream.replies(Reply::ok().body(stored.clone()));
    let answer = gate.send(Request::get("/sealed?list-type=2")).await;
    let expected = stored
        .replace("&quot;e&quot;</ETag><Size>32<", "&quot;e-1&quot;</ETag><Size>0<")
        .replace("&quot;e&quot;</ETag><Size>65<", "&quot;e-1&quot;</ETag><Size>1<")
        .replace("&quot;e&quot;</ETag><Size>65600<", "&quot;e-1&quot;</ETag><Size>65536<");
    assert_eq!(answer.is_ok().text(), expected);
    upstream.next().await;
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn in_a_mixed_bucket_each_object_is_looked_at_once() {
    let (gate, mut upstream) = gate().await;
    gate.send(Request::put("/mixed/a", "sealed")).await.is_ok();
    let sealed = upstream.next().await;
    let size = sealed.body.len() as u64;
    let stored = listing(&[("a", size), ("b", 3)]);
    let expected = listing(&[("a", 6), ("b", 3)]);
    let expected = expected.replacen("&quot;e&quot;", "&quot;e-1&quot;", 1);
    upstream.replies(Reply::ok().body(stored.clone())).replies(head(&sealed));
    let answer = gate.send(Request::get("/mixed?list-type=2")).await;
    assert_eq!(answer.is_ok().text(), expected);
    upstream.next().await;
    let looked = upstream.next().await;
    assert_eq!((looked.method.as_str(), looked.target.as_str()), ("HEAD", "/mixed/a"));
    upstream.replies(Reply::ok().body(stored));
    let again = gate.send(Request::get("/mixed?list-type=2")).await;
    assert_eq!(again.is_ok().text(), expected);
    upstream.next().await;
    assert_eq!(upstream.requests(), 4, "what was found is remembered");
}

#[tokio::test]
async fn an_object_that_cannot_be_looked_at_ends_no_listing() {
    let (gate, upstream) = gate().await;
    let stored = listing(&[("a", 100), ("b", 200)]);
    upstream.replies(Reply::ok().body(stored)).replies(Reply::status("404 Not Found"));
    upstream.replies(Reply::status("500 Internal Server Error"));
    let answer = gate.send(Request::get("/mixed")).await;
    assert!(answer.is_ok().text().contains("<Size>100<"), "{}", answer.text());
}

#[tokio::test]
async fn an_unreadable_listing_is_cut_off() {
    let (gate, upstream) = gate().await;
    let stored = listing(&[("a", 100)]).replace("<Size>100</Size>", "<Size>1</Size><Size>2</Size>");
    upstream.replies(Reply::ok().body(stored));
    assert!(gate.send(Request::get("/sealed")).await.is_cut);
}

#[tokio::test]
async fn other_buckets_and_questions_stay() {
    let (gate, upstream) = gate().await;
    let stored = listing(&[("a", 65)]);
    for target in ["/other?list-type=2", "/sealed?uploads"] {
        upstream.replies(Reply::ok().body(stored.clone()));
        assert_eq!(gate.send(Request::get(target)).await.is_ok().text(), stored);
    }
}

#[tokio::test]
async fn attributes_are_told_from_the_head() {
    let (gate, mut upstream) = gate().await;
    gate.send(Request::put("/sealed/key", vec![7; 70_000])).await.is_ok();
    let sealed = upstream.next().await;
    let ask = || {
        Request::get("/sealed/key?attributes")
            .header("x-amz-object-attributes", "ETag,ObjectSize,StorageClass,Checksum")
    };
    upstream.replies(head(&sealed).header("x-amz-version-id", "v"));
    let answer = gate.send(ask()).await;
    let told = |name| answer.element(name).unwrap();
    assert_eq!(answer.is_ok().header("x-amz-version-id"), Some("v"));
    assert_eq!(told("ETag"), format!("{}-1", ETAG.trim_matches('"')));
    assert_eq!((told("ObjectSize"), told("StorageClass")), ("70000".into(), "STANDARD".into()));
    let sent = upstream.next().await;
    assert_eq!((sent.method.as_str(), sent.target.as_str()), ("HEAD", "/sealed/key"));
    assert_eq!(sent.header("x-amz-object-attributes"), None);
    upstream.replies(Reply::status("404 Not Found"));
    gate.send(ask()).await.is_refused_with(404, "NoSuchKey");
}

#[tokio::test]
async fn conditions_of_deletions_are_mapped_back() {
    let (gate, mut upstream) = gate().await;
    let document = "<Delete><Object><Key>k</Key><ETag>e-1</ETag></Object></Delete>";
    let request = |bucket: &str| Request::post(&format!("/{bucket}?delete"), document);
    gate.send(request("sealed")).await.is_ok();
    let seen = String::from_utf8(upstream.next().await.body).unwrap();
    assert!(seen.contains("<ETag>e</ETag>"), "{seen}");
    gate.send(request("other")).await.is_ok();
    assert_eq!(upstream.next().await.body, document.as_bytes());
    let delete = Request::new("DELETE", "/sealed/k").header("if-match", "\"e-1\"");
    gate.send(delete).await.is_ok();
    assert_eq!(upstream.next().await.header("if-match"), Some("\"e\""));
}
