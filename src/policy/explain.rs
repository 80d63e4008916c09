//! The same decision with every step shown. Invariant: it calls what the decision calls, and so cannot
//! disagree with it.

use super::{
    Effect, Inquiry, Keys, Policies,
    condition::{Condition, Operator},
    decide::Attached,
    statement::Statement,
};

/// How the documents come to what they say of an inquiry.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What they say.
    pub verdict: Verdict,
    /// Every statement that was asked, in order.
    pub statements: Vec<StatementOutcome>,
}

/// What documents say, before [`super::Otherwise`] decides where they are silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it.
    ExplicitlyDenied,
    /// No statement applies.
    ImplicitlyDenied,
}

/// Which parts of a statement match.
#[derive(Clone, Debug)]
pub struct StatementOutcome {
    /// The document's name.
    pub document: String,
    /// Sid, or `#3` by place, 1-based.
    pub statement: String,
    /// What it says where all parts match.
    pub effect: Effect,
    /// `Principal` or `NotPrincipal` matches.
    pub principal: bool,
    /// `Action` or `NotAction` matches.
    pub action: bool,
    /// `Resource` or `NotResource` matches.
    pub resource: bool,
    /// In the order of the document.
    pub conditions: Vec<ConditionOutcome>,
}

/// A condition, what the request has, and whether it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionOutcome {
    /// As written, such as `StringNotEquals`.
    pub operator: String,
    /// As written.
    pub key: String,
    /// The document's values, as written.
    pub wanted: Vec<String>,
    /// The request's values; `None` where the key is absent.
    pub found: Option<Vec<String>>,
    /// Whether it is true of the request.
    pub holds: bool,
    pub(super) parsed: Operator,
}

impl Policies {
    /// What the documents say of an inquiry, and why.
    pub fn explain(&self, inquiry: &Inquiry<'_>) -> Explanation {
        let statements: Vec<_> = self
            .attached_to(inquiry.bucket)
            .flat_map(|attached| outcomes(attached, inquiry))
            .collect();
        let says = |effect| statements.iter().any(|one| one.effect == effect && one.applies());
        let verdict = if says(Effect::Deny) {
            Verdict::ExplicitlyDenied
        } else if says(Effect::Allow) {
            Verdict::Allowed
        } else {
            Verdict::ImplicitlyDenied
        };
        Explanation { verdict, statements }
    }
}

impl StatementOutcome {
    /// Whether all parts match.
    pub fn applies(&self) -> bool {
        self.principal
            && self.action
            && self.resource
            && self.conditions.iter().all(|condition| condition.holds)
    }
}

impl ConditionOutcome {
    pub(super) fn new(condition: &Condition, keys: &Keys<'_>) -> Self {
        let found = keys.values(&condition.key);
        Self {
            operator: condition.operator_name.to_string(),
            key: condition.key.to_string(),
            wanted: condition.written.iter().map(ToString::to_string).collect(),
            found: found.map(|values| values.iter().map(ToString::to_string).collect()),
            holds: condition.holds(keys),
            parsed: condition.operator,
        }
    }
}

fn outcomes<'a>(
    attached: &'a Attached,
    inquiry: &'a Inquiry<'_>,
) -> impl Iterator<Item = StatementOutcome> + 'a {
    let outcome = |statement: &Statement| StatementOutcome {
        document: attached.name.to_string(),
        statement: statement.label.to_string(),
        effect: statement.effect,
        principal: statement.matches_principal(inquiry),
        action: statement.matches_action(inquiry),
        resource: statement.matches_resource(inquiry),
        conditions: conditions(statement, inquiry.keys),
    };
    attached.document.statements.iter().map(outcome)
}

/// Every condition of a statement, judged.
pub(super) fn conditions(statement: &Statement, keys: &Keys<'_>) -> Vec<ConditionOutcome> {
    statement.conditions.iter().map(|condition| ConditionOutcome::new(condition, keys)).collect()
}
