//! What stays when a backend ends, and what does not.

use std::fs;

use super::Server;
use crate::{
    embedded::{Backend, StartError},
    secret::Secret,
};

#[tokio::test]
async fn objects_and_uploads_outlive_the_backend() {
    let server = Server::start().await;
    let said = [("x-amz-meta-a", "1"), ("x-amz-tagging", "t=1")];
    let put = server.send("PUT", "/bucket/k", &said, "body").await.expect(200);
    let upload = server.post("/bucket/m?uploads", "").await.element("UploadId").expect("an id");
    let part = format!("/bucket/m?uploadId={upload}&partNumber=4");
    let part = server.put(&part, "part").await.expect(200);

    let server = server.restart().await;
    let object = server.get("/bucket/k").await.expect(200);
    assert_eq!(object.text(), "body");
    assert_eq!(object.header("x-amz-meta-a"), Some("1"));
    assert_eq!(object.header("x-amz-tagging-count"), Some("1"));
    assert_eq!(object.header("etag"), put.header("etag"));
    let etag = part.header("etag").expect("a tag");
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>4</PartNumber><ETag>{etag}</ETag></Part>\
         </CompleteMultipartUpload>"
    );
    server.post(&format!("/bucket/m?uploadId={upload}"), list).await.expect(200);
    assert_eq!(server.get("/bucket/m").await.text(), "part");
}

#[tokio::test]
async fn what_a_crash_left_is_swept() {
    let server = Server::start().await;
    server.put("/bucket/whole", "whole").await.expect(200);
    server.put("/bucket/torn", "torn").await.expect(200);
    let bucket = server.directory.path().join("buckets/bucket");
    for entry in fs::read_dir(bucket.join("contents")).expect("contents") {
        let path = entry.expect("a file").path();
        if fs::read(&path).expect("bytes") == b"torn" {
            fs::write(&path, "to").expect("written");
        }
    }
    fs::write(bucket.join("contents/abandoned"), "x").expect("written");
    fs::write(bucket.join("objects/half.new"), "{").expect("written");
    fs::write(bucket.join("uploads/orphan.3"), "{").expect("written");
    fs::create_dir_all(bucket.join("../unmade/contents")).expect("made");

    let server = server.restart().await;
    assert_eq!(server.get("/bucket/whole").await.expect(200).text(), "whole");
    server.get("/bucket/torn").await.refused(404, "NoSuchKey");
    assert_eq!(server.contents(), 1);
    assert!(!bucket.join("uploads/orphan.3").exists());
    assert!(!bucket.join("objects/half.new").exists());
    assert!(!bucket.join("../unmade").exists());
}

#[tokio::test]
async fn an_upload_that_was_completed_is_not_there_again() {
    let server = Server::start().await;
    let upload = server.post("/bucket/k?uploads", "").await.element("UploadId").expect("an id");
    let part = format!("/bucket/k?uploadId={upload}&partNumber=1");
    let part = server.put(&part, "part").await.expect(200);
    let uploads = server.directory.path().join("buckets/bucket/uploads");
    let names = [upload.clone(), format!("{upload}.1")];
    let before = names.clone().map(|name| fs::read(uploads.join(name)).expect("a record"));
    let etag = part.header("etag").expect("a tag");
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>\
         </CompleteMultipartUpload>"
    );
    server.post(&format!("/bucket/k?uploadId={upload}"), list).await.expect(200);
    // As if the process had died after the object appeared and before the upload went.
    for (name, record) in names.iter().zip(before) {
        fs::write(uploads.join(name), record).expect("written");
    }
    let server = server.restart().await;
    server.delete(&format!("/bucket/k?uploadId={upload}")).await.refused(404, "NoSuchUpload");
    assert_eq!(server.get("/bucket/k").await.expect(200).text(), "part");
}

#[tokio::test]
async fn a_folder_has_one_backend_on_loopback() {
    let server = Server::start().await;
    let secret = Secret::new("secret");
    let loopback = "127.0.0.1:0".parse().expect("an address");
    let second = Backend::start(server.directory.path(), loopback, "id", &secret, "r").await;
    assert!(matches!(second, Err(StartError::Directory { .. })), "{second:?}");
    let public = "0.0.0.0:0".parse().expect("an address");
    let public = Backend::start(server.directory.path(), public, "id", &secret, "r").await;
    assert!(matches!(public, Err(StartError::NotLoopback(_))), "{public:?}");
}
