//! What a client can change so that a Deny no longer applies to it. Invariant: a mend makes one of the
//! statement's conditions false, which is enough.

use super::{
    ConditionOutcome,
    condition::{Comparison, Relation},
    denied::{VALUE_BYTES_MAX, listed, quoted, shown},
};

/// A sentence for the client; `None` where nothing that it sends would help.
pub(super) fn sentence(conditions: &[ConditionOutcome]) -> Option<String> {
    let mendable = conditions.iter().filter(|condition| {
        condition.parsed.comparison != Comparison::Null || header(&condition.key).is_some()
    });
    let first = mendable.clone().next();
    let easiest = mendable.clone().find(|condition| is_sent(&condition.key)).or(first)?;
    Some(mend(easiest))
}

/// Whether a client chooses the key's value with each request.
fn is_sent(key: &str) -> bool {
    header(key).is_some() || key.eq_ignore_ascii_case(SECURE_TRANSPORT)
}

fn mend(condition: &ConditionOutcome) -> String {
    match header(&condition.key) {
        _ if is_plain_http(condition) => "Use https.".to_owned(),
        Some(header) => mend_header(condition, &header),
        None => mend_key(condition),
    }
}

fn is_plain_http(condition: &ConditionOutcome) -> bool {
    let is_false = |value: &String| value.eq_ignore_ascii_case("false");
    condition.key.eq_ignore_ascii_case(SECURE_TRANSPORT)
        && condition.parsed.comparison == Comparison::Bool
        && condition.wanted.iter().any(is_false)
}

fn mend_header(condition: &ConditionOutcome, header: &str) -> String {
    let is_absent = condition.found.is_none();
    if condition.parsed.comparison == Comparison::Null {
        let verb = if is_absent { "Send" } else { "Do not send" };
        return format!("{verb} the header {header}{}.", option(header, None));
    }
    if condition.parsed.is_negated {
        let wanted = alternatives(&condition.wanted);
        let is_pattern = condition.parsed.comparison == Comparison::StringLike
            && condition.wanted.iter().any(|value| value.contains(['*', '?']));
        let like = if is_pattern { "a value like " } else { "" };
        let value = condition.wanted.first().filter(|_| !is_pattern);
        return format!("Send {header}: {like}{wanted}{}.", option(header, value));
    }
    if is_absent {
        format!("Send the header {header}{}.", option(header, None))
    } else {
        format!("Send {header} with another value, or not at all.")
    }
}

/// How the AWS CLI sends a header.
fn option(header: &str, value: Option<&String>) -> String {
    let Some((_, option)) = OPTIONS.iter().find(|(known, _)| *known == header) else {
        return String::new();
    };
    match value {
        Some(value) => format!(" (AWS CLI: {option} {})", shown(value, VALUE_BYTES_MAX)),
        None => format!(" (AWS CLI: {option})"),
    }
}

fn mend_key(condition: &ConditionOutcome) -> String {
    let not = if condition.parsed.is_negated { "" } else { "not " };
    let relation = match condition.parsed.comparison {
        Comparison::Ip => "in ",
        Comparison::StringLike | Comparison::Arn => "like ",
        Comparison::Date(relation) | Comparison::Numeric(relation) => words(relation),
        Comparison::Binary
        | Comparison::Bool
        | Comparison::Null
        | Comparison::StringEquals
        | Comparison::StringEqualsIgnoreCase => "",
    };
    let key = shown(&condition.key, VALUE_BYTES_MAX);
    format!("{key} must {not}be {relation}{}.", quoted(&condition.wanted, " or "))
}

fn words(relation: Relation) -> &'static str {
    match relation {
        Relation::Equal => "",
        Relation::Greater => "above ",
        Relation::GreaterOrEqual => "at or above ",
        Relation::Less => "below ",
        Relation::LessOrEqual => "at or below ",
    }
}

fn alternatives(values: &[String]) -> String {
    listed(values.iter().map(|value| shown(value, VALUE_BYTES_MAX)), values.len(), " or ")
}

/// The header that a key is read from.
fn header(key: &str) -> Option<String> {
    let name = key.get(3..).filter(|_| key.is_char_boundary(3))?.to_ascii_lowercase();
    let is_s3 = key.get(..3)?.eq_ignore_ascii_case("s3:");
    if !is_s3 {
        return None;
    }
    match name.as_str() {
        "if-match" | "if-none-match" => Some(name),
        _ if name.starts_with("x-amz-") => Some(name),
        _ if name.starts_with("object-lock-") => Some(format!("x-amz-{name}")),
        _ => None,
    }
}

const SECURE_TRANSPORT: &str = "aws:SecureTransport";

/// Headers and the options of `aws s3 cp` that send them.
const OPTIONS: [(&str, &str); 7] = [
    ("x-amz-acl", "--acl"),
    ("x-amz-metadata-directive", "--metadata-directive"),
    ("x-amz-server-side-encryption", "--sse"),
    ("x-amz-server-side-encryption-aws-kms-key-id", "--sse-kms-key-id"),
    ("x-amz-server-side-encryption-customer-algorithm", "--sse-c"),
    ("x-amz-storage-class", "--storage-class"),
    ("x-amz-website-redirect-location", "--website-redirect"),
];
