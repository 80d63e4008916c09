//! `GetObject`, `HeadObject`, `GetObjectAttributes`.

use super::{Reply, Server};

const TEN: &str = "0123456789";

async fn ranged(server: &Server, key: &str, range: &str) -> Reply {
    server.send("GET", &format!("/bucket/{key}"), &[("range", range)], "").await
}

#[tokio::test]
async fn a_range_is_answered_with_its_bytes() {
    let server = Server::start().await;
    server.put("/bucket/k", TEN).await.expect(200);
    let cases = [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=8-", "89", "bytes 8-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", TEN, "bytes 0-9/10"),
    ];
    for (range, bytes, content_range) in cases {
        let reply = ranged(&server, "k", range).await.expect(206);
        assert_eq!(reply.text(), bytes, "{range}");
        assert_eq!(reply.header("content-range"), Some(content_range), "{range}");
        let head = server.send("HEAD", "/bucket/k", &[("range", range)], "").await.expect(206);
        assert_eq!(head.header("content-range"), Some(content_range), "{range}");
    }
}

#[tokio::test]
async fn a_range_that_cannot_be_read_is_ignored() {
    let server = Server::start().await;
    server.put("/bucket/k", TEN).await.expect(200);
    for range in ["bytes=5-2", "bytes=0-1,4-5", "items=0-1", "bytes=x-y", "nonsense"] {
        assert_eq!(ranged(&server, "k", range).await.expect(200).text(), TEN, "{range}");
    }
}

#[tokio::test]
async fn a_range_beyond_the_end_is_refused() {
    let server = Server::start().await;
    server.put("/bucket/k", TEN).await.expect(200);
    server.put("/bucket/empty", "").await.expect(200);
    for (key, range) in [("k", "bytes=10-"), ("k", "bytes=-0"), ("empty", "bytes=0-")] {
        ranged(&server, key, range).await.refused(416, "InvalidRange");
    }
    ranged(&server, "empty", "bytes=-1").await.expect(200);
}

#[tokio::test]
async fn conditions_follow_the_precedence_of_s3() {
    let server = Server::start().await;
    let etag = server.put("/bucket/k", TEN).await.header("etag").map(str::to_owned);
    let etag = etag.expect("a tag");
    let etag = etag.as_str();
    let past = "Thu, 01 Jan 2015 00:00:00 GMT";
    let future = "Fri, 01 Jan 2100 00:00:00 GMT";
    let cases: [(&[(&str, &str)], u16); 11] = [
        (&[("if-match", etag)], 200),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-none-match", etag)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-modified-since", past)], 200),
        (&[("if-modified-since", future)], 304),
        (&[("if-unmodified-since", past)], 412),
        (&[("if-match", etag), ("if-unmodified-since", past)], 200),
        (&[("if-none-match", "\"other\""), ("if-modified-since", future)], 200),
        (&[("if-modified-since", "yesterday")], 200),
    ];
    for (headers, status) in cases {
        for method in ["GET", "HEAD"] {
            let reply = server.send(method, "/bucket/k", headers, "").await;
            assert_eq!(reply.status.as_u16(), status, "{method} {headers:?}");
            if status == 304 {
                assert_eq!(reply.header("etag"), Some(etag));
            }
        }
    }
}

#[tokio::test]
async fn the_query_overrides_what_is_stored() {
    let server = Server::start().await;
    let kept = [("content-type", "text/plain"), ("cache-control", "no-store")];
    server.send("PUT", "/bucket/k", &kept, TEN).await.expect(200);
    let reply = server.get("/bucket/k?response-content-type=a%2Fb%3B%20c%3Dd").await.expect(200);
    assert_eq!(reply.header("content-type"), Some("a/b; c=d"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_checksum_is_told_of_the_whole_alone() {
    let server = Server::start().await;
    let sum = ("x-amz-checksum-sha256", "hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=");
    let written = server.send("PUT", "/bucket/k", &[sum], TEN).await.expect(200);
    assert_eq!(written.header(sum.0), Some(sum.1));
    let mode = ("x-amz-checksum-mode", "ENABLED");
    let whole = server.send("GET", "/bucket/k", &[mode], "").await.expect(200);
    assert_eq!(whole.header(sum.0), Some(sum.1));
    let range = server.send("GET", "/bucket/k", &[mode, ("range", "bytes=0-1")], "").await;
    assert_eq!(range.expect(206).header(sum.0), None);
}

#[tokio::test]
async fn attributes_are_told_as_asked() {
    let server = Server::start().await;
    server.put("/bucket/k", TEN).await.expect(200);
    let asked = [("x-amz-object-attributes", "ETag,ObjectSize")];
    let reply = server.send("GET", "/bucket/k?attributes", &asked, "").await.expect(200);
    assert_eq!(reply.element("ObjectSize").as_deref(), Some("10"));
    assert_eq!(reply.element("ETag").as_deref(), Some("781e5e245d69b566979b86e28d23f2c7"));
    assert_eq!(reply.element("StorageClass"), None);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = Server::start().await;
    server.get("/bucket/k").await.refused(404, "NoSuchKey");
    server.get("/absent/k").await.refused(404, "NoSuchBucket");
    server.head("/bucket/k").await.expect(404);
    server.put("/bucket/k", TEN).await.expect(200);
    server.get("/bucket/k?versionId=null").await.expect(200);
    server.get("/bucket/k?versionId=3").await.refused(404, "NoSuchVersion");
}
