//! Bodies on their way up: in one form for every backend, and never complete unless verified.

use crate::support::{Gate, Reply, Request, Upstream, within};

#[tokio::test]
async fn an_upload_leaves_in_the_form_that_every_backend_takes() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let request = Request::put("/bucket/a%20b/%C3%A9+~?x-id=PutObject", vec![7; 200_000])
        .in_chunks()
        .header("content-type", "text/plain")
        .header("x-amz-meta-colour", "red")
        .header("x-amz-sdk-checksum-algorithm", "CRC32")
        .header("amz-sdk-invocation-id", "1");
    gate.send(request).await.is_ok();
    let seen = upstream.next().await;
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("PUT", "/bucket/a%20b/%C3%A9%2B~"));
    assert_eq!(seen.header("content-length"), Some("200000"));
    assert_eq!(seen.header("x-amz-content-sha256"), Some("UNSIGNED-PAYLOAD"));
    assert_eq!(seen.header("content-type"), Some("text/plain"));
    assert_eq!(seen.header("x-amz-meta-colour"), Some("red"));
    assert_eq!(seen.header("host"), Some(upstream.address().to_string().as_str()));
    for gone in [
        "amz-sdk-invocation-id",
        "content-encoding",
        "expect",
        "trailer",
        "transfer-encoding",
        "x-amz-decoded-content-length",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-trailer",
    ] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    assert_eq!(seen.body, vec![7; 200_000]);
}

#[tokio::test]
async fn the_proxys_own_signature_replaces_the_clients() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    gate.send(Request::put("/bucket/key", "body")).await.is_ok();
    let seen = upstream.next().await;
    let authorization = seen.header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDGATE/"), "{authorization}");
    assert!(authorization.contains("/us-east-1/s3/aws4_request"), "{authorization}");
}

/// Of a body that is empty none is asked for, and a client that takes the answer for one to its
/// `Expect` must not take the next one of the connection for it, too.
#[tokio::test]
async fn an_answer_in_place_of_a_100_is_the_last_of_its_connection() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let (empty, full) = (Request::put("/bucket/key", ""), Request::put("/bucket/key", "body"));
    for (request, was_continued, connection) in [
        (empty.clone().expecting_continue(), false, Some("close")),
        (empty.clone().anonymous().expecting_continue(), false, Some("close")),
        (Request::get("/bucket/key").expecting_continue(), false, Some("close")),
        (full.clone().anonymous().expecting_continue(), false, Some("close")),
        (full.clone().expecting_continue(), true, None),
        (full, false, None),
        (empty, false, None),
    ] {
        let answer = gate.send(request).await;
        let found = (answer.was_continued, answer.header("connection"));
        assert_eq!(found, (was_continued, connection), "{answer:?}");
    }
}

#[tokio::test]
async fn a_content_encoding_of_the_clients_own_stays() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let request =
        Request::put("/bucket/key", "body").header("content-encoding", "gzip").in_chunks();
    gate.send(request).await.is_ok();
    assert_eq!(upstream.next().await.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn bodies_of_every_kind_arrive_as_they_were() {
    for size in [0, 1, 65_536, 65_537, 1_000_000] {
        let body: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let plain = Request::put("/bucket/key", body.clone());
        for request in [plain.clone(), plain.clone().unsigned_payload(), plain.in_chunks()] {
            let mut upstream = Upstream::start().await;
            let gate = Gate::before(&upstream).await;
            gate.send(request).await.is_ok();
            let seen = upstream.next().await;
            assert!(seen.is_complete && seen.body == body, "{size}: {}", seen.body.len());
        }
    }
}

/// The client is told why, and the backend never had the whole.
async fn is_never_completed(request: Request, code: &str) {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    gate.send(request).await.is_refused_with(400, code);
    if upstream.requests() > 0 {
        let seen = upstream.next().await;
        assert!(!seen.is_complete, "the backend had all {} bytes", seen.body.len());
    }
}

#[tokio::test]
async fn another_body_than_was_signed_is_never_completed() {
    for size in [1, 65_536, 1_000_000] {
        let request = Request::put("/bucket/key", vec![7; size]).claiming_to_be(b"something else");
        is_never_completed(request, "XAmzContentSHA256Mismatch").await;
    }
}

#[tokio::test]
async fn a_body_that_its_trailer_belies_is_never_completed() {
    for size in [1, 65_536, 1_000_000] {
        let request =
            Request::put("/bucket/key", vec![7; size]).in_chunks_claiming_to_be(b"something else");
        is_never_completed(request, "BadDigest").await;
    }
}

#[tokio::test]
async fn a_body_that_its_checksum_header_belies_is_never_completed() {
    let request = Request::put("/bucket/key", "body").header("x-amz-checksum-crc32", "AAAAAA==");
    is_never_completed(request, "BadDigest").await;
}

#[tokio::test]
async fn a_body_that_its_md5_belies_is_never_completed() {
    let request =
        Request::put("/bucket/key", "body").header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    is_never_completed(request, "BadDigest").await;
}

#[tokio::test]
async fn a_client_that_stops_half_way_completes_nothing() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let body = vec![7; 1_000_000];
    for request in [
        Request::put("/bucket/key", body.clone()).stopping_after(500_000),
        Request::put("/bucket/key", body).in_chunks().stopping_after(1_000_000),
    ] {
        let answer = gate.send(request).await;
        assert_ne!(answer.status, 200, "{answer:?}");
        assert!(!upstream.next().await.is_complete);
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_is_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let request = Request::put("/bucket/key", "body").without_length();
    gate.send(request).await.is_refused_with(411, "MissingContentLength");
    upstream.is_untouched();
}

#[tokio::test]
async fn chunks_without_an_http_length_are_taken_by_their_decoded_length() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let request = Request::put("/bucket/key", vec![7; 100_000]).in_chunks().without_length();
    gate.send(request).await.is_ok();
    let seen = upstream.next().await;
    assert_eq!((seen.header("content-length"), seen.body.len()), (Some("100000"), 100_000));
}

#[tokio::test]
async fn the_backends_refusal_is_passed_on() {
    let upstream = Upstream::start().await;
    let refusal = "<Error><Code>SlowDown</Code></Error>";
    upstream.replies(Reply::status("503 Slow Down").body(refusal));
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::put("/bucket/key", "body")).await;
    assert_eq!((answer.status, answer.text().as_str()), (503, refusal));
}

#[tokio::test]
async fn the_backends_early_refusal_reaches_a_client_that_still_sends() {
    let upstream = Upstream::start().await;
    let refusal = "<Error><Code>QuotaExceeded</Code></Error>";
    upstream.replies(Reply::status("403 Forbidden").body(refusal).early().then_close());
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::put("/bucket/key", vec![7; 5_000_000])).await;
    assert_eq!((answer.status, answer.text().as_str()), (403, refusal));
}

#[tokio::test]
async fn success_before_the_body_has_been_verified_is_not_believed() {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::ok().early());
    let gate = Gate::before(&upstream).await;
    let request = Request::put("/bucket/key", vec![7; 1_000_000]).claiming_to_be(b"something else");
    assert_ne!(gate.send(request).await.status, 200);
}

#[tokio::test]
async fn an_upload_that_was_answered_too_early_is_not_completed_behind_the_clients_back() {
    for reply in [Reply::ok(), Reply::status("403 Forbidden")] {
        let mut upstream = Upstream::start().await;
        upstream.replies(reply.early());
        let gate = Gate::before(&upstream).await;
        let answer = gate.send(Request::put("/bucket/key", vec![7; 8_000_000])).await;
        assert_ne!(answer.status, 200);
        assert!(!upstream.next().await.is_complete);
    }
}

#[tokio::test]
async fn a_backend_that_answers_and_reads_no_more_does_not_hold_the_client() {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::status("403 Forbidden").in_spite_of_the_body());
    let gate = Gate::before(&upstream).await;
    let client = gate.plain();
    let mut connection = client.connect().await.unwrap();
    let request = Request::put("/bucket/key", vec![7; 50_000_000]).unsigned_payload();
    let (head, body) = request.to_bytes(&client.address.to_string());
    connection.write(&head).await;
    connection.write(&body).await;
    connection.answer(false).await;
    assert!(connection.is_closed().await);
}

/// The kernel ends it: nothing else can where the backend takes no byte and closes nothing.
#[tokio::test]
async fn a_backend_that_reads_no_more_does_not_keep_its_connection() {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::silence().in_spite_of_the_body());
    let gate = Gate::builder().with_upstream("idle_timeout_seconds = 1").start(&upstream).await;
    let request = Request::put("/bucket/key", vec![7; 50_000_000]).unsigned_payload();
    let sent = tokio::spawn(async move {
        gate.send(request).await;
        gate
    });
    let closed = async {
        while upstream.requests() == 0 || established_to(upstream.address().port()) > 0 {
            tokio::task::yield_now().await;
        }
    };
    within("the connection to be closed", closed).await;
    sent.abort();
}

/// Connections to a port of this machine that are not closed at their near end.
fn established_to(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let remote = format!("0100007F:{port:04X}");
    let is_open = |line: &&str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next() == Some(&remote) && fields.next() == Some("01")
    };
    table.lines().filter(is_open).count()
}

#[tokio::test]
async fn a_backend_that_hangs_up_is_an_error_to_be_retried() {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::hang_up());
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::put("/bucket/key", "body")).await;
    answer.is_refused_with(503, "ServiceUnavailable");
}

#[tokio::test]
async fn a_silent_backend_is_given_up() {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::silence());
    let gate = Gate::builder().with_upstream("idle_timeout_seconds = 1").start(&upstream).await;
    let answer = gate.send(Request::put("/bucket/key", "body")).await;
    answer.is_refused_with(503, "ServiceUnavailable");
}

#[tokio::test]
async fn a_connection_serves_one_upload_after_another() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let mut connection = gate.plain().connect().await.unwrap();
    for body in ["first", "second"] {
        let request = Request::put("/bucket/key", body).expecting_continue();
        connection.send(&request).await.is_ok();
        assert_eq!(upstream.next().await.body, body.as_bytes());
    }
}
