//! The policy of a form: until when, and with which fields, it may be sent. Invariant: a document that
//! says anything but that is refused, and a field that no condition speaks of is, too.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html>

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    s3::{Code, form::Form, headers::form as fields},
    sigv4::Refused,
};

/// A policy document, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostPolicy {
    expiration: SystemTime,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Equals(Operands),
    StartsWith(Operands),
    /// Bytes of the file, before anything is done to it.
    ContentLength {
        min: u64,
        max: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Operands {
    /// As written, without its `$`.
    field: String,
    value: String,
}

/// What a policy is held against.
pub(super) struct Submitted<'a> {
    pub(super) form: &'a Form,
    /// Of the URL.
    pub(super) bucket: &'a str,
    pub(super) file_bytes: u64,
}

impl PostPolicy {
    /// Reads a document in base64.
    ///
    /// # Errors
    ///
    /// `InvalidPolicyDocument`, for whatever S3 does not define.
    pub fn parse(base64: &str) -> Result<Self, Refused> {
        let json = STANDARD
            .decode(base64)
            .map_err(|_| invalid("it is not base64 on one line, with its padding"))?;
        let written: Written = serde_json::from_slice(&json)
            .map_err(|error| invalid(&format!("Invalid JSON: {error}")))?;
        let expiration = written.expiration.ok_or_else(|| invalid("Policy missing expiration"))?;
        let conditions = written.conditions.ok_or_else(|| invalid("Policy missing conditions"))?;
        let expires = OffsetDateTime::parse(&expiration, &Rfc3339).ok();
        let expires = expires
            .filter(|_| expiration.ends_with('Z'))
            .ok_or_else(|| invalid(&format!("Invalid 'expiration' value: '{expiration}'")))?;
        let conditions: Result<Vec<Condition>, Refused> =
            conditions.into_iter().map(Condition::read).collect();
        Ok(Self { expiration: expires.into(), conditions: conditions? })
    }

    pub(super) fn check(&self, submitted: &Submitted<'_>, now: SystemTime) -> Result<(), Refused> {
        if self.expiration <= now {
            return Err(violated("Policy expired."));
        }
        for condition in &self.conditions {
            condition.check(submitted)?;
        }
        // The bucket is always asked for, by the URL.
        let names = submitted.form.fields().iter().map(|field| field.name.as_str());
        let asked = names.filter(|name| !is_free(name) && *name != BUCKET).chain([BUCKET]);
        let extra: Vec<&str> = asked.filter(|name| !self.covers(name)).collect();
        if extra.is_empty() {
            return Ok(());
        }
        Err(violated(&format!("Extra input fields: {}", extra.join(", "))))
    }

    fn covers(&self, name: &str) -> bool {
        self.conditions.iter().any(|condition| match condition {
            Condition::Equals(operands) | Condition::StartsWith(operands) => {
                operands.field.eq_ignore_ascii_case(name)
            }
            Condition::ContentLength { .. } => false,
        })
    }
}

// === impl Condition ===

impl Condition {
    fn read(written: WrittenCondition) -> Result<Self, Refused> {
        let list = match written {
            WrittenCondition::Simple(mut members) => {
                let Some((field, value)) = members.pop().filter(|_| members.is_empty()) else {
                    return Err(invalid(
                        "Invalid Simple-Condition: Simple-Conditions must have exactly one property \
                         specified",
                    ));
                };
                let Value::String(value) = value else {
                    return Err(invalid("Invalid Simple-Condition: value must be a string"));
                };
                return Ok(Self::Equals(Operands { field, value }));
            }
            WrittenCondition::List(list) => list,
        };
        let [Value::String(operation), left, right] = list.as_slice() else {
            return Err(invalid(
                "Invalid Condition: a list has an operation identifier and two arguments",
            ));
        };
        match operation.to_ascii_lowercase().as_str() {
            EQUALS => Operands::read(operation, left, right).map(Self::Equals),
            STARTS_WITH => Operands::read(operation, left, right).map(Self::StartsWith),
            CONTENT_LENGTH_RANGE => match (bytes(left), bytes(right)) {
                (Some(min), Some(max)) if min <= max => Ok(Self::ContentLength { min, max }),
                _ => Err(invalid(
                    "Invalid content-length-range: write the fewest bytes, then the most",
                )),
            },
            _ => Err(invalid(&format!("Invalid Condition: unknown operation '{operation}'"))),
        }
    }

    fn check(&self, submitted: &Submitted<'_>) -> Result<(), Refused> {
        match self {
            Self::Equals(operands) => {
                let holds = operands.submitted(submitted) == operands.value;
                operands.hold(EQUALS, holds)
            }
            Self::StartsWith(operands) => {
                let value = operands.submitted(submitted);
                let prefix = operands.value.as_str();
                let holds = if operands.field.eq_ignore_ascii_case(CONTENT_TYPE) {
                    value.split(',').all(|kind| kind.trim_ascii().starts_with(prefix))
                } else {
                    value.starts_with(prefix)
                };
                operands.hold(STARTS_WITH, holds)
            }
            Self::ContentLength { min, max } => check_length(submitted.file_bytes, *min, *max),
        }
    }
}

impl Operands {
    fn read(operation: &str, field: &Value, value: &Value) -> Result<Self, Refused> {
        let field = field.as_str().and_then(|field| field.strip_prefix('$'));
        match (field.filter(|field| !field.is_empty()), value) {
            (Some(field), Value::String(value)) => {
                Ok(Self { field: field.to_owned(), value: value.clone() })
            }
            _ => Err(invalid(&format!(
                "Invalid {operation}: write the field's name behind a `$`, then a text"
            ))),
        }
    }

    /// A field that is not there is as good as an empty one.
    fn submitted<'a>(&self, submitted: &Submitted<'a>) -> &'a str {
        let name = self.field.to_ascii_lowercase();
        if name == BUCKET {
            return submitted.bucket;
        }
        submitted.form.get(&name).unwrap_or_default()
    }

    fn hold(&self, operation: &str, holds: bool) -> Result<(), Refused> {
        if holds {
            return Ok(());
        }
        let Self { field, value } = self;
        Err(violated(&format!(
            "Policy Condition failed: [\"{operation}\", \"${field}\", \"{value}\"]"
        )))
    }
}

fn check_length(file_bytes: u64, min: u64, max: u64) -> Result<(), Refused> {
    let (code, message, limit, most) = if file_bytes > max {
        let message = "Your proposed upload exceeds the maximum allowed size";
        (Code::EntityTooLarge, message, "MaxSizeAllowed", max)
    } else if file_bytes < min {
        let message = "Your proposed upload is smaller than the minimum allowed size";
        (Code::EntityTooSmall, message, "MinSizeAllowed", min)
    } else {
        return Ok(());
    };
    Err(Refused::new(code, message)
        .with("ProposedSize", file_bytes.to_string())
        .with(limit, most.to_string()))
}

/// A number of bytes; some programs write it as a text.
fn bytes(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// Fields that no condition need speak of.
fn is_free(name: &str) -> bool {
    name == fields::POLICY
        || name == fields::SIGNATURE
        || fields::V2.contains(&name)
        || name.starts_with("x-ignore-")
}

fn invalid(reason: &str) -> Refused {
    Refused::new(Code::InvalidPolicyDocument, format!("Invalid Policy: {reason}."))
}

fn violated(reason: &str) -> Refused {
    Refused::new(Code::AccessDenied, format!("Invalid according to Policy: {reason}"))
}

/// The document. `serde` refuses a member that occurs twice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    expiration: Option<String>,
    conditions: Option<Vec<WrittenCondition>>,
}

enum WrittenCondition {
    /// `{"acl": "private"}`, with each of its members, also those that occur twice.
    Simple(Vec<(String, Value)>),
    /// `["starts-with", "$key", "user/"]`
    List(Vec<Value>),
}

impl<'de> Deserialize<'de> for WrittenCondition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConditionVisitor)
    }
}

struct ConditionVisitor;

impl<'de> de::Visitor<'de> for ConditionVisitor {
    type Value = WrittenCondition;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a condition, which is a list or an object")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(WrittenCondition::List(list))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(WrittenCondition::Simple(members))
    }
}

const BUCKET: &str = "bucket";
const EQUALS: &str = "eq";
const STARTS_WITH: &str = "starts-with";
const CONTENT_LENGTH_RANGE: &str = "content-length-range";
const CONTENT_TYPE: &str = "content-type";
