//! Copies that are refused, and why.

use std::sync::Arc;

use super::{
    BOX, DIRECTIVE, Ground, SOURCE, SSE, copy,
    store::{AFTER, BEFORE, Backend, Store, error},
};
use crate::support::{Gate, Upstream, documents::deny};

#[tokio::test]
async fn sources_that_no_rule_opens_are_refused() {
    let mut ground = Ground::new().await;
    // Not sealed, where nothing else is handed out.
    ground.place("sealed/plain", b"plain");
    for to in ["sealed/copy", "open/copy", "audited/copy"] {
        let (answer, _) = ground.copy(copy("sealed/plain", to)).await;
        answer.is_refused_with(403, "InvalidObjectState");
        assert!(ground.stored(to).is_none());
    }
    // Sealed, where nothing opens it: it would be sealed twice.
    ground.write("sealed/source", b"secret").await;
    let sealed = ground.stored("sealed/source").unwrap();
    ground.backend.store(|store| store.keep("open/restored", sealed.clone()));
    ground
        .copy(copy("open/restored", "sealed/copy"))
        .await
        .0
        .is_refused_with(400, "InvalidRequest");
    // Somebody else's under this name.
    ground.backend.store(|store| store.keep("sealed/restored", sealed));
    for to in ["sealed/copy", "open/copy"] {
        let (answer, _) = ground.copy(copy("sealed/restored", to)).await;
        answer.is_refused_with(500, "InternalError");
        assert!(answer.text().contains("`box`"), "{}", answer.text());
        assert!(ground.stored(to).is_none());
    }
    // Half of it.
    ground.backend.store(|store| {
        store.find("sealed/source").unwrap().headers.retain(|(name, _)| name != BOX);
    });
    let (answer, _) = ground.copy(copy("sealed/source", "open/copy")).await;
    answer.is_refused_with(500, "InternalError");
    assert!(answer.text().contains("`metadata`"), "{}", answer.text());
}

#[tokio::test]
async fn requests_that_mean_nothing_are_refused() {
    let mut ground = Ground::new().await;
    ground.write("sealed/source", b"secret").await;
    let request = || copy("sealed/source", "other/copy");
    for (request, status, code) in [
        (request().header(DIRECTIVE, "MERGE"), 400, "InvalidArgument"),
        (request().header(DIRECTIVE, "REPLACE").header(BOX, "mine"), 400, "InvalidArgument"),
        (
            request().header(DIRECTIVE, "REPLACE").header("x-amz-meta-a", &"a".repeat(1500)),
            400,
            "MetadataTooLarge",
        ),
        (request().header(SSE, "aws:kms"), 400, "InvalidArgument"),
        (copy("sealed/absent", "other/copy"), 404, "NoSuchKey"),
        (copy("sealed/absent", "open/copy"), 404, "NoSuchKey"),
        (copy("open/absent", "sealed/copy"), 404, "NoSuchKey"),
    ] {
        ground.copy(request).await.0.is_refused_with(status, code);
        assert!(ground.stored("other/copy").is_none());
    }
    // What does not fit beside the keys, though it fits into an object that is not sealed.
    ground.place("open/source", b"plain");
    let large = |store: &mut Store| {
        store.find("open/source").unwrap().set("x-amz-meta-a", &"a".repeat(1500));
    };
    ground.backend.store(large);
    let (answer, _) = ground.copy(copy("open/source", "sealed/copy")).await;
    answer.is_refused_with(400, "MetadataTooLarge");
}

#[tokio::test]
async fn conditions_are_about_the_tags_that_clients_see() {
    let mut ground = Ground::new().await;
    ground.write("sealed/source", b"secret").await;
    ground.write("open/source", b"open").await;
    let sealed = ground.stored("sealed/source").unwrap().etag();
    let sealed = format!("\"{}-1\"", sealed.trim_matches('"'));
    let open = ground.stored("open/source").unwrap().etag();
    let other = "\"5d41402abc4b2a76b9719d911017c592\"";
    for (from, etag) in [("sealed/source", sealed.as_str()), ("open/source", open.as_str())] {
        for to in ["sealed/copy", "open/copy"] {
            for (conditions, passes) in [
                (&[("if-match", etag)][..], true),
                (&[("if-match", other)], false),
                (&[("if-none-match", etag)], false),
                (&[("if-none-match", other)], true),
                (&[("if-modified-since", BEFORE)], true),
                (&[("if-modified-since", AFTER)], false),
                (&[("if-unmodified-since", BEFORE)], false),
                (&[("if-unmodified-since", AFTER)], true),
                (&[("if-match", etag), ("if-unmodified-since", BEFORE)], true),
                (&[("if-none-match", other), ("if-modified-since", AFTER)], true),
            ] {
                let mut request = copy(from, to);
                for (name, value) in conditions {
                    request = request.header(&format!("{SOURCE}-{name}"), value);
                }
                let (answer, seen) = ground.copy(request).await;
                let case = format!("{from} {to} {conditions:?} {} {seen:#?}", answer.text());
                if passes {
                    assert_eq!(answer.status, 200, "{case}");
                } else {
                    assert_eq!(answer.status, 412, "{case}");
                    assert_eq!(answer.element("Code").as_deref(), Some("PreconditionFailed"));
                }
            }
        }
    }
}

#[tokio::test]
async fn conditions_on_the_copy_are_the_backends_to_judge() {
    let mut ground = Ground::new().await;
    ground.write("sealed/source", b"secret").await;
    ground.write("open/source", b"open").await;
    for from in ["sealed/source", "open/source"] {
        let to = format!("sealed/{}", from.replace('/', "-"));
        let request = || copy(from, &to).header("if-none-match", "*");
        ground.copy(request()).await.0.is_ok();
        let reply = error("412 Precondition Failed", "PreconditionFailed");
        ground.backend.before("PUT", |_| Some(reply));
        let (answer, _) = ground.copy(request()).await;
        assert_eq!(
            (answer.status, answer.element("Code").as_deref()),
            (412, Some("PreconditionFailed"))
        );
    }
}

#[tokio::test]
async fn a_source_that_may_not_be_known_of_is_forbidden() {
    let upstream = Upstream::serving(Arc::new(Backend::default())).await;
    let policy = deny("s3:ListBucket", "arn:aws:s3:::sealed");
    let gate = Gate::builder()
        .keyring()
        .policy(&policy)
        .rule("buckets = [\"sealed\"]\ntreatment = \"seal\"")
        .start(&upstream)
        .await;
    for to in ["sealed/copy", "open/copy"] {
        gate.send(copy("sealed/absent", to)).await.is_refused_with(403, "AccessDenied");
    }
}
