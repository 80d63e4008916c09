//! One condition: an operator, a key, and values. Invariant: where the key is absent, each operator
//! says what AWS says (IAM user guide, "Condition operators" and "Multivalued context keys").

mod operand;
mod operator;
mod read;

use std::borrow::Cow;

use operand::Operand;
pub(crate) use operand::instant;
use operator::Quantifier;
pub(super) use operator::{Comparison, Operator, Relation};
pub(super) use read::read;

use super::{Keys, pattern::Pattern};

/// `{operator: {key: values}}` of a document.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) operator: Operator,
    /// Where the key stands in the text.
    pub(super) at: usize,
    /// As written.
    pub(super) operator_name: Box<str>,
    /// As written.
    pub(super) key: Box<str>,
    operands: Box<[Operand]>,
    /// The values as written.
    pub(super) written: Box<[Box<str>]>,
}

impl Condition {
    /// Whether the condition is true of a request.
    pub(super) fn holds(&self, keys: &Keys<'_>) -> bool {
        self.holds_of(keys.values(&self.key), keys)
    }

    /// As [`Condition::holds`], of the values of its key.
    pub(super) fn holds_of(&self, values: Option<&[Cow<'_, str>]>, keys: &Keys<'_>) -> bool {
        if self.operator.comparison == Comparison::Null {
            return self.holds_null(values.is_none());
        }
        match (self.operator.quantifier, values) {
            (Quantifier::Plain, None) => self.operator.is_negated || self.operator.if_exists,
            (Quantifier::ForAllValues, None) => true,
            (Quantifier::ForAnyValue, None) => self.operator.if_exists,
            // An empty value counts as no value at all here.
            (Quantifier::ForAllValues, Some([value])) if value.is_empty() => true,
            (Quantifier::ForAllValues, Some(values)) => {
                values.iter().all(|value| self.is_true_of(value, keys))
            }
            (Quantifier::ForAnyValue, Some(values)) => {
                values.iter().any(|value| self.is_true_of(value, keys))
            }
            // AWS leaves several values under a plain operator open; a Deny is to fire here.
            (Quantifier::Plain, Some(values)) => {
                let any_matches = values.iter().any(|value| self.matches(value, keys));
                any_matches != self.operator.is_negated
            }
        }
    }

    /// The key that it asks about, and those that its variables do.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let patterns = self.operands.iter().filter_map(Operand::pattern);
        let variables = patterns.flat_map(Pattern::variables);
        std::iter::once(&*self.key).chain(variables.map(|variable| &*variable.key))
    }

    /// Whether it cannot be told, since it asks for a key that was left open.
    pub(super) fn is_open(&self, keys: &Keys<'_>) -> bool {
        let variables = || {
            let patterns = self.operands.iter().filter_map(Operand::pattern);
            patterns.flat_map(Pattern::variables).any(|variable| keys.is_open(&variable.key))
        };
        keys.has_open() && (keys.is_open(&self.key) || variables())
    }

    /// `Null` looks at presence alone, and so has nothing to quantify over.
    fn holds_null(&self, is_absent: bool) -> bool {
        match self.operator.quantifier {
            Quantifier::Plain => self.operands.contains(&Operand::Null(is_absent)),
            Quantifier::ForAllValues => true,
            Quantifier::ForAnyValue => false,
        }
    }

    fn is_true_of(&self, value: &str, keys: &Keys<'_>) -> bool {
        self.matches(value, keys) != self.operator.is_negated
    }

    fn matches(&self, value: &str, keys: &Keys<'_>) -> bool {
        self.operands.iter().any(|operand| operand.matches(value, keys))
    }
}

#[cfg(test)]
mod tests;
