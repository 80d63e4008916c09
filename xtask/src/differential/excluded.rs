//! What is not compared. Invariant: each reason names a place where the engine is known to err, or where
//! AWS's documentation says nothing; whoever finds it mended takes it away here.

use std::net::IpAddr;

use super::case::{Case, Condition, Value};

/// Why a case is left out; `None`: it is compared.
pub(super) fn reason(case: &Case) -> Option<&'static str> {
    if case.version != "2012-10-17" && case.variable_texts().any(|text| text.contains("${")) {
        return Some("the engine fills variables also without Version 2012-10-17");
    }
    if case.resource.contains('*') {
        return Some("the engine takes `*` in a request's resource for a wildcard");
    }
    let is_empty = |value: &Value| value.values().iter().any(String::is_empty);
    let names_empty = |text: &String| {
        variables(text).any(|inside| {
            case.value(inside.split(", ").next().unwrap_or_default()).is_some_and(is_empty)
        })
    };
    if case.variable_texts().any(names_empty) {
        return Some("the engine takes a variable with an empty value for one without");
    }
    let lacks = |text: &String| lacks_value(case, text);
    let mut resources = case.statements.iter().map(|statement| &statement.resources);
    if resources.any(|it| it.is_negated && it.values.iter().any(lacks)) {
        return Some("AWS does not say what NotResource is with a variable without a value");
    }
    let mut conditions = case.statements.iter().flat_map(|statement| &statement.conditions);
    conditions.find_map(|condition| of_condition(case, condition))
}

fn of_condition(case: &Case, condition: &Condition) -> Option<&'static str> {
    let found = case.value(&condition.key);
    let is_quantified = !condition.quantifier.is_empty();
    let has_escape = |value: &String| ["${*}", "${?}", "${$}"].iter().any(|it| value.contains(it));
    if condition.base == "Null" {
        return is_quantified.then_some("the engine knows no quantifier with Null");
    }
    if condition.quantifier == "ForAnyValue:" && condition.if_exists {
        return Some("AWS does not say what ForAnyValue means with IfExists");
    }
    if !is_quantified && matches!(found, Some(Value::Many(_))) {
        return Some("AWS does not say what several values mean without a quantifier");
    }
    if condition.base.starts_with("String")
        && !condition.base.ends_with("Like")
        && condition.values.iter().any(has_escape)
    {
        return Some("the engine does not unescape ${*} in StringEquals");
    }
    let found = found?;
    if condition.quantifier == "ForAllValues:" && found.values().iter().any(String::is_empty) {
        return Some("the engine does not take an empty value for none under ForAllValues");
    }
    of_values(case, condition, found)
}

fn of_values(case: &Case, condition: &Condition, found: &Value) -> Option<&'static str> {
    let all = || condition.values.iter().chain(found.values());
    if condition.base.starts_with("Date") && all().any(|it| it.bytes().all(|b| b.is_ascii_digit()))
    {
        return Some("the engine takes epoch seconds for milliseconds, and years for epochs");
    }
    let is_number = |value: &String| value.parse::<f64>().is_ok();
    if condition.base.starts_with("Date") && found.values().iter().any(is_number) {
        return Some("the engine takes numbers for dates, as JavaScript does");
    }
    if condition.is_negated() && condition.values.iter().any(|value| lacks_value(case, value)) {
        return Some("the engine denies a negated operator whose variable has no value");
    }
    let is_of_type: fn(&str) -> bool = match condition.base {
        base if base.starts_with("Numeric") => |value| value.parse::<f64>().is_ok(),
        base if base.starts_with("Date") => |value| value.starts_with("20") && value.contains('-'),
        base if base.contains("IpAddress") => |value| value.parse::<IpAddr>().is_ok(),
        base if base.starts_with("Arn") => |value| value.starts_with("arn:"),
        _ => |_| true,
    };
    if condition.is_negated() && !found.values().iter().all(|value| is_of_type(value)) {
        return Some("AWS does not say whether a value of another type is unequal");
    }
    let begins_with_digits = |value: &String| {
        value.parse::<f64>().is_err() && value.starts_with(|first: char| first.is_ascii_digit())
    };
    if condition.base.starts_with("Numeric") && found.values().iter().any(begins_with_digits) {
        return Some("the engine reads the digits that a text begins with as a number");
    }
    condition.base.contains("IpAddress").then(|| of_addresses(condition, found)).flatten()
}

fn of_addresses(condition: &Condition, found: &Value) -> Option<&'static str> {
    if condition.values.iter().any(|value| value == "0.0.0.0/0") {
        return Some("the engine finds no address in the block 0.0.0.0/0");
    }
    let is_v6 = |value: &String| value.contains(':');
    let differs = |wanted: &String| {
        condition.is_negated() && found.values().iter().any(|it| is_v6(it) != is_v6(wanted))
    };
    let is_respelt = |wanted: &String| is_v6(wanted) && found.values().iter().any(is_v6);
    let mut single = condition.values.iter().filter(|value| !value.contains('/'));
    single
        .any(|wanted| differs(wanted) || is_respelt(wanted))
        .then_some("the engine compares single addresses as text, and within a family only")
}

/// Whether a text holds a variable that has no value, nor a default.
fn lacks_value(case: &Case, text: &str) -> bool {
    let has_value = |inside: &str| matches!(case.value(inside), Some(Value::One(_)));
    variables(text).any(|inside| !inside.contains(", ") && !has_value(inside))
}

/// What stands in the `${…}` of a text, but for escapes.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    let insides = text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    insides.filter(|inside| !matches!(*inside, "*" | "?" | "$"))
}
