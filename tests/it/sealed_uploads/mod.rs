//! Multipart uploads that are sealed, against a backend that keeps what it gets: any sizes, any order, by
//! way of any replica, and read again as a whole, by ranges and by parts.

mod balanced;
mod broken;
mod completion;
mod hostile;
mod support;

use self::support::{Bench, MIB, Sent, plaintext, whole};
use crate::support::{Gate, Request};

/// Parts of these numbers and sizes are one object afterwards.
async fn round_trip(sizes: &[(u16, usize)]) -> Bench {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(sizes).await;
    upload.complete(&sent).await.is_ok();
    bench.reads_as(&sent).await;
    assert_eq!(bench.store.uploads(), 0, "an upload was left behind");
    bench
}

fn tag(bench: &Bench) -> String {
    bench.store.object("/bucket/key").unwrap().etag
}

#[tokio::test]
async fn regular_parts() {
    let bench = round_trip(&[(1, 5 * MIB), (2, 5 * MIB), (3, 1000)]).await;
    // The last part has its own footer, so that nothing has to be added.
    assert!(tag(&bench).ends_with("-3\""));
    let bench = round_trip(&[(1, 6 * MIB), (2, 6 * MIB), (3, 6 * MIB)]).await;
    assert!(tag(&bench).ends_with("-4\""));
}

#[tokio::test]
async fn odd_parts() {
    let bench = round_trip(&[(1, 6_000_001), (2, 6_000_001), (3, 6_000_001)]).await;
    assert!(tag(&bench).ends_with("-4\""));
    round_trip(&[(1, 5 * MIB + 7), (2, 7 * MIB), (3, 5 * MIB)]).await;
}

/// Behind a small last part no table can be added: the object is put together anew on the backend.
#[tokio::test]
async fn odd_parts_of_which_the_last_is_small() {
    let bench = round_trip(&[(1, 5 * MIB + 7), (2, 6 * MIB), (3, 10)]).await;
    assert!(tag(&bench).ends_with("-2\""), "copied as one piece, and the ending");
    round_trip(&[(1, 5 * MIB + 7), (2, 0)]).await;
}

#[tokio::test]
async fn gaps_in_the_numbers() {
    round_trip(&[(2, 5 * MIB), (5, 5 * MIB), (900, 5 * MIB + 1)]).await;
    round_trip(&[(2, 5 * MIB), (5, 5 * MIB), (9, 10)]).await;
    round_trip(&[(7, 10)]).await;
    round_trip(&[(7, 0)]).await;
}

#[tokio::test]
async fn the_last_number_there_is() {
    round_trip(&[(9999, 5 * MIB), (10_000, 5 * MIB)]).await;
    round_trip(&[(10_000, 6 * MIB)]).await;
}

#[tokio::test]
async fn one_part_only() {
    for bytes in [0, 1, 70_000, 5 * MIB - 32, 5 * MIB, 5 * MIB + 1] {
        round_trip(&[(1, bytes)]).await;
    }
}

#[tokio::test]
async fn the_sizes_around_the_minimum() {
    for bytes in [0, 5 * MIB - 33, 5 * MIB - 32, 5 * MIB - 31, 5 * MIB, 5 * MIB + 1] {
        round_trip(&[(1, 5 * MIB), (2, bytes)]).await;
    }
}

#[tokio::test]
async fn parts_come_in_any_order_and_again_with_other_bytes() {
    let bench = Bench::start().await;
    let upload = bench.create().await;
    let last = upload.put(3, plaintext(10, 3)).await;
    upload.put(1, plaintext(6 * MIB, 77)).await;
    let second = upload.put(2, plaintext(5 * MIB, 2)).await;
    // Another size than before, too.
    let first = upload.put(1, plaintext(5 * MIB, 1)).await;
    let sent = [first, second, last];
    upload.complete(&sent).await.is_ok();
    bench.reads_as(&sent).await;
}

/// The same plaintext sent twice is sealed under another salt.
#[tokio::test]
async fn no_attempt_of_a_part_is_sealed_as_another() {
    let bench = Bench::start().await;
    let upload = bench.create().await;
    let first = upload.put(1, plaintext(100, 1)).await;
    let again = upload.put(1, plaintext(100, 1)).await;
    assert_ne!(first.etag, again.etag);
}

#[tokio::test]
async fn parts_that_are_not_listed_are_left_out() {
    let bench = Bench::start().await;
    let (upload, mut sent) = bench.upload(&[(1, 5 * MIB), (2, 5 * MIB), (3, 5 * MIB)]).await;
    sent.pop();
    // The footer goes where nothing is.
    upload.complete(&sent).await.is_ok();
    bench.reads_as(&sent).await;
}

/// What is shared is the configuration and the keyring.
#[tokio::test]
async fn any_replica_goes_on_with_an_upload() {
    let bench = Bench::start().await;
    let upload = bench.create().await;
    let first = upload.put(1, plaintext(5 * MIB, 1)).await;
    let replica = bench.replica().await;
    let second = upload.at(&replica).put(2, plaintext(5 * MIB, 2)).await;
    replica.stop().await;
    let replica = bench.replica().await;
    let third = upload.at(&replica).put(3, plaintext(6_000_001, 3)).await;
    let sent = [first, second, third];
    upload.at(&replica).complete(&sent).await.is_ok();
    bench.reads_as(&sent).await;
}

#[tokio::test]
async fn an_upload_tells_what_its_object_will() {
    let bench = Bench::start().await;
    let request = Request::post("/bucket/key?uploads", "").header("x-amz-meta-mine", "kept");
    let answer = bench.gate.send(request).await;
    let sse = "x-amz-server-side-encryption";
    assert_eq!(answer.is_ok().header(sse), Some("AES256"));
    let id = answer.element("UploadId").unwrap();
    let part = format!("/bucket/key?partNumber=1&uploadId={id}");
    let answer = bench.gate.send(Request::put(&part, plaintext(100, 1))).await;
    assert_eq!(answer.is_ok().header(sse), Some("AES256"));
    let (etag, plain) = (answer.header("etag").unwrap().to_owned(), plaintext(100, 1));
    let sent = [Sent { number: 1, etag, plain }];
    let upload = support::Upload { gate: &bench.gate, id };
    let answer = upload.complete(&sent).await;
    assert_eq!(answer.is_ok().header(sse), Some("AES256"));
    assert_eq!(answer.element("Bucket").as_deref(), Some("bucket"));
    assert_eq!(answer.element("Key").as_deref(), Some("key"));
    assert!(answer.element("Location").unwrap().ends_with("/bucket/key"));
    let read = bench.get(None).await;
    assert_eq!(read.is_ok().header("x-amz-meta-mine"), Some("kept"));
    assert_eq!(read.header("x-amz-meta-pcl-c"), None);
    let told = answer.element("ETag").unwrap().replace("&quot;", "\"");
    assert_eq!(read.header("etag"), Some(told.as_str()));
}

#[tokio::test]
async fn a_list_of_parts_is_about_the_plaintext() {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(&[(1, 5 * MIB), (3, 70_000)]).await;
    let answer = bench.gate.send(Request::get(&upload.target())).await;
    let text = answer.is_ok().text();
    for size in [5 * MIB, 70_000] {
        assert!(text.contains(&format!("<Size>{size}</Size>")), "{text}");
    }
    assert!(text.contains(&sent[1].etag.replace('"', "&quot;")), "{text}");
    assert_eq!(answer.element("UploadId"), Some(upload.id.clone()));
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(&[(1, 10)]).await;
    assert_eq!(bench.gate.send(Request::new("DELETE", &upload.target())).await.status, 204);
    assert_eq!(bench.store.uploads(), 0);
    upload.complete(&sent).await.is_refused_with(404, "NoSuchUpload");
}

/// Ids from a list of uploads carry no keys.
#[tokio::test]
async fn an_id_of_the_backends_own_lists_and_aborts_only() {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(&[(1, 10)]).await;
    let (id, _) = upload.id.rsplit_once(".pcl1.").unwrap();
    let bare = support::Upload { gate: &bench.gate, id: id.to_owned() };
    let refused = bench.gate.send(bare.part(2, plaintext(10, 2))).await;
    refused.is_refused_with(404, "NoSuchUpload");
    bare.complete(&sent).await.is_refused_with(404, "NoSuchUpload");
    bench.gate.send(Request::get(&bare.target())).await.is_ok();
    assert_eq!(bench.gate.send(Request::new("DELETE", &bare.target())).await.status, 204);
}

#[tokio::test]
async fn an_id_is_good_for_its_object_alone() {
    let bench = Bench::start().await;
    let (upload, _) = bench.upload(&[]).await;
    let other = format!("/bucket/other?partNumber=1&uploadId={}", upload.id);
    let refused = bench.gate.send(Request::put(&other, "part")).await;
    refused.is_refused_with(404, "NoSuchUpload");
    // That of one upload under the token of another.
    let second = bench.create().await;
    let (_, token) = second.id.rsplit_once(".pcl1.").unwrap();
    let (id, _) = upload.id.rsplit_once(".pcl1.").unwrap();
    let spliced = support::Upload { gate: &bench.gate, id: format!("{id}.pcl1.{token}") };
    let refused = bench.gate.send(spliced.part(1, plaintext(10, 1))).await;
    refused.is_refused_with(404, "NoSuchUpload");
}

/// Plaintext never follows sealed parts, nor the other way round.
#[tokio::test]
async fn an_upload_ends_when_its_rule_does() {
    let bench = Bench::start().await;
    let (sealed, _) = bench.upload(&[]).await;
    let plain = Gate::builder().start(&bench.upstream).await;
    let unsealed = support::Upload::create(&plain, Request::post("/bucket/key?uploads", "")).await;
    bench.store.log();
    for (id, gate) in [(&sealed.id, &plain), (&unsealed.id, &bench.gate)] {
        let upload = support::Upload { gate, id: id.clone() };
        let refused = gate.send(upload.part(1, plaintext(10, 1))).await;
        refused.is_refused_with(404, "NoSuchUpload");
        assert!(refused.text().contains("anew"), "{}", refused.text());
        let sent = [Sent { number: 1, etag: "\"e\"".to_owned(), plain: Vec::new() }];
        upload.complete(&sent).await.is_refused_with(404, "NoSuchUpload");
    }
    assert_eq!(bench.store.log(), [""; 0], "nothing reached the backend");
}

#[tokio::test]
async fn a_key_of_the_clients_is_needed_for_each_part() {
    let builder = Gate::builder().keyring().rule("treatment = \"seal\"").plain_listener();
    let bench = Bench::of(builder.tls_listener()).await;
    let mine = |request: Request| with_key(request, MY_KEY, MY_MD5);
    let tls = bench.gate.tls();
    let answer = tls.send(&mine(Request::post("/bucket/key?uploads", ""))).await;
    let md5 = "x-amz-server-side-encryption-customer-key-md5";
    assert_eq!(answer.is_ok().header(md5), Some(MY_MD5));
    let id = answer.element("UploadId").unwrap();
    let upload = support::Upload { gate: &bench.gate, id };
    let part = || upload.part(1, plaintext(100, 1));
    tls.send(&part()).await.is_refused_with(400, "InvalidRequest");
    let other = with_key(part(), OTHER_KEY, OTHER_MD5);
    tls.send(&other).await.is_refused_with(400, "InvalidRequest");
    let answer = tls.send(&mine(part())).await;
    assert_eq!(answer.is_ok().header(md5), Some(MY_MD5));
    let etag = answer.header("etag").unwrap().to_owned();
    let sent = [Sent { number: 1, etag, plain: plaintext(100, 1) }];
    // The footer, and whether the id holds, take the key, too.
    tls.send(&upload.completion(&sent)).await.is_refused_with(400, "InvalidRequest");
    tls.send(&mine(upload.completion(&sent))).await.is_ok();
    let answer = tls.send(&mine(Request::get("/bucket/key"))).await;
    assert_eq!(answer.is_ok().body, whole(&sent));
    let stored = bench.store.object("/bucket/key").unwrap();
    assert!(stored.headers.iter().all(|(_, value)| value != MY_KEY));
}

fn with_key(request: Request, key: &str, md5: &str) -> Request {
    let prefix = "x-amz-server-side-encryption-customer";
    request
        .header(&format!("{prefix}-algorithm"), "AES256")
        .header(&format!("{prefix}-key"), key)
        .header(&format!("{prefix}-key-md5"), md5)
}

const MY_KEY: &str = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";
const MY_MD5: &str = "dnF5x6K/8ZZRzpfSlMMM+w==";
const OTHER_KEY: &str = "MjIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";
const OTHER_MD5: &str = "HWpMMPIT+ulT94mLAiyh5g==";

/// What a gate has learned of an object's parts spares it requests as long as the object is there.
#[tokio::test]
async fn a_range_is_one_request_once_the_parts_are_known() {
    for sizes in [[(1, 5 * MIB), (2, 100_000)], [(1, 5 * MIB + 1), (2, 5 * MIB)]] {
        let bench = round_trip(&sizes).await;
        let plain = |first: usize, last: usize| {
            let all: Vec<u8> =
                sizes.iter().flat_map(|(it, bytes)| plaintext(*bytes, *it)).collect();
            all[first..=last].to_vec()
        };
        bench.store.log();
        let (first, last) = (5 * MIB - 10, 5 * MIB + 90_000);
        let answer = bench.get(Some(&format!("bytes={first}-{last}"))).await;
        assert!(answer.status == 206 && answer.body == plain(first, last));
        let part = bench.gate.send(Request::get("/bucket/key?partNumber=2")).await;
        assert_eq!((part.status, part.body.len()), (206, sizes[1].1));
        assert_eq!(bench.store.log().len(), 2);
        // Outside is outside.
        let answer = bench.get(Some("bytes=99999999-")).await;
        answer.is_refused_with(416, "InvalidRange");
    }
}

#[tokio::test]
async fn what_was_learned_of_an_object_is_not_taken_for_its_successors() {
    let bench = round_trip(&[(1, 5 * MIB + 1), (2, 6 * MIB)]).await;
    let replica = bench.replica().await;
    for (successor, first, last) in [
        (vec![(1, 6 * MIB), (2, 5 * MIB + 1)], 6 * MIB - 10, 6 * MIB + 10),
        (vec![(1, 11 * MIB)], 70_000, 5 * MIB),
    ] {
        // The gate that knows the old one does not see the new one come to be.
        let upload = support::Upload::create(&replica, Request::post("/bucket/key?uploads", ""));
        let upload = upload.await;
        let mut sent = Vec::new();
        for (number, bytes) in successor {
            sent.push(upload.put(number, plaintext(bytes, number)).await);
        }
        upload.complete(&sent).await.is_ok();
        let answer = bench.get(Some(&format!("bytes={first}-{last}"))).await;
        assert_eq!((answer.status, answer.is_cut), (206, false), "{}", answer.text());
        assert!(answer.body == whole(&sent)[first..=last]);
        let part = bench.gate.send(Request::get("/bucket/key?partNumber=1")).await;
        assert!(part.status == 206 && part.body == sent[0].plain);
    }
    replica.send(Request::put("/bucket/key", "small")).await.is_ok();
    // The range that was guessed lies outside: the client comes again, and is told right.
    let answer = bench.get(Some("bytes=6000000-")).await;
    answer.is_refused_with(503, "ServiceUnavailable");
    bench.get(Some("bytes=6000000-")).await.is_refused_with(416, "InvalidRange");
    assert_eq!(bench.get(Some("bytes=1-2")).await.text(), "ma");
}
