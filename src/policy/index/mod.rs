//! A document as decisions use it. Invariant: it says what its statements say, and nothing that can be
//! known at load is worked out at a decision.
//!
//! Statements are found by the action; what several of them share (principals, resources, a condition
//! key) is looked at once a decision. Deciding allocates nothing.

use std::borrow::Cow;

use super::{Effect, Inquiry, Keys, action, keys::is_same, statement::Statement};

/// What is worked out at load.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// By the action's number: the statements that speak of it, Denies first, each in order.
    by_action: Box<[Box<[usize]>]>,
    /// By the statement's number.
    shares: Box<[Shares]>,
}

/// Which of a statement's parts others have, too: parts with the same number are the same.
#[derive(Clone, Debug)]
struct Shares {
    principals: usize,
    resources: usize,
    /// Of each condition.
    keys: Box<[usize]>,
}

impl Index {
    pub(super) fn of(statements: &[Statement]) -> Self {
        let mut keys: Vec<&str> = Vec::new();
        let shares = statements.iter().enumerate().map(|(number, statement)| Shares {
            principals: first(statements, number, |other| other.principals == statement.principals),
            resources: first(statements, number, |other| other.resources == statement.resources),
            keys: statement.conditions.iter().map(|one| place(&mut keys, &one.key)).collect(),
        });
        let shares = shares.collect();
        let speaking = |action: &action::Action| {
            let of = |effect| {
                let speaks = move |statement: &Statement| {
                    statement.effect == effect && statement.names_action(action.name)
                };
                let numbered = statements.iter().enumerate();
                numbered.filter(move |(_, statement)| speaks(statement)).map(|(number, _)| number)
            };
            of(Effect::Deny).chain(of(Effect::Allow)).collect()
        };
        Self { by_action: action::all().iter().map(speaking).collect(), shares }
    }

    /// The first Deny that applies or, where there is none, the first Allow.
    pub(super) fn deciding<'s>(
        &self,
        statements: &'s [Statement],
        inquiry: &Inquiry<'_>,
    ) -> Option<&'s Statement> {
        let speaking = action::number(inquiry.action).filter(|_| !inquiry.keys.has_open());
        let Some(speaking) = speaking.and_then(|number| self.by_action.get(number)) else {
            return one_by_one(statements, inquiry);
        };
        let mut seen = Seen::default();
        speaking.iter().find_map(|number| {
            let (statement, shares) = (statements.get(*number)?, self.shares.get(*number)?);
            seen.applies(statement, shares, inquiry).then_some(statement)
        })
    }
}

/// As the language defines it: what decides of actions that S3 does not have, and of keys left open.
pub(super) fn one_by_one<'s>(
    statements: &'s [Statement],
    inquiry: &Inquiry<'_>,
) -> Option<&'s Statement> {
    let find = |effect| {
        let mut of = statements.iter().filter(move |statement| statement.effect == effect);
        of.find(|statement| statement.applies(inquiry))
    };
    find(Effect::Deny).or_else(|| find(Effect::Allow))
}

fn first(statements: &[Statement], from: usize, is_same: impl Fn(&Statement) -> bool) -> usize {
    statements.iter().position(is_same).unwrap_or(from)
}

fn place<'k>(keys: &mut Vec<&'k str>, key: &'k str) -> usize {
    keys.iter().position(|known| is_same(known, key)).unwrap_or_else(|| {
        keys.push(key);
        keys.len() - 1
    })
}

/// What one decision has looked at already.
#[derive(Default)]
struct Seen<'k> {
    principals: Answers,
    resources: Answers,
    /// By number; beyond them keys are looked up each time.
    keys: [Found<'k>; KEYS_KEPT_MAX],
}

/// A key of the request, if it has been looked up.
#[derive(Clone, Copy, Default)]
struct Found<'k> {
    is_known: bool,
    values: Option<&'k [Cow<'k, str>]>,
}

impl<'k> Seen<'k> {
    fn applies(&mut self, statement: &Statement, shares: &Shares, inquiry: &Inquiry<'k>) -> bool {
        self.principals.get(shares.principals, || statement.matches_principal(inquiry))
            && self.resources.get(shares.resources, || statement.matches_resource(inquiry))
            && statement.conditions.iter().zip(&shares.keys).all(|(condition, key)| {
                let values = self.values(*key, &condition.key, inquiry.keys);
                condition.holds_of(values, inquiry.keys)
            })
    }

    fn values(
        &mut self,
        number: usize,
        key: &str,
        keys: &'k Keys<'k>,
    ) -> Option<&'k [Cow<'k, str>]> {
        let Some(found) = self.keys.get_mut(number) else { return keys.values(key) };
        if !found.is_known {
            *found = Found { is_known: true, values: keys.values(key) };
        }
        found.values
    }
}

/// Answers to yes-or-no questions, by number; beyond 64 they are not kept.
#[derive(Default)]
struct Answers {
    known: u64,
    yes: u64,
}

impl Answers {
    fn get(&mut self, number: usize, ask: impl FnOnce() -> bool) -> bool {
        let Some(bit) = u32::try_from(number).ok().and_then(|number| 1_u64.checked_shl(number))
        else {
            return ask();
        };
        if self.known & bit == 0 {
            self.known |= bit;
            self.yes |= if ask() { bit } else { 0 };
        }
        self.yes & bit != 0
    }
}

/// Most documents ask about fewer.
const KEYS_KEPT_MAX: usize = 16;

#[cfg(test)]
mod tests;
