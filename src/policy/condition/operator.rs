//! Condition operators by name. Invariant: a name that is not AWS's, letter by letter, is none.
//! (IAM user guide, "Condition operators"; names are case-sensitive.)

/// An operator as written: `ForAnyValue:StringLikeIfExists`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Operator {
    pub(super) quantifier: Quantifier,
    pub(in crate::policy) comparison: Comparison,
    /// `…Not…`: no value of the document may match.
    pub(in crate::policy) is_negated: bool,
    /// True where the key is absent.
    pub(super) if_exists: bool,
}

/// How the values of a multi-valued key count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    Plain,
    ForAllValues,
    ForAnyValue,
}

/// What two values are compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Comparison {
    Arn,
    Binary,
    Bool,
    Date(Relation),
    Ip,
    Null,
    Numeric(Relation),
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
}

/// The request's value, then the relation, then the document's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Relation {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::ForAllValues, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::ForAnyValue, rest),
            Some(_) => return None,
            None => (Quantifier::Plain, name),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (_, is_negated, comparison) = NAMES.iter().find(|(known, ..)| *known == base)?;
        let is_null_if_exists = if_exists && *comparison == Comparison::Null;
        let operator =
            Self { quantifier, comparison: *comparison, is_negated: *is_negated, if_exists };
        (!is_null_if_exists).then_some(operator)
    }

    pub(in crate::policy) fn is_for_all(self) -> bool {
        self.quantifier == Quantifier::ForAllValues
    }
}

impl Relation {
    pub(super) fn holds<T: Ord>(self, found: &T, wanted: &T) -> bool {
        match self {
            Self::Equal => found == wanted,
            Self::Greater => found > wanted,
            Self::GreaterOrEqual => found >= wanted,
            Self::Less => found < wanted,
            Self::LessOrEqual => found <= wanted,
        }
    }
}

/// The nearest operator to a misspelt one.
pub(super) fn suggestion(name: &str) -> Option<&'static str> {
    let base = name.split_once(':').map_or(name, |(_, base)| base);
    let base = base.strip_suffix("IfExists").unwrap_or(base);
    crate::policy::faults::nearest(base, NAMES.iter().map(|(known, ..)| *known))
}

use Relation::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};

const NAMES: [(&str, bool, Comparison); 27] = [
    ("ArnEquals", false, Comparison::Arn),
    ("ArnLike", false, Comparison::Arn),
    ("ArnNotEquals", true, Comparison::Arn),
    ("ArnNotLike", true, Comparison::Arn),
    ("BinaryEquals", false, Comparison::Binary),
    ("Bool", false, Comparison::Bool),
    ("DateEquals", false, Comparison::Date(Equal)),
    ("DateGreaterThan", false, Comparison::Date(Greater)),
    ("DateGreaterThanEquals", false, Comparison::Date(GreaterOrEqual)),
    ("DateLessThan", false, Comparison::Date(Less)),
    ("DateLessThanEquals", false, Comparison::Date(LessOrEqual)),
    ("DateNotEquals", true, Comparison::Date(Equal)),
    ("IpAddress", false, Comparison::Ip),
    ("NotIpAddress", true, Comparison::Ip),
    ("Null", false, Comparison::Null),
    ("NumericEquals", false, Comparison::Numeric(Equal)),
    ("NumericGreaterThan", false, Comparison::Numeric(Greater)),
    ("NumericGreaterThanEquals", false, Comparison::Numeric(GreaterOrEqual)),
    ("NumericLessThan", false, Comparison::Numeric(Less)),
    ("NumericLessThanEquals", false, Comparison::Numeric(LessOrEqual)),
    ("NumericNotEquals", true, Comparison::Numeric(Equal)),
    ("StringEquals", false, Comparison::StringEquals),
    ("StringEqualsIgnoreCase", false, Comparison::StringEqualsIgnoreCase),
    ("StringLike", false, Comparison::StringLike),
    ("StringNotEquals", true, Comparison::StringEquals),
    ("StringNotEqualsIgnoreCase", true, Comparison::StringEqualsIgnoreCase),
    ("StringNotLike", true, Comparison::StringLike),
];
