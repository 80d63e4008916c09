//! An explanation for people. Invariant: the decision comes first, then its reasons in the order of the
//! documents; of a statement that is about other things no more is shown than what it is about.

use std::fmt::Write as _;

use super::{super::out, Judged};
use crate::{
    pipeline::{Question, Rehearsed},
    policy::{ConditionOutcome, Denied, Effect, ElementOutcome, StatementOutcome, Verdict},
};

pub(super) fn text(judged: &Judged) -> String {
    let mut text = String::new();
    match &judged.outcome {
        Ok(rehearsed) => {
            let operation = rehearsed.operation.map(|it| format!(" ({})", it.name()));
            heading(&mut text, judged, &operation.unwrap_or_default());
            verdict(&mut text, rehearsed);
            absence(&mut text, rehearsed);
            for question in &rehearsed.questions {
                statements(&mut text, question);
            }
        }
        Err(refusal) => {
            heading(&mut text, judged, "");
            let _ = writeln!(text, "\n{}", out::red("refused before any policy is asked"));
            let _ = writeln!(text, "  {}", out::wrapped(&refusal.to_string(), 2));
        }
    }
    if !judged.assumed.is_empty() {
        let _ = writeln!(text, "\n{}", out::bold("assumed"));
        for assumed in &judged.assumed {
            let _ = writeln!(text, "  {}", out::wrapped(assumed, 2));
        }
    }
    text
}

fn heading(text: &mut String, judged: &Judged, operation: &str) {
    let _ = writeln!(text, "{}{operation}", out::bold(&judged.asked));
    let _ = writeln!(text, "as {}", judged.caller);
}

fn verdict(text: &mut String, rehearsed: &Rehearsed) {
    if let Some(rule) = &rehearsed.rule {
        let added = if rehearsed.is_mended { ", adds its encryption headers" } else { "" };
        let _ = writeln!(text, "rule {rule}{added}");
    }
    text.push('\n');
    if rehearsed.questions.is_empty() {
        let _ = writeln!(text, "{}  it needs no permission", out::green("allowed"));
    }
    for question in &rehearsed.questions {
        let about = format!("{} on {}", question.action, question.resource);
        let (word, reason) = decided(question);
        let _ = writeln!(text, "{word}  {}", out::bold(&about));
        let _ = writeln!(text, "  {}", out::wrapped(&reason, 2));
    }
}

/// What becomes of a request that passes and finds nothing.
fn absence(text: &mut String, rehearsed: &Rehearsed) {
    let passes = rehearsed.questions.iter().all(Question::passes);
    if let Some(denied) = rehearsed.absence.as_ref().filter(|_| passes) {
        let _ =
            writeln!(text, "{}  if there is no such object, in place of a 404", out::red("denied"));
        let _ = writeln!(text, "  {}", out::wrapped(&reason(denied), 2));
    }
}

fn reason(denied: &Denied) -> String {
    let message = denied.message();
    sentence(message.strip_prefix("Access Denied: ").unwrap_or(&message))
}

/// The decision about one action, and a sentence.
fn decided(question: &Question) -> (String, String) {
    let Some(denied) = &question.denied else {
        let reason = match question.explanation.decider() {
            Some(one) => format!("Statement {} of {} allows it.", one.statement, one.document),
            None => "No statement applies, and authenticated callers pass then.".to_owned(),
        };
        return (out::green("allowed"), reason);
    };
    let message = denied.message();
    let reason = message.strip_prefix("Access Denied: ").unwrap_or(&message);
    if question.is_waived {
        return (out::yellow("allowed"), format!("Audit mode lets it pass, although {reason}"));
    }
    (out::red("denied"), self::reason(denied))
}

fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn statements(text: &mut String, question: &Question) {
    let explanation = &question.explanation;
    let _ = writeln!(text, "\n{} on {}", question.action, question.resource);
    if explanation.statements.is_empty() {
        text.push_str("  no document is about it\n");
    }
    let decider = explanation.decider().map(std::ptr::from_ref);
    let mut document = "";
    for statement in &explanation.statements {
        if statement.document != document {
            document = &statement.document;
            let _ = writeln!(text, "  {}", out::bold(document));
        }
        let is_it = decider.is_some_and(|decider| std::ptr::eq(decider, statement));
        one_statement(text, statement, is_it, explanation.verdict);
    }
}

fn one_statement(text: &mut String, one: &StatementOutcome, decides: bool, verdict: Verdict) {
    let effect = match one.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    let consequence = match (decides, one.applies()) {
        (true, _) if verdict == Verdict::Allowed => out::green("applies, and decides"),
        (true, _) => out::red("applies, and decides"),
        (false, true) => out::yellow("applies"),
        (false, false) => "does not apply".to_owned(),
    };
    let _ = writeln!(text, "    {} {}: {consequence}", effect, out::bold(&one.statement));
    let matched: Vec<&str> =
        one.elements.iter().filter(|it| it.matches).map(|it| it.name).collect();
    if !matched.is_empty() {
        let _ = writeln!(text, "      {}  {}", yes(), matched.join(", "));
    }
    let unmatched: Vec<&ElementOutcome> = one.elements.iter().filter(|it| !it.matches).collect();
    for element in &unmatched {
        let wanted = listed(&element.wanted, Quotes::None);
        let _ = writeln!(text, "      {}   {}  {}", no(), element.name, out::wrapped(&wanted, 14));
    }
    if unmatched.is_empty() {
        for condition in &one.conditions {
            one_condition(text, condition);
        }
    }
}

fn one_condition(text: &mut String, condition: &ConditionOutcome) {
    let mark = if condition.holds { yes() } else { format!("{} ", no()) };
    let found = match &condition.found {
        None => "absent".to_owned(),
        Some(values) => listed(values, Quotes::Double),
    };
    let wanted = listed(&condition.wanted, Quotes::Double);
    let _ = writeln!(text, "      {mark}  {} {}", condition.operator, condition.key);
    let _ = writeln!(text, "             request: {}", out::wrapped(&found, 22));
    let _ = writeln!(text, "             policy:  {}", out::wrapped(&wanted, 22));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Double,
}

fn listed(values: &[String], quotes: Quotes) -> String {
    let shown = |value: &String| {
        let printable: String =
            value.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect();
        if quotes == Quotes::Double { format!("\"{printable}\"") } else { printable }
    };
    let mut list = values.iter().take(VALUES_SHOWN_MAX).map(shown).collect::<Vec<_>>().join(", ");
    if values.len() > VALUES_SHOWN_MAX {
        let _ = write!(list, " and {} more", values.len() - VALUES_SHOWN_MAX);
    }
    list
}

fn yes() -> String {
    out::green("yes")
}

fn no() -> String {
    out::red("no")
}

/// Of a list.
const VALUES_SHOWN_MAX: usize = 20;
