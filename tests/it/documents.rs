//! Documents that are read whole before they go on: who may send one, and how many at once.

use serde_json::json;

use crate::support::{
    Gate, Request, Upstream,
    documents::{deny, require_tls},
};

fn deletion() -> Request {
    let document = "<Delete><Object><Key>key</Key></Object></Delete>";
    Request::post("/bucket?delete", document).expecting_continue()
}

/// Nothing of a document is asked for.
async fn check_unread(gate: &Gate, request: Request) {
    let answer = gate.send(request).await;
    assert!(!answer.is_refused_with(403, "AccessDenied").was_continued);
}

#[tokio::test]
async fn nobody_in_particular_is_asked_for_a_document() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    check_unread(&gate, deletion().anonymous()).await;
    check_unread(&gate, Request::put("/bucket", "<C/>").anonymous().expecting_continue()).await;
    upstream.is_untouched();
}

#[tokio::test]
async fn anonymous_callers_whom_a_statement_allows_are_asked() {
    let upstream = Upstream::start().await;
    let allow = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:DeleteObject",
        "Resource": "arn:aws:s3:::bucket/public/*"
    }]});
    let gate = Gate::builder().policy(&allow).start(&upstream).await;
    let answer = gate.send(deletion().anonymous()).await;
    assert!(answer.was_continued, "the document names the keys, so it is read");
    upstream.is_untouched();
    let elsewhere = Request::post("/another?delete", "<Delete/>").anonymous();
    check_unread(&gate, elsewhere.expecting_continue()).await;
}

#[tokio::test]
async fn who_could_delete_nothing_is_not_asked() {
    for policy in [require_tls(), deny("s3:Delete*", "arn:aws:s3:::bucket/*")] {
        let upstream = Upstream::start().await;
        let gate = Gate::builder().policy(&policy).start(&upstream).await;
        check_unread(&gate, deletion()).await;
        upstream.is_untouched();
    }
}

#[tokio::test]
async fn a_document_that_says_that_it_is_too_long_is_not_asked_for() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let document = vec![b' '; 8 * 1024 * 1024 + 1];
    let answer = gate.send(Request::post("/bucket?delete", document).expecting_continue()).await;
    assert!(!answer.is_refused_with(400, "MaxMessageLengthExceeded").was_continued);
}

/// Each is promised to have 8 MiB, and 64 MiB are held at most.
#[tokio::test]
async fn only_so_many_documents_are_held_at_once() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let client = gate.plain();
    let document = vec![b' '; 8 * 1024 * 1024];
    let request = Request::post("/bucket?delete", document).expecting_continue();
    let (head, _) = request.to_bytes(&client.address.to_string());
    let mut open = Vec::new();
    for _ in 0..8 {
        let mut connection = client.connect().await.unwrap();
        connection.write(&head).await;
        assert_eq!(connection.answer(false).await.status, 100);
        open.push(connection);
    }
    let answer = gate.send(request).await;
    assert!(!answer.is_refused_with(503, "SlowDown").was_continued);
    drop(open);
    gate.send(deletion()).await.is_ok();
}
