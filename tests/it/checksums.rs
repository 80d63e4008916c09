//! Checksums that clients send: verified here, taken away, and confirmed to who sent them.

use crate::support::{Gate, Reply, Request, Upstream};

/// Of "123456789", as SDKs write them.
const VALUES: [(&str, &str); 10] = [
    ("crc32", "y/Q5Jg=="),
    ("crc32c", "4waSgw=="),
    ("crc64nvme", "rosUhgp5mIg="),
    ("md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
    ("sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
    ("sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
    (
        "sha512",
        "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ==",
    ),
    ("xxhash128", "MxGUd+3l3NXpcWQnaB1YYA=="),
    ("xxhash3", "ctyxi2ehff8="),
    ("xxhash64", "jLhB20DmroM="),
];

fn in_header(target: &str, body: &str, algorithm: &str, value: &str) -> Request {
    Request::put(target, body).header(&format!("x-amz-checksum-{algorithm}"), value)
}

fn in_trailer(body: &str, algorithm: &str, value: &str) -> Request {
    let wire = format!("9\r\n{body}\r\n0\r\nx-amz-checksum-{algorithm}:{value}\r\n\r\n");
    Request::put("/bucket/key", wire)
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", "9")
        .header("x-amz-trailer", &format!("x-amz-checksum-{algorithm}"))
        .payload_mode("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
}

#[tokio::test]
async fn each_is_verified_taken_away_and_confirmed() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    for (algorithm, value) in VALUES {
        let name = format!("x-amz-checksum-{algorithm}");
        for request in [
            in_header("/bucket/key", "123456789", algorithm, value),
            in_trailer("123456789", algorithm, value),
        ] {
            let answer = gate.send(request).await;
            answer.is_ok();
            assert_eq!(answer.header(&name), Some(value), "{name}");
            assert_eq!(answer.header("x-amz-checksum-type"), Some("FULL_OBJECT"), "{name}");
            let seen = upstream.next().await;
            assert_eq!((seen.body.as_slice(), seen.header(&name)), (&b"123456789"[..], None));
        }
    }
}

#[tokio::test]
async fn one_that_does_not_fit_completes_nothing() {
    for (algorithm, value) in VALUES {
        let mut upstream = Upstream::start().await;
        let gate = Gate::before(&upstream).await;
        for request in [
            in_header("/bucket/key", "123456780", algorithm, value),
            in_trailer("123456780", algorithm, value),
        ] {
            let answer = gate.send(request).await;
            answer.is_refused_with(400, "BadDigest");
            assert_eq!(answer.header(&format!("x-amz-checksum-{algorithm}")), None);
            let told = format!("The {} you specified did not", algorithm.to_uppercase());
            assert!(answer.text().contains(&told), "{}", answer.text());
        }
        // A request whose only bytes are held back may never be sent.
        for _ in 0..upstream.requests() {
            assert!(!upstream.next().await.is_complete);
        }
    }
}

#[tokio::test]
async fn a_part_has_no_type() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let created = "<InitiateMultipartUploadResult><UploadId>u</UploadId>\
                   </InitiateMultipartUploadResult>";
    upstream.replies(Reply::ok().body(created));
    let upload_id = gate.send(Request::post("/bucket/key?uploads", "")).await.element("UploadId");
    let target = format!("/bucket/key?partNumber=1&uploadId={}", upload_id.unwrap());
    let answer = gate.send(in_header(&target, "123456789", "crc32", "y/Q5Jg==")).await;
    assert_eq!(answer.is_ok().header("x-amz-checksum-crc32"), Some("y/Q5Jg=="));
    assert_eq!(answer.header("x-amz-checksum-type"), None);
}

#[tokio::test]
async fn what_the_backend_says_of_its_own_stays() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    upstream.replies(Reply::ok().header("x-amz-checksum-crc64nvme", "rosUhgp5mIg="));
    let answer = gate.send(in_header("/bucket/key", "123456789", "crc32", "y/Q5Jg==")).await;
    assert_eq!(answer.is_ok().header("x-amz-checksum-crc64nvme"), Some("rosUhgp5mIg="));
    assert_eq!(answer.header("x-amz-checksum-crc32"), None);
    upstream.replies(Reply::status("500 Internal Server Error"));
    let answer = gate.send(in_header("/bucket/key", "123456789", "crc32", "y/Q5Jg==")).await;
    assert_eq!((answer.status, answer.header("x-amz-checksum-crc32")), (500, None));
}
