//! What each failure looks like from outside, by table: status line, headers, the error document and
//! its elements, and that the backend was spared.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>

mod bodies;
mod heads;
mod relayed;

use crate::support::{Gate, Request, Upstream, client::Answer};

/// One failure.
struct Row {
    request: Request,
    /// Such as `403 Forbidden`.
    status: &'static str,
    code: &'static str,
    /// With `*` for a text that is there, whatever it is.
    elements: &'static [(&'static str, &'static str)],
}

fn row(
    request: Request,
    status: &'static str,
    code: &'static str,
    elements: &'static [(&'static str, &'static str)],
) -> Row {
    Row { request, status, code, elements }
}

/// Every row by a gate that runs for all of them, over a connection of its own.
async fn check(gate: &Gate, upstream: &mut Upstream, rows: Vec<Row>) {
    for Row { request, status, code, elements } in rows {
        let answer = gate.send(request).await;
        check_answer(&answer, status, code, elements);
    }
    // A request whose head was sent on before its body failed is broken off.
    for _ in 0..upstream.requests() {
        let seen = upstream.next().await;
        assert!(!seen.is_complete, "the backend completed {seen:?}");
    }
}

#[track_caller]
fn check_answer(answer: &Answer, status: &str, code: &str, elements: &[(&str, &str)]) {
    let text = answer.text();
    assert_eq!(answer.element("Code").as_deref(), Some(code), "{answer:?}\n{text}");
    assert_eq!(format!("{} {}", answer.status, answer.reason), status, "{code}");
    let is_whole = !answer.is_cut && text.ends_with("</Error>");
    let beginning = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>";
    assert!(is_whole && text.starts_with(beginning), "{text}");
    assert_eq!(answer.header("content-type"), Some("application/xml"), "{code}");
    let date = answer.header("date").unwrap_or_default();
    assert!(date.len() == 29 && date.ends_with(" GMT"), "{code}: {date}");
    let id = answer.header("x-amz-request-id").unwrap_or_default();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{code}: {id}");
    assert_eq!(answer.element("RequestId").as_deref(), Some(id), "{code}");
    assert!(answer.header("x-amz-id-2").is_some(), "{code}");
    assert_eq!(answer.element("HostId").as_deref(), answer.header("x-amz-id-2"), "{code}");
    for (name, expected) in elements {
        let found = answer.element(name).unwrap_or_default();
        let is_right = if *expected == "*" { !found.is_empty() } else { found == *expected };
        assert!(is_right, "{code}: <{name}> is {found:?}, not {expected:?}");
    }
}
