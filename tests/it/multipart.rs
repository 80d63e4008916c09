//! Multipart uploads: the client's upload id carries what was accepted, the backend's stays its own.

use crate::support::{
    Gate, Reply, Request, Upstream,
    client::Answer,
    documents::{deny, require_sse},
};

const CREATED: &str = "<?xml version=\"1.0\"?><InitiateMultipartUploadResult><Bucket>bucket</Bucket>\
                       <Key>key</Key><UploadId>2~backend/id</UploadId>\
                       </InitiateMultipartUploadResult>";

/// A gate with the seed policy, a backend, and the id that the client was given for `/bucket/key`.
async fn upload() -> (Gate, Upstream, String) {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder().policy(&require_sse()).start(&upstream).await;
    let id = create(&gate, &upstream).await;
    assert_eq!(upstream.next().await.target, "/bucket/key?uploads=");
    (gate, upstream, id)
}

async fn create(gate: &Gate, upstream: &Upstream) -> String {
    upstream.replies(Reply::ok().body(CREATED));
    let answer = gate.send(Request::post("/bucket/key?uploads", "").encrypted()).await;
    answer.is_ok().element("UploadId").unwrap()
}

async fn put_part(gate: &Gate, key: &str, id: &str) -> Answer {
    let id = id.replace('/', "%2F");
    gate.send(Request::put(&format!("/bucket/{key}?partNumber=1&uploadId={id}"), "part")).await
}

#[tokio::test]
async fn a_part_without_headers_passes_under_the_backends_own_id() {
    let (gate, mut upstream, id) = upload().await;
    assert_ne!(id, "2~backend/id");
    put_part(&gate, "key", &id).await.is_ok();
    let seen = upstream.next().await;
    assert_eq!(seen.target, "/bucket/key?partNumber=1&uploadId=2~backend%2Fid");
    assert_eq!(
        (seen.body.as_slice(), seen.header("x-amz-server-side-encryption")),
        (&b"part"[..], None)
    );
}

/// Parts leave without checksums, and backends refuse such parts where the upload announced them.
#[tokio::test]
async fn an_upload_announces_no_checksums_to_the_backend() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let request = Request::post("/bucket/key?uploads", "")
        .header("x-amz-checksum-algorithm", "CRC32")
        .header("x-amz-checksum-type", "COMPOSITE");
    gate.send(request).await;
    let seen = upstream.next().await;
    for gone in ["x-amz-checksum-algorithm", "x-amz-checksum-type"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn completion_and_abortion_name_the_backends_own_id() {
    let (gate, mut upstream, id) = upload().await;
    let target = format!("/bucket/key?uploadId={}", id.replace('/', "%2F"));
    for request in [
        Request::post(&target, "<CompleteMultipartUpload></CompleteMultipartUpload>"),
        Request::new("DELETE", &target),
    ] {
        gate.send(request).await.is_ok();
        assert_eq!(upstream.next().await.target, "/bucket/key?uploadId=2~backend%2Fid");
    }
}

#[tokio::test]
async fn a_list_of_parts_shows_the_clients_id() {
    let (gate, upstream, id) = upload().await;
    upstream.replies(Reply::ok().body(
        "<ListPartsResult><UploadId>2~backend/id</UploadId><Part><PartNumber>1</PartNumber></Part>\
         </ListPartsResult>",
    ));
    let answer =
        gate.send(Request::get(&format!("/bucket/key?uploadId={}", id.replace('/', "%2F")))).await;
    assert_eq!(answer.is_ok().element("UploadId"), Some(id));
    assert_eq!(answer.element("PartNumber").as_deref(), Some("1"));
}

#[tokio::test]
async fn an_id_of_another_key_is_no_upload() {
    let (gate, upstream, id) = upload().await;
    put_part(&gate, "other", &id).await.is_refused_with(404, "NoSuchUpload");
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn a_changed_id_is_no_upload() {
    let (gate, upstream, id) = upload().await;
    let forged = id.replace("backend", "another");
    put_part(&gate, "key", &forged).await.is_refused_with(404, "NoSuchUpload");
    let mut tampered = id.into_bytes();
    let middle = tampered.len() - 20;
    let digit = tampered.get_mut(middle).unwrap();
    *digit = if *digit == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    put_part(&gate, "key", &tampered).await.is_refused_with(404, "NoSuchUpload");
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn an_upload_made_behind_the_gate_takes_no_parts_through_it() {
    let (gate, upstream, _) = upload().await;
    put_part(&gate, "key", "2~backend/id").await.is_refused_with(404, "NoSuchUpload");
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn a_token_is_good_at_every_replica_with_the_secret() {
    let (_, _, id) = upload().await;
    let upstream = Upstream::start().await;
    let replica = Gate::builder().policy(&require_sse()).start(&upstream).await;
    put_part(&replica, "key", &id).await.is_ok();
}

#[tokio::test]
async fn a_part_is_still_judged_by_the_policies_in_force() {
    let (_, _, id) = upload().await;
    let upstream = Upstream::start().await;
    let denying = deny("s3:PutObject", "arn:aws:s3:::bucket/key");
    let strict = Gate::builder().policy(&denying).start(&upstream).await;
    put_part(&strict, "key", &id).await.is_refused_with(403, "AccessDenied");
    upstream.is_untouched();
}

#[tokio::test]
async fn an_unreadable_answer_to_a_creation_is_an_error() {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::ok().body("<html>a captive portal</html>"));
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::post("/bucket/key?uploads", "")).await;
    answer.is_refused_with(500, "InternalError");
}

/// Refused after its creation, the upload would stay behind: nobody knows its id.
#[tokio::test]
async fn an_upload_whose_id_could_not_be_carried_is_never_created() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let key_id = "x-amz-server-side-encryption-aws-kms-key-id";
    let request = Request::post("/bucket/key?uploads", "").header(key_id, &"k".repeat(5000));
    gate.send(request).await.is_refused_with(400, "RequestHeaderSectionTooLarge");
    upstream.is_untouched();
}

/// Policy never asks parts about it, so it need not fit.
#[tokio::test]
async fn an_encryption_context_of_any_length_is_let_through() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let id = create_with(&gate, &upstream, "x-amz-server-side-encryption-context", 8000).await;
    put_part(&gate, "key", &id).await.is_ok();
}

async fn create_with(gate: &Gate, upstream: &Upstream, name: &str, bytes: usize) -> String {
    upstream.replies(Reply::ok().body(CREATED));
    let request = Request::post("/bucket/key?uploads", "").header(name, &"c".repeat(bytes));
    gate.send(request).await.is_ok().element("UploadId").unwrap()
}

/// CRT sends its own, computed over each part, and the size of the whole.
#[tokio::test]
async fn a_completion_tells_the_backend_of_no_checksums() {
    let (gate, mut upstream, id) = upload().await;
    let document = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part>\
                    <ETag>\"e\"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32>\
                    <PartNumber>1</PartNumber></Part></CompleteMultipartUpload>";
    let request =
        Request::post(&format!("/bucket/key?uploadId={}", id.replace('/', "%2F")), document)
            .header("x-amz-checksum-crc32", "AAAAAA==")
            .header("x-amz-checksum-type", "FULL_OBJECT")
            .header("x-amz-mp-object-size", "4");
    gate.send(request).await.is_ok();
    let seen = upstream.next().await;
    assert_eq!(
        String::from_utf8(seen.body.clone()).unwrap(),
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part>\
         <PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag></Part></CompleteMultipartUpload>"
    );
    for gone in ["x-amz-checksum-crc32", "x-amz-checksum-type"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    assert_eq!(seen.header("x-amz-mp-object-size"), Some("4"));
}

#[tokio::test]
async fn a_completion_that_cannot_be_read_is_refused() {
    let (gate, upstream, id) = upload().await;
    let target = format!("/bucket/key?uploadId={}", id.replace('/', "%2F"));
    let document = "<CompleteMultipartUpload><Part><ETag>e</ETag></Part></CompleteMultipartUpload>";
    gate.send(Request::post(&target, document)).await.is_refused_with(400, "MalformedXML");
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn a_completed_object_is_where_the_client_asked_for_it() {
    let (gate, upstream, id) = upload().await;
    let id = id.replace('/', "%2F");
    let result = "<?xml version=\"1.0\"?>\n<CompleteMultipartUploadResult><Location>http://backend/x\
                  </Location></CompleteMultipartUploadResult>";
    let document = "<CompleteMultipartUpload></CompleteMultipartUpload>";
    let completion = |target: &str| Request::post(&format!("{target}?uploadId={id}"), document);
    let client = gate.plain();
    for (host, target) in [("s3.test:8080", "/bucket/key"), ("bucket.localhost:8080", "/key")] {
        upstream.replies(Reply::ok().body(result));
        let answer = client.send_as(host, &completion(target)).await;
        let expected = format!("http://{host}{target}");
        assert_eq!(answer.is_ok().element("Location"), Some(expected));
    }
}
