//! The policies that AWS's guides and blog posts, and `config/policies/`, demand encryption with, in
//! both readings: the request as it was sent, and as it would leave once a rule has added what it lacks.

use serde_json::{Value, json};

use crate::support::{Gate, Reply, Request, Upstream, form::Form};

type Headers = &'static [(&'static str, &'static str)];

const SSE: &str = "x-amz-server-side-encryption";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const SSE_C: &str = "x-amz-server-side-encryption-customer-algorithm";
const KEY_ID: &str = "arn:aws:kms:eu-central-1:111122223333:key/k";

const NOTHING: Headers = &[];
const S3: Headers = &[(SSE, "AES256")];
const KMS: Headers = &[(SSE, "aws:kms")];
const KMS_WITH_KEY: Headers = &[(SSE, "aws:kms"), (KMS_KEY, KEY_ID)];
const KMS_WITH_OTHER_KEY: Headers = &[(SSE, "aws:kms"), (KMS_KEY, "alias/other")];
const CUSTOMER: Headers = &[
    (SSE_C, "AES256"),
    ("x-amz-server-side-encryption-customer-key", "a2V5"),
    ("x-amz-server-side-encryption-customer-key-md5", "bWQ1"),
];
const ALL: [Headers; 6] = [NOTHING, S3, KMS, KMS_WITH_KEY, KMS_WITH_OTHER_KEY, CUSTOMER];

/// What a rule adds to a write with nothing, and the rule.
fn injections() -> [(Headers, String); 3] {
    let inject = |sse: &str| format!("treatment = \"inject\"\nsse = \"{sse}\"\n");
    [
        (S3, inject("AES256")),
        (KMS_WITH_KEY, inject("aws:kms") + &format!("kms_key_id = \"{KEY_ID}\"")),
        (CUSTOMER, inject("SSE-C") + "customer_key = \"file:token.secret\""),
    ]
}

/// Each document by its origin, and what passes of [`ALL`].
fn documents() -> Vec<(&'static str, Value, Vec<Headers>)> {
    let shipped = |text: &str| serde_json::from_str(text).unwrap();
    let key = |name: &str| format!("s3:{name}");
    let (sse, kms_key, sse_c) = (key(SSE), key(KMS_KEY), key(SSE_C));
    let with_kms = vec![KMS, KMS_WITH_KEY, KMS_WITH_OTHER_KEY];
    let blog = |algorithm: &str| {
        deny(&[
            json!({ "StringNotEquals": { &*sse: algorithm } }),
            json!({ "Null": { &*sse: "true" } }),
        ])
    };
    vec![
        (
            "require-sse.json",
            shipped(include_str!("../../config/policies/require-sse.json")),
            vec![S3],
        ),
        (
            "require-sse-kms.json",
            shipped(include_str!("../../config/policies/require-sse-kms.json")),
            with_kms.clone(),
        ),
        ("blog: SSE-S3", blog("AES256"), vec![S3]),
        ("blog: SSE-KMS", blog("aws:kms"), with_kms.clone()),
        (
            "a negated operator alone",
            deny(&[json!({ "StringNotEquals": { &*sse: "AES256" } })]),
            vec![S3],
        ),
        (
            "presence alone",
            deny(&[json!({ "Null": { &*sse: "true" } })]),
            vec![S3, KMS, KMS_WITH_KEY, KMS_WITH_OTHER_KEY],
        ),
        (
            "guide: SSE-KMS by its key's presence",
            deny(&[json!({ "Null": { &*kms_key: "true" } })]),
            vec![KMS_WITH_KEY, KMS_WITH_OTHER_KEY],
        ),
        (
            "guide: one key",
            deny(&[json!({ "ArnNotEqualsIfExists": { &*kms_key: KEY_ID } })]),
            vec![KMS_WITH_KEY],
        ),
        (
            "the bucket's default encryption, or AES256",
            deny(&[json!({
                "StringNotEquals": { &*sse: "AES256" }, "Null": { &*sse: "false" }
            })]),
            vec![NOTHING, S3, CUSTOMER],
        ),
        ("guide: SSE-C", deny(&[json!({ "Null": { &*sse_c: "true" } })]), vec![CUSTOMER]),
        (
            "guide: no SSE-C",
            deny(&[json!({ "Null": { &*sse_c: "false" } })]),
            vec![NOTHING, S3, KMS, KMS_WITH_KEY, KMS_WITH_OTHER_KEY],
        ),
    ]
}

fn deny(conditions: &[Value]) -> Value {
    let deny = |condition: &Value| {
        json!({
            "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::bucket/*", "Condition": condition
        })
    };
    let statements: Vec<Value> = conditions.iter().map(deny).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn with(request: Request, sent: Headers) -> Request {
    sent.iter().fold(request, |request, (name, value)| request.header(name, value))
}

fn writes(sent: Headers) -> [Request; 4] {
    let copy = Request::put("/bucket/key", "").header("x-amz-copy-source", "/other/source");
    let form =
        sent.iter().fold(Form::new("key", "x"), |form, (name, value)| form.field(name, value));
    [
        with(Request::put("/bucket/key", "body"), sent),
        with(copy, sent),
        with(Request::post("/bucket/key?uploads", ""), sent),
        form.post(),
    ]
}

/// Those of [`writes`]: the third creates an upload.
fn replies() -> [Reply; 4] {
    [Reply::ok(), Reply::ok(), Reply::ok().body(CREATED), Reply::ok()]
}

const CREATED: &str =
    "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
const COMPLETED: &str = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>\
                         </CompleteMultipartUpload>";

/// What is sent, and whether it passes.
struct Case<'a> {
    sent: Headers,
    passes: bool,
    /// The key that an upload began with comes with each part, unless a rule adds it.
    parts_bring: Headers,
    told: &'a str,
}

/// Sends every write, and what goes on with an upload that was let through.
async fn check(gate: &Gate, upstream: &Upstream, case: Case<'_>) {
    let Case { sent, passes, parts_bring, told } = case;
    for (write, reply) in writes(sent).into_iter().zip(replies()) {
        if passes {
            upstream.replies(reply);
        }
        let before = upstream.requests();
        let answer = gate.send(write).await;
        let expected: &[u16] = if passes { &[200, 204] } else { &[403] };
        assert!(expected.contains(&answer.status), "{told} with {sent:?}: {}", answer.text());
        assert_eq!(upstream.requests() > before, passes, "{told}");
        let Some(id) = answer.element("UploadId") else { continue };
        let part = Request::put(&format!("/bucket/key?partNumber=1&uploadId={id}"), "part");
        gate.send(with(part, parts_bring)).await.is_ok();
        let complete = Request::post(&format!("/bucket/key?uploadId={id}"), COMPLETED);
        gate.send(with(complete, parts_bring)).await.is_ok();
    }
}

#[tokio::test]
async fn a_write_is_judged_as_it_was_sent() {
    for (origin, document, passing) in documents() {
        let upstream = Upstream::start().await;
        let gate = Gate::builder().policy(&document).start(&upstream).await;
        for sent in ALL {
            let parts_bring = if sent == CUSTOMER { sent } else { NOTHING };
            let case = Case { sent, passes: passing.contains(&sent), parts_bring, told: origin };
            check(&gate, &upstream, case).await;
        }
    }
}

#[tokio::test]
async fn a_write_that_a_rule_mends_is_judged_as_it_would_leave() {
    for (origin, document, passing) in documents() {
        for (added, rule) in injections() {
            let upstream = Upstream::start().await;
            let gate = Gate::builder().policy(&document).rule(&rule).start(&upstream).await;
            let told = format!("{origin}, {rule}");
            // What the client says itself is judged as it says it.
            for (sent, judged) in
                [(NOTHING, added), (S3, S3), (KMS_WITH_OTHER_KEY, KMS_WITH_OTHER_KEY)]
            {
                let passes = passing.contains(&judged);
                let case = Case { sent, passes, parts_bring: NOTHING, told: &told };
                check(&gate, &upstream, case).await;
            }
        }
    }
}
