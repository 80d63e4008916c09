//! Buckets in other regions than the configured one: the gate finds them, and the client sees nothing
//! of that.

use crate::support::{Gate, Reply, Request, Seen, Upstream};

/// As S3 answers for a bucket in another region.
fn elsewhere(status: &str) -> Reply {
    Reply::status(status)
        .header("x-amz-bucket-region", "eu-west-3")
        .header("location", "http://bucket.s3.eu-west-3.example.com/key")
        .body("<Error><Endpoint>bucket.s3.eu-west-3.example.com</Endpoint></Error>")
}

/// The region that a request was signed for.
fn region(seen: &Seen) -> String {
    let authorization = seen.header("authorization").unwrap();
    authorization.split('/').nth(2).unwrap().to_owned()
}

#[tokio::test]
async fn a_request_without_a_body_is_sent_once_more_where_its_bucket_is() {
    for status in ["301 Moved Permanently", "307 Temporary Redirect", "400 Bad Request"] {
        let mut upstream = Upstream::start().await;
        let gate = Gate::before(&upstream).await;
        upstream.replies(elsewhere(status)).replies(Reply::ok().body("object"));
        let answer = gate.send(Request::get("/bucket/key")).await;
        assert_eq!(answer.is_ok().text(), "object");
        assert_eq!(region(&upstream.next().await), "us-east-1");
        assert_eq!(region(&upstream.next().await), "eu-west-3");
        gate.send(Request::get("/bucket/other")).await.is_ok();
        assert_eq!(region(&upstream.next().await), "eu-west-3", "it is known now");
        gate.send(Request::get("/another/key")).await.is_ok();
        assert_eq!(region(&upstream.next().await), "us-east-1");
    }
}

#[tokio::test]
async fn a_request_with_a_body_is_to_be_sent_again_by_its_client() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    upstream.replies(elsewhere("307 Temporary Redirect"));
    let answer = gate.send(Request::put("/bucket/key", "body")).await;
    answer.is_refused_with(503, "ServiceUnavailable");
    assert!(!answer.text().contains("example.com"), "{}", answer.text());
    upstream.next().await;
    gate.send(Request::put("/bucket/key", "body")).await.is_ok();
    assert_eq!(region(&upstream.next().await), "eu-west-3");
}

#[tokio::test]
async fn nobody_is_sent_round_and_round() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    for _ in 0..2 {
        upstream.replies(elsewhere("301 Moved Permanently"));
    }
    let answer = gate.send(Request::get("/bucket/key")).await;
    answer.is_refused_with(500, "InternalError");
    assert_eq!((answer.header("location"), upstream.requests()), (None, 2));
}

#[tokio::test]
async fn what_is_no_region_is_followed_nowhere() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let reply = Reply::status("301 Moved Permanently");
    upstream.replies(reply.header("x-amz-bucket-region", "evil.example/"));
    gate.send(Request::get("/bucket/key")).await.is_refused_with(500, "InternalError");
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn a_new_bucket_is_asked_for_where_the_backend_is() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    upstream.replies(elsewhere("301 Moved Permanently"));
    gate.send(Request::get("/bucket/key")).await.is_ok();
    gate.send(Request::put("/bucket", "")).await.is_ok();
    for expected in ["us-east-1", "eu-west-3", "us-east-1"] {
        assert_eq!(region(&upstream.next().await), expected);
    }
}
