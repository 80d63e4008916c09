//! New key boxes for old records.

use portcullis::{
    pipeline::maintenance::{
        Conditions, CopyConditions, Found, Left, Listing, Look, RewrapOptions, Rewrapped,
        Versioning,
    },
    seal::Binding,
    transform::copies::SourceCondition,
};

use super::{BOX, Ground, RULE, header, plaintext, rewrap, target, to};
use crate::support::{
    Gate, Request,
    store::{Fault, Object, Store},
};

#[tokio::test]
async fn the_box_is_another_and_all_else_is_the_same() {
    let ground = Ground::new().await;
    for bytes in [0, 1, 200_000] {
        let body = plaintext(bytes);
        ground.write("key", &body).await;
        let before = ground.stored("key");
        let done = rewrap(&ground.operator, &target("key"), to(Some("other"))).await.unwrap();
        let look = Look {
            keyring: "main".to_owned(),
            key_version: "1".to_owned(),
            binding: Binding::BucketAndKey,
            needs_customer_key: false,
        };
        assert_eq!(done, Rewrapped::Done(look));
        let after = ground.stored("key");
        assert!(after.body == before.body && after.etag == before.etag);
        assert_ne!(header(&after, BOX), header(&before, BOX));
        ground.is_whole("key", &body, "re-wrapped").await;
        let found = ground.operator.look(&target("key")).await.unwrap();
        assert!(matches!(found, Found::Sealed(look) if look.keyring == "other"));
        let again = rewrap(&ground.operator, &target("key"), to(Some("other"))).await.unwrap();
        assert_eq!(again, Rewrapped::Current);
    }
}

#[tokio::test]
async fn no_byte_of_a_body_moves() {
    let ground = Ground::new().await;
    ground.write("key", &plaintext(200_000)).await;
    rewrap(&ground.operator, &target("key"), to(Some("other"))).await.unwrap();
    let expected = [
        "HEAD /bucket/key",
        "GET /bucket/key?acl",
        "GET /bucket/key?tagging",
        "PUT /bucket/key",
        "GET /bucket/key?tagging",
    ];
    let asked: Vec<_> =
        ground.store.log().iter().map(|it| it.trim_end_matches('=').to_owned()).collect();
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn tags_that_a_backend_does_not_copy_are_written_again() {
    let ground = Ground::new().await;
    ground.store.loses_tags();
    ground.write("key", b"body").await;
    rewrap(&ground.operator, &target("key"), to(Some("other"))).await.unwrap();
    ground.is_whole("key", b"body", "re-wrapped").await;
    ground.write("key", b"body").await;
    ground.store.fails_after(6, Fault::Refuses);
    let failed = rewrap(&ground.operator, &target("key"), to(Some("other"))).await;
    let told = failed.unwrap_err().to_string();
    assert!(told.contains("its tags a=b were lost"), "{told}");
    // Nothing is written onto what another has put there since.
    ground.write("rival", b"rival").await;
    let mut rival = ground.stored("rival");
    rival.headers.retain(|(name, _)| name != "x-amz-tagging");
    ground.write("key", b"body").await;
    ground.store.comes_between(4, "/bucket/key", rival);
    rewrap(&ground.operator, &target("key"), to(Some("other"))).await.unwrap();
    assert_eq!(header(&ground.stored("key"), "x-amz-tagging"), None);
}

#[tokio::test]
async fn whether_a_backend_honours_conditions_on_copies_is_found_out() {
    let ground = Ground::new().await;
    let bucket = target("key").bucket;
    let found = |source, copies, writes| CopyConditions { source, copies, writes };
    let (ignored, honoured) = (Conditions::Ignored, Conditions::Honoured);
    let (s3, ceph) = (Some(SourceCondition::S3), Some(SourceCondition::Ceph));
    for (prepare, expected) in [
        ((|_| {}) as fn(&Store), found(s3, ignored, honoured)),
        (Store::looks_at_what_copies_replace, found(s3, honoured, honoured)),
        (Store::reads_conditions_as_ceph, found(ceph, honoured, honoured)),
        (Store::wants_tags_without_quotes, found(ceph, Conditions::Unquoted, Conditions::Unquoted)),
        (Store::ignores_conditions, found(None, ignored, ignored)),
    ] {
        prepare(&ground.store);
        let probed = ground.operator.copy_conditions(&bucket, "a/").await.unwrap();
        assert_eq!((probed.found, probed.left_behind), (expected, None));
    }
}

#[tokio::test]
async fn a_probe_that_cannot_clean_up_has_found_something() {
    let ground = Ground::new().await;
    // Written, looked at, written on two conditions; then it is to be deleted.
    ground.store.fails_after(4, Fault::Refuses);
    let probed = ground.operator.conditions(&target("key").bucket, "").await.unwrap();
    assert_eq!(probed.found, Conditions::Honoured);
    assert!(probed.left_behind.unwrap().contains("/.portcullis-probe-"));
}

#[tokio::test]
async fn what_is_written_while_a_copy_is_made_stays() {
    let ground = Ground::new().await;
    ground.store.looks_at_what_copies_replace();
    ground.write("rival", b"rival").await;
    let rival = ground.stored("rival");
    ground.write("key", b"body").await;
    ground.store.comes_within(3, "/bucket/key", rival.clone());
    let failed = rewrap(&ground.operator, &target("key"), to(Some("other"))).await;
    assert!(failed.unwrap_err().is_passing());
    assert_eq!(ground.stored("key").etag, rival.etag);
}

#[tokio::test]
async fn a_box_under_a_customers_key_can_be_the_newest() {
    let store = Store::new();
    let upstream = store.start().await;
    let builder = Gate::builder().keyring().another_keyring().rule(RULE);
    let gate = builder.plain_listener().tls_listener().start(&upstream).await;
    let request = Request::put("/bucket/key", "body")
        .header("x-amz-server-side-encryption-customer-algorithm", "AES256")
        .header("x-amz-server-side-encryption-customer-key", CUSTOMER_KEY)
        .header("x-amz-server-side-encryption-customer-key-md5", CUSTOMER_MD5);
    gate.tls().send(&request).await.is_ok();
    let operator = super::operator(&gate);
    let newest = rewrap(&operator, &target("key"), to(None)).await;
    assert_eq!(newest, Ok(Rewrapped::Current));
    let older = rewrap(&operator, &target("key"), to(Some("other"))).await;
    assert_eq!(older, Ok(Rewrapped::Left(Left::CustomerKey)));
}

#[tokio::test]
async fn a_rehearsal_writes_nothing() {
    let ground = Ground::new().await;
    ground.write("key", b"body").await;
    let done = rewrap(
        &ground.operator,
        &target("key"),
        RewrapOptions { is_rehearsal: true, ..to(Some("other")) },
    )
    .await
    .unwrap();
    assert!(matches!(done, Rewrapped::Done(_)));
    assert!(ground.store.log().iter().all(|asked| asked.starts_with("HEAD")));
}

#[tokio::test]
async fn another_binding_is_another_box() {
    let ground = Ground::new().await;
    ground.write("key", b"body").await;
    let text = std::fs::read_to_string(ground.gate.file("portcullis.toml")).unwrap();
    let text = text.replace(RULE, &format!("{RULE}\nbinding = \"bucket\""));
    crate::support::gate::write_private(&ground.gate.file("portcullis.toml"), &text);
    ground.gate.reload().unwrap();
    let operator = super::operator(&ground.gate);
    let done = rewrap(&operator, &target("key"), to(None)).await.unwrap();
    assert!(matches!(done, Rewrapped::Done(_)));
    let Found::Sealed(look) = operator.look(&target("key")).await.unwrap() else { panic!() };
    assert_eq!(look.binding, Binding::Bucket);
    assert_eq!(rewrap(&operator, &target("key"), to(None)).await.unwrap(), Rewrapped::Current);
    ground.is_whole("key", b"body", "bound otherwise").await;
}

#[tokio::test]
async fn a_restored_backup_becomes_the_buckets_own() {
    let ground = Ground::with(&format!("{RULE}\naliases = [\"bucket\"]")).await;
    ground.write("key", b"body").await;
    ground.store.put("/restored/key", ground.stored("key"));
    let mut restored = target("key");
    restored.bucket = portcullis::s3::BucketName::parse("restored").unwrap();
    let done = rewrap(&ground.operator, &restored, to(None)).await.unwrap();
    assert!(matches!(done, Rewrapped::Done(_)));
    let again = rewrap(&ground.operator, &restored, to(None)).await.unwrap();
    assert_eq!(again, Rewrapped::Current);
    let read = ground.gate.send(Request::get("/restored/key")).await;
    assert_eq!(read.is_ok().body, b"body");
}

#[tokio::test]
async fn what_cannot_be_rewrapped_is_told_of() {
    let ground = Ground::with(&format!("buckets = [\"bucket\"]\n{RULE}")).await;
    let rewrap_key =
        async |key: &str| rewrap(&ground.operator, &target(key), to(Some("other"))).await;
    assert_eq!(rewrap_key("none").await, Ok(Rewrapped::Gone));
    ground.place("plain", b"plain");
    assert_eq!(rewrap_key("plain").await, Ok(Rewrapped::NotSealed));
    ground.write("locked", b"body").await;
    let locked = |name: &str, value: &str| {
        let mut object = ground.stored("locked");
        object.headers.push((name.to_owned(), value.to_owned()));
        ground.store.put("/bucket/locked", object);
    };
    locked("x-amz-object-lock-mode", "COMPLIANCE");
    locked("x-amz-object-lock-retain-until-date", "2999-01-01T00:00:00Z");
    assert_eq!(rewrap_key("locked").await, Ok(Rewrapped::Left(Left::Locked)));
    let unknown = rewrap(&ground.operator, &target("locked"), to(Some("none"))).await;
    assert!(unknown.unwrap_err().to_string().contains("add that to its `keyring`"));
    let mut elsewhere = target("key");
    elsewhere.bucket = portcullis::s3::BucketName::parse("elsewhere").unwrap();
    let left = rewrap(&ground.operator, &elsewhere, to(None)).await;
    assert_eq!(left, Ok(Rewrapped::Left(Left::NoRule)));
    ground.write("swapped", b"body").await;
    ground.store.put("/bucket/other", ground.stored("swapped"));
    assert!(rewrap_key("other").await.unwrap_err().to_string().contains("box"));
}

#[tokio::test]
async fn what_another_writes_meanwhile_stays() {
    let ground = Ground::new().await;
    ground.write("rival", b"rival").await;
    ground.write("key", b"body").await;
    let rival = ground.stored("rival");
    for requests in 1..4 {
        let old = ground.stored("key");
        ground.store.comes_between(requests, "/bucket/key", rival.clone());
        let failed = rewrap(&ground.operator, &target("key"), to(Some("other"))).await;
        assert!(failed.unwrap_err().is_passing());
        assert_eq!(ground.stored("key").etag, rival.etag);
        ground.store.put("/bucket/key", old);
    }
}

#[tokio::test]
async fn a_large_object_is_copied_in_parts() {
    let ground = Ground::new().await;
    let body = plaintext(6 << 20);
    ground.write("key", &body).await;
    let before = ground.stored("key");
    let operator = super::operator(&ground.gate).in_requests_of(5 << 20);
    rewrap(&operator, &target("key"), to(Some("other"))).await.unwrap();
    assert!(ground.stored("key").body == before.body);
    assert_eq!(ground.store.uploads(), 0);
    ground.is_whole("key", &body, "copied in parts").await;
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let ground = Ground::new().await;
    for number in 0..7 {
        ground.place(&format!("a/{number}"), b"x");
    }
    ground.place("b", b"x");
    ground.store.lists_keys_by(3);
    let list = async |prefix: &str, start_after: Option<&str>| {
        let listing = Listing {
            bucket: target("key").bucket,
            prefix: prefix.to_owned(),
            start_after: start_after.map(str::to_owned),
            with_versions: false,
        };
        let (mut keys, mut next) = (Vec::new(), None);
        loop {
            let page = ground.operator.list(&listing, next.as_ref()).await.unwrap();
            keys.extend(page.objects.into_iter().map(|object| object.key));
            next = page.next;
            if next.is_none() {
                return keys;
            }
        }
    };
    assert_eq!(list("", None).await.len(), 8);
    assert_eq!(list("b", None).await, ["b"]);
    assert_eq!(list("", Some("a/5")).await, ["a/6", "b"]);
    ground.store.put("/bucket/list", Object::default());
    assert!(ground.operator.versioning(&target("key").bucket).await.unwrap() == Versioning::Never);
    ground.store.is_versioned();
    assert!(
        ground.operator.versioning(&target("key").bucket).await.unwrap() == Versioning::Enabled
    );
}

const CUSTOMER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const CUSTOMER_MD5: &str = "hRasmdxgYDKV3nvbahU1MA==";
