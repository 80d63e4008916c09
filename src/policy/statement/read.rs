//! Statements as written. Invariant: each element stands once, and of each pair (`Action`,
//! `NotAction`) exactly one.

use super::{Effect, Matches, Statement};
use crate::policy::{
    Keys, Strictness,
    action::{self, Action},
    condition,
    json::{Member, Value},
    pattern::Pattern,
    principal::Named,
    reader::{Reader, Text},
    resource,
    variable::{self, Reading},
};

/// Reads the statement of this number, 1-based. `None` where a fault was reported.
pub(in crate::policy) fn read(
    reader: &mut Reader<'_, '_>,
    value: &Value<'_>,
    number: usize,
) -> Option<Statement> {
    let members = reader.object(value, "A statement")?;
    reader.members(members, &ELEMENTS, "A statement");
    let mut elements = Elements { reader, members, at: value.at };
    let label = elements.label(number);
    let effect = elements.effect();
    let principals = elements.principals(effect);
    let actions = elements.actions();
    let resources = elements.resources();
    if let (Some(actions), Some(resources)) = (&actions, &resources) {
        elements.applicable(actions, resources);
    }
    let named = actions.as_ref().map(|actions| named(actions)).unwrap_or_default();
    let conditions = match members.iter().find(|member| member.name == "Condition") {
        Some(member) => condition::read(elements.reader, &member.value, &named),
        None => Vec::new(),
    };
    Some(Statement {
        at: value.at,
        label: label.into(),
        effect: effect?,
        principals: principals?,
        actions: actions?.matches(),
        resources: resources?.matches(),
        conditions: conditions.into_boxed_slice(),
    })
}

/// The members of one statement.
struct Elements<'e, 'r, 't, 'v> {
    reader: &'e mut Reader<'r, 't>,
    members: &'v [Member<'v>],
    at: usize,
}

/// Patterns as written.
struct Patterns {
    is_negated: bool,
    list: Vec<(Text, Pattern)>,
}

impl Patterns {
    fn matches(self) -> Matches<Pattern> {
        let list = self.list.into_iter().map(|(_, pattern)| pattern).collect();
        Matches { is_negated: self.is_negated, list }
    }
}

impl<'v> Elements<'_, '_, '_, 'v> {
    fn label(&mut self, number: usize) -> String {
        let sid = self.find("Sid").and_then(|member| self.reader.string(&member.value, "Sid"));
        let sid = sid.filter(|sid| !sid.is_empty());
        sid.map_or_else(|| format!("#{number}"), str::to_owned)
    }

    fn effect(&mut self) -> Option<Effect> {
        let Some(member) = self.find("Effect") else {
            self.missing("Effect", "write \"Effect\": \"Deny\" or \"Allow\"");
            return None;
        };
        match self.reader.string(&member.value, "Effect")? {
            "Allow" => Some(Effect::Allow),
            "Deny" => Some(Effect::Deny),
            other => {
                let message = format!("Invalid effect: {other}");
                let advice = "; write \"Allow\" or \"Deny\", with this case.";
                self.reader.faults.push(member.value.at, message + advice);
                None
            }
        }
    }

    fn principals(&mut self, effect: Option<Effect>) -> Option<Matches<Named>> {
        let advice = "write \"Principal\": \"*\" for everyone";
        let (is_negated, member) = self.pair("Principal", "NotPrincipal", advice)?;
        if is_negated && effect == Some(Effect::Allow) && !self.reader.is_lenient() {
            let message = "NotPrincipal cannot stand with Allow: it would let everyone else in, \
                           anonymous callers too; write Principal.";
            self.reader.faults.push(member.at, message);
        }
        let list = principals(self.reader, &member.value)?;
        Some(Matches { is_negated, list })
    }

    fn actions(&mut self) -> Option<Patterns> {
        let advice = "write \"Action\": \"s3:PutObject\", say";
        let (is_negated, member) = self.pair("Action", "NotAction", advice)?;
        let texts = self.reader.strings(&member.value, &member.name);
        let list: Vec<_> =
            texts.into_iter().map(|text| (Pattern::glob(&text.text), text)).collect();
        for (pattern, text) in &list {
            if !self.reader.is_lenient() && action::named_by(pattern).next().is_none() {
                let message = "Policy has invalid action";
                self.reader.faults.s3(text.at, message, &unknown_action(&text.text));
            }
        }
        let list = list.into_iter().map(|(pattern, text)| (text, pattern)).collect();
        Some(Patterns { is_negated, list })
    }

    fn resources(&mut self) -> Option<Patterns> {
        let advice = "write \"Resource\": \"arn:aws:s3:::bucket/*\", say";
        let (is_negated, member) = self.pair("Resource", "NotResource", advice)?;
        let texts = self.reader.strings(&member.value, &member.name);
        let list = texts.into_iter().map(|text| {
            let pattern = self.resource(&text)?;
            Some((text, pattern))
        });
        let list: Vec<Option<_>> = list.collect();
        Some(Patterns { is_negated, list: list.into_iter().collect::<Option<_>>()? })
    }

    fn resource(&mut self, text: &Text) -> Option<Pattern> {
        let reading = Reading { wildcards: true, variables: self.reader.has_variables };
        let (pattern, bad) = variable::compile(&text.text, reading);
        let keys = pattern.variables().map(|variable| &*variable.key);
        self.reader.variables(text.at, keys, &bad);
        let advice = match self.reader.strictness {
            Strictness::Lenient => None,
            Strictness::S3 { bucket } if resource::is_within(&text.text, bucket) => None,
            Strictness::S3 { .. } => {
                Some("write the ARN of the policy's bucket, or of its objects")
            }
            Strictness::Gate { .. } => resource::fault(&text.text),
        };
        if let Some(advice) = advice {
            self.reader.faults.s3(text.at, "Policy has invalid resource", advice);
            return None;
        }
        Some(pattern)
    }

    /// An action that acts on none of the resources would make a Deny that never fires.
    fn applicable(&mut self, actions: &Patterns, resources: &Patterns) {
        if actions.is_negated || resources.is_negated || self.reader.is_lenient() {
            return;
        }
        for (text, pattern) in &actions.list {
            let mut named = action::named_by(pattern).peekable();
            let Some(first) = named.peek() else { continue };
            let acts_on_buckets = first.acts_on(resource::Kind::Bucket);
            let is_applicable = named.any(|action| {
                let mut resources = resources.list.iter();
                resources
                    .any(|(text, pattern)| resource::is_applicable(action, pattern, &text.text))
            });
            if !is_applicable {
                let wanted = if acts_on_buckets { "bucket" } else { "bucket/*" };
                let advice = format!("{} needs a Resource like arn:aws:s3:::{wanted}", text.text);
                let message = "Action does not apply to any resource(s) in statement";
                self.reader.faults.s3(text.at, message, &advice);
            }
        }
    }

    fn find(&self, name: &str) -> Option<&'v Member<'v>> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The one of two elements that stands here, and whether it is the negated one.
    fn pair(&mut self, name: &str, negated: &str, advice: &str) -> Option<(bool, &'v Member<'v>)> {
        match (self.find(name), self.find(negated)) {
            (Some(member), None) => Some((false, member)),
            (None, Some(member)) => Some((true, member)),
            (Some(_), Some(member)) => {
                self.reader.syntax(member.at, &format!("Write {name} or {negated}, not both"));
                None
            }
            (None, None) => {
                self.missing(name, advice);
                None
            }
        }
    }

    fn missing(&mut self, name: &str, advice: &str) {
        self.reader.faults.s3(self.at, &format!("Missing required field {name}"), advice);
    }
}

fn principals(reader: &mut Reader<'_, '_>, value: &Value<'_>) -> Option<Box<[Named]>> {
    if let Some(text) = value.as_str() {
        if text == "*" {
            return Some([Named::Everyone].into());
        }
        let advice = format!("write {{\"AWS\": \"{text}\"}}, or \"*\" for everyone");
        reader.faults.s3(value.at, INVALID_PRINCIPAL, &advice);
        return None;
    }
    let members = reader.object(value, "Principal")?;
    if members.is_empty() {
        let message = "Missing required field Principal cannot be empty!";
        reader.faults.s3(value.at, message, "Write {\"AWS\": …}");
        return None;
    }
    reader.members(members, &KINDS, "Principal");
    let mut named = Vec::new();
    for member in members.iter().filter(|member| KINDS.contains(&member.name.as_str())) {
        for text in reader.strings(&member.value, &member.name) {
            named.extend(principal(reader, &member.name, &text));
        }
    }
    Some(named.into_boxed_slice())
}

fn principal(reader: &mut Reader<'_, '_>, kind: &str, text: &Text) -> Option<Named> {
    let is_canonical = text.text.len() == CANONICAL_HEX_DIGITS
        && text.text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let advice = match kind {
        "AWS" => match Named::aws(&text.text) {
            Some(named) => return Some(named),
            None => "write an account's 12 digits, or the ARN of a user, role or session in full",
        },
        "Service" if text.text.ends_with(".amazonaws.com") => return Some(Named::Elsewhere),
        "Service" => "write a service's name, such as logging.s3.amazonaws.com",
        "CanonicalUser" if !is_canonical => "write the 64 hexadecimal digits of a canonical user",
        _ if !reader.is_gate() => return Some(Named::Elsewhere),
        "CanonicalUser" => "the proxy cannot know canonical users; write the account under AWS",
        _ => "the proxy cannot know identity providers; write the role under AWS",
    };
    reader.faults.s3(text.at, INVALID_PRINCIPAL, advice);
    None
}

/// The actions that a statement speaks of.
fn named(actions: &Patterns) -> Vec<&'static Action> {
    let is_named = |action: &&Action| {
        let mut patterns = actions.list.iter();
        patterns.any(|(_, pattern)| pattern.matches_ignoring_case(action.name, &Keys::NONE))
            != actions.is_negated
    };
    action::all().iter().filter(is_named).collect()
}

fn unknown_action(text: &str) -> String {
    let near = crate::policy::faults::nearest(text, action::all().iter().map(|action| action.name));
    match near {
        Some(near) => format!("no action of S3 is {text}; write {near}, perhaps"),
        None => format!("no action of S3 is {text}; write one like s3:PutObject or s3:Get*"),
    }
}

const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
/// Of principals.
const KINDS: [&str; 4] = ["AWS", "CanonicalUser", "Federated", "Service"];
const INVALID_PRINCIPAL: &str = "Invalid principal in policy";
const CANONICAL_HEX_DIGITS: usize = 64;
