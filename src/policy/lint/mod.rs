//! The classic mistakes of bucket policies. Invariant: they are warnings; a document means the same with
//! and without them.

mod condition;
mod statement;

use super::{
    Effect,
    condition::{Comparison, Condition, Relation},
    faults::Faults,
    keys::is_same,
    statement::Statement,
};

/// Warns of what the statements of a document say and their writer hardly meant.
pub(super) fn warn(statements: &[Statement], faults: &mut Faults<'_>) {
    for statement in statements {
        for lint in statement::LINTS {
            if let Some(advice) = lint(statement) {
                faults.warn(statement.at, advice);
            }
        }
        for condition in &statement.conditions {
            for lint in condition::LINTS {
                if let Some(advice) = lint(statement, condition) {
                    faults.warn(condition.at, advice);
                }
            }
        }
    }
    old_tls_alone(statements, faults);
    one_value_each(statements, faults);
}

/// `s3:TlsVersion` is absent over plain HTTP.
fn old_tls_alone(statements: &[Statement], faults: &mut Faults<'_>) {
    let denies = statements.iter().filter(|statement| statement.effect == Effect::Deny);
    let conditions = || denies.clone().flat_map(|statement| &statement.conditions);
    if conditions().any(denies_plain_http) {
        return;
    }
    for condition in conditions().filter(|condition| is_old_tls(condition)) {
        faults.warn(
            condition.at,
            "s3:TlsVersion is absent over plain HTTP, which passes here; deny Bool \
             aws:SecureTransport \"false\" as well.",
        );
    }
}

fn denies_plain_http(condition: &Condition) -> bool {
    condition.operator.comparison == Comparison::Bool
        && is_same(&condition.key, SECURE_TRANSPORT)
        && condition.written.iter().any(|value| value.eq_ignore_ascii_case("false"))
}

fn is_old_tls(condition: &Condition) -> bool {
    is_same(&condition.key, "s3:TlsVersion")
        && matches!(
            condition.operator.comparison,
            Comparison::Numeric(Relation::Less | Relation::LessOrEqual)
        )
}

/// Two statements that each deny all but one value deny every value.
fn one_value_each(statements: &[Statement], faults: &mut Faults<'_>) {
    let mut seen: Vec<(&Statement, &Condition)> = Vec::new();
    for statement in statements {
        let [condition] = &*statement.conditions else { continue };
        let is_sole = statement.effect == Effect::Deny
            && condition.operator.is_negated
            && condition.operator.comparison == Comparison::StringEquals
            && condition.written.len() == 1;
        if !is_sole {
            continue;
        }
        let clashes = seen.iter().any(|(earlier, other)| {
            is_same(&other.key, &condition.key)
                && other.written != condition.written
                && earlier.speaks_of_same(statement)
        });
        if clashes {
            faults.warn(
                condition.at,
                "Together with a statement above, this denies every value; write one statement \
                 that lists both values.",
            );
        }
        seen.push((statement, condition));
    }
}

const SECURE_TRANSPORT: &str = "aws:SecureTransport";
const SSE: &str = "s3:x-amz-server-side-encryption";

#[cfg(test)]
mod tests;
