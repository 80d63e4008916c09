//! Every action of every operation, row by row of `tests/vectors/policy/operations.json`: a policy that
//! denies that action alone refuses the request, and one that denies all others does not.

use serde_json::{Value, json};

use crate::support::{Gate, Reply, Request, Upstream};

const TABLE: &str = include_str!("../vectors/policy/operations.json");
const CREATED: &str = "<InitiateMultipartUploadResult><UploadId>id</UploadId>\
                       </InitiateMultipartUploadResult>";

/// What a condition for an action asks of the request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When<'t> {
    Always,
    Versioned(bool),
    SourceVersioned(bool),
    Header(&'t str),
    BucketTags,
    /// Told by no request's head: the tags of a copy's source, each key of a deletion, a form.
    Elsewhere,
}

impl<'t> When<'t> {
    fn parse(text: &'t str) -> Self {
        match text {
            "always" => Self::Always,
            "query:versionId" => Self::Versioned(true),
            "!query:versionId" => Self::Versioned(false),
            "copy-source-query:versionId" => Self::SourceVersioned(true),
            "!copy-source-query:versionId" => Self::SourceVersioned(false),
            "body:CreateBucketConfiguration.Tags" => Self::BucketTags,
            _ => match text.split_once(':') {
                Some(("header", name)) => Self::Header(name.trim_end_matches("=true")),
                Some(("header-any", names)) => Self::Header(names.split(',').next().unwrap()),
                _ => Self::Elsewhere,
            },
        }
    }
}

/// A request that needs the action under this condition.
fn request(row: &Value, when: When<'_>, upload_id: &str) -> Request {
    let method = match row["method"].as_str().unwrap() {
        "DELETE" => "DELETE",
        "GET" => "GET",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "POST" => "POST",
        "PUT" => "PUT",
        other => panic!("{other}"),
    };
    let mut target = match row["level"].as_str().unwrap() {
        "service" => "/".to_owned(),
        "bucket" => "/bucket".to_owned(),
        _ => "/bucket/key".to_owned(),
    };
    let mut parameters: Vec<String> = row["query"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| match (name.as_str(), value.as_str()) {
            (_, Some(value)) => format!("{name}={value}"),
            ("uploadId", None) => format!("{name}={upload_id}"),
            ("partNumber" | "id" | "annotationName", None) => format!("{name}=1"),
            (_, None) => name.clone(),
        })
        .collect();
    if when == When::Versioned(true) {
        parameters.push("versionId=v".to_owned());
    }
    if !parameters.is_empty() {
        target = format!("{target}?{}", parameters.join("&"));
    }
    let request =
        Request::new(method, &target).body(body(row["operation"].as_str().unwrap(), when));
    let request = if method == "OPTIONS" {
        request
            .header("origin", "https://example.com")
            .header("access-control-request-method", "GET")
    } else if let When::Header(name) = when {
        request.header(name, value(name))
    } else {
        request
    };
    if row["headers"].as_array().unwrap().iter().any(|name| name == "x-amz-copy-source") {
        let version = if when == When::SourceVersioned(true) { "?versionId=v" } else { "" };
        return request.header("x-amz-copy-source", &format!("source/key{version}"));
    }
    request
}

fn value(header: &str) -> &'static str {
    match header {
        "x-amz-object-lock-mode" => "GOVERNANCE",
        "x-amz-object-lock-legal-hold" => "ON",
        "x-amz-tagging" => "a=b",
        "x-amz-object-ownership" => "ObjectWriter",
        "x-amz-acl" => "private",
        _ => "true",
    }
}

/// Documents that are read before they are judged must be documents.
fn body(operation: &str, when: When<'_>) -> &'static str {
    match operation {
        "CompleteMultipartUpload" => {
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"e\"</ETag></Part>\
             </CompleteMultipartUpload>"
        }
        "CreateBucket" if when == When::BucketTags => {
            "<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>\
             </CreateBucketConfiguration>"
        }
        "PutBucketInventoryConfiguration" => "<InventoryConfiguration/>",
        "PutObjectLegalHold" => "<LegalHold/>",
        "PutObjectRetention" => "<Retention/>",
        "PutObjectTagging" => "<Tagging/>",
        "UpdateObjectEncryption" => "<ObjectEncryption/>",
        _ => "",
    }
}

/// Whether an action of the row is needed by the request that was made for another of its actions.
fn is_needed(when: When<'_>, request_is_for: When<'_>) -> bool {
    when == When::Always
        || when == request_is_for
        || (when == When::Versioned(false) && request_is_for != When::Versioned(true))
        || (when == When::SourceVersioned(false) && request_is_for != When::SourceVersioned(true))
}

async fn upload_id() -> String {
    let upstream = Upstream::start().await;
    upstream.replies(Reply::ok().body(CREATED));
    let gate = Gate::before(&upstream).await;
    let answer = gate.send(Request::post("/bucket/key?uploads", "")).await;
    answer.is_ok().element("UploadId").unwrap()
}

fn denying(kind: &str, actions: &[&str]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", kind: actions, "Resource": "arn:aws:s3:::*"
    }]})
}

/// Whether the request reaches the backend, and the status.
async fn reaches(policy: &Value, request: &Request) -> (bool, u16) {
    let upstream = Upstream::start().await;
    let gate = Gate::builder().policy(policy).start(&upstream).await;
    let status = gate.send(request.clone()).await.status;
    (upstream.requests() > 0, status)
}

#[tokio::test]
async fn every_action_of_every_operation_is_asked_for() {
    let upload_id = upload_id().await;
    let table: Vec<Value> = serde_json::from_str(TABLE).unwrap();
    let mut asked = 0;
    // What stands in bodies, keys and forms, has tests of its own.
    let in_body = [json!("DeleteObjects"), json!("PostObject")];
    for row in table.iter().filter(|row| !in_body.contains(&row["operation"])) {
        let actions: Vec<(&str, When<'_>)> = row["actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|action| {
                let when = When::parse(action["when"].as_str().unwrap());
                (action["action"].as_str().unwrap(), when)
            })
            .filter(|(action, when)| *when != When::Elsewhere && action.starts_with("s3:"))
            .collect();
        for (action, when) in &actions {
            let name = format!("{} {action}", row["operation"]);
            let request = request(row, *when, &upload_id);
            let refused = reaches(&denying("Action", &[action]), &request).await;
            assert_eq!(refused, (false, 403), "{name}");
            let mut needed: Vec<&str> = actions
                .iter()
                .filter(|(_, other)| is_needed(*other, *when))
                .map(|(action, _)| *action)
                .collect();
            // What a reader may learn of absence is another question.
            needed.push("s3:ListBucket");
            let (passes, status) = reaches(&denying("NotAction", &needed), &request).await;
            assert!(passes, "{name}: {status}, though only others are denied");
            asked += 1;
        }
    }
    assert!(asked > 130, "{asked}");
}

#[tokio::test]
async fn a_preflight_needs_no_action() {
    let table: Vec<Value> = serde_json::from_str(TABLE).unwrap();
    let row = table.iter().find(|row| row["operation"] == "OptionsPreflight").unwrap();
    let request = request(row, When::Always, "").anonymous();
    assert_eq!(reaches(&denying("Action", &["*"]), &request).await, (true, 200));
}
