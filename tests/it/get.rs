//! Bodies on their way down: byte for byte, and never a clean end where the backend had none.

use crate::support::{Gate, Reply, Request, Upstream};

#[tokio::test]
async fn an_object_is_relayed_byte_for_byte_with_its_headers() {
    let body: Vec<u8> = (0..1_000_000).map(|n: u32| u8::try_from(n % 251).unwrap()).collect();
    let upstream = Upstream::start().await;
    let reply = Reply::ok().body(body.clone()).header("content-type", "image/png");
    upstream.replies(reply.header("x-amz-meta-colour", "red").header("server", "backend/1"));
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::get("/bucket/key")).await;
    assert!(answer.is_ok().body == body);
    assert_eq!(answer.header("content-length"), Some("1000000"));
    assert_eq!(answer.header("content-type"), Some("image/png"));
    assert_eq!(answer.header("x-amz-meta-colour"), Some("red"));
    assert_eq!(answer.header("etag"), Some("\"5d41402abc4b2a76b9719d911017c592\""));
}

#[tokio::test]
async fn as_much_metadata_comes_back_as_can_be_sent() {
    let upstream = Upstream::start().await;
    let names: Vec<String> = (0..150).map(|n| format!("x-amz-meta-{n}")).collect();
    upstream.replies(names.iter().fold(Reply::ok(), |reply, name| reply.header(name, "1")));
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::get("/bucket/key")).await;
    answer.is_ok();
    assert!(names.iter().all(|name| answer.header(name) == Some("1")));
}

#[tokio::test]
async fn a_range_is_asked_for_and_relayed() {
    let mut upstream = Upstream::start().await;
    let part = Reply::status("206 Partial Content").body("345");
    upstream.replies(part.header("content-range", "bytes 3-5/10"));
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::get("/bucket/key").header("range", "bytes=3-5")).await;
    assert_eq!((answer.status, answer.text().as_str()), (206, "345"));
    assert_eq!(answer.header("content-range"), Some("bytes 3-5/10"));
    assert_eq!(upstream.next().await.header("range"), Some("bytes=3-5"));
}

#[tokio::test]
async fn an_unchanged_object_is_told_as_such() {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::status("304 Not Modified").header("etag", "\"1\""));
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::get("/bucket/key").header("if-none-match", "\"1\"")).await;
    assert_eq!((answer.status, answer.is_cut, answer.header("etag")), (304, false, Some("\"1\"")));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_cut_off() {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::ok().body(vec![7; 100_000]).promising(200_000).then_close());
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::get("/bucket/key")).await;
    assert_eq!((answer.status, answer.is_cut), (200, true));
}

#[tokio::test]
async fn a_body_that_stops_coming_is_cut_off() {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::ok().body(vec![7; 100_000]).promising(200_000).then_silence());
    let gate = Gate::builder().with_upstream("idle_timeout_seconds = 1").start(&upstream).await;
    let answer = gate.send(Request::get("/bucket/key")).await;
    assert_eq!((answer.status, answer.is_cut), (200, true));
}

#[tokio::test]
async fn a_change_of_protocol_is_not_relayed() {
    let upstream = Upstream::start().await;
    let reply = Reply::status("101 Switching Protocols").header("connection", "upgrade");
    upstream.replies(reply.header("upgrade", "other"));
    let gate = Gate::before(&upstream).await;
    gate.send(Request::get("/bucket/key")).await.is_refused_with(500, "InternalError");
}

#[tokio::test]
async fn a_redirect_does_not_lead_past_the_gate() {
    let upstream = Upstream::start().await;
    let elsewhere = "http://elsewhere.example/bucket/key";
    upstream.replies(Reply::status("307 Temporary Redirect").header("location", elsewhere));
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::get("/bucket/key")).await;
    assert_eq!(answer.header("location"), None);
    answer.is_refused_with(500, "InternalError");
}

#[tokio::test]
async fn a_missing_object_is_told_in_the_backends_words() {
    let upstream = Upstream::start().await;
    let missing = "<Error><Code>NoSuchKey</Code></Error>";
    upstream.replies(Reply::status("404 Not Found").body(missing));
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::get("/bucket/key")).await;
    assert_eq!((answer.status, answer.text().as_str(), answer.is_cut), (404, missing, false));
}

#[tokio::test]
async fn hop_by_hop_headers_of_the_backend_stay_there() {
    let upstream = Upstream::start().await;
    let reply = Reply::ok().header("keep-alive", "timeout=5").header("connection", "x-private");
    upstream.replies(reply.header("x-private", "1").body("x"));
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::get("/bucket/key")).await;
    assert_eq!((answer.header("keep-alive"), answer.header("x-private")), (None, None));
}

#[tokio::test]
async fn a_dead_connection_of_the_pool_does_not_show() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    upstream.replies(Reply::ok().then_close());
    gate.send(Request::get("/bucket/one")).await.is_ok();
    assert_eq!(upstream.next().await.target, "/bucket/one");
    gate.send(Request::get("/bucket/two")).await.is_ok();
    assert_eq!(upstream.next().await.target, "/bucket/two");
}
