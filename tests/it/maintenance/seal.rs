//! Sealing in place.

use portcullis::pipeline::maintenance::{Conditions, Left, SealOptions, Sealed};

use crate::support::store::Store;

use super::{Ground, RULE, SEALING, header, plaintext, target};

#[tokio::test]
async fn an_object_is_sealed_with_all_that_belongs_to_it() {
    let ground = Ground::new().await;
    for bytes in [0, 1, 65_536, 200_000] {
        let body = plaintext(bytes);
        ground.place("key", &body);
        for verifies in [false, true] {
            ground.place("key", &body);
            let options = SealOptions { verifies, ..SEALING };
            let done = ground.operator.seal(&target("key"), options).await;
            assert_eq!(done, Ok(Sealed::Done { bytes: bytes as u64 }));
            assert!(ground.is_sealed("key"));
            ground.is_whole("key", &body, "sealed").await;
        }
        assert_eq!(ground.operator.seal(&target("key"), SEALING).await, Ok(Sealed::Already));
    }
}

#[tokio::test]
async fn a_large_object_is_sealed_in_parts() {
    let ground = Ground::new().await;
    let operator = super::operator(&ground.gate).in_requests_of(5 << 20);
    for bytes in [5 << 20, (5 << 20) + 1, 10 << 20, 11_000_001] {
        let body = plaintext(bytes);
        ground.place("key", &body);
        let options = SealOptions { verifies: true, ..SEALING };
        let done = operator.seal(&target("key"), options).await;
        assert_eq!(done, Ok(Sealed::Done { bytes: bytes as u64 }));
        assert!(ground.is_sealed("key"));
        assert_eq!(ground.store.uploads(), 0);
        ground.is_whole("key", &body, "sealed in parts").await;
    }
}

#[tokio::test]
async fn what_cannot_be_sealed_is_told_of() {
    let ground = Ground::with(&format!("buckets = [\"bucket\"]\n{RULE}")).await;
    let seal = async |key: &str| ground.operator.seal(&target(key), SEALING).await;
    assert_eq!(seal("none").await, Ok(Sealed::Gone));
    let mut elsewhere = target("key");
    elsewhere.bucket = portcullis::s3::BucketName::parse("elsewhere").unwrap();
    let left = ground.operator.seal(&elsewhere, SEALING).await;
    assert_eq!(left, Ok(Sealed::Left(Left::NoRule)));
    let described = |name: &str, value: &str| {
        ground.place("key", b"body");
        let mut object = ground.stored("key");
        object.headers.push((name.to_owned(), value.to_owned()));
        ground.store.put("/bucket/key", object);
    };
    described("x-amz-object-lock-legal-hold", "ON");
    assert_eq!(seal("key").await, Ok(Sealed::Left(Left::Locked)));
    described("x-amz-meta-long", &"x".repeat(1500));
    assert!(seal("key").await.unwrap_err().to_string().contains("user metadata has"));
    described("x-amz-missing-meta", "1");
    assert!(seal("key").await.unwrap_err().to_string().contains("metadata"));
    described("x-amz-meta-pcl-k", "x");
    assert!(seal("key").await.unwrap_err().to_string().contains("`pcl-c`"));
    assert_eq!(ground.stored("key").body, b"body");
}

#[tokio::test]
async fn a_rehearsal_reads_and_writes_nothing() {
    let ground = Ground::new().await;
    ground.place("key", b"body");
    let options = SealOptions { is_rehearsal: true, ..SEALING };
    let done = ground.operator.seal(&target("key"), options).await;
    assert_eq!(done, Ok(Sealed::Done { bytes: 4 }));
    assert_eq!(ground.store.log(), ["HEAD /bucket/key"]);
}

#[tokio::test]
async fn what_another_writes_meanwhile_stays() {
    let ground = Ground::new().await;
    ground.place("rival", &plaintext(7));
    let rival = ground.stored("rival");
    // The head, grants, tags, the body, and the write itself.
    for requests in 1..5 {
        ground.place("key", &plaintext(100_000));
        ground.store.comes_between(requests, "/bucket/key", rival.clone());
        let failed = ground.operator.seal(&target("key"), SEALING).await;
        assert!(failed.unwrap_err().is_passing(), "before request {requests}");
        assert_eq!(ground.stored("key").etag, rival.etag, "before request {requests}");
        assert!(!ground.is_sealed("key"));
    }
}

#[tokio::test]
async fn whether_a_backend_honours_conditions_is_found_out_and_leaves_nothing() {
    let ground = Ground::new().await;
    let bucket = target("key").bucket;
    for (prepare, expected) in [
        ((|_| {}) as fn(&Store), Conditions::Honoured),
        (Store::wants_tags_without_quotes, Conditions::Unquoted),
        (Store::ignores_conditions, Conditions::Ignored),
    ] {
        prepare(&ground.store);
        ground.store.log();
        assert_eq!(ground.operator.conditions(&bucket, "a/").await, Ok(expected));
        let log = ground.store.log();
        let first = log.first().unwrap().strip_prefix("PUT ").unwrap();
        assert!(first.starts_with("/bucket/a/.portcullis-probe-"));
        assert!(log.iter().all(|asked| asked.ends_with(first)), "{log:?}");
        assert!(log.last().unwrap().starts_with("DELETE "));
        assert!(ground.store.object(first).is_none());
    }
}

#[tokio::test]
async fn what_opens_to_something_else_is_told_of() {
    let ground = Ground::new().await;
    ground.place("key", b"body");
    ground.place("rival", b"other");
    ground.operator.seal(&target("rival"), SEALING).await.unwrap();
    let mut rival = ground.stored("rival");
    ground.operator.seal(&target("key"), SEALING).await.unwrap();
    let sealed = ground.stored("key");
    rival.headers.clone_from(&sealed.headers);
    assert!(header(&rival, super::BOX).is_some());
    ground.place("key", b"body");
    // Behind the write, before it is looked at again.
    ground.store.comes_between(6, "/bucket/key", rival);
    let options = SealOptions { verifies: true, ..SEALING };
    assert!(ground.operator.seal(&target("key"), options).await.is_err());
}
