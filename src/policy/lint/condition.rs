//! Mistakes within one condition. Invariant: each lint tells what the condition does say, and what to
//! write for what was probably meant.

use super::{SECURE_TRANSPORT, SSE};
use crate::policy::{
    Effect,
    action::{self, Action},
    condition::{Comparison, Condition},
    keys::is_same,
    statement::Statement,
};

/// A lint; its advice where the condition has the mistake.
type Lint = fn(&Statement, &Condition) -> Option<String>;

pub(super) const LINTS: [Lint; 12] = [
    absent_allows,
    absent_for_all,
    copies_only,
    either_will_do,
    ipv4_only,
    literal_wildcard,
    mfa_without_if_exists,
    never_there,
    null_always,
    null_inverted,
    secure_transport_inverted,
    unknown_encryption,
];

/// A negated operator is true of an absent key.
fn absent_allows(statement: &Statement, condition: &Condition) -> Option<String> {
    let is_meant = statement.effect == Effect::Allow
        && condition.operator.is_negated
        && !condition.is_for_any()
        && !ALWAYS_THERE.iter().any(|key| is_same(key, &condition.key))
        && !requires(statement, &condition.key);
    let values = if condition.written.len() > 1 { "is none of these" } else { "is another" };
    is_meant.then(|| {
        format!(
            "This allows where {} {values}, and also where it is absent; add Null {0} \"false\" \
             if it should not.",
            condition.key
        )
    })
}

fn absent_for_all(statement: &Statement, condition: &Condition) -> Option<String> {
    let is_meant = condition.operator.is_for_all()
        && !requires(statement, &condition.key)
        && condition.operator.comparison != Comparison::Null;
    let verb = match statement.effect {
        Effect::Allow => "allows",
        Effect::Deny => "denies",
    };
    is_meant.then(|| {
        format!(
            "ForAllValues: is also true where the key is absent, and {verb} then; add Null \
             \"false\" if it should not."
        )
    })
}

/// An absent source is unlike any pattern, so that every plain upload is denied.
fn copies_only(statement: &Statement, condition: &Condition) -> Option<String> {
    let is_meant = statement.effect == Effect::Deny
        && is_same(&condition.key, "s3:x-amz-copy-source")
        && condition.operator.is_negated
        && !requires(statement, &condition.key);
    is_meant.then(|| {
        "This denies uploads that are no copies, too; add Null s3:x-amz-copy-source \"false\" to \
         deny only copies."
            .to_owned()
    })
}

/// Conditions of one statement must all hold: a request with one right and one wrong header passes.
fn either_will_do(statement: &Statement, condition: &Condition) -> Option<String> {
    let demands = |other: &&Condition| {
        other.operator.is_negated && [SSE, KMS_KEY].iter().any(|key| is_same(key, &other.key))
    };
    let is_later = |other: &Condition| other.at < condition.at;
    let is_meant = statement.effect == Effect::Deny
        && demands(&condition)
        && statement.conditions.iter().filter(demands).any(is_later);
    is_meant.then(|| {
        format!(
            "All conditions of a statement must hold, so this denies only where {SSE} and {KMS_KEY} \
             are both wrong; write one statement for each."
        )
    })
}

fn ipv4_only(statement: &Statement, condition: &Condition) -> Option<String> {
    let is_ipv4 = condition.written.iter().all(|value| !value.contains(':'));
    let is_meant = statement.effect == Effect::Deny
        && condition.operator.comparison == Comparison::Ip
        && condition.operator.is_negated
        && is_ipv4;
    is_meant.then(|| "This denies every IPv6 client; add IPv6 blocks if it should not.".to_owned())
}

fn literal_wildcard(_: &Statement, condition: &Condition) -> Option<String> {
    let is_exact = matches!(
        condition.operator.comparison,
        Comparison::StringEquals | Comparison::StringEqualsIgnoreCase
    );
    let has_wildcard = |value: &str| value.replace("${*}", "").contains('*');
    let value = condition.written.iter().find(|value| is_exact && has_wildcard(value))?;
    let instead = if condition.operator.is_negated { "StringNotLike" } else { "StringLike" };
    Some(format!(
        "`*` is a plain character to {}, and \"{value}\" stands for itself alone; write {instead}.",
        condition.operator_name
    ))
}

/// Absent with long-term credentials.
fn mfa_without_if_exists(statement: &Statement, condition: &Condition) -> Option<String> {
    let is_meant = statement.effect == Effect::Deny
        && is_same(&condition.key, "aws:MultiFactorAuthPresent")
        && &*condition.operator_name == "Bool"
        && condition.says("false");
    is_meant.then(|| {
        "aws:MultiFactorAuthPresent is absent where long-term credentials sign, and those pass \
         here; write BoolIfExists."
            .to_owned()
    })
}

/// A Deny for want of a key denies every request of actions that never have it.
fn never_there(statement: &Statement, condition: &Condition) -> Option<String> {
    let wants = match condition.operator.comparison {
        Comparison::Null => condition.says("true"),
        Comparison::Arn
        | Comparison::Binary
        | Comparison::Bool
        | Comparison::Date(_)
        | Comparison::Ip
        | Comparison::Numeric(_)
        | Comparison::StringEquals
        | Comparison::StringEqualsIgnoreCase
        | Comparison::StringLike => condition.operator.is_negated && !condition.is_for_any(),
    };
    if statement.effect != Effect::Deny || !wants || requires(statement, &condition.key) {
        return None;
    }
    let named = || action::all().iter().filter(|action| statement.speaks_of(action));
    let has_key = |action: &&Action| action.has_key(&condition.key);
    let without = || named().filter(|action| !has_key(action));
    let shown = without().find(|it| it.name == "s3:GetObject").or_else(|| without().next())?;
    let with = named().find(|it| it.name == "s3:PutObject" && has_key(it));
    let with = with.or_else(|| named().find(has_key))?;
    Some(format!(
        "{} never has {}, so that this denies every one; name only actions that have it, such as {}.",
        shown.name, condition.key, with.name
    ))
}

fn null_always(_: &Statement, condition: &Condition) -> Option<String> {
    let is_meant = condition.operator.comparison == Comparison::Null
        && ["true", "false"].iter().all(|value| condition.has(value));
    is_meant.then(|| "Null with both values is always true; write one of them.".to_owned())
}

/// `Null` "true" means absent.
fn null_inverted(statement: &Statement, condition: &Condition) -> Option<String> {
    let (value, instead) = match statement.effect {
        Effect::Allow => ("true", "false"),
        Effect::Deny => ("false", "true"),
    };
    let is_alone = |other: &Condition| {
        other.at == condition.at || ![SSE, KMS_KEY].iter().any(|key| is_same(key, &other.key))
    };
    let is_meant = condition.operator.comparison == Comparison::Null
        && is_same(&condition.key, SSE)
        && condition.says(value)
        && statement.conditions.iter().all(is_alone);
    let what = match statement.effect {
        Effect::Allow => {
            "allows only requests without the header, since Null \"true\" means absent"
        }
        Effect::Deny => "denies requests that carry the header, since Null \"false\" means present",
    };
    is_meant.then(|| format!("This {what}; write \"{instead}\" to demand encryption."))
}

fn secure_transport_inverted(statement: &Statement, condition: &Condition) -> Option<String> {
    let (value, what, instead) = match statement.effect {
        Effect::Allow => ("false", "allows plain HTTP and not HTTPS", "true"),
        Effect::Deny => ("true", "denies HTTPS and lets plain HTTP pass", "false"),
    };
    let is_meant = condition.operator.comparison == Comparison::Bool
        && is_same(&condition.key, SECURE_TRANSPORT)
        && condition.says(value);
    is_meant.then(|| format!("This {what}; write \"{instead}\"."))
}

fn unknown_encryption(_: &Statement, condition: &Condition) -> Option<String> {
    let is_compared = condition.operator.comparison == Comparison::StringEquals;
    if !is_compared || !is_same(&condition.key, SSE) {
        return None;
    }
    let is_unknown = |value: &&str| !value.contains("${") && !ENCRYPTIONS.contains(value);
    let value = condition.written.iter().map(|value| &**value).find(is_unknown)?;
    Some(format!(
        "No request has {SSE} \"{value}\"; write AES256, aws:kms or aws:kms:dsse, with this case."
    ))
}

impl Condition {
    /// Whether it has this value and no other, in any case.
    fn says(&self, value: &str) -> bool {
        !self.written.is_empty() && self.written.iter().all(|it| it.eq_ignore_ascii_case(value))
    }

    fn has(&self, value: &str) -> bool {
        self.written.iter().any(|it| it.eq_ignore_ascii_case(value))
    }

    fn is_for_any(&self) -> bool {
        self.operator_name.starts_with("ForAnyValue:")
    }
}

/// Whether the statement applies only where the key is present.
fn requires(statement: &Statement, key: &str) -> bool {
    statement.conditions.iter().any(|condition| {
        condition.operator.comparison == Comparison::Null
            && is_same(&condition.key, key)
            && condition.says("false")
    })
}

const KMS_KEY: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";
/// Values that S3 documents.
const ENCRYPTIONS: [&str; 4] = ["AES256", "aws:fsx", "aws:kms", "aws:kms:dsse"];
const ALWAYS_THERE: [&str; 9] = [
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:PrincipalAccount",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    SECURE_TRANSPORT,
    "aws:SourceIp",
    "aws:ViaAWSService",
    "aws:userid",
];
