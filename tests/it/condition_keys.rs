//! Every condition key that the gate knows, by what a policy sees of it in a real request.

use std::{collections::BTreeSet, time::Duration};

use portcullis::policy::KNOWN_KEYS;
use serde_json::{Value, json};

use crate::support::{Gate, Reply, Request, Upstream, client::ACCESS_KEY_ID};

/// A request, and what is true of it.
struct Row {
    request: Request,
    is_tls: bool,
    operator: &'static str,
    key: &'static str,
    value: String,
}

fn row(key: &'static str, value: &str, request: Request) -> Row {
    Row { request, is_tls: false, operator: "StringEquals", key, value: value.to_owned() }
}

impl Row {
    fn by(self, operator: &'static str) -> Self {
        Self { operator, ..self }
    }

    fn over_tls(self) -> Self {
        Self { is_tls: true, ..self }
    }

    /// A policy that denies everything of which this is true.
    fn denying(&self) -> Value {
        json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": ["arn:aws:s3:::*", "arn:aws:s3:::*/*"],
            "Condition": { self.operator: { self.key: self.value } }
        }]})
    }
}

fn get() -> Request {
    Request::get("/bucket/key")
}

fn put() -> Request {
    Request::put("/bucket/key", "body")
}

fn list(query: &str) -> Request {
    Request::get(&format!("/bucket?list-type=2{query}"))
}

fn document(operation: &str, document: &str) -> Request {
    Request::put(&format!("/bucket/key?{operation}"), document)
}

fn connection() -> Vec<Row> {
    vec![
        row("aws:SecureTransport", "false", get()).by("Bool"),
        row("aws:SecureTransport", "true", get()).by("Bool").over_tls(),
        row("s3:TlsVersion", "1.3", get()).by("NumericEquals").over_tls(),
        row("aws:SourceIp", "127.0.0.1/32", get()).by("IpAddress"),
        row("aws:CurrentTime", "2024-01-01T00:00:00Z", get()).by("DateGreaterThan"),
        row("aws:EpochTime", "1704067200", get()).by("NumericGreaterThan"),
        row("aws:RequestedRegion", "eu-central-1", get()),
        row("aws:ViaAWSService", "false", get()).by("Bool"),
    ]
}

fn caller() -> Vec<Row> {
    vec![
        row("aws:PrincipalAccount", "123456789012", get()),
        row("aws:PrincipalArn", "arn:aws:iam::123456789012:user/alice", get()).by("ArnEquals"),
        row("aws:PrincipalType", "User", get()),
        row("aws:PrincipalIsAWSService", "false", get()).by("Bool"),
        row("aws:userid", ACCESS_KEY_ID, get()),
        row("aws:username", "alice", get()),
        row("s3:authType", "REST-HEADER", get()),
        row("s3:authType", "REST-QUERY-STRING", get().presigned(Duration::from_mins(1))),
        row("s3:signatureversion", "AWS4-HMAC-SHA256", get()),
        row("s3:signatureAge", "0", get().presigned(Duration::from_mins(1)))
            .by("NumericGreaterThanEquals"),
    ]
}

fn headers() -> Vec<Row> {
    let sent = |key, header: &str, value: &str| row(key, value, put().header(header, value));
    let kms = "x-amz-server-side-encryption-aws-kms-key-id";
    let customer = "x-amz-server-side-encryption-customer-algorithm";
    let create = Request::put("/bucket", "").header("x-amz-object-ownership", "ObjectWriter");
    let copy =
        Request::put("/bucket/key", "").header("x-amz-copy-source", "/source/a%20b?versionId=v");
    let sha256 = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"body"));
    vec![
        sent("aws:Referer", "referer", "https://example.com/"),
        sent("aws:UserAgent", "user-agent", "tests/1"),
        sent("s3:if-match", "if-match", "\"e\""),
        sent("s3:if-none-match", "if-none-match", "*"),
        sent("s3:x-amz-acl", "x-amz-acl", "private"),
        sent("s3:x-amz-grant-full-control", "x-amz-grant-full-control", "id=1"),
        sent("s3:x-amz-grant-read", "x-amz-grant-read", "id=1"),
        sent("s3:x-amz-grant-read-acp", "x-amz-grant-read-acp", "id=1"),
        sent("s3:x-amz-grant-write", "x-amz-grant-write", "id=1"),
        sent("s3:x-amz-grant-write-acp", "x-amz-grant-write-acp", "id=1"),
        sent("s3:x-amz-storage-class", "x-amz-storage-class", "GLACIER"),
        sent("s3:x-amz-website-redirect-location", "x-amz-website-redirect-location", "/a"),
        sent("s3:x-amz-server-side-encryption", "x-amz-server-side-encryption", "AES256"),
        sent("s3:x-amz-server-side-encryption-aws-kms-key-id", kms, "k"),
        sent("s3:x-amz-server-side-encryption-customer-algorithm", customer, "AES256"),
        row("s3:x-amz-object-ownership", "ObjectWriter", create),
        row("s3:x-amz-content-sha256", &sha256, put()),
        row("s3:x-amz-copy-source", "source/a b", copy.clone()),
        row("s3:VersionId", "v", copy.clone()),
        row("s3:x-amz-metadata-directive", "COPY", copy.header("x-amz-metadata-directive", "COPY")),
        row("s3:ObjectCreationOperation", "true", put()).by("Bool"),
        row("s3:ObjectCreationOperation", "false", Request::post("/bucket/key?uploads", ""))
            .by("Bool"),
    ]
}

fn query() -> Vec<Row> {
    let annotations =
        Request::get("/bucket/key?annotation&annotation-prefix=a&max-annotation-results=5");
    vec![
        row("s3:prefix", "a/", list("&prefix=a%2F")),
        row("s3:prefix", "", list("&prefix=")),
        row("s3:delimiter", "/", list("&delimiter=/")),
        row("s3:max-keys", "1000", list("")).by("NumericEquals"),
        row("s3:max-keys", "7", list("&max-keys=7")).by("NumericEquals"),
        row("s3:VersionId", "v", Request::get("/bucket/key?versionId=v")),
        row("s3:annotation-prefix", "a", annotations.clone()),
        row("s3:max-annotation-results", "5", annotations).by("NumericEquals"),
        // What a presigned URL hoisted into its query is a header to the backend.
        row(
            "s3:x-amz-acl",
            "private",
            Request::put("/bucket/key?x-amz-acl=private", "").presigned(Duration::from_mins(1)),
        ),
    ]
}

fn tags() -> Vec<Row> {
    let tagged = put().header("x-amz-tagging", "team=a%20b&x=");
    let tagging = document(
        "tagging",
        "<Tagging><TagSet><Tag><Key>team</Key><Value>a b</Value></Tag></TagSet></Tagging>",
    );
    let bucket = Request::put(
        "/bucket",
        "<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint><Tags><Tag>\
         <Key>team</Key><Value>a</Value></Tag></Tags></CreateBucketConfiguration>",
    );
    let inventory = Request::put(
        "/bucket?inventory&id=i",
        "<InventoryConfiguration><OptionalFields><Field>Size</Field></OptionalFields>\
         </InventoryConfiguration>",
    );
    vec![
        row("s3:RequestObjectTag/team", "a b", tagged.clone()),
        row("s3:RequestObjectTagKeys", "x", tagged).by("ForAnyValue:StringEquals"),
        row("s3:RequestObjectTag/team", "a b", tagging.clone()),
        row("s3:RequestObjectTagKeys", "team", tagging).by("ForAnyValue:StringEquals"),
        row("aws:RequestTag/team", "a", bucket.clone()),
        row("aws:TagKeys", "team", bucket.clone()).by("ForAnyValue:StringEquals"),
        row("s3:locationconstraint", "eu-central-1", bucket),
        row("s3:InventoryAccessibleOptionalFields", "Size", inventory)
            .by("ForAnyValue:StringEquals"),
    ]
}

fn locks() -> Vec<Row> {
    let (mode, until) = ("x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date");
    let date = "2999-01-01T00:00:00Z";
    let locked = put()
        .header(mode, "GOVERNANCE")
        .header(until, date)
        .header("x-amz-object-lock-legal-hold", "ON");
    let retention = document(
        "retention",
        &format!(
            "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>{date}</RetainUntilDate></Retention>"
        ),
    );
    let hold = document("legal-hold", "<LegalHold><Status>OFF</Status></LegalHold>");
    let days = "s3:object-lock-remaining-retention-days";
    let encryption = document(
        "encryption",
        "<ObjectEncryption><SSE-KMS><KMSKeyArn>k</KMSKeyArn></SSE-KMS></ObjectEncryption>",
    );
    vec![
        row("s3:object-lock-mode", "GOVERNANCE", locked.clone()),
        row("s3:object-lock-retain-until-date", date, locked.clone()).by("DateEquals"),
        row("s3:object-lock-legal-hold", "ON", locked.clone()),
        row(days, "300000", locked).by("NumericGreaterThan"),
        row("s3:object-lock-mode", "COMPLIANCE", retention.clone()),
        row("s3:object-lock-retain-until-date", date, retention.clone()).by("DateEquals"),
        row(days, "300000", retention).by("NumericGreaterThan"),
        row("s3:object-lock-legal-hold", "OFF", hold),
        row("s3:x-amz-server-side-encryption", "aws:kms", encryption.clone()),
        row("s3:x-amz-server-side-encryption-aws-kms-key-id", "k", encryption),
    ]
}

fn rows() -> Vec<Row> {
    [connection(), caller(), headers(), query(), tags(), locks()].into_iter().flatten().collect()
}

async fn status(policy: &Value, row: &Row) -> u16 {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::ok().body(
        "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
    ));
    let gate = Gate::builder().plain_listener().tls_listener().policy(policy);
    let gate = gate.start(&upstream).await;
    let client = if row.is_tls { gate.tls() } else { gate.plain() };
    client.send(&row.request).await.status
}

/// A Deny on the key's value fires; one on its absence does not.
#[tokio::test]
async fn a_policy_sees_every_key_with_its_value() {
    for row in rows() {
        let denied = status(&row.denying(), &row).await;
        assert_eq!(denied, 403, "{} {} {:?}", row.operator, row.key, row.value);
        let mut other = row.denying();
        let value = other.pointer_mut("/Statement/0/Condition").unwrap();
        *value = json!({ "Null": { row.key: "true" } });
        assert_eq!(status(&other, &row).await, 200, "{} is absent", row.key);
    }
}

#[test]
fn no_known_key_lacks_a_row() {
    let rows = rows();
    let shown: BTreeSet<String> = rows
        .iter()
        .map(|row| match row.key.split_once('/') {
            Some((family, _)) => format!("{family}/"),
            None => row.key.to_owned(),
        })
        .collect();
    let known: BTreeSet<String> = KNOWN_KEYS.iter().map(|known| known.name.to_owned()).collect();
    assert_eq!(shown, known);
}

#[tokio::test]
async fn anonymous_callers_have_only_what_they_are_given() {
    let deny_unless = |condition: Value| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::*" },
            { "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::*",
              "Condition": condition },
        ]})
    };
    for (condition, expected) in [
        (json!({ "StringNotEquals": { "aws:PrincipalType": "Anonymous" } }), 200),
        (json!({ "StringNotEquals": { "aws:PrincipalAccount": "anonymous" } }), 200),
        (json!({ "StringNotEquals": { "aws:userid": "anonymous" } }), 200),
        (json!({ "Null": { "aws:PrincipalArn": "false" } }), 200),
        (json!({ "Null": { "aws:username": "false" } }), 200),
        (json!({ "Null": { "s3:authType": "false" } }), 200),
        (json!({ "Null": { "s3:signatureversion": "false" } }), 200),
        (json!({ "Null": { "s3:signatureAge": "false" } }), 200),
        (json!({ "Null": { "aws:PrincipalIsAWSService": "false" } }), 200),
        (json!({ "Null": { "aws:SecureTransport": "true" } }), 200),
        (json!({ "Bool": { "aws:SecureTransport": "false" } }), 403),
    ] {
        let upstream = Upstream::start().await;
        let gate = Gate::builder().policy(&deny_unless(condition.clone())).start(&upstream).await;
        let answer = gate.send(get().anonymous()).await;
        assert_eq!(answer.status, expected, "{condition}");
    }
}

#[tokio::test]
async fn a_date_that_policy_cannot_read_is_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let request = put().header("x-amz-object-lock-retain-until-date", "next Tuesday");
    gate.send(request).await.is_refused_with(400, "InvalidArgument");
    upstream.is_untouched();
}

#[tokio::test]
async fn a_document_that_policy_cannot_read_is_refused() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    for text in [
        "",
        "<Tagging/><Tagging/>",
        "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
        "<s:Tagging xmlns:s=\"x\"/>",
    ] {
        gate.send(document("tagging", text)).await.is_refused_with(400, "MalformedXML");
    }
    upstream.is_untouched();
}

/// Where its tags decide, a document is asked for; where they cannot, it is not.
#[tokio::test]
async fn a_document_that_changes_nothing_is_not_asked_for() {
    let policy = |effect: &str, resource: &str, condition: Value| {
        json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": effect, "Principal": "*", "Action": "s3:PutObjectTagging",
            "Resource": resource, "Condition": condition
        }]})
    };
    let all = "arn:aws:s3:::bucket/*";
    let team = json!({ "StringEquals": { "s3:RequestObjectTag/team": "a" } });
    let of_team = "arn:aws:s3:::bucket/${s3:RequestObjectTag/team}";
    let request = || {
        let tag = "<Tag><Key>team</Key><Value>key</Value></Tag>";
        document("tagging", &format!("<Tagging><TagSet>{tag}</TagSet></Tagging>"))
            .expecting_continue()
    };
    for (policy, is_anonymous, expected) in [
        (policy("Deny", all, json!({})), false, (403, false)),
        (policy("Deny", all, team.clone()), false, (200, true)),
        (policy("Deny", of_team, json!({})), false, (403, true)),
        (policy("Allow", "arn:aws:s3:::other/*", json!({})), true, (403, false)),
        (policy("Allow", all, team), true, (403, true)),
        (policy("Allow", of_team, json!({})), true, (200, true)),
    ] {
        let upstream = Upstream::start().await;
        let gate = Gate::builder().policy(&policy).start(&upstream).await;
        let request = if is_anonymous { request().anonymous() } else { request() };
        let answer = gate.send(request).await;
        assert_eq!((answer.status, answer.was_continued), expected, "{policy}");
    }
}

#[tokio::test]
async fn a_document_that_was_read_arrives_as_it_was() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    let text = "<Retention xmlns=\"x\">\n<Mode>GOVERNANCE</Mode></Retention>";
    gate.send(document("retention", text)).await.is_ok();
    assert_eq!(String::from_utf8_lossy(&upstream.next().await.body), text);
}

/// What the configuration says of a key is what policy sees, and reloads with it.
#[tokio::test]
async fn a_declared_key_is_seen() {
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::*",
        "Condition": { "StringNotEquals": { "aws:SourceVpce": "vpce-1" } }
    }]});
    for (declared, expected) in
        [("\"vpce-1\"", 200), ("\"vpce-2\"", 403), ("{ absent = true }", 403)]
    {
        let upstream = Upstream::start().await;
        let line = format!("policies.declare = {{ \"aws:SourceVpce\" = {declared} }}");
        let gate = Gate::builder().policy(&policy).with(&line).start(&upstream).await;
        assert_eq!(gate.send(get()).await.status, expected, "{declared}");
    }
}
