//! Refusals and their reasons. Invariant: a message is one line of at most [`MESSAGE_BYTES_MAX`] bytes,
//! whatever the request holds, and begins as S3's does.

use std::fmt::Write as _;

use super::{ConditionOutcome, Context, Inquiry, Principal, explain, mend, statement::Statement};

/// A refusal and its reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.message())]
pub struct Denied(Box<Reason>);

#[derive(Clone, Debug)]
struct Reason {
    action: String,
    resource: String,
    is_anonymous: bool,
    /// The statement that denies; `None` where none allows.
    denier: Option<Denier>,
    context: Context,
}

#[derive(Clone, Debug)]
struct Denier {
    document: String,
    statement: String,
    conditions: Vec<ConditionOutcome>,
}

impl Denied {
    pub(super) fn explicit(document: &str, statement: &Statement, inquiry: &Inquiry<'_>) -> Self {
        let denier = Denier {
            document: document.to_owned(),
            statement: statement.label.to_string(),
            conditions: explain::conditions(statement, inquiry.keys),
        };
        Self::new(inquiry, Some(denier))
    }

    pub(super) fn implicit(inquiry: &Inquiry<'_>) -> Self {
        Self::new(inquiry, None)
    }

    fn new(inquiry: &Inquiry<'_>, denier: Option<Denier>) -> Self {
        Self(Box::new(Reason {
            action: inquiry.action.to_owned(),
            resource: inquiry.resource.to_owned(),
            is_anonymous: *inquiry.principal == Principal::Anonymous,
            denier,
            context: Context::new(),
        }))
    }

    /// With the condition keys that it was decided on.
    pub(super) fn on(mut self, context: Context) -> Self {
        self.0.context = context;
        self
    }

    /// Without them, where many are kept.
    #[must_use]
    pub fn without_context(self) -> Self {
        self.on(Context::new())
    }

    /// The condition keys that it was decided on: with them the decision can be explained later.
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// For the client: policy, statement, condition, and what to add.
    pub fn message(&self) -> String {
        let reason = &*self.0;
        let mut message = match &reason.denier {
            Some(denier) => denier.message(&reason.action),
            None if reason.is_anonymous => format!(
                "Access Denied: no statement allows {} to anonymous callers. Sign the request.",
                reason.action
            ),
            None => format!(
                "Access Denied: no statement allows {}. Ask for an Allow on {}.",
                reason.action,
                shown(&reason.resource, VALUE_BYTES_MAX)
            ),
        };
        if message.len() > MESSAGE_BYTES_MAX {
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX - ELLIPSIS.len()));
            message.push_str(ELLIPSIS);
        }
        message
    }

    /// `explicit-deny` or `implicit-deny`.
    pub fn effect(&self) -> &'static str {
        match self.0.denier {
            Some(_) => "explicit-deny",
            None => "implicit-deny",
        }
    }

    /// Name of the document; `None` for an implicit deny.
    pub fn document(&self) -> Option<&str> {
        self.0.denier.as_ref().map(|denier| denier.document.as_str())
    }

    /// Sid, or `#3` by place, 1-based.
    pub fn statement(&self) -> Option<&str> {
        self.0.denier.as_ref().map(|denier| denier.statement.as_str())
    }

    /// The action that was refused.
    pub fn action(&self) -> &str {
        &self.0.action
    }

    /// The ARN of what it was refused on.
    pub fn resource(&self) -> &str {
        &self.0.resource
    }

    /// The conditions of the statement that denies, all of which hold.
    pub fn conditions(&self) -> &[ConditionOutcome] {
        self.0.denier.as_ref().map_or(&[], |denier| &denier.conditions)
    }
}

impl Denier {
    fn message(&self, action: &str) -> String {
        let statement = if self.statement.starts_with('#') {
            self.statement.clone()
        } else {
            format!("\"{}\"", shown(&self.statement, VALUE_BYTES_MAX))
        };
        let document = shown(&self.document, VALUE_BYTES_MAX);
        let mut message =
            format!("Access Denied: statement {statement} of {document} denies {action}");
        for (index, condition) in self.conditions.iter().enumerate() {
            message.push_str(if index == 0 { " because " } else { " and " });
            let key = shown(&condition.key, VALUE_BYTES_MAX);
            // Writing to a string cannot fail.
            let _ = write!(message, "{key} is {}", found(condition));
        }
        message.push('.');
        if let Some(mend) = mend::sentence(&self.conditions) {
            message.push(' ');
            message.push_str(&mend);
        }
        message
    }
}

fn found(condition: &ConditionOutcome) -> String {
    match &condition.found {
        None => "absent".to_owned(),
        Some(values) => quoted(values, " and "),
    }
}

/// Values for a message: few, short, printable.
pub(super) fn quoted(values: &[String], joint: &str) -> String {
    let quote = |value: &String| format!("\"{}\"", shown(value, VALUE_BYTES_MAX));
    listed(values.iter().map(quote), values.len(), joint)
}

/// The first few of a list.
pub(super) fn listed(values: impl Iterator<Item = String>, count: usize, joint: &str) -> String {
    let mut text = values.take(VALUES_MAX).collect::<Vec<_>>().join(joint);
    if count > VALUES_MAX {
        text.push_str(joint);
        text.push_str(ELLIPSIS);
    }
    text
}

/// A text for a message: what is not printable would break the line, or the client's terminal.
pub(super) fn shown(text: &str, bytes_max: usize) -> String {
    let end = text.floor_char_boundary(bytes_max);
    let printable = |letter: char| if letter.is_control() { '?' } else { letter };
    let mut shown: String = text.get(..end).unwrap_or_default().chars().map(printable).collect();
    if end < text.len() {
        shown.push_str(ELLIPSIS);
    }
    shown
}

const ELLIPSIS: &str = "…";
/// The longest message.
const MESSAGE_BYTES_MAX: usize = 1024;
/// Of a value; a KMS key's ARN fits.
pub(super) const VALUE_BYTES_MAX: usize = 128;
/// Of a list.
const VALUES_MAX: usize = 4;

#[cfg(test)]
mod tests;
