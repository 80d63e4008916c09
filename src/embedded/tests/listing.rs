//! Listings, held against a plain reading of the rules.

use std::collections::BTreeSet;

use proptest::{collection::btree_set, prelude::*};

use super::{Reply, Server};

/// What a listing holds: keys and common prefixes.
type Listed = (Vec<String>, Vec<String>);

fn listed(reply: &Reply) -> Listed {
    let prefixes = reply.elements("CommonPrefixes");
    let open = |prefix: &String| prefix.replace("<Prefix>", "").replace("</Prefix>", "");
    (reply.elements("Key"), prefixes.iter().map(open).collect())
}

/// All keys with the prefix, and in place of those that go on beyond the delimiter, where to.
fn expected(keys: &BTreeSet<String>, prefix: &str, delimiter: &str) -> Listed {
    let (mut single, mut groups) = (Vec::new(), BTreeSet::new());
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        match key[prefix.len()..].split_once(delimiter) {
            Some((group, _)) if !delimiter.is_empty() => {
                groups.insert(format!("{prefix}{group}{delimiter}"));
            }
            _ => single.push(key.clone()),
        }
    }
    (single, groups.into_iter().collect())
}

async fn pages(server: &Server, query: &str, next: &str, marker: &str) -> Listed {
    let (mut keys, mut prefixes) = (Vec::new(), Vec::new());
    let mut continued = String::new();
    loop {
        let page = server.get(&format!("/bucket?{query}{continued}")).await.expect(200);
        let (some, groups) = listed(&page);
        let last = some.iter().chain(&groups).max().cloned();
        keys.extend(some);
        prefixes.extend(groups);
        if page.element("IsTruncated").as_deref() != Some("true") {
            return (keys, prefixes);
        }
        let from = page.element(next).or(last).expect("a marker");
        continued = format!("&{marker}={from}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn pages_make_up_the_whole(
        keys in btree_set("[ab/]{1,4}", 0..12),
        prefix in "[ab/]{0,2}",
        delimiter in "/|b|a/|",
        size in 1..5,
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let server = Server::start().await;
            for key in &keys {
                server.put(&format!("/bucket/{key}"), "").await.expect(200);
            }
            let query = format!("prefix={prefix}&delimiter={delimiter}&max-keys={size}");
            let expected = expected(&keys, &prefix, &delimiter);
            let v2 = format!("list-type=2&{query}");
            let v2 = pages(&server, &v2, "NextContinuationToken", "continuation-token").await;
            assert_eq!(v2, expected);
            let v1 = pages(&server, &query, "NextMarker", "marker").await;
            assert_eq!(v1, expected);
            let versions = format!("versions&{query}");
            let versions = pages(&server, &versions, "NextKeyMarker", "key-marker").await;
            assert_eq!(versions, expected);
        });
    }
}

#[tokio::test]
async fn an_entry_tells_of_its_object() {
    let server = Server::start().await;
    let class = [("x-amz-storage-class", "GLACIER_IR")];
    let put = server.send("PUT", "/bucket/k", &class, "0123456789").await.expect(200);
    let list = server.get("/bucket?list-type=2").await.expect(200);
    assert_eq!(list.element("ETag").as_deref(), put.header("etag"));
    assert_eq!(list.element("Size").as_deref(), Some("10"));
    assert_eq!(list.element("StorageClass").as_deref(), Some("GLACIER_IR"));
    assert!(list.element("LastModified").is_some());
    assert_eq!(list.element("KeyCount").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_key_that_xml_cannot_hold_is_encoded() {
    let server = Server::start().await;
    server.put("/bucket/a%01b%20c%2B/%C3%BC", "").await.expect(200);
    let list = server.get("/bucket?list-type=2&encoding-type=url").await.expect(200);
    assert_eq!(list.elements("Key"), ["a%01b%20c%2B/%C3%BC"]);
    server.get("/bucket?encoding-type=rot13").await.refused(400, "InvalidArgument");
}

#[tokio::test]
async fn a_page_has_its_limits() {
    let server = Server::start().await;
    for key in ["a", "b", "c"] {
        server.put(&format!("/bucket/{key}"), "").await.expect(200);
    }
    let none = server.get("/bucket?list-type=2&max-keys=0").await.expect(200);
    assert_eq!(none.element("IsTruncated").as_deref(), Some("false"));
    assert_eq!(none.element("KeyCount").as_deref(), Some("0"));
    let many = server.get("/bucket?list-type=2&max-keys=5000").await.expect(200);
    assert_eq!(many.element("MaxKeys").as_deref(), Some("1000"));
    let after = server.get("/bucket?list-type=2&start-after=a").await.expect(200);
    assert_eq!(after.elements("Key"), ["b", "c"]);
    server.get("/bucket?max-keys=-1").await.refused(400, "InvalidArgument");
    let token = "/bucket?list-type=2&continuation-token=xyz";
    server.get(token).await.refused(400, "InvalidArgument");
}
