//! Every treatment × every operation × whatever a client sends: what the backend receives, to the
//! header, and what the client gets.

use std::collections::BTreeMap;

use crate::support::{Gate, Reply, Request, Seen, Upstream, client::Answer, form::Form};

type Headers = &'static [(&'static str, &'static str)];

const SSE: &str = "x-amz-server-side-encryption";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const CONTEXT: &str = "x-amz-server-side-encryption-context";
const BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";
const ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";
const KEY: &str = "x-amz-server-side-encryption-customer-key";
const KEY_MD5: &str = "x-amz-server-side-encryption-customer-key-md5";

/// What clients send, by the column that it has in [`WRITES`].
const SENT: [Headers; 7] = [
    &[],
    &[(SSE, "AES256")],
    &[(SSE, "aws:kms")],
    &[(SSE, "aws:kms"), (KMS_KEY, "key-1")],
    &[(SSE, "aws:kms:dsse")],
    &[(ALGORITHM, "AES256"), (KEY, "a2V5"), (KEY_MD5, "bWQ1")],
    &[(SSE, "aes256")],
];

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It leaves as it was sent.
    Passes,
    /// 403, and the backend hears nothing.
    Refused,
    /// It leaves with the rule's headers.
    Mended,
}
use Fate::{Mended as M, Passes as P, Refused as R};

/// A treatment, what it adds, and what becomes of each of [`SENT`].
type Row = (&'static str, Headers, [Fate; SENT.len()]);

const WRITES: [Row; 13] = [
    //                                             none 256 kms +key dsse C nonsense
    ("treatment = \"off\"", &[], [P, P, P, P, P, P, P]),
    ("treatment = \"require\"", &[], [R, P, P, P, P, P, R]),
    ("treatment = \"require\"\naccept = [\"AES256\"]", &[], [R, P, R, R, R, R, R]),
    ("treatment = \"require\"\naccept = [\"SSE-C\"]", &[], [R, R, R, R, R, P, R]),
    (
        "treatment = \"require\"\naccept = [\"aws:kms\", \"aws:kms:dsse\"]\n\
         kms_key_ids = [\"key-1\"]",
        &[],
        [R, R, R, P, R, R, R],
    ),
    ("treatment = \"inject\"\nsse = \"AES256\"", &[(SSE, "AES256")], [M, P, P, P, P, P, P]),
    (INJECT_KMS, KMS_HEADERS, [M, P, P, P, P, P, P]),
    (
        "treatment = \"inject\"\nsse = \"aws:kms:dsse\"\nkms_key_id = \"key-1\"",
        &[(SSE, "aws:kms:dsse"), (KMS_KEY, "key-1")],
        [M, P, P, P, P, P, P],
    ),
    (
        "treatment = \"inject\"\nsse = \"AES256\"\noverride = true",
        &[(SSE, "AES256")],
        [M, M, M, M, M, M, M],
    ),
    (
        "treatment = \"inject\"\nsse = \"aws:kms\"\nkms_key_id = \"key-1\"\noverride = true",
        &[(SSE, "aws:kms"), (KMS_KEY, "key-1")],
        [M, M, M, M, M, M, M],
    ),
    (INJECT_KEY, KEY_HEADERS, [M, P, P, P, P, P, P]),
    // Audit mode refuses and adds nothing.
    ("treatment = \"require\"\nmode = \"audit\"", &[], [P, P, P, P, P, P, P]),
    (
        "treatment = \"inject\"\nsse = \"AES256\"\noverride = true\nmode = \"audit\"",
        &[],
        [P, P, P, P, P, P, P],
    ),
];

const INJECT_KMS: &str = "treatment = \"inject\"\nsse = \"aws:kms\"\nkms_key_id = \"key-1\"\n\
                          encryption_context = { path = \"${bucket}/${key}\" }\nbucket_key = true";
/// The context is base64 of `{"path":"bucket/key"}`.
const KMS_HEADERS: Headers = &[
    (SSE, "aws:kms"),
    (KMS_KEY, "key-1"),
    (CONTEXT, "eyJwYXRoIjoiYnVja2V0L2tleSJ9"),
    (BUCKET_KEY, "true"),
];
const INJECT_KEY: &str =
    "treatment = \"inject\"\nsse = \"SSE-C\"\ncustomer_key = \"file:token.secret\"";
/// `*`: whatever the object's key is.
const KEY_HEADERS: Headers = &[(ALGORITHM, "AES256"), (KEY, "*"), (KEY_MD5, "*")];

const CREATED: &str =
    "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";

/// The rule is over `bucket` alone: sources of copies lie elsewhere.
async fn gate(rule: &str, upstream: &Upstream) -> Gate {
    Gate::builder().rule(&format!("buckets = [\"bucket\"]\n{rule}")).start(upstream).await
}

/// Every operation that takes encryption headers, with these.
fn writes(sent: Headers) -> Vec<(&'static str, Request)> {
    let with = |request: Request| {
        sent.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    let form =
        sent.iter().fold(Form::new("key", "body"), |form, (name, value)| form.field(name, value));
    let copy = Request::put("/bucket/key", "").header("x-amz-copy-source", "/other/source");
    vec![
        ("PutObject", with(Request::put("/bucket/key", "body"))),
        ("CopyObject", with(copy)),
        ("CreateMultipartUpload", with(Request::post("/bucket/key?uploads", ""))),
        ("PostObject", form.post()),
    ]
}

/// The encryption headers of a request at the backend, those of copy sources among them.
fn encryption(seen: &Seen) -> BTreeMap<&str, &str> {
    let headers = seen.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    headers.filter(|(name, _)| name.contains("server-side-encryption")).collect()
}

#[track_caller]
fn agree(seen: &Seen, expected: Headers, case: &str) {
    let found = encryption(seen);
    assert_eq!(found.len(), expected.len(), "{case}: {found:?}");
    for (name, value) in expected {
        let found = found.get(name);
        assert!(found.is_some_and(|found| *value == "*" || found == value), "{case}: {name}");
    }
}

/// The backend's answer, with encryption headers that the client must see.
fn answer() -> Reply {
    let answer = Reply::ok().header(SSE, "aws:kms").header(KMS_KEY, "told");
    answer.header(BUCKET_KEY, "true").body(CREATED)
}

fn tells_what_the_backend_told(answer: &Answer, case: &str) {
    for (name, value) in [(SSE, "aws:kms"), (KMS_KEY, "told"), (BUCKET_KEY, "true")] {
        assert_eq!(answer.header(name), Some(value), "{case}");
    }
}

#[tokio::test]
async fn each_write_under_each_treatment() {
    for (rule, adds, fates) in WRITES {
        let mut upstream = Upstream::start().await;
        let gate = gate(rule, &upstream).await;
        for (sent, fate) in SENT.into_iter().zip(fates) {
            for (operation, write) in writes(sent) {
                let case = format!("{rule}\n{operation} with {sent:?}");
                let before = upstream.requests();
                if fate == Fate::Refused {
                    gate.send(write).await.is_refused_with(403, "AccessDenied");
                    assert_eq!(upstream.requests(), before, "{case}");
                    continue;
                }
                upstream.replies(answer());
                let answer = gate.send(write).await;
                assert!(matches!(answer.status, 200 | 204), "{case}: {}", answer.text());
                tells_what_the_backend_told(&answer, &case);
                let expected = if fate == Fate::Mended { adds } else { sent };
                agree(&upstream.next().await, expected, &case);
            }
        }
    }
}

/// Operations on which S3 refuses `x-amz-server-side-encryption`, and whether they take a key.
fn others() -> [(&'static str, Request, bool); 9] {
    let attributes = Request::get("/bucket/key?attributes");
    [
        ("GetObject", Request::get("/bucket/key"), true),
        ("GetObject of a range", Request::get("/bucket/key").header("range", "bytes=1-2"), true),
        ("HeadObject", Request::new("HEAD", "/bucket/key"), true),
        ("GetObjectAttributes", attributes.header("x-amz-object-attributes", "ETag"), true),
        ("DeleteObject", Request::new("DELETE", "/bucket/key"), false),
        ("GetObjectTagging", Request::get("/bucket/key?tagging"), false),
        (
            "PutObjectTagging",
            Request::put("/bucket/key?tagging", "<Tagging><TagSet/></Tagging>"),
            false,
        ),
        ("ListObjectsV2", Request::get("/bucket?list-type=2"), false),
        ("CreateBucket", Request::put("/bucket", ""), false),
    ]
}

#[tokio::test]
async fn what_stores_nothing_is_left_alone_but_for_the_key_to_read_with() {
    for (rule, adds, _) in WRITES {
        for (operation, request, takes_key) in others() {
            let mut upstream = Upstream::start().await;
            let gate = gate(rule, &upstream).await;
            upstream.replies(answer());
            let answer = gate.send(request).await;
            let case = format!("{rule}\n{operation}");
            tells_what_the_backend_told(answer.is_ok(), &case);
            let expected = if takes_key && adds == KEY_HEADERS { adds } else { &[] };
            agree(&upstream.next().await, expected, &case);
        }
    }
}

/// What goes on with an upload, and whether it comes with a body of its own.
fn continuations(id: &str) -> [(&'static str, Request); 5] {
    let target = |query: &str| format!("/bucket/key?{query}uploadId={id}");
    let part = Request::put(&target("partNumber=1&"), "part");
    let copied = Request::put(&target("partNumber=2&"), "");
    let document = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>\
                    </CompleteMultipartUpload>";
    [
        ("UploadPart", part),
        ("UploadPartCopy", copied.header("x-amz-copy-source", "/other/source")),
        ("CompleteMultipartUpload", Request::post(&target(""), document)),
        ("ListParts", Request::get(&target(""))),
        ("AbortMultipartUpload", Request::new("DELETE", &target(""))),
    ]
}

#[tokio::test]
async fn what_goes_on_with_an_upload_inherits_how_it_began() {
    for (rule, adds, fates) in WRITES {
        for (sent, fate) in SENT.into_iter().zip(fates).filter(|(_, fate)| *fate != R) {
            let mut upstream = Upstream::start().await;
            let gate = gate(rule, &upstream).await;
            upstream.replies(Reply::ok().body(CREATED));
            let create = sent
                .iter()
                .fold(Request::post("/bucket/key?uploads", ""), |create, (name, value)| {
                    create.header(name, value)
                });
            let created = gate.send(create).await;
            let id = created.is_ok().element("UploadId").unwrap();
            upstream.next().await;
            for (operation, request) in continuations(&id) {
                let case = format!("{rule}\n{operation} after {sent:?}");
                upstream.replies(
                    Reply::ok().body("<ListPartsResult><UploadId>u</UploadId></ListPartsResult>"),
                );
                let answer = gate.send(request).await;
                assert_eq!(answer.status, 200, "{case}: {}", answer.text());
                let takes_key = !matches!(operation, "ListParts" | "AbortMultipartUpload");
                let has_key = fate == Fate::Mended && adds == KEY_HEADERS;
                let expected = if takes_key && has_key { adds } else { &[] };
                agree(&upstream.next().await, expected, &case);
            }
        }
    }
}
