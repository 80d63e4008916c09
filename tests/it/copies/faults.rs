//! A backend that fails, or lies, in the middle of a copy.

use super::{DIRECTIVE, Ground, copy, plaintext, store::error};
use crate::support::{Reply, Request};

#[tokio::test]
async fn a_source_that_changes_is_not_copied() {
    let mut ground = Ground::new().await;
    let body = plaintext(100_000);
    for (from, to, method) in [
        ("sealed/source", "other/copy", "PUT"),
        ("sealed/source", "open/copy", "GET"),
        ("open/source", "sealed/copy", "GET"),
        ("mixed/source", "open/copy", "PUT"),
    ] {
        ground.write("sealed/source", &body).await;
        ground.write("open/source", &body).await;
        ground.place("mixed/source", &body);
        let source = from.to_owned();
        ground.backend.before(method, move |store| {
            store.find(&source).unwrap().body.push(0);
            None
        });
        let (answer, _) = ground.copy(copy(from, to)).await;
        answer.is_refused_with(503, "ServiceUnavailable");
        assert!(answer.text().contains("replaced"), "{}", answer.text());
        assert!(ground.stored(to).is_none(), "{from} {to}");
    }
}

#[tokio::test]
async fn what_was_tampered_with_is_never_completed() {
    let mut ground = Ground::new().await;
    let body = plaintext(300_000);
    for (change, check) in [
        ((|body: &mut Vec<u8>| body[0] ^= 1) as fn(&mut Vec<u8>), None),
        (|body| body[200_000] ^= 1, Some("record")),
        (|body| *body.last_mut().unwrap() ^= 1, Some("footer")),
        (|body| body.truncate(body.len() - 32), None),
        (|body| drop(body.drain(65_568..131_136)), None),
    ] {
        ground.write("sealed/source", &body).await;
        ground.backend.store(|store| change(&mut store.find("sealed/source").unwrap().body));
        let (answer, seen) = ground.copy(copy("sealed/source", "open/copy")).await;
        answer.is_refused_with(500, "InternalError");
        if let Some(check) = check {
            assert!(answer.text().contains(&format!("`{check}`")), "{}", answer.text());
        }
        assert!(seen.iter().all(|seen| seen.method != "PUT" || !seen.is_complete), "{seen:#?}");
        assert!(ground.stored("open/copy").is_none());
        // On the backend it can be copied, and is as good as its source.
        ground.copy(copy("sealed/source", "other/copy")).await.0.is_ok();
        let read = ground.gate.send(Request::get("/other/copy")).await;
        assert!(read.is_cut || read.status == 500);
        ground.upstream.taken();
    }
}

#[tokio::test]
async fn a_source_that_breaks_off_is_never_completed() {
    let mut ground = Ground::new().await;
    let body = plaintext(300_000);
    ground.write("sealed/source", &body).await;
    ground.write("open/source", &body).await;
    for (from, to) in [("sealed/source", "open/copy"), ("open/source", "sealed/copy")] {
        let stored = ground.stored(from).unwrap();
        let size = stored.body.len();
        let part = Reply::status("206 Partial Content")
            .header("etag", &stored.etag())
            .header("content-range", &format!("bytes 0-{}/{size}", size - 1));
        for reply in [
            part.clone().body(&stored.body[..size / 2]).promising(size).then_close(),
            part.clone().body(&stored.body[..size - 1]).promising(size).then_close(),
            part.clone().body(&stored.body[..size - 1]),
        ] {
            ground.backend.before("GET", |_| Some(reply));
            let (answer, seen) = ground.copy(copy(from, to)).await;
            answer.is_refused_with(500, "InternalError");
            assert!(seen.iter().all(|seen| seen.method != "PUT" || !seen.is_complete), "{from}");
            assert!(ground.stored(to).is_none(), "{from} {to}");
        }
    }
}

/// A crash of the proxy, or of the way to the backend, between any two of its requests.
#[tokio::test]
async fn whatever_fails_between_the_source_and_the_copy_leaves_both() {
    let mut ground = Ground::new().await;
    let body = plaintext(100_000);
    for (from, to, requests) in [
        ("sealed/source", "other/copy", &["HEAD", "PUT"][..]),
        ("sealed/source", "sealed/source", &["HEAD", "PUT"]),
        ("sealed/source", "open/copy", &["HEAD", "GET", "PUT"]),
        ("open/source", "sealed/copy", &["HEAD", "GET", "PUT"]),
    ] {
        ground.write("sealed/source", &body).await;
        ground.write("open/source", &body).await;
        let is_there = from == to;
        for method in requests {
            for reply in [
                Reply::hang_up(),
                error("503 Slow Down", "SlowDown"),
                error("403 Forbidden", "AccessDenied"),
            ] {
                ground.backend.before(method, |_| Some(reply));
                let request = copy(from, to).header(DIRECTIVE, "REPLACE");
                let (answer, seen) = ground.copy(request).await;
                assert!(answer.status >= 400, "{from} {to} {method} {seen:#?}");
                assert_eq!(ground.stored(to).is_some(), is_there, "{from} {to} {method}");
                ground.reads(from, &body).await;
            }
        }
        ground.copy(copy(from, to).header(DIRECTIVE, "REPLACE")).await.0.is_ok();
        ground.reads(to, &body).await;
    }
}

#[tokio::test]
async fn an_error_behind_a_success_is_passed_on() {
    let mut ground = Ground::new().await;
    ground.write("sealed/source", b"secret").await;
    let document = "<Error><Code>SlowDown</Code></Error>";
    let text = format!("<?xml version=\"1.0\"?>\n   {document}");
    ground.backend.before("PUT", |_| Some(Reply::status("200 OK").body(text)));
    let (answer, _) = ground.copy(copy("sealed/source", "other/copy")).await;
    assert!(answer.is_ok().text().ends_with(document), "{}", answer.text());
}
