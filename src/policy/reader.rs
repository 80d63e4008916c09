//! Reading of elements: the parts that all have in common. Invariant: an unknown or repeated member of
//! an object is a fault, wherever it stands.

use super::{
    Strictness,
    context::{self, Standing},
    faults::{Faults, nearest},
    json::{Data, Member, Value},
    variable::BadVariable,
};

/// A document being read.
#[derive(Debug)]
pub(super) struct Reader<'r, 't> {
    pub(super) faults: &'r mut Faults<'t>,
    pub(super) strictness: Strictness<'r>,
    /// `Version` is `2012-10-17`.
    pub(super) has_variables: bool,
}

/// A string and where it stands.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) at: usize,
    pub(super) text: String,
}

impl Reader<'_, '_> {
    /// Reports members that are not among `known`, or stand twice.
    pub(super) fn members(&mut self, members: &[Member<'_>], known: &[&str], whose: &str) {
        for member in members {
            if !known.contains(&member.name.as_str()) {
                let instead = match nearest(&member.name, known.iter().copied()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("write one of {}.", known.join(", ")),
                };
                let message = format!("{whose} has no element \"{}\"; {instead}", member.name);
                self.faults.push(member.at, message);
            }
        }
        self.repeated(members, |one, other| one == other);
    }

    /// Reports members whose name stands before them.
    pub(super) fn repeated(&mut self, members: &[Member<'_>], is_same: fn(&str, &str) -> bool) {
        for (index, member) in members.iter().enumerate() {
            if members.iter().take(index).any(|earlier| is_same(&earlier.name, &member.name)) {
                let message = format!("\"{}\" stands twice here; write it once.", member.name);
                self.faults.push(member.at, message);
            }
        }
    }

    pub(super) fn object<'v, 't>(
        &mut self,
        value: &'v Value<'t>,
        what: &str,
    ) -> Option<&'v [Member<'t>]> {
        if let Data::Object(members) = &value.data {
            return Some(members);
        }
        self.syntax(value.at, &format!("{what} is an object: write {{…}}"));
        None
    }

    pub(super) fn string<'v>(&mut self, value: &'v Value<'_>, what: &str) -> Option<&'v str> {
        if let Data::String(text) = &value.data {
            return Some(text);
        }
        self.syntax(value.at, &format!("{what} is a string: write \"…\""));
        None
    }

    /// A string, or a list of one or more.
    pub(super) fn strings(&mut self, value: &Value<'_>, what: &str) -> Vec<Text> {
        let values = match &value.data {
            Data::List(values) if values.is_empty() => {
                self.syntax(value.at, &format!("{what} is empty: write one or more strings"));
                return Vec::new();
            }
            Data::List(values) => values.as_slice(),
            _ => std::slice::from_ref(value),
        };
        let text = |value: &Value<'_>| {
            let text = self.string(value, what)?.to_owned();
            Some(Text { at: value.at, text })
        };
        values.iter().filter_map(text).collect()
    }

    /// What of another JSON type S3 answers.
    pub(super) fn syntax(&mut self, at: usize, advice: &str) {
        self.faults.s3(at, "Invalid policy syntax.", advice);
    }

    pub(super) fn is_lenient(&self) -> bool {
        matches!(self.strictness, Strictness::Lenient)
    }

    pub(super) fn is_gate(&self) -> bool {
        matches!(self.strictness, Strictness::Gate { .. })
    }

    /// Reports what is wrong with the variables of a text. At run time AWS takes a bad one literally.
    pub(super) fn variables<'k>(
        &mut self,
        at: usize,
        keys: impl Iterator<Item = &'k str>,
        bad: &[BadVariable],
    ) {
        if self.is_lenient() {
            return;
        }
        for BadVariable(message) in bad {
            let advice = "write ${key}, ${key, 'default'}, ${*}, ${?} or ${$}";
            self.faults.push(at, format!("{message}; {advice}."));
        }
        for key in keys {
            self.key(at, key);
            let is_multivalued =
                matches!(context::standing(key), Standing::Known(known) if known.is_multivalued);
            if is_multivalued {
                let message = format!("{key} has several values and cannot be a variable.");
                self.faults.push(at, message);
            }
        }
    }

    /// Reports a condition key that S3 does not have or the gate does not know.
    pub(super) fn key(&mut self, at: usize, key: &str) {
        let is_s3 = key.get(..3).is_some_and(|service| service.eq_ignore_ascii_case("s3:"));
        let is_aws = key.get(..4).is_some_and(|service| service.eq_ignore_ascii_case("aws:"));
        let suggestion = || match context::suggestion(key) {
            Some(near) => format!("did you mean {near}?"),
            None => "its keys are listed in the documentation.".to_owned(),
        };
        match (self.strictness, context::standing(key)) {
            (Strictness::Lenient, _) | (_, Standing::Known(_)) => {}
            (Strictness::Gate { declared }, _)
                if declared.iter().any(|known| context::is_of(known, key)) => {}
            (Strictness::Gate { .. }, Standing::Unknowable(reason)) => self.faults.push(
                at,
                format!(
                    "The proxy cannot know {key}: {reason}. Write the statement without it, or \
                     declare the key in the configuration."
                ),
            ),
            (Strictness::S3 { .. }, Standing::Unknowable(_)) => {}
            (Strictness::S3 { .. }, Standing::Unknown) if is_aws => {}
            (Strictness::Gate { .. }, Standing::Unknown) if is_aws => {
                self.faults.push(at, format!("The proxy cannot know {key}; {}", suggestion()));
            }
            (_, Standing::Unknown) => {
                let whose = if is_s3 { "S3 has no key" } else { "no service of AWS has a key" };
                self.faults.push(
                    at,
                    format!("Policy has an invalid condition key: {whose} {key}; {}", suggestion()),
                );
            }
        }
    }
}
