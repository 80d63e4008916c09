//! Parts that are copied, into uploads that are sealed and into those that are not.

use super::{Ground, SOURCE, plaintext, shown, store::Store};
use crate::support::{Request, client::Answer};

/// An upload that is under way.
struct Upload {
    path: &'static str,
    id: String,
    parts: Vec<(u16, String)>,
}

impl Upload {
    async fn begin(ground: &Ground, path: &'static str) -> Self {
        let answer = ground.gate.send(Request::post(&format!("{path}?uploads"), "")).await;
        Self { path, id: answer.is_ok().element("UploadId").unwrap(), parts: Vec::new() }
    }

    fn part(&self, number: u16, body: &[u8]) -> Request {
        Request::put(&format!("{}?partNumber={number}&uploadId={}", self.path, self.id), body)
    }

    fn copied(&self, number: u16, from: &str, range: Option<&str>) -> Request {
        let request = self.part(number, b"").header(SOURCE, from);
        match range {
            Some(range) => request.header("x-amz-copy-source-range", range),
            None => request,
        }
    }

    async fn copy(&mut self, ground: &Ground, number: u16, from: &str, range: Option<&str>) {
        let answer = ground.gate.send(self.copied(number, from, range)).await;
        assert!(answer.is_ok().text().contains("<CopyPartResult"), "{}", answer.text());
        self.parts.push((number, shown(&answer)));
    }

    async fn send(&mut self, ground: &Ground, number: u16, body: &[u8]) {
        let answer = ground.gate.send(self.part(number, body)).await;
        self.parts.push((number, answer.is_ok().header("etag").unwrap().to_owned()));
    }

    async fn complete(&self, ground: &Ground) -> Answer {
        let parts: String = self
            .parts
            .iter()
            .map(|(number, etag)| {
                format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
            })
            .collect();
        let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let request = Request::post(&format!("{}?uploadId={}", self.path, self.id), document);
        ground.gate.send(request).await
    }
}

#[tokio::test]
async fn parts_come_from_everywhere_and_go_everywhere() {
    let mut ground = Ground::new().await;
    let (first, second) = (plaintext(6 * MIB + 100), plaintext(5 * MIB + 3)[1..].to_vec());
    ground.write("sealed/first", &first).await;
    ground.write("other/first", &first).await;
    ground.write("open/first", &first).await;
    ground.write("vault/first", &first).await;
    ground.place("mixed/first", &first);
    ground.write("sealed/second", &second).await;
    ground.write("open/second", &second).await;
    for (to, from, then) in [
        ("/sealed/big", "sealed/first", "open/second"),
        ("/sealed/big", "open/first", "sealed/second"),
        ("/other/big", "vault/first", "sealed/second"),
        ("/other/big", "mixed/first", "open/second"),
        ("/open/big", "other/first", "open/second"),
        ("/open/big", "mixed/first", "sealed/second"),
        ("/audited/big", "sealed/first", "open/second"),
    ] {
        let mut upload = Upload::begin(&ground, to).await;
        // In any order, a range of which nothing ends where a record does.
        upload.copy(&ground, 2, then, None).await;
        upload.copy(&ground, 1, from, Some("bytes=70001-5312881")).await;
        upload.send(&ground, 3, b"the end").await;
        upload.copy(&ground, 3, from, Some("bytes=0-0")).await;
        upload.parts.retain(|(number, _)| *number != 3);
        upload.copy(&ground, 3, from, Some("bytes=6291500-6291555")).await;
        upload.parts.sort();
        upload.complete(&ground).await.is_ok();
        let expected =
            [&first[70_001..5_312_882], &second[..], &first[6_291_500..6_291_556]].concat();
        let name = to.trim_start_matches('/');
        ground.reads(name, &expected).await;
        let is_sealed = to.starts_with("/sealed") || to.starts_with("/other");
        assert_eq!(ground.is_sealed(name), is_sealed, "{to}");
        let stored = ground.stored(name).unwrap().body;
        let leaks = stored.windows(32).any(|window| window == &first[70_100..70_132]);
        assert_eq!(leaks, !is_sealed, "{to}");
    }
}

/// A multipart object is made of many parts of one source, as clients copy what is above 5 GiB: its end
/// is looked at no more than once.
#[tokio::test]
async fn a_multipart_object_is_copied_part_by_part() {
    let mut ground = Ground::new().await;
    let body = plaintext(5 * MIB);
    let mut upload = Upload::begin(&ground, "/sealed/source").await;
    for number in 1..=2 {
        upload.send(&ground, number, &body).await;
    }
    upload.send(&ground, 3, b"the end").await;
    upload.complete(&ground).await.is_ok();
    let whole = [&body[..], &body[..], b"the end"].concat();
    ground.reads("sealed/source", &whole).await;
    let mut copy = Upload::begin(&ground, "/other/copy").await;
    ground.upstream.taken();
    copy.copy(&ground, 1, "sealed/source", Some("bytes=0-7864319")).await;
    copy.copy(&ground, 2, "sealed/source", Some("bytes=7864320-10485766")).await;
    let methods: Vec<_> = ground.upstream.taken().iter().map(|seen| seen.method.clone()).collect();
    // Where it ends is remembered from the read before.
    assert_eq!(methods, ["HEAD", "GET", "PUT", "HEAD", "GET", "PUT"]);
    copy.complete(&ground).await.is_ok();
    ground.reads("other/copy", &whole).await;
}

#[tokio::test]
async fn ranges_and_conditions_are_held_to() {
    let mut ground = Ground::new().await;
    let body = plaintext(100_000);
    ground.write("sealed/source", &body).await;
    ground.write("open/source", &body).await;
    let tag = ground.stored("sealed/source").unwrap().etag();
    for (to, from) in [
        ("/sealed/big", "sealed/source"),
        ("/sealed/big", "open/source"),
        ("/open/big", "sealed/source"),
    ] {
        let upload = Upload::begin(&ground, to).await;
        let copied = |range| upload.copied(1, from, range);
        let answer = ground.gate.send(copied(Some("bytes=1-2"))).await;
        assert_eq!(answer.is_ok().header("content-type"), Some("application/xml"));
        assert!(answer.element("LastModified").is_some_and(|date| date.ends_with('Z')));
        for (request, status, code) in [
            (copied(Some("bytes=0-100000")), 400, "InvalidArgument"),
            (copied(Some("bytes=99999-100000")), 400, "InvalidArgument"),
            (copied(Some("bytes=5-")), 400, "InvalidArgument"),
            (copied(Some("bytes=-5")), 400, "InvalidArgument"),
            (
                copied(None).header("x-amz-copy-source-if-match", "\"other\""),
                412,
                "PreconditionFailed",
            ),
            (upload.copied(1, "sealed/absent", None), 404, "NoSuchKey"),
        ] {
            ground.gate.send(request).await.is_refused_with(status, code);
        }
        if from == "sealed/source" {
            let shown = format!("\"{}-1\"", tag.trim_matches('"'));
            let request =
                copied(Some("bytes=0-99999")).header("x-amz-copy-source-if-match", &shown);
            ground.gate.send(request).await.is_ok();
        }
    }
}

#[tokio::test]
async fn a_part_of_what_was_tampered_with_is_never_stored() {
    let mut ground = Ground::new().await;
    let body = plaintext(300_000);
    for to in ["/sealed/big", "/open/big"] {
        ground.write("sealed/source", &body).await;
        let upload = Upload::begin(&ground, to).await;
        let flip =
            |at: usize| move |store: &mut Store| store.find("sealed/source").unwrap().body[at] ^= 1;
        ground.backend.store(flip(200_000));
        let request = upload.copied(1, "sealed/source", Some("bytes=131072-262143"));
        let answer = ground.gate.send(request).await;
        answer.is_refused_with(500, "InternalError");
        assert!(answer.text().contains("`record`"), "{}", answer.text());
        // What is not asked for is not looked at.
        let request = upload.copied(2, "sealed/source", Some("bytes=0-65535"));
        ground.gate.send(request).await.is_ok();
        let list = Request::get(&format!("{to}?uploadId={}", upload.id));
        let list = ground.gate.send(list).await.text();
        let has = |number: u16| list.contains(&format!("<PartNumber>{number}</PartNumber>"));
        assert_eq!((has(1), has(2)), (false, true), "{list}");
    }
}

const MIB: usize = 1 << 20;
