//! Every pair of buckets: what the copy is, and what it takes along.

use super::{BOX, DIRECTIVE, GUARD, Ground, SOURCE, SSE, copy, plaintext, shown, store::Store};
use crate::support::{Gate, Request};

#[tokio::test]
async fn a_copy_reads_as_its_source_wherever_it_goes() {
    let mut ground = Ground::new().await;
    let body = plaintext(70_000);
    for (from, is_sealed) in [
        ("sealed/source", true),
        ("other/source", true),
        ("mixed/source", true),
        ("audited/source", true),
        ("open/source", false),
        ("vault/source", false),
    ] {
        ground.write(from, &body).await;
        check_copies_of(&mut ground, from, is_sealed, &body).await;
    }
    for from in ["mixed/plain", "audited/plain"] {
        ground.place(from, &body);
        check_copies_of(&mut ground, from, false, &body).await;
    }
}

async fn check_copies_of(ground: &mut Ground, from: &str, was_sealed: bool, body: &[u8]) {
    for (to, is_sealed) in [
        ("sealed/copy", true),
        ("other/a b%2Bc", true),
        ("mixed/copy", true),
        ("audited/copy", was_sealed),
        ("open/copy", false),
        ("vault/copy", false),
    ] {
        let name = to.replace("%2B", "+");
        let to = to.replace(' ', "%20");
        for directive in ["COPY", "REPLACE"] {
            let request = copy(from, &to)
                .header(DIRECTIVE, directive)
                .header("content-type", "text/other")
                .header("x-amz-meta-taste", "sweet")
                .header("x-amz-storage-class", "STANDARD_IA");
            let (answer, seen) = ground.copy(request).await;
            let case = format!("{directive} {from} {to} {} {seen:#?}", answer.text());
            assert_eq!((answer.status, answer.is_cut), (200, false), "{case}");
            assert_eq!(ground.is_sealed(&name), is_sealed, "{case}");
            let is_on_backend = was_sealed == is_sealed;
            assert_eq!(seen.last().unwrap().header(SOURCE).is_some(), is_on_backend, "{case}");
            assert!(seen.iter().all(|seen| !is_on_backend || seen.body.is_empty()), "{case}");
            let stored = ground.stored(&name).unwrap();
            assert_eq!(stored.header("x-amz-storage-class"), Some("STANDARD_IA"), "{case}");
            let read = ground.reads(&to, body).await;
            assert_eq!(read.header("etag"), Some(shown(&answer).as_str()), "{case}");
            let (colour, taste, kind) = match directive {
                "COPY" => (Some("blue"), None, "text/plain"),
                _ => (None, Some("sweet"), "text/other"),
            };
            assert_eq!(read.header("x-amz-meta-colour"), colour, "{case}");
            assert_eq!(read.header("cache-control"), colour.map(|_| "no-store"), "{case}");
            assert_eq!(read.header("x-amz-meta-taste"), taste, "{case}");
            assert_eq!(read.header("content-type"), Some(kind), "{case}");
            if is_sealed {
                assert_eq!(answer.header(SSE), Some("AES256"), "{case}");
                assert!(answer.element("ChecksumCRC32").is_none(), "of the records: {case}");
                // The box of the source is good for the source alone.
                if let Some(old) = ground.stored(from).unwrap().header(BOX) {
                    let old = old.to_owned();
                    let find = |store: &mut Store| {
                        store.find(&name).unwrap().set(BOX, &old);
                    };
                    ground.backend.store(find);
                    let answer = ground.gate.send(Request::get(&format!("/{to}"))).await;
                    assert!(answer.status >= 400, "{case}");
                    ground.upstream.taken();
                }
            }
        }
    }
}

#[tokio::test]
async fn nothing_at_all_can_be_copied() {
    let mut ground = Ground::new().await;
    ground.write("sealed/source", b"").await;
    ground.write("open/source", b"").await;
    for (from, to) in [
        ("sealed/source", "other/copy"),
        ("sealed/source", "open/copy"),
        ("open/source", "sealed/copy"),
    ] {
        ground.copy(copy(from, to)).await.0.is_ok();
        ground.reads(to, b"").await;
    }
    // Not even that before it was checked.
    ground
        .backend
        .store(|store| *store.find("sealed/source").unwrap().body.last_mut().unwrap() ^= 1);
    ground.backend.store(|store| store.remove("open/copy"));
    let (answer, seen) = ground.copy(copy("sealed/source", "open/copy")).await;
    answer.is_refused_with(500, "InternalError");
    assert!(answer.text().contains("`footer`"), "{}", answer.text());
    assert!(seen.iter().all(|seen| seen.method != "PUT"));
}

#[tokio::test]
async fn what_is_sealed_stays_on_the_backend() {
    let mut ground = Ground::new().await;
    let body = plaintext(100_000);
    ground.write("sealed/source", &body).await;
    let request = copy("/sealed/source", "other/copy").header("x-amz-checksum-algorithm", "CRC32");
    let (answer, seen) = ground.copy(request).await;
    answer.is_ok();
    let [head, put] = seen.as_slice() else { panic!("{seen:#?}") };
    assert_eq!((head.method.as_str(), head.target.as_str()), ("HEAD", "/sealed/source"));
    let etag = ground.stored("sealed/source").unwrap().etag();
    assert_eq!(put.header(GUARD), Some(etag.as_str()));
    assert_eq!(put.header(GUARD_OF_CEPH), None);
    assert_eq!(put.header(DIRECTIVE), Some("REPLACE"));
    assert_eq!(put.header("x-amz-checksum-algorithm"), None);
    assert_eq!(put.header(SSE), None, "encryption is the proxy's");
    assert_eq!(
        ground.stored("other/copy").unwrap().body,
        ground.stored("sealed/source").unwrap().body
    );
    let metrics = ground.gate.admin().send(&Request::get("/metrics")).await.text();
    assert!(metrics.contains("portcullis_sealed_objects_total{done=\"rewrapped\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_backend_is_told_of_the_condition_by_the_name_that_it_reads() {
    let mut ground = Ground::new().await;
    let gate = Gate::builder().keyring().with_upstream("backend = \"ceph\"");
    let gate = gate.rule("treatment = \"seal\"").start(&ground.upstream).await;
    gate.send(Request::put("/sealed/source", "body")).await.is_ok();
    let etag = ground.stored("sealed/source").unwrap().etag();
    ground.upstream.taken();
    gate.send(copy("/sealed/source", "sealed/copy")).await.is_ok();
    let seen = ground.upstream.taken();
    let put = seen.last().unwrap();
    for name in [GUARD, GUARD_OF_CEPH] {
        assert_eq!(put.header(name), Some(etag.as_str()));
    }
}

#[tokio::test]
async fn a_copy_onto_itself_changes_metadata_or_is_refused() {
    let mut ground = Ground::new().await;
    let body = plaintext(70_000);
    ground.write("sealed/key", &body).await;
    let onto_itself = || copy("sealed/key", "sealed/key");
    for request in [
        onto_itself(),
        onto_itself().header(DIRECTIVE, "COPY").header("x-amz-meta-a", "ignored"),
        onto_itself().header("x-amz-acl", "private"),
    ] {
        let (answer, seen) = ground.copy(request).await;
        answer.is_refused_with(400, "InvalidRequest");
        assert!(answer.text().contains("without changing"), "{}", answer.text());
        assert!(seen.iter().all(|seen| seen.method == "HEAD"));
    }
    for (request, colour) in [
        (onto_itself().encrypted(), Some("blue")),
        (onto_itself().header("x-amz-storage-class", "STANDARD_IA"), Some("blue")),
        (
            onto_itself().header(DIRECTIVE, "REPLACE").header("x-amz-meta-colour", "red"),
            Some("red"),
        ),
        (onto_itself().header(DIRECTIVE, "REPLACE"), None),
    ] {
        ground.copy(request).await.0.is_ok();
        let read = ground.reads("sealed/key", &body).await;
        assert_eq!(read.header("x-amz-meta-colour"), colour);
    }
    // What is not sealed yet is sealed by it.
    ground.place("mixed/key", &body);
    let request = copy("mixed/key", "mixed/key");
    ground.copy(request.clone()).await.0.is_refused_with(400, "InvalidRequest");
    ground.copy(request.header(DIRECTIVE, "REPLACE")).await.0.is_ok();
    assert!(ground.is_sealed("mixed/key"));
    ground.reads("mixed/key", &body).await;
}

#[tokio::test]
async fn versions_are_copied_by_name() {
    let mut ground = Ground::new().await;
    ground.backend.store(|store| store.is_versioned = true);
    ground.write("sealed/key", b"first").await;
    let first = ground.stored("sealed/key").unwrap().version;
    ground.write("sealed/key", b"second").await;
    for to in ["other/copy", "open/copy", "sealed/key"] {
        let (answer, seen) = ground.copy(copy(&format!("sealed/key?versionId={first}"), to)).await;
        answer.is_ok();
        assert_eq!(answer.header("x-amz-copy-source-version-id"), Some(first.as_str()), "{to}");
        let made = ground.stored(to).unwrap().version;
        assert_eq!(answer.header("x-amz-version-id"), Some(made.as_str()), "{to}");
        assert_eq!(seen[0].target, format!("/sealed/key?versionId={first}"));
        ground.reads(to, b"first").await;
    }
}

#[tokio::test]
async fn tags_go_along_unless_the_request_brings_others() {
    let mut ground = Ground::new().await;
    for counts_tags in [true, false] {
        ground.backend.store(|store| store.counts_tags = counts_tags);
        ground.write("sealed/source", b"secret").await;
        ground.write("open/source", b"open").await;
        let tag = |store: &mut Store| {
            for name in ["sealed/source", "open/source"] {
                store.find(name).unwrap().tags = Some("a=b".to_owned());
            }
        };
        ground.backend.store(tag);
        for (from, to) in [
            ("sealed/source", "other/copy"),
            ("sealed/source", "open/copy"),
            ("open/source", "sealed/copy"),
        ] {
            ground.copy(copy(from, to)).await.0.is_ok();
            assert_eq!(ground.stored(to).unwrap().tags.as_deref(), Some("a=b"), "{from} {to}");
            let request = copy(from, to)
                .header("x-amz-tagging-directive", "REPLACE")
                .header("x-amz-tagging", "c=d");
            ground.copy(request).await.0.is_ok();
            assert_eq!(ground.stored(to).unwrap().tags.as_deref(), Some("c=d"), "{from} {to}");
        }
    }
}

const GUARD_OF_CEPH: &str = "x-amz-copy-if-match";
