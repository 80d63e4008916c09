//! A case: a policy, a request and its context, and how both are written as JSON.

use std::fmt::Write as _;

/// What is judged.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) version: &'static str,
    pub(super) statements: Vec<Statement>,
    pub(super) principal: String,
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) context: Vec<(String, Value)>,
}

/// A statement of its policy.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) is_deny: bool,
    pub(super) principals: Element,
    pub(super) actions: Element,
    pub(super) resources: Element,
    pub(super) conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, and the like.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) is_negated: bool,
    pub(super) values: Vec<String>,
}

/// An operator, a key, and values.
#[derive(Debug)]
pub(super) struct Condition {
    /// `ForAnyValue:`, `ForAllValues:` or nothing.
    pub(super) quantifier: &'static str,
    /// Such as `StringNotLike`.
    pub(super) base: &'static str,
    pub(super) if_exists: bool,
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

/// The value of a condition key in the request.
#[derive(Debug)]
pub(super) enum Value {
    One(String),
    Many(Vec<String>),
}

impl Condition {
    pub(super) fn is_negated(&self) -> bool {
        self.base.contains("Not")
    }

    pub(super) fn operator(&self) -> String {
        let suffix = if self.if_exists { "IfExists" } else { "" };
        format!("{}{}{suffix}", self.quantifier, self.base)
    }
}

impl Value {
    pub(super) fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl Case {
    /// The value of a key in the request.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        let entry = self.context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        Some(&entry.1)
    }

    /// Every text of the policy that variables may stand in.
    pub(super) fn variable_texts(&self) -> impl Iterator<Item = &String> {
        self.statements.iter().flat_map(|statement| {
            let conditions = statement.conditions.iter().flat_map(|condition| &condition.values);
            statement.resources.values.iter().chain(conditions)
        })
    }

    /// One line, without what is expected.
    pub(super) fn write(&self, text: &mut String, id: &str) {
        let statements: Vec<String> = self.statements.iter().map(Statement::json).collect();
        let context: Vec<String> = self
            .context
            .iter()
            .map(|(key, value)| {
                let value = match value {
                    Value::One(value) => quoted(value),
                    Value::Many(values) => list(values),
                };
                format!("{}:{value}", quoted(key))
            })
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            r#"{{"id":{},"policy":{{"Version":{},"Statement":[{}]}},"request":{{"principal":{},"action":{},"resource":{},"context":{{{}}}}}}}"#,
            quoted(id),
            quoted(self.version),
            statements.join(","),
            quoted(&self.principal),
            quoted(&self.action),
            quoted(&self.resource),
            context.join(",")
        );
    }
}

impl Statement {
    fn json(&self) -> String {
        let effect = if self.is_deny { "Deny" } else { "Allow" };
        let everyone = self.principals.values.iter().any(|value| value == "*");
        let principals = if everyone {
            r#""*""#.to_owned()
        } else {
            format!(r#"{{"AWS":{}}}"#, list(&self.principals.values))
        };
        let named = |name: &str, element: &Element, values: String| {
            let not = if element.is_negated { "Not" } else { "" };
            format!(r#""{not}{name}":{values}"#)
        };
        let mut members = vec![
            format!(r#""Effect":"{effect}""#),
            named("Principal", &self.principals, principals),
            named("Action", &self.actions, list(&self.actions.values)),
            named("Resource", &self.resources, list(&self.resources.values)),
        ];
        if !self.conditions.is_empty() {
            let conditions: Vec<String> = self.conditions.iter().map(Condition::json).collect();
            members.push(format!(r#""Condition":{{{}}}"#, conditions.join(",")));
        }
        format!("{{{}}}", members.join(","))
    }
}

impl Condition {
    fn json(&self) -> String {
        let (operator, key) = (quoted(&self.operator()), quoted(&self.key));
        format!("{operator}:{{{key}:{}}}", list(&self.values))
    }
}

/// A list, or its one entry by itself: both mean the same.
fn list(values: &[String]) -> String {
    match values {
        [value] => quoted(value),
        values => format!("[{}]", values.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(",")),
    }
}

/// A JSON string; the generator knows no control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
