//! What a completion refuses, and what it sees to.

use std::sync::Arc;

use tokio::sync::Notify;

use super::support::{Bench, MIB, Sent, plaintext};
use crate::support::{Request, store::Fault};

#[tokio::test]
async fn parts_that_make_no_object_are_refused_as_s3_does() {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(&[(1, 5 * MIB), (2, 100), (3, 100)]).await;
    let changed = |change: &dyn Fn(&mut Vec<Sent>)| {
        let mut sent = sent.clone();
        change(&mut sent);
        sent
    };
    for (parts, code) in [
        (changed(&|sent| sent.clear()), "MalformedXML"),
        (changed(&|sent| sent.swap(0, 1)), "InvalidPartOrder"),
        (changed(&|sent| sent[1].number = 1), "InvalidPartOrder"),
        (changed(&|sent| sent[2].number = 4), "InvalidPart"),
        (changed(&|sent| sent[2].etag = sent[1].etag.clone()), "InvalidPart"),
        (changed(&|_| {}), "EntityTooSmall"),
    ] {
        upload.complete(&parts).await.is_refused_with(400, code);
    }
    let answer = upload.complete(&sent).await;
    assert_eq!(answer.element("ProposedSize").as_deref(), Some("100"));
    assert_eq!(answer.element("MinSizeAllowed").as_deref(), Some("5242880"));
    assert_eq!(answer.element("PartNumber").as_deref(), Some("2"));
    assert_eq!(bench.store.parts().len(), 3, "nothing was added");
    // It can be mended, as there.
    let sent = [sent[0].clone(), sent[1].clone()];
    upload.complete(&sent).await.is_ok();
    bench.reads_as(&sent).await;
}

#[tokio::test]
async fn a_part_of_which_the_tag_is_not_the_newest_is_missing() {
    let bench = Bench::start().await;
    let upload = bench.create().await;
    let old = upload.put(1, plaintext(100, 1)).await;
    let new = upload.put(1, plaintext(100, 1)).await;
    upload.complete(&[old]).await.is_refused_with(400, "InvalidPart");
    upload.complete(&[new]).await.is_ok();
}

#[tokio::test]
async fn the_promised_size_is_that_of_the_plaintext() {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(&[(1, 100)]).await;
    let promising = |size: &str| upload.completion(&sent).header("x-amz-mp-object-size", size);
    for wrong in ["164", "99", "-1", "x"] {
        bench.gate.send(promising(wrong)).await.is_refused_with(400, "InvalidRequest");
    }
    bench.gate.send(promising("100")).await.is_ok();
}

/// Clients name the checksums of parts, which are verified when each part comes.
#[tokio::test]
async fn checksums_of_the_plaintext_stay_here() {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(&[(1, 100)]).await;
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag>\
         <ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></CompleteMultipartUpload>",
        sent[0].etag
    );
    let request = Request::post(&upload.target(), document)
        .header("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")
        .header("x-amz-checksum-type", "FULL_OBJECT");
    let answer = bench.gate.send(request).await;
    assert!(!answer.is_ok().text().contains("Checksum"));
    bench.reads_as(&sent).await;
}

#[tokio::test]
async fn conditions_are_those_of_the_object_that_comes_to_be() {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(&[(1, 100)]).await;
    bench.gate.send(Request::put("/bucket/key", "there")).await.is_ok();
    let etag = bench.get(None).await.header("etag").unwrap().to_owned();
    let request = upload.completion(&sent).header("if-none-match", "*");
    assert_eq!(bench.gate.send(request).await.status, 412);
    let request = upload.completion(&sent).header("if-match", "\"another\"");
    assert_eq!(bench.gate.send(request).await.status, 412);
    let request = upload.completion(&sent).header("if-match", &etag);
    bench.gate.send(request).await.is_ok();
    bench.reads_as(&sent).await;
}

#[tokio::test]
async fn all_pages_of_a_list_are_read() {
    let bench = Bench::start().await;
    bench.store.lists_parts_by(1);
    let (upload, sent) = bench.upload(&[(1, 5 * MIB), (2, 5 * MIB), (3, 5 * MIB)]).await;
    upload.complete(&sent).await.is_ok();
    bench.reads_as(&sent).await;
}

#[tokio::test]
async fn no_number_is_left_for_a_footer() {
    let bench = Bench::start().await;
    let (upload, mut sent) = bench.upload(&[(9999, 5 * MIB), (10_000, 10)]).await;
    sent.pop();
    let answer = upload.complete(&sent).await;
    answer.is_refused_with(400, "InvalidRequest");
    assert!(answer.text().contains("part number"), "{}", answer.text());
}

/// Whoever lists the parts finds a footer among them that an attempt before has added.
#[tokio::test]
async fn a_footer_that_is_listed_is_no_part() {
    for sizes in [[(1, 5 * MIB), (2, 5 * MIB)], [(1, 5 * MIB + 1), (2, 5 * MIB + 9)]] {
        let bench = Bench::start().await;
        let (upload, sent) = bench.upload(&sizes).await;
        // The footer is added, and then nothing is completed.
        bench.store.fails_after(2, Fault::Refuses);
        assert_eq!(upload.complete(&sent).await.status, 500);
        assert_eq!(bench.store.parts().len(), 3);
        let list = bench.gate.send(Request::get(&upload.target())).await.text();
        let mut listed = list.split("<Part>").skip(1).map(|part| {
            let text = |name: &str| {
                let (_, rest) = part.split_once(&format!("<{name}>")).unwrap();
                rest.split_once('<').unwrap().0.replace("&quot;", "\"")
            };
            let number = text("PartNumber").parse().unwrap();
            Sent { number, etag: text("ETag"), plain: Vec::new() }
        });
        let listed: Vec<Sent> = listed.by_ref().collect();
        assert_eq!(listed.len(), 3);
        upload.complete(&listed).await.is_ok();
        bench.reads_as(&sent).await;
    }
}

/// In a list nobody can tell a part of 5 MiB from one that is 32 bytes shorter and has a footer.
#[tokio::test]
async fn parts_in_doubt_are_looked_at() {
    for sizes in [
        [(1, 5 * MIB), (2, 5 * MIB - 32)],
        [(1, 5 * MIB), (2, 5 * MIB)],
        [(1, 5 * MIB + 3), (2, 5 * MIB - 32)],
        // S3 would refuse it, but for that it has to know the size.
        [(1, 5 * MIB - 32), (2, 10)],
        [(1, 5 * MIB - 32), (2, 5 * MIB - 32)],
    ] {
        let bench = Bench::start().await;
        let (upload, mut sent) = bench.upload(&sizes).await;
        for part in &mut sent {
            part.etag = part.etag.replace("-f\"", "-d\"").replace("-1\"", "-d\"");
        }
        upload.complete(&sent).await.is_ok();
        bench.reads_as(&sent).await;
        assert_eq!(bench.store.uploads(), 0);
    }
}

#[tokio::test]
async fn a_rule_says_what_becomes_of_irregular_parts() {
    let irregular = [(1, 5 * MIB + 7), (2, 6 * MIB), (3, 10)];
    let bench = Bench::with("irregular = \"refuse\"").await;
    let (upload, sent) = bench.upload(&irregular).await;
    upload.complete(&sent).await.is_refused_with(400, "InvalidRequest");
    assert!(bench.store.object("/bucket/key").is_none());
    // They are readable where they are accepted, by way of each part's first header.
    let bench = Bench::with("irregular = \"accept\"").await;
    let (upload, sent) = bench.upload(&irregular).await;
    upload.complete(&sent).await.is_ok();
    bench.reads_as(&sent).await;
    assert!(bench.store.object("/bucket/key").unwrap().etag.ends_with("-3\""));
    // Odd parts can have the size of even ones, with another plaintext.
    let (upload, sent) = bench.upload(&[(1, 5 * MIB + 1), (2, 10)]).await;
    upload.complete(&sent).await.is_ok();
    bench.reads_as(&sent).await;
    for unreadable in [
        vec![(1, 5 * MIB + 7), (3, 10)],
        vec![(2, 6 * MIB), (3, 10)],
        vec![(1, 7 * MIB), (2, 5 * MIB), (3, 10)],
    ] {
        let (upload, sent) = bench.upload(&unreadable).await;
        upload.complete(&sent).await.is_refused_with(400, "InvalidRequest");
    }
    // A table can be added behind a large last part.
    let (upload, sent) = bench.upload(&[(1, 5 * MIB + 7), (3, 5 * MIB)]).await;
    upload.complete(&sent).await.is_ok();
    bench.reads_as(&sent).await;
}

#[tokio::test]
async fn nothing_is_put_together_anew_in_a_bucket_of_versions() {
    let bench = Bench::start().await;
    bench.store.is_versioned();
    let (upload, sent) = bench.upload(&[(1, 5 * MIB + 7), (2, 10)]).await;
    let answer = upload.complete(&sent).await;
    answer.is_refused_with(400, "InvalidRequest");
    assert!(answer.text().contains("versions"), "{}", answer.text());
    let (upload, sent) = bench.upload(&[(1, 5 * MIB), (2, 10)]).await;
    let answer = upload.complete(&sent).await;
    assert!(answer.is_ok().header("x-amz-version-id").is_some());
}

/// What an object is described by is that of the upload, and who may do what with it, too.
#[tokio::test]
async fn an_object_that_is_put_together_anew_is_described_as_before() {
    let bench = Bench::start().await;
    let request = Request::post("/bucket/key?uploads", "")
        .header("content-type", "text/plain")
        .header("x-amz-meta-mine", "kept")
        .header("x-amz-acl", "public-read");
    let upload = super::support::Upload::create(&bench.gate, request).await;
    let sent =
        [upload.put(1, plaintext(5 * MIB + 7, 1)).await, upload.put(2, plaintext(10, 2)).await];
    upload.complete(&sent).await.is_ok();
    let stored = bench.store.object("/bucket/key").unwrap();
    assert!(stored.etag.ends_with("-2\""));
    for (name, value) in
        [("content-type", "text/plain"), ("x-amz-meta-mine", "kept"), ("x-amz-acl", "public-read")]
    {
        let found = stored.headers.iter().find(|(known, _)| known == name);
        assert_eq!(found.map(|(_, value)| value.as_str()), Some(value), "{name}");
    }
    bench.reads_as(&sent).await;
}

/// As S3 does: what takes long begins to be answered, and goes on with blanks.
#[tokio::test]
async fn an_answer_that_takes_long_begins_before_its_end_is_known() {
    for (fault, expected) in [
        (None, "<CompleteMultipartUploadResult"),
        (Some(Fault::Refuses), "<Message>the backend's</Message>"),
        (Some(Fault::HangsUp), "<Code>ServiceUnavailable</Code>"),
    ] {
        let bench = Bench::start().await;
        let (upload, sent) = bench.upload(&[(1, 100)]).await;
        let released = Arc::new(Notify::new());
        bench.store.waits_after(1, &released);
        if let Some(fault) = fault {
            bench.store.fails_after(1, fault);
        }
        let mut connection = bench.gate.plain().connect().await.unwrap();
        connection.begin(&upload.completion(&sent)).await;
        let begun = connection.read_until("?>").await;
        assert!(begun.starts_with("HTTP/1.1 200 OK\r\n"), "{begun}");
        assert!(begun.contains("x-amz-server-side-encryption: AES256"), "{begun}");
        released.notify_one();
        let ended = connection.read_until("0\r\n\r\n").await;
        assert!(ended.contains(expected) && !ended.contains("<?xml"), "{ended}");
        let lines = bench.gate.audit().await;
        let failed = lines.iter().filter(|line| line["decision"] == "failed").count();
        assert_eq!(failed, usize::from(matches!(fault, Some(Fault::HangsUp))));
    }
}

/// A client that leaves does not leave half of it behind.
#[tokio::test]
async fn a_completion_goes_on_when_its_client_leaves() {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(&[(1, 5 * MIB + 7), (2, 10)]).await;
    let released = Arc::new(Notify::new());
    bench.store.waits_after(0, &released);
    let mut connection = bench.gate.plain().connect().await.unwrap();
    connection.begin(&upload.completion(&sent)).await;
    connection.read_until("?>").await;
    drop(connection);
    let mut upstream = bench.upstream;
    while upstream.next().await.method != "POST" {}
    released.notify_one();
    loop {
        let seen = upstream.next().await;
        if seen.method == "POST"
            && !seen.target.contains("uploads")
            && seen.header("if-match").is_some()
        {
            break;
        }
    }
    assert!(bench.store.object("/bucket/key").is_some());
}
