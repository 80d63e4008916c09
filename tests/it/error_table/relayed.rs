//! Failures that the backend alone can know: its answer passes as it is.

use crate::support::{Gate, Reply, Request, Upstream};

/// The status line, the code, and what else the document holds.
const ANSWERS: [(&str, &str, &str); 10] = [
    ("400 Bad Request", "EntityTooSmall", "<ProposedSize>1</ProposedSize>"),
    ("400 Bad Request", "InvalidPart", "<PartNumber>2</PartNumber>"),
    (
        "400 Bad Request",
        "MetadataTooLarge",
        "<Size>2049</Size><MaxSizeAllowed>2048</MaxSizeAllowed>",
    ),
    (
        "400 Bad Request",
        "InvalidRequest",
        "<Message>Cannot specify both Range header and partNumber query parameter</Message>",
    ),
    ("409 Conflict", "ConditionalRequestConflict", "<Condition>If-None-Match</Condition>"),
    ("412 Precondition Failed", "PreconditionFailed", "<Condition>If-Match</Condition>"),
    (
        "416 Requested Range Not Satisfiable",
        "InvalidRange",
        "<RangeRequested>bytes=9-</RangeRequested><ActualObjectSize>5</ActualObjectSize>",
    ),
    (
        "416 Requested Range Not Satisfiable",
        "InvalidPartNumber",
        "<PartNumberRequested>3</PartNumberRequested>",
    ),
    ("501 Not Implemented", "NotImplemented", "<Header>x-amz-acl</Header>"),
    ("503 Slow Down", "SlowDown", "<Message>Please reduce your request rate.</Message>"),
];

#[tokio::test]
async fn the_backends_errors_pass() {
    let upstream = Upstream::start().await;
    let gate = Gate::before(&upstream).await;
    for (status, code, elements) in ANSWERS {
        let document =
            format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code>{elements}</Error>");
        let reply = Reply::status(status)
            .header("content-type", "application/xml")
            .header("x-amz-request-id", "BACKEND1")
            .header("x-amz-id-2", "backend");
        upstream.replies(reply.body(document.clone()));
        let request = Request::get("/bucket/key?partNumber=3").header("range", "bytes=9-");
        let answer = gate.send(request).await;
        assert_eq!(answer.status.to_string(), status.split(' ').next().unwrap(), "{code}");
        assert_eq!(answer.text(), document);
        assert_eq!(answer.header("x-amz-request-id"), Some("BACKEND1"), "{code}");
        assert_eq!(answer.header("x-amz-id-2"), Some("backend"), "{code}");
        assert!(answer.header("date").is_some() && !answer.reason.is_empty(), "{answer:?}");
    }
}
