//! A decision written down as a case: a document, a request, and what the document says of it.
//! Invariant: a case is judged by the code that judges requests, and its document is read whole or
//! not at all.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Attachment, Document, Explanation, Fault, Glob, Inquiry, Keys, Otherwise, Policies, Principal,
    Strictness, Terms, Verdict,
};

/// One case. Further members say where it comes from, and decide nothing.
#[derive(Debug, Deserialize)]
pub struct Case<'t> {
    /// For people; `None`: it has none.
    pub id: Option<String>,
    /// The document, as written.
    #[serde(borrow)]
    pub policy: &'t RawValue,
    /// What is asked.
    pub request: CaseRequest,
    /// What the document says of it.
    pub expected: Verdict,
}

/// The request of a case: what policy knows of one.
#[derive(Debug, Deserialize)]
pub struct CaseRequest {
    /// Such as `s3:GetObject`.
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
    /// An ARN, or `*` for a caller without credentials.
    pub principal: String,
    /// Condition keys and their values.
    #[serde(default)]
    pub context: BTreeMap<String, CaseValue>,
}

/// The value of a condition key: of a list, all.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum CaseValue {
    /// Text.
    One(String),
    /// Stands for its text.
    Bool(bool),
    /// Stands for its text.
    Number(serde_json::Number),
    /// Several values, of a key that can have them.
    Many(Vec<String>),
}

/// Why a case was not judged.
#[derive(Debug, thiserror::Error)]
pub enum NotLoaded {
    /// Places count from the beginning of the document.
    #[error("its policy is no document: {}", first(.0))]
    Policy(Vec<Fault>),
    /// Of the request.
    #[error("{0:?} is neither `*` nor the ARN of a principal")]
    Principal(String),
}

impl Case<'_> {
    /// What the document says, and how it comes to it. The document is read leniently: also what S3
    /// would not store is judged.
    pub fn judge(&self) -> Result<Explanation, NotLoaded> {
        let document = Document::parse_as(self.policy.get(), Strictness::Lenient)
            .map_err(NotLoaded::Policy)?;
        let buckets = vec![Glob::new("*")];
        let attachment = Attachment { name: "policy".to_owned(), buckets, document };
        let policies = Policies::new(vec![attachment], Otherwise::Strict);
        let CaseRequest { action, resource, principal, context } = &self.request;
        let principal = caller(principal)?;
        let mut keys = Keys::default();
        for (key, value) in context {
            match value {
                CaseValue::One(text) => keys.set(key.as_str(), text.as_str()),
                CaseValue::Bool(value) => keys.set(key.as_str(), value.to_string()),
                CaseValue::Number(number) => keys.set(key.as_str(), number.to_string()),
                CaseValue::Many(values) => {
                    keys.set_all(key.as_str(), values.iter().map(String::as_str));
                }
            }
        }
        let (principal, keys) = (&principal, &keys);
        let inquiry = Inquiry { principal, action, resource, bucket: Some("any"), keys };
        Ok(policies.explain(Terms::PLAIN, &inquiry))
    }
}

fn caller(principal: &str) -> Result<Principal, NotLoaded> {
    if principal == "*" {
        return Ok(Principal::Anonymous);
    }
    let account = principal.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(3));
    let account = account.ok_or_else(|| NotLoaded::Principal(principal.to_owned()))?;
    Ok(Principal::Aws { arn: principal.to_owned(), account: account.to_owned() })
}

fn first(faults: &[Fault]) -> String {
    faults.first().map_or_else(String::new, |fault| {
        format!("line {}, column {}: {}", fault.line, fault.column, fault.message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(policy: &str, principal: &str, context: &str) -> Result<Verdict, String> {
        let text = format!(
            r#"{{"policy": {policy}, "expected": "Allowed", "request": {{"action": "s3:GetObject",
                "resource": "arn:aws:s3:::b/k", "principal": "{principal}", "context": {context}}}}}"#
        );
        let case: Case<'_> = serde_json::from_str(&text).unwrap();
        case.judge().map(|judged| judged.verdict).map_err(|error| error.to_string())
    }

    #[test]
    fn values_may_be_text_numbers_booleans_and_lists() {
        const POLICY: &str = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*",
            "Resource": "*", "Condition": {"StringEquals": {"a:a": "true", "a:b": "1", "a:c": "x"},
            "ForAnyValue:StringEquals": {"a:d": "y"}}}}"#;
        let context = r#"{"a:a": true, "a:b": 1, "a:c": "x", "a:d": ["x", "y"]}"#;
        assert_eq!(judged(POLICY, "*", context), Ok(Verdict::Allowed));
        assert_eq!(judged(POLICY, "*", "{}"), Ok(Verdict::ImplicitlyDenied));
    }

    #[test]
    fn what_cannot_be_judged_says_why() {
        let faulty = judged(r#"{"Statement": []}"#, "*", "{}").unwrap_err();
        assert!(faulty.contains("line 1, column 15: Could not parse the policy"), "{faulty}");
        let policy = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*",
            "Resource": "*"}}"#;
        assert!(judged(policy, "alice", "{}").unwrap_err().contains("\"alice\" is neither"));
    }
}
