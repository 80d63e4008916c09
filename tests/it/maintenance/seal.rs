//! Sealing in place.

use portcullis::pipeline::maintenance::{Conditions, Left, SealOptions, Sealed, Tried};

use crate::support::store::{Fault, Store};

use super::{Ground, RULE, SEALING, plaintext, seal, target};

#[tokio::test]
async fn an_object_is_sealed_with_all_that_belongs_to_it() {
    let ground = Ground::new().await;
    for bytes in [0, 1, 65_536, 200_000] {
        let body = plaintext(bytes);
        ground.place("key", &body);
        for verifies in [false, true] {
            ground.place("key", &body);
            let options = SealOptions { verifies, ..SEALING };
            let done = seal(&ground.operator, &target("key"), options).await;
            assert_eq!(done, Ok(Sealed::Done { bytes: bytes as u64 }));
            assert!(ground.is_sealed("key"));
            ground.is_whole("key", &body, "sealed").await;
        }
        assert_eq!(seal(&ground.operator, &target("key"), SEALING).await, Ok(Sealed::Already));
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
        let done = seal(&operator, &target("key"), options).await;
        assert_eq!(done, Ok(Sealed::Done { bytes: bytes as u64 }));
        assert!(ground.is_sealed("key"));
        assert_eq!(ground.store.uploads(), 0);
        ground.is_whole("key", &body, "sealed in parts").await;
    }
}

#[tokio::test]
async fn what_cannot_be_sealed_is_told_of() {
    let ground = Ground::with(&format!("buckets = [\"bucket\"]\n{RULE}")).await;
    let seal_key = async |key: &str| seal(&ground.operator, &target(key), SEALING).await;
    assert_eq!(seal_key("none").await, Ok(Sealed::Gone));
    let mut elsewhere = target("key");
    elsewhere.bucket = portcullis::s3::BucketName::parse("elsewhere").unwrap();
    let left = seal(&ground.operator, &elsewhere, SEALING).await;
    assert_eq!(left, Ok(Sealed::Left(Left::NoRule)));
    let described = |name: &str, value: &str| {
        ground.place("key", b"body");
        let mut object = ground.stored("key");
        object.headers.push((name.to_owned(), value.to_owned()));
        ground.store.put("/bucket/key", object);
    };
    described("x-amz-object-lock-legal-hold", "ON");
    assert_eq!(seal_key("key").await, Ok(Sealed::Left(Left::Locked)));
    described("x-amz-meta-long", &"x".repeat(1500));
    assert!(seal_key("key").await.unwrap_err().to_string().contains("user metadata has"));
    described("x-amz-missing-meta", "1");
    assert!(seal_key("key").await.unwrap_err().to_string().contains("metadata"));
    described("x-amz-meta-pcl-k", "x");
    assert!(seal_key("key").await.unwrap_err().to_string().contains("`pcl-c`"));
    assert_eq!(ground.stored("key").body, b"body");
}

#[tokio::test]
async fn a_rehearsal_reads_and_writes_nothing() {
    let ground = Ground::new().await;
    ground.place("key", b"body");
    let options = SealOptions { is_rehearsal: true, ..SEALING };
    let done = seal(&ground.operator, &target("key"), options).await;
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
        let failed = seal(&ground.operator, &target("key"), SEALING).await;
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
        let probed = ground.operator.conditions(&bucket, "a/").await.unwrap();
        assert_eq!((probed.found, probed.left_behind), (expected, None));
        let log = ground.store.log();
        let first = log.first().unwrap().strip_prefix("PUT ").unwrap();
        assert!(first.starts_with("/bucket/a/.portcullis-probe-"));
        assert!(log.iter().all(|asked| asked.ends_with(first)), "{log:?}");
        assert!(log.last().unwrap().starts_with("DELETE "));
        assert!(ground.store.object(first).is_none());
    }
}

#[tokio::test]
async fn a_probe_is_deleted_where_writes_have_ids_and_there_are_no_versions() {
    let ground = Ground::new().await;
    ground.store.gives_version_ids();
    let probed = ground.operator.conditions(&target("key").bucket, "").await.unwrap();
    assert_eq!(probed.left_behind, None);
    let log = ground.store.log();
    let written = log.iter().find_map(|asked| asked.strip_prefix("PUT ")).unwrap();
    assert!(ground.store.object(written).is_none(), "{log:?}");
}

#[tokio::test]
async fn what_does_not_open_afterwards_is_told_of() {
    let ground = Ground::new().await;
    ground.place("key", b"body");
    // Behind the write, before it is looked at again.
    ground.store.spoils_after(7, "/bucket/key");
    let tried = Tried::default();
    let options = SealOptions { verifies: true, ..SEALING };
    for _ in 0..2 {
        let failed = ground.operator.seal(&target("key"), options, &tried).await.unwrap_err();
        assert!(failed.to_string().contains("does not open"), "{failed}");
        assert!(!failed.is_passing());
    }
}

#[tokio::test]
async fn what_another_writes_afterwards_is_theirs() {
    let ground = Ground::new().await;
    ground.write("rival", b"other").await;
    let rival = ground.stored("rival");
    ground.place("key", b"body");
    ground.store.comes_between(7, "/bucket/key", rival);
    let options = SealOptions { verifies: true, ..SEALING };
    let done = seal(&ground.operator, &target("key"), options).await;
    assert_eq!(done, Ok(Sealed::Done { bytes: 4 }));
    // What is not sealed is sealed as well.
    ground.place("rival", b"other");
    let rival = ground.stored("rival");
    ground.place("key", b"body");
    ground.store.comes_between(7, "/bucket/key", rival);
    let failed = seal(&ground.operator, &target("key"), options).await.unwrap_err();
    assert!(failed.is_passing(), "{failed}");
}

#[tokio::test]
async fn what_changes_without_another_tag_is_not_undone() {
    let ground = Ground::new().await;
    let operator = super::operator(&ground.gate).in_requests_of(5 << 20);
    let body = plaintext(5_300_001);
    for (name, value) in [
        ("x-amz-tagging", "a=c"),
        ("x-amz-grant-read", "id=\"you\""),
        ("x-amz-meta-colour", "red"),
        ("x-amz-object-lock-legal-hold", "ON"),
    ] {
        ground.place("key", &body);
        let mut changed = ground.stored("key");
        changed.headers.retain(|(known, _)| known != name);
        changed.headers.push((name.to_owned(), value.to_owned()));
        // Behind the first part.
        ground.store.comes_between(6, "/bucket/key", changed);
        let failed = seal(&operator, &target("key"), SEALING).await.unwrap_err();
        assert!(failed.is_passing(), "{name}: {failed}");
        assert!(!ground.is_sealed("key"), "{name}");
        assert_eq!(ground.store.uploads(), 0, "{name}");
    }
}

#[tokio::test]
async fn what_changes_while_it_is_read_for_comparison_is_not_undone() {
    let ground = Ground::new().await;
    let options = SealOptions { verifies: true, ..SEALING };
    ground.place("key", b"body");
    let mut changed = ground.stored("key");
    changed.headers.retain(|(known, _)| known != "content-type");
    changed.headers.push(("content-type".to_owned(), "text/x".to_owned()));
    // Behind the read of it.
    ground.store.comes_between(2, "/bucket/key", changed.clone());
    let done = seal(&ground.operator, &target("key"), options).await;
    assert_eq!(done, Ok(Sealed::Done { bytes: 4 }));
    assert_eq!(super::header(&ground.stored("key"), "content-type"), Some("text/x"));
    ground.place("key", b"body");
    changed.headers.push(("x-amz-object-lock-legal-hold".to_owned(), "ON".to_owned()));
    ground.store.comes_between(2, "/bucket/key", changed);
    let left = seal(&ground.operator, &target("key"), options).await;
    assert_eq!(left, Ok(Sealed::Left(Left::Locked)));
}

#[tokio::test]
async fn what_is_deleted_meanwhile_is_gone() {
    let ground = Ground::new().await;
    for requests in 1..5 {
        ground.place("key", b"body");
        ground.store.is_deleted_after(requests, "/bucket/key");
        let failed = seal(&ground.operator, &target("key"), SEALING).await.unwrap_err();
        assert!(failed.is_passing(), "before request {requests}: {failed}");
        assert_eq!(seal(&ground.operator, &target("key"), SEALING).await, Ok(Sealed::Gone));
    }
}

#[tokio::test]
async fn a_part_is_sent_again_and_not_the_object() {
    let ground = Ground::new().await;
    let operator = super::operator(&ground.gate).in_requests_of(5 << 20);
    let body = plaintext(11_000_001);
    let is_part = |asked: &String| asked.starts_with("PUT") && asked.contains("partNumber");
    ground.place("key", &body);
    seal(&operator, &target("key"), SEALING).await.unwrap();
    let log = ground.store.log();
    let parts = log.iter().filter(|asked| is_part(asked)).count();
    let last = log.iter().rposition(is_part).unwrap();
    for fault in [Fault::Refuses, Fault::HangsUp, Fault::HangsUpAfterwards] {
        ground.place("key", &body);
        ground.store.fails_after(last, fault);
        seal(&operator, &target("key"), SEALING).await.unwrap();
        let again = ground.store.log().iter().filter(|asked| is_part(asked)).count();
        assert_eq!(again, parts + 1, "{fault:?}");
        ground.is_whole("key", &body, "sealed in parts").await;
        ground.store.log();
    }
}

#[tokio::test]
async fn what_is_in_an_archive_is_left() {
    let ground = Ground::new().await;
    ground.place("key", b"body");
    let mut object = ground.stored("key");
    object.headers.push(("x-amz-storage-class".to_owned(), "GLACIER".to_owned()));
    ground.store.put("/bucket/key", object);
    let left = seal(&ground.operator, &target("key"), SEALING).await;
    assert_eq!(left, Ok(Sealed::Left(Left::Archived)));
}

#[tokio::test]
async fn locks_that_no_head_tells_of_are_asked_for() {
    let ground = Ground::new().await;
    let bucket = target("key").bucket;
    assert_eq!(ground.operator.has_locks(&bucket).await, Ok(false));
    ground.store.hides_locks();
    assert_eq!(ground.operator.has_locks(&bucket).await, Ok(true));
    let options = SealOptions { has_locks: true, ..SEALING };
    for (name, value, left) in [
        ("x-amz-object-lock-legal-hold", "ON", true),
        ("x-amz-object-lock-retain-until-date", "2999-01-01T00:00:00Z", true),
        ("x-amz-object-lock-retain-until-date", "2020-01-01T00:00:00Z", false),
        ("x-amz-meta-none", "x", false),
    ] {
        ground.place("key", b"body");
        let mut object = ground.stored("key");
        object.headers.push((name.to_owned(), value.to_owned()));
        ground.store.put("/bucket/key", object);
        let sealed = seal(&ground.operator, &target("key"), options).await;
        let expected = if left { Sealed::Left(Left::Locked) } else { Sealed::Done { bytes: 4 } };
        assert_eq!(sealed, Ok(expected), "{name}: {value}");
    }
}
