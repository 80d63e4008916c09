//! The classic mistakes of bucket policies. Invariant: they are warnings; a document means the same with
//! and without them.

use super::{
    Effect,
    condition::{Comparison, Condition, Relation},
    faults::Faults,
    keys::is_same,
    statement::Statement,
};

/// Warns of what the statements of a document say and their writer hardly meant.
pub(super) fn warn(statements: &[Statement], faults: &mut Faults<'_>) {
    let denies = || statements.iter().filter(|statement| statement.effect == Effect::Deny);
    for statement in denies() {
        for condition in &statement.conditions {
            let advice = copies_only(statement, condition)
                .or_else(|| ipv4_only(condition))
                .or_else(|| absent_for_all(statement, condition));
            if let Some(advice) = advice {
                faults.warn(condition.at, advice);
            }
        }
    }
    let conditions = || denies().flat_map(|statement| &statement.conditions);
    if !conditions().any(denies_plain_http) {
        for condition in conditions().filter(|condition| is_tls_version(condition)) {
            let advice = "s3:TlsVersion is absent over plain HTTP, which passes here; deny Bool \
                          aws:SecureTransport \"false\" as well.";
            faults.warn(condition.at, advice);
        }
    }
    one_value_each(statements, faults);
}

/// An absent source is unlike any pattern, so that every plain upload is denied.
fn copies_only(statement: &Statement, condition: &Condition) -> Option<&'static str> {
    let is_copy_source = is_same(&condition.key, "s3:x-amz-copy-source");
    (is_copy_source && condition.operator.is_negated && !requires(statement, &condition.key))
        .then_some(
            "This denies uploads that are no copies, too; add Null s3:x-amz-copy-source \"false\" to \
             deny only copies.",
        )
}

fn ipv4_only(condition: &Condition) -> Option<&'static str> {
    let is_ipv4 = condition.written.iter().all(|value| !value.contains(':'));
    let is_meant = condition.operator.comparison == Comparison::Ip && condition.operator.is_negated;
    (is_meant && is_ipv4)
        .then_some("This denies every IPv6 client; add IPv6 blocks if it should not.")
}

fn absent_for_all(statement: &Statement, condition: &Condition) -> Option<&'static str> {
    let is_meant = condition.operator.is_for_all() && !requires(statement, &condition.key);
    (is_meant && condition.operator.comparison != Comparison::Null).then_some(
        "ForAllValues: is also true where the key is absent, and denies then; add Null \"false\" if it \
         should not.",
    )
}

/// Whether the statement applies only where the key is present.
fn requires(statement: &Statement, key: &str) -> bool {
    statement.conditions.iter().any(|condition| {
        condition.operator.comparison == Comparison::Null
            && is_same(&condition.key, key)
            && condition.written.iter().all(|value| value.eq_ignore_ascii_case("false"))
    })
}

fn denies_plain_http(condition: &Condition) -> bool {
    condition.operator.comparison == Comparison::Bool
        && is_same(&condition.key, "aws:SecureTransport")
        && condition.written.iter().any(|value| value.eq_ignore_ascii_case("false"))
}

fn is_tls_version(condition: &Condition) -> bool {
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
            let advice = "Together with a statement above, this denies every value; write one \
                          statement that lists both values.";
            faults.warn(condition.at, advice);
        }
        seen.push((statement, condition));
    }
}
