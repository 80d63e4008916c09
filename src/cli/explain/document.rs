//! An explanation for programs. Invariant: it holds all that the one for people shows; names are kept
//! from version to version, and new ones may come.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{super::out, Judged};
use crate::{
    pipeline::Question,
    policy::{ConditionOutcome, Denied, Effect, ElementOutcome, Mode, StatementOutcome},
};

pub(super) fn json(judged: &Judged) -> serde_json::Result<String> {
    let rehearsed = judged.outcome.as_ref().ok();
    let refusal = judged.outcome.as_ref().err();
    out::json(&Document {
        decision: decision(judged.passes()),
        asked: &judged.asked,
        requester: &judged.caller,
        operation: rehearsed.and_then(|it| it.operation).map(crate::s3::Operation::name),
        rule: rehearsed.and_then(|it| it.rule.as_deref()),
        is_mended: rehearsed.is_some_and(|it| it.is_mended),
        mode: rehearsed.map(|it| match it.mode {
            Mode::Enforce => "enforce",
            Mode::Audit => "audit",
        }),
        refused: refusal.map(|it| Refused { code: it.code, message: &it.message }),
        questions: rehearsed.iter().flat_map(|it| &it.questions).map(Asked::of).collect(),
        if_absent: rehearsed.and_then(|it| it.absence.as_ref()).map(Denied::message),
        assumed: &judged.assumed,
    })
}

#[derive(Serialize)]
struct Document<'j> {
    decision: &'static str,
    asked: &'j str,
    requester: &'j str,
    operation: Option<&'static str>,
    rule: Option<&'j str>,
    is_mended: bool,
    mode: Option<&'static str>,
    refused: Option<Refused<'j>>,
    questions: Vec<Asked<'j>>,
    /// Why the client is told of a 403 where there is no such object; `null`: it is told of the 404.
    if_absent: Option<String>,
    assumed: &'j [String],
}

#[derive(Serialize)]
struct Refused<'j> {
    code: &'static str,
    message: &'j str,
}

#[derive(Serialize)]
struct Asked<'j> {
    action: &'j str,
    resource: &'j str,
    decision: &'static str,
    verdict: &'static str,
    is_waived: bool,
    decided_by: Option<Place<'j>>,
    message: Option<String>,
    mend: Option<String>,
    statements: Vec<Statement<'j>>,
    condition_keys: BTreeMap<&'j str, &'j [String]>,
}

#[derive(Serialize)]
struct Place<'j> {
    policy: &'j str,
    statement: &'j str,
}

#[derive(Serialize)]
struct Statement<'j> {
    policy: &'j str,
    #[serde(rename = "statement")]
    label: &'j str,
    effect: &'static str,
    applies: bool,
    elements: Vec<Element<'j>>,
    conditions: Vec<Condition<'j>>,
}

#[derive(Serialize)]
struct Element<'j> {
    name: &'static str,
    matches: bool,
    wanted: &'j [String],
}

#[derive(Serialize)]
struct Condition<'j> {
    operator: &'j str,
    key: &'j str,
    holds: bool,
    wanted: &'j [String],
    found: Option<&'j [String]>,
}

impl<'j> Asked<'j> {
    fn of(question: &'j Question) -> Self {
        let explanation = &question.explanation;
        let decider = explanation.decider();
        let context = question.context.iter();
        Self {
            action: &question.action,
            resource: &question.resource,
            decision: decision(question.passes()),
            verdict: explanation.verdict.as_str(),
            is_waived: question.is_waived,
            decided_by: decider.map(|it| Place { policy: &it.document, statement: &it.statement }),
            message: question.denied.as_ref().map(Denied::message),
            mend: question.denied.as_ref().and(decider).and_then(StatementOutcome::mend),
            statements: explanation.statements.iter().map(Statement::of).collect(),
            condition_keys: context.map(|(key, values)| (key.as_str(), &values[..])).collect(),
        }
    }
}

impl<'j> Statement<'j> {
    fn of(one: &'j StatementOutcome) -> Self {
        Self {
            policy: &one.document,
            label: &one.statement,
            effect: match one.effect {
                Effect::Allow => "Allow",
                Effect::Deny => "Deny",
            },
            applies: one.applies(),
            elements: one.elements.iter().map(Element::of).collect(),
            conditions: one.conditions.iter().map(Condition::of).collect(),
        }
    }
}

impl<'j> Element<'j> {
    fn of(element: &'j ElementOutcome) -> Self {
        Self { name: element.name, matches: element.matches, wanted: &element.wanted }
    }
}

impl<'j> Condition<'j> {
    fn of(condition: &'j ConditionOutcome) -> Self {
        Self {
            operator: &condition.operator,
            key: &condition.key,
            holds: condition.holds,
            wanted: &condition.wanted,
            found: condition.found.as_deref(),
        }
    }
}

fn decision(passes: bool) -> &'static str {
    if passes { "allow" } else { "deny" }
}
