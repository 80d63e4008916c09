//! Multipart uploads.

use super::{Reply, Server};

const MIN: usize = 5 << 20;

struct Upload<'a> {
    server: &'a Server,
    target: String,
    id: String,
}

impl<'a> Upload<'a> {
    async fn begin(server: &'a Server, headers: &[(&str, &str)]) -> Self {
        let reply = server.send("POST", "/bucket/k?uploads", headers, "").await.expect(200);
        let id = reply.element("UploadId").expect("an id");
        Self { server, target: format!("/bucket/k?uploadId={id}"), id }
    }

    /// Gives back the part's entity tag.
    async fn part(&self, number: u16, body: Vec<u8>) -> String {
        let target = format!("{}&partNumber={number}", self.target);
        let reply = self.server.put(&target, body).await.expect(200);
        reply.header("etag").expect("a tag").to_owned()
    }

    async fn complete(&self, parts: &[(u16, &str)]) -> Reply {
        self.complete_if(parts, &[]).await
    }

    async fn complete_if(&self, parts: &[(u16, &str)], headers: &[(&str, &str)]) -> Reply {
        let parts = parts.iter().map(|(number, etag)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        });
        let parts = parts.collect::<String>();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        self.server.send("POST", &self.target, headers, body).await
    }
}

#[tokio::test]
async fn parts_make_an_object_whatever_gaps_their_numbers_have() {
    let server = Server::start().await;
    let headers = [("x-amz-meta-a", "1"), ("x-amz-server-side-encryption", "AES256")];
    let upload = Upload::begin(&server, &headers).await;
    let last = upload.part(900, b"end".to_vec()).await;
    let first = upload.part(3, vec![b'a'; MIN]).await;
    upload.part(7, b"unused".to_vec()).await;
    let reply = upload.complete(&[(3, &first), (900, &last)]).await.expect(200);
    assert_eq!(reply.header("x-amz-server-side-encryption"), Some("AES256"));
    assert!(reply.element("ETag").is_some_and(|etag| etag.contains("-2")));

    let object = server.get("/bucket/k").await.expect(200);
    assert_eq!(object.body.len(), MIN + 3);
    assert!(object.body.ends_with(b"aend"));
    assert_eq!(object.header("x-amz-meta-a"), Some("1"));
    assert_eq!(server.contents(), 2);
    upload.complete(&[(3, &first)]).await.refused(404, "NoSuchUpload");
}

#[tokio::test]
async fn a_part_of_an_object_can_be_asked_for() {
    let server = Server::start().await;
    let upload = Upload::begin(&server, &[]).await;
    let first = upload.part(1, vec![b'a'; MIN]).await;
    let last = upload.part(2, b"end".to_vec()).await;
    upload.complete(&[(1, &first), (2, &last)]).await.expect(200);

    let part = server.get("/bucket/k?partNumber=2").await.expect(206);
    assert_eq!(part.text(), "end");
    assert_eq!(part.header("x-amz-mp-parts-count"), Some("2"));
    assert_eq!(part.header("content-range"), Some("bytes 5242880-5242882/5242883"));
    server.get("/bucket/k?partNumber=3").await.refused(416, "InvalidPartNumber");
    let across = [("range", "bytes=5242878-5242880")];
    let across = server.send("GET", "/bucket/k", &across, "").await.expect(206);
    assert_eq!(across.text(), "aae");
    let asked = [("x-amz-object-attributes", "ObjectParts")];
    let told = server.send("GET", "/bucket/k?attributes", &asked, "").await.expect(200);
    assert_eq!(told.elements("Size"), ["5242880", "3"]);
}

#[tokio::test]
async fn what_does_not_make_an_object_is_refused() {
    let server = Server::start().await;
    let upload = Upload::begin(&server, &[]).await;
    let small = upload.part(1, b"small".to_vec()).await;
    let end = upload.part(2, b"end".to_vec()).await;
    let cases: [(&[(u16, &str)], &str); 5] = [
        (&[(2, &end), (1, &small)], "InvalidPartOrder"),
        (&[(1, &end)], "InvalidPart"),
        (&[(4, &end)], "InvalidPart"),
        (&[(1, &small), (2, &end)], "EntityTooSmall"),
        (&[], "MalformedXML"),
    ];
    for (parts, code) in cases {
        upload.complete(parts).await.refused(400, code);
    }
    let size = [("x-amz-mp-object-size", "7")];
    upload.complete_if(&[(1, &small)], &size).await.refused(400, "InvalidRequest");
    upload.complete(&[(1, &small)]).await.expect(200);
    assert_eq!(server.get("/bucket/k").await.text(), "small");
}

#[tokio::test]
async fn a_completion_heeds_its_condition() {
    let server = Server::start().await;
    let upload = Upload::begin(&server, &[]).await;
    let part = upload.part(1, b"new".to_vec()).await;
    server.put("/bucket/k", "old").await.expect(200);
    let absent = [("if-none-match", "*")];
    upload.complete_if(&[(1, &part)], &absent).await.refused(412, "PreconditionFailed");
    assert_eq!(server.get("/bucket/k").await.text(), "old");
    upload.complete(&[(1, &part)]).await.expect(200);
    assert_eq!(server.get("/bucket/k").await.text(), "new");
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let server = Server::start().await;
    let upload = Upload::begin(&server, &[]).await;
    upload.part(1, vec![0; 100]).await;
    upload.part(1, vec![1; 100]).await;
    assert_eq!(server.contents(), 1);
    server.delete(&upload.target).await.expect(204);
    assert_eq!(server.contents(), 0);
    server.delete(&upload.target).await.refused(404, "NoSuchUpload");
    server.get(&upload.target).await.refused(404, "NoSuchUpload");
    let part = format!("{}&partNumber=1", upload.target);
    server.put(&part, "x").await.refused(404, "NoSuchUpload");
    assert!(server.get("/bucket?uploads").await.elements("UploadId").is_empty());
}

#[tokio::test]
async fn parts_are_listed_by_number_in_pages() {
    let server = Server::start().await;
    let upload = Upload::begin(&server, &[]).await;
    for number in [10, 2, 7] {
        upload.part(number, vec![0; usize::from(number)]).await;
    }
    let whole = server.get(&upload.target).await.expect(200);
    assert_eq!(whole.elements("PartNumber"), ["2", "7", "10"]);
    assert_eq!(whole.elements("Size"), ["2", "7", "10"]);
    assert_eq!(whole.elements("ETag").len(), 3);
    let page = server.get(&format!("{}&max-parts=2", upload.target)).await.expect(200);
    assert_eq!(page.element("IsTruncated").as_deref(), Some("true"));
    assert_eq!(page.element("NextPartNumberMarker").as_deref(), Some("7"));
    let rest = format!("{}&part-number-marker=7", upload.target);
    assert_eq!(server.get(&rest).await.expect(200).elements("PartNumber"), ["10"]);
}

#[tokio::test]
async fn a_part_can_be_a_copy() {
    let server = Server::start().await;
    server.put("/bucket/source", "0123456789").await.expect(200);
    let upload = Upload::begin(&server, &[]).await;
    let target = format!("{}&partNumber=1", upload.target);
    let copy = async |range| {
        let headers = [("x-amz-copy-source", "bucket/source"), ("x-amz-copy-source-range", range)];
        server.send("PUT", &target, &headers, "").await
    };
    copy("bytes=2-").await.refused(400, "InvalidArgument");
    copy("bytes=2-10").await.refused(416, "InvalidRange");
    let etag = copy("bytes=2-4").await.expect(200).element("ETag").expect("a tag");
    upload.complete(&[(1, &etag)]).await.expect(200);
    assert_eq!(server.get("/bucket/k").await.text(), "234");
}

#[tokio::test]
async fn uploads_are_listed_by_key_and_age_in_pages() {
    let server = Server::start().await;
    let first = Upload::begin(&server, &[]).await;
    server.post("/bucket/a/b?uploads", "").await.expect(200);
    let page = server.get("/bucket?uploads&max-uploads=1&delimiter=/").await.expect(200);
    assert_eq!(page.elements("UploadId"), Vec::<String>::new());
    assert_eq!(page.element("NextKeyMarker").as_deref(), Some("a/"));
    let rest = server.get("/bucket?uploads&key-marker=a/&delimiter=/").await.expect(200);
    assert_eq!(rest.elements("UploadId"), [first.id.as_str()]);
    let after = format!("/bucket?uploads&key-marker=k&upload-id-marker={}", first.id);
    assert!(server.get(&after).await.expect(200).elements("UploadId").is_empty());
}
