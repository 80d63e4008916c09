//! One statement. Invariant: it applies where all of principal, action, resource and conditions do.

mod read;

use std::sync::Arc;

pub(super) use read::read;

use super::{
    Inquiry, Keys, condition::Condition, keys::is_same, pattern::Pattern, principal::Named,
    resource::SERVICE,
};

/// A statement of a document.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// Where it stands in the text.
    pub(super) at: usize,
    /// Sid, or `#3` by place.
    pub(super) label: Arc<str>,
    pub(super) effect: Effect,
    pub(super) principals: Matches<Named>,
    pub(super) actions: Matches<Pattern>,
    pub(super) resources: Matches<Pattern>,
    pub(super) conditions: Box<[Condition]>,
}

/// What a statement says where it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Lets the request pass, unless something denies it.
    Allow,
    /// Refuses the request, whatever allows it.
    Deny,
}

/// `Action` or `NotAction`, and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matches<T> {
    pub(super) is_negated: bool,
    pub(super) list: Box<[T]>,
}

impl Statement {
    pub(super) fn applies(&self, inquiry: &Inquiry<'_>) -> bool {
        // The cheap comparisons first.
        self.matches_principal(inquiry)
            && self.matches_action(inquiry)
            && self.matches_resource(inquiry)
            && self.conditions_hold(inquiry.keys)
    }

    /// Whether all conditions do. One that asks for what was left open holds for an Allow alone.
    pub(super) fn conditions_hold(&self, keys: &Keys<'_>) -> bool {
        self.conditions.iter().all(|condition| {
            if condition.is_open(keys) {
                self.effect == Effect::Allow
            } else {
                condition.holds(keys)
            }
        })
    }

    /// Whether both speak of the same callers, actions and resources.
    pub(super) fn speaks_of_same(&self, other: &Self) -> bool {
        self.principals == other.principals
            && self.actions == other.actions
            && self.resources == other.resources
    }

    /// Whether it allows, or spares from its denial, what has this value of a condition key.
    pub(super) fn accepts(&self, key: &str, value: &str) -> bool {
        self.conditions.iter().any(|condition| {
            is_same(&condition.key, key)
                && condition.operator.is_negated == (self.effect == Effect::Deny)
                && condition.written.iter().any(|written| **written == *value)
        })
    }

    /// The keys that its conditions and the variables of its resources ask about.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let variables = self.resources.list.iter().flat_map(Pattern::variables);
        let conditions = self.conditions.iter().flat_map(Condition::keys);
        variables.map(|variable| &*variable.key).chain(conditions)
    }

    pub(super) fn matches_action(&self, inquiry: &Inquiry<'_>) -> bool {
        self.names_action(inquiry.action)
    }

    /// Actions hold no variables.
    pub(super) fn names_action(&self, name: &str) -> bool {
        self.actions.holds(|action| action.matches_ignoring_case(name, &Keys::NONE))
    }

    pub(super) fn matches_resource(&self, inquiry: &Inquiry<'_>) -> bool {
        if inquiry.keys.has_open() {
            let mut variables = self.resources.list.iter().flat_map(Pattern::variables);
            if variables.any(|variable| inquiry.keys.is_open(&variable.key)) {
                return self.effect == Effect::Allow;
            }
        }
        // `*` is how a caller says that the request is about no bucket.
        let resource = if inquiry.resource == "*" { SERVICE } else { inquiry.resource };
        self.resources.holds(|pattern| pattern.matches(resource, inquiry.keys))
    }

    pub(super) fn matches_principal(&self, inquiry: &Inquiry<'_>) -> bool {
        self.principals.holds(|named| named.includes(inquiry.principal))
    }
}

impl<T> Matches<T> {
    fn holds(&self, matches: impl Fn(&T) -> bool) -> bool {
        self.list.iter().any(matches) != self.is_negated
    }
}
