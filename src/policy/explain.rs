//! The same decision with every step shown. Invariant: it calls what the decision calls, and so cannot
//! disagree with it.

use super::{
    Effect, Inquiry, Keys, Policies, Terms,
    condition::{Condition, Operator},
    decide::Attached,
    mend,
    statement::{Matches, Statement},
    written::Written,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
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
    /// `Principal` or `NotPrincipal`, `Action` or `NotAction`, `Resource` or `NotResource`.
    pub elements: [ElementOutcome; 3],
    /// In the order of the document.
    pub conditions: Vec<ConditionOutcome>,
}

/// An element of a statement, and whether the inquiry matches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementOutcome {
    /// Such as `NotAction`.
    pub name: &'static str,
    /// The document's values.
    pub wanted: Vec<String>,
    /// Whether the element as a whole matches: for `NotAction`, that none of the values does.
    pub matches: bool,
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
    /// What the documents, and the guards of the terms, say of an inquiry, and why. The mode of the
    /// terms changes nothing.
    pub fn explain(&self, terms: Terms<'_>, inquiry: &Inquiry<'_>) -> Explanation {
        let guards = terms.guards.iter().map(|guard| &guard.0);
        let statements: Vec<_> = guards
            .chain(self.attached_to(inquiry.bucket))
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

impl Explanation {
    /// The statement that decides: the first Deny that applies, or else the first Allow.
    pub fn decider(&self) -> Option<&StatementOutcome> {
        let effect = match self.verdict {
            Verdict::ExplicitlyDenied => Effect::Deny,
            Verdict::Allowed => Effect::Allow,
            Verdict::ImplicitlyDenied => return None,
        };
        self.statements.iter().find(|one| one.effect == effect && one.applies())
    }
}

impl Verdict {
    /// Its name, as simulators of AWS spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "Allowed",
            Self::ExplicitlyDenied => "ExplicitlyDenied",
            Self::ImplicitlyDenied => "ImplicitlyDenied",
        }
    }
}

impl StatementOutcome {
    /// Whether all parts match.
    pub fn applies(&self) -> bool {
        self.elements.iter().all(|element| element.matches)
            && self.conditions.iter().all(|condition| condition.holds)
    }

    /// What a client can change so that it no longer applies; `None` where nothing that it sends
    /// would help.
    pub fn mend(&self) -> Option<String> {
        mend::sentence(&self.conditions)
    }
}

impl ConditionOutcome {
    fn new(condition: &Condition, effect: Effect, keys: &Keys<'_>) -> Self {
        let found = keys.values(&condition.key);
        // As a statement asks its conditions.
        let is_open = condition.is_open(keys);
        let holds = if is_open { effect == Effect::Allow } else { condition.holds(keys) };
        Self {
            operator: condition.operator_name.to_string(),
            key: condition.key.to_string(),
            wanted: condition.written.iter().map(ToString::to_string).collect(),
            found: found.map(|values| values.iter().map(ToString::to_string).collect()),
            holds,
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
        elements: [
            element(PRINCIPAL, &statement.principals, statement.matches_principal(inquiry)),
            element(ACTION, &statement.actions, statement.matches_action(inquiry)),
            element(RESOURCE, &statement.resources, statement.matches_resource(inquiry)),
        ],
        conditions: conditions(statement, inquiry.keys),
    };
    attached.document.statements.iter().map(outcome)
}

fn element<T: Written>(
    [plain, negated]: [&'static str; 2],
    list: &Matches<T>,
    matches: bool,
) -> ElementOutcome {
    let name = if list.is_negated { negated } else { plain };
    let wanted = list.list.iter().map(Written::written).collect();
    ElementOutcome { name, wanted, matches }
}

/// Every condition of a statement, judged.
pub(super) fn conditions(statement: &Statement, keys: &Keys<'_>) -> Vec<ConditionOutcome> {
    let outcome = |condition| ConditionOutcome::new(condition, statement.effect, keys);
    statement.conditions.iter().map(outcome).collect()
}

const PRINCIPAL: [&str; 2] = ["Principal", "NotPrincipal"];
const ACTION: [&str; 2] = ["Action", "NotAction"];
const RESOURCE: [&str; 2] = ["Resource", "NotResource"];
