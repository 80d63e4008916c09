//! Reading of elements: the parts that all have in common. Invariant: an unknown or repeated member of
//! an object is a fault, wherever it stands.

use super::{
    Strictness,
    context::{self, Standing},
    faults::{Faults, nearest},
    json::{Member, Value},
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
        let object = value.as_object();
        if object.is_none() {
            self.syntax(value.at, &format!("{what} is an object: write {{…}}"));
        }
        object
    }

    pub(super) fn string<'v>(&mut self, value: &'v Value<'_>, what: &str) -> Option<&'v str> {
        let text = value.as_str();
        if text.is_none() {
            self.syntax(value.at, &format!("{what} is a string: write \"…\""));
        }
        text
    }

    /// A string, or a list of one or more.
    pub(super) fn strings(&mut self, value: &Value<'_>, what: &str) -> Vec<Text> {
        let values = value.as_values();
        if values.is_empty() {
            self.syntax(value.at, &format!("{what} is empty: write one or more strings"));
        }
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
        let is_declared = match self.strictness {
            Strictness::Gate { declared } => {
                declared.iter().any(|known| context::is_of(known, key))
            }
            Strictness::S3 { .. } => has_service(key, "aws"),
            Strictness::Lenient => true,
        };
        let suggestion = || match context::suggestion(key) {
            Some(near) => format!("did you mean {near}?"),
            None => "drop it, or write a key that is documented.".to_owned(),
        };
        let message = match context::standing(key) {
            Standing::Known(_) => return,
            Standing::Unknown | Standing::Unknowable(_) if is_declared => return,
            Standing::Unknowable(_) if !self.is_gate() => return,
            Standing::Unknowable(reason) => {
                format!(
                    "The proxy cannot know {key}: {reason}. Write the statement without it, or say \
                     what it is under `[policies.declare]`."
                )
            }
            Standing::Unknown if has_service(key, "aws") => {
                format!("The proxy cannot know {key}; {}", suggestion())
            }
            Standing::Unknown => {
                format!("Policy has an invalid condition key: S3 has no {key}; {}", suggestion())
            }
        };
        self.faults.push(at, message);
    }
}

fn has_service(key: &str, service: &str) -> bool {
    key.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(service))
}
