//! `PutObject`, `CopyObject`, deletions, tags, buckets.

use super::Server;

#[tokio::test]
async fn what_is_said_of_an_object_is_told_again() {
    let server = Server::start().await;
    let said = [
        ("content-type", "text/x"),
        ("cache-control", "no-store"),
        ("content-disposition", "inline"),
        ("content-language", "de"),
        ("expires", "whenever"),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-meta-spaced", "a   b"),
        ("x-amz-meta-empty", ""),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "key"),
    ];
    let headers = [said.as_slice(), &[("content-encoding", "aws-chunked,gzip")]].concat();
    let reply = server.send("PUT", "/bucket/k", &headers, "x").await.expect(200);
    assert_eq!(reply.header("x-amz-server-side-encryption"), Some("aws:kms"));
    assert_eq!(reply.header("content-language"), None);
    for reply in [server.get("/bucket/k").await, server.head("/bucket/k").await] {
        for (name, value) in said {
            assert_eq!(reply.header(name), Some(value), "{name}");
        }
        assert_eq!(reply.header("content-encoding"), Some("gzip"));
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused() {
    let server = Server::start().await;
    let long = "y".repeat(2048);
    let cases: [(&str, &str, u16, &str); 10] = [
        ("x-amz-server-side-encryption", "rot13", 400, "InvalidArgument"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "k", 400, "InvalidArgument"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256", 501, "NotImplemented"),
        ("x-amz-storage-class", "CHEAP", 400, "InvalidStorageClass"),
        ("x-amz-acl", "public-read", 400, "AccessControlListNotSupported"),
        ("x-amz-object-lock-mode", "GOVERNANCE", 400, "InvalidRequest"),
        ("x-amz-meta-long", &long, 400, "MetadataTooLarge"),
        ("x-amz-tagging", "a=1&a=2", 400, "InvalidTag"),
        ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==", 400, "BadDigest"),
        ("content-md5", "AAAA", 400, "InvalidDigest"),
    ];
    for (name, value, status, code) in cases {
        let reply = server.send("PUT", "/bucket/k", &[(name, value)], "x").await;
        reply.refused(status, code);
    }
    server.get("/bucket/k").await.refused(404, "NoSuchKey");
    assert_eq!(server.contents(), 0);
}

#[tokio::test]
async fn a_write_upon_a_condition_replaces_what_it_names() {
    let server = Server::start().await;
    let absent = [("if-none-match", "*")];
    server.send("PUT", "/bucket/k", &[("if-match", "\"x\"")], "1").await.refused(404, "NoSuchKey");
    let first = server.send("PUT", "/bucket/k", &absent, "1").await.expect(200);
    server.send("PUT", "/bucket/k", &absent, "2").await.refused(412, "PreconditionFailed");
    let other = [("if-match", "\"other\"")];
    server.send("PUT", "/bucket/k", &other, "2").await.refused(412, "PreconditionFailed");
    let same = [("if-match", first.header("etag").expect("a tag"))];
    server.send("PUT", "/bucket/k", &same, "3").await.expect(200);
    assert_eq!(server.get("/bucket/k").await.text(), "3");
    server.send("DELETE", "/bucket/k", &same, "").await.refused(412, "PreconditionFailed");
    server.get("/bucket/k").await.expect(200);
}

#[tokio::test]
async fn of_racing_writes_one_is_first() {
    let server = Server::start().await;
    let absent = [("if-none-match", "*")];
    let body = "x".repeat(300_000);
    let send = || server.send("PUT", "/bucket/k", &absent, body.clone());
    let replies = tokio::join!(send(), send(), send(), send());
    let statuses = [replies.0, replies.1, replies.2, replies.3].map(|reply| reply.status.as_u16());
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 3, "{statuses:?}");
    assert_eq!(server.contents(), 1);
}

#[tokio::test]
async fn any_key_is_a_name_and_no_path() {
    let server = Server::start().await;
    let long = "x".repeat(1024);
    let keys =
        ["a//b", "../x", "..", "a/../b", "trail/", "/lead", "%C3%BC", "a%20b%2Bc", "%25", &long];
    for key in keys {
        server.put(&format!("/bucket/{key}"), key.to_owned()).await.expect(200);
    }
    for key in keys {
        assert_eq!(server.get(&format!("/bucket/{key}")).await.expect(200).text(), key);
    }
    let listed = server.get("/bucket?list-type=2").await.expect(200).elements("Key");
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(listed, sorted);
    assert_eq!(listed.len(), keys.len());
    server.put(&format!("/bucket/{long}x"), "").await.refused(400, "KeyTooLongError");
}

#[tokio::test]
async fn a_copy_keeps_or_replaces_what_is_said() {
    let server = Server::start().await;
    let said = [
        ("content-type", "text/x"),
        ("x-amz-meta-a", "1"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-tagging", "t=1"),
    ];
    server.send("PUT", "/bucket/a%20b", &said, "body").await.expect(200);
    let source = ("x-amz-copy-source", "/bucket/a%20b");
    server.send("PUT", "/bucket/kept", &[source], "").await.expect(200);
    let kept = server.get("/bucket/kept").await.expect(200);
    assert_eq!(kept.text(), "body");
    assert_eq!(kept.header("x-amz-meta-a"), Some("1"));
    assert_eq!(kept.header("content-type"), Some("text/x"));
    assert_eq!(kept.header("x-amz-tagging-count"), Some("1"));
    assert_eq!(kept.header("x-amz-server-side-encryption"), None);

    let replace = ("x-amz-metadata-directive", "REPLACE");
    let said = [source, replace, ("x-amz-meta-b", "2")];
    server.send("PUT", "/bucket/replaced", &said, "").await.expect(200);
    let replaced = server.get("/bucket/replaced").await.expect(200);
    assert_eq!(replaced.header("x-amz-meta-a"), None);
    assert_eq!(replaced.header("x-amz-meta-b"), Some("2"));
    assert_eq!(replaced.header("content-type"), Some("binary/octet-stream"));
}

#[tokio::test]
async fn a_copy_onto_itself_must_change_something() {
    let server = Server::start().await;
    server.put("/bucket/k", "body").await.expect(200);
    let source = ("x-amz-copy-source", "bucket/k");
    server.send("PUT", "/bucket/k", &[source], "").await.refused(400, "InvalidRequest");
    let replace = ("x-amz-metadata-directive", "REPLACE");
    server.send("PUT", "/bucket/k", &[source, replace], "").await.expect(200);
    let encrypt = ("x-amz-server-side-encryption", "AES256");
    server.send("PUT", "/bucket/k", &[source, encrypt], "").await.expect(200);
    assert_eq!(server.get("/bucket/k").await.text(), "body");
    assert_eq!(server.contents(), 1);
}

#[tokio::test]
async fn a_copy_heeds_conditions_on_its_source() {
    let server = Server::start().await;
    server.put("/bucket/k", "body").await.expect(200);
    let source = ("x-amz-copy-source", "bucket/k");
    let past = "Thu, 01 Jan 2015 00:00:00 GMT";
    for condition in [
        ("x-amz-copy-source-if-match", "\"other\""),
        ("x-amz-copy-source-if-none-match", "*"),
        ("x-amz-copy-source-if-unmodified-since", past),
    ] {
        let reply = server.send("PUT", "/bucket/copy", &[source, condition], "").await;
        reply.refused(412, "PreconditionFailed");
    }
    let held = ("x-amz-copy-source-if-modified-since", past);
    server.send("PUT", "/bucket/copy", &[source, held], "").await.expect(200);
}

#[tokio::test]
async fn several_keys_are_deleted_at_once() {
    let server = Server::start().await;
    server.put("/bucket/a", "1").await.expect(200);
    server.put("/bucket/b&c", "1").await.expect(200);
    let list = "<Delete><Object><Key>a</Key></Object><Object><Key>b&amp;c</Key></Object>\
                <Object><Key>absent</Key></Object></Delete>";
    let reply = server.post("/bucket?delete", list).await.expect(200);
    assert_eq!(reply.elements("Key"), ["a", "b&amp;c", "absent"]);
    assert_eq!(server.contents(), 0);
    server.post("/bucket?delete", "<Delete></Delete>").await.refused(400, "MalformedXML");
}

#[tokio::test]
async fn tags_change_and_the_bytes_stay() {
    let server = Server::start().await;
    server
        .send("PUT", "/bucket/k", &[("x-amz-tagging", "a=1&b=x%20y+z")], "body")
        .await
        .expect(200);
    let tags = server.get("/bucket/k?tagging").await.expect(200);
    assert_eq!(tags.elements("Value"), ["1", "x y z"]);
    let tagging = "<Tagging><TagSet><Tag><Key>c</Key><Value>2</Value></Tag></TagSet></Tagging>";
    server.put("/bucket/k?tagging", tagging).await.expect(200);
    assert_eq!(server.get("/bucket/k?tagging").await.elements("Key"), ["c"]);
    server.delete("/bucket/k?tagging").await.expect(204);
    assert!(server.get("/bucket/k?tagging").await.elements("Key").is_empty());
    assert_eq!(server.get("/bucket/k").await.expect(200).text(), "body");
}

#[tokio::test]
async fn the_tags_of_a_bucket_are_its_own() {
    let server = Server::start().await;
    server.get("/bucket?tagging").await.refused(404, "NoSuchTagSet");
    let tagged = |tags: &str| format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
    let tag = "<Tag><Key>c</Key><Value>2</Value></Tag>";
    server.put("/bucket?tagging", tagged(tag)).await.expect(204);
    let twice = tagged(&tag.repeat(2));
    server.put("/bucket?tagging", twice).await.refused(400, "InvalidTag");
    server.put("/absent?tagging", tagged(tag)).await.refused(404, "NoSuchBucket");
    let server = server.restart().await;
    assert_eq!(server.get("/bucket?tagging").await.expect(200).elements("Key"), ["c"]);
    server.delete("/bucket?tagging").await.expect(204);
    server.get("/bucket?tagging").await.refused(404, "NoSuchTagSet");
}

#[tokio::test]
async fn buckets_come_and_go() {
    let server = Server::start().await;
    server.put("/bucket", "").await.refused(409, "BucketAlreadyOwnedByYou");
    server.put("/another", "").await.expect(200);
    let configuration = "<CreateBucketConfiguration><LocationConstraint>us-west-2\
                         </LocationConstraint></CreateBucketConfiguration>";
    server.put("/third", configuration).await.refused(400, "InvalidLocationConstraint");
    assert_eq!(server.get("/").await.expect(200).elements("Name"), ["another", "bucket"]);
    assert!(server.get("/bucket?location").await.text().contains("eu-central-1"));
    server.head("/bucket").await.expect(200);
    server.head("/third").await.expect(404);
    server.put("/bucket/k", "x").await.expect(200);
    server.delete("/bucket").await.refused(409, "BucketNotEmpty");
    server.delete("/bucket/k").await.expect(204);
    server.delete("/bucket").await.expect(204);
    server.get("/bucket").await.refused(404, "NoSuchBucket");
}
