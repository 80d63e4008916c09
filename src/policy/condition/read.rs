//! Conditions as written. Invariant: an operator, key or value that is not understood is a fault;
//! dropping one would turn a conditional Allow into an open one.

use super::{
    Comparison, Condition, Operator,
    operand::Operand,
    operator::{self, Quantifier},
};
use crate::policy::{
    action::Action,
    context::{self, Standing},
    json::{Data, Member, Value},
    keys::is_same,
    reader::Reader,
};

/// Reads a Condition element of a statement that speaks of these actions.
pub(in crate::policy) fn read(
    reader: &mut Reader<'_, '_>,
    value: &Value<'_>,
    actions: &[&Action],
) -> Vec<Condition> {
    let Some(operators) = reader.object(value, "Condition") else { return Vec::new() };
    reader.repeated(operators, |one, other| one == other);
    let mut conditions = Vec::new();
    for member in operators {
        let Some(operator) = operator(reader, member) else { continue };
        let Some(keys) = reader.object(&member.value, &member.name) else { continue };
        reader.repeated(keys, is_same);
        for key in keys {
            check_key(reader, key, operator, actions);
            conditions.extend(condition(reader, operator, &member.name, key));
        }
    }
    conditions
}

fn operator(reader: &mut Reader<'_, '_>, member: &Member<'_>) -> Option<Operator> {
    let name = &member.name;
    let Some(operator) = Operator::parse(name) else {
        let instead = operator::suggestion(name)
            .map_or_else(|| "write StringEquals, say".to_owned(), |near| format!("write {near}"));
        let message = format!("Invalid Condition type : {name}; {instead}.");
        reader.faults.push(member.at, message);
        return None;
    };
    let is_open = operator.quantifier == Quantifier::ForAnyValue && operator.if_exists;
    if is_open && reader.is_gate() {
        let message = format!(
            "AWS does not say what {name} means where the key is absent; write it without IfExists."
        );
        reader.faults.push(member.at, message);
    }
    Some(operator)
}

fn check_key(
    reader: &mut Reader<'_, '_>,
    member: &Member<'_>,
    operator: Operator,
    actions: &[&Action],
) {
    let (at, key) = (member.at, member.name.as_str());
    if reader.is_lenient() {
        return;
    }
    reader.key(at, key);
    let standing = context::standing(key);
    if standing != Standing::Unknown
        && !actions.is_empty()
        && !actions.iter().any(|action| action.has_key(key))
    {
        let message =
            "Conditions do not apply to combination of actions and resources in statement";
        let advice = format!("none of the statement's actions has {key}; name others, or drop it");
        reader.faults.s3(at, message, &advice);
    }
    if let (Standing::Known(known), true) = (standing, operator.comparison != Comparison::Null)
        && known.is_multivalued != (operator.quantifier != Quantifier::Plain)
    {
        reader.faults.warn(at, quantifier_advice(key, known.is_multivalued));
    }
}

fn quantifier_advice(key: &str, is_multivalued: bool) -> String {
    if is_multivalued {
        format!("{key} can have several values; say which count: ForAnyValue: or ForAllValues:.")
    } else {
        format!(
            "{key} has one value; ForAllValues: is also true where it is absent, and ForAnyValue: \
             adds nothing."
        )
    }
}

fn condition(
    reader: &mut Reader<'_, '_>,
    operator: Operator,
    operator_name: &str,
    member: &Member<'_>,
) -> Option<Condition> {
    let values = member.value.as_values();
    let is_plain = operator.quantifier == Quantifier::Plain && !operator.if_exists;
    if values.is_empty() && is_plain {
        reader.syntax(member.value.at, &format!("{} has no value to compare", member.name));
        return None;
    }
    let mut operands = Vec::with_capacity(values.len());
    let mut written = Vec::with_capacity(values.len());
    for value in values {
        let text = scalar(reader, value)?;
        operands.push(operand(reader, operator.comparison, value.at, text)?);
        written.push(text.into());
    }
    Some(Condition {
        operator,
        at: member.at,
        operator_name: operator_name.into(),
        key: member.name.as_str().into(),
        operands: operands.into_boxed_slice(),
        written: written.into_boxed_slice(),
    })
}

/// Numbers and booleans stand for their text.
fn scalar<'v>(reader: &mut Reader<'_, '_>, value: &'v Value<'_>) -> Option<&'v str> {
    match &value.data {
        Data::String(text) => Some(text),
        Data::Number(text) => Some(text),
        Data::Bool(true) => Some("true"),
        Data::Bool(false) => Some("false"),
        Data::Null | Data::List(_) | Data::Object(_) => {
            reader.syntax(value.at, "A condition's value is a string, number or boolean");
            None
        }
    }
}

fn operand(
    reader: &mut Reader<'_, '_>,
    comparison: Comparison,
    at: usize,
    text: &str,
) -> Option<Operand> {
    let Some((operand, bad)) = Operand::parse(comparison, text, reader.has_variables) else {
        if comparison == Comparison::Ip {
            let message = "Invalid IP address in Conditions";
            reader.faults.s3(at, message, "write an address or a block, such as 203.0.113.0/24");
        } else {
            reader.faults.push(at, format!("\"{text}\" is not {}.", form(comparison)));
        }
        return None;
    };
    if let Some(pattern) = operand.pattern() {
        let keys = pattern.variables().map(|variable| &*variable.key);
        reader.variables(at, keys, &bad);
        if !reader.has_variables && text.contains("${") {
            let message = "Without \"Version\": \"2012-10-17\", ${…} is literal text.";
            reader.faults.warn(at, message);
        }
    }
    Some(operand)
}

fn form(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Binary => "base64; write the bytes in base64",
        Comparison::Bool | Comparison::Null => "a truth value; write \"true\" or \"false\"",
        Comparison::Date(_) => "a date; write one like 2024-05-01T00:00:00Z, or epoch seconds",
        Comparison::Ip => "an address",
        Comparison::Numeric(_) => "a number; write digits, such as 10 or 1.2",
        Comparison::Arn
        | Comparison::StringEquals
        | Comparison::StringEqualsIgnoreCase
        | Comparison::StringLike => "text",
    }
}
