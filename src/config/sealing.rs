//! What a rule says of sealing. Invariant: every keyring that a rule names is there.

use super::{
    loading::Loading,
    reader::{OneOrMany, Table},
    source::At,
    suggest::{self, quoted},
    written,
};
use crate::{
    keyring,
    seal::Binding,
    transform::seal::{Irregular, Sealing, UnsealedObjects},
};

/// As it stands in the rule.
pub(super) struct Written {
    pub(super) keyring: Option<At<OneOrMany<At<String>>>>,
    pub(super) binding: Option<At<String>>,
    pub(super) aliases: Option<At<Vec<At<String>>>>,
    pub(super) plaintext: Option<At<String>>,
    pub(super) irregular: Option<At<String>>,
}

impl Written {
    pub(super) fn read(table: &mut Table<'_>) -> Self {
        Self {
            keyring: table.optional("keyring"),
            binding: table.optional("binding"),
            aliases: table.optional("aliases"),
            plaintext: table.optional("plaintext"),
            irregular: table.optional("irregular"),
        }
    }
}

impl Loading<'_> {
    pub(super) fn sealing(
        &mut self,
        rule: &written::Rule,
        treatment: &At<String>,
        keyrings: &[keyring::Settings],
    ) -> Option<Sealing> {
        let written = &rule.sealing;
        let names = self.keyrings_of(written, treatment, keyrings);
        let binding = self.binding(written.binding.as_ref());
        let unsealed = self.unsealed(written.plaintext.as_ref());
        let irregular = self.irregular(written.irregular.as_ref());
        let names = names?;
        let first = names.first()?;
        let writes = keyrings.iter().find(|keyring| keyring.name == *first)?;
        let kms_key_id = writes.kms_key_id().and_then(|id| id.parse().ok());
        let aliases = written.aliases.iter().flat_map(|aliases| &aliases.value);
        let aliases = aliases.map(|alias| alias.value.clone()).collect();
        Some(Sealing {
            keyrings: names,
            binding: binding?,
            aliases,
            unsealed: unsealed?,
            irregular: irregular?,
            kms_key_id,
        })
    }

    /// The keyrings that a rule names; the only one, where it names none.
    fn keyrings_of(
        &mut self,
        written: &Written,
        treatment: &At<String>,
        keyrings: &[keyring::Settings],
    ) -> Option<Vec<String>> {
        let known: Vec<&str> = keyrings.iter().map(|keyring| keyring.name.as_str()).collect();
        let Some(named) = &written.keyring else {
            return match known.as_slice() {
                [only] => Some(vec![(*only).to_owned()]),
                [] => self.fault(treatment.fault(
                    "the treatment \"seal\" needs a `[[keyring]]`, and there is none; make one: \
                     portcullis keys new keyring.toml",
                )),
                _ => {
                    let instead = suggest::instead("", &known);
                    self.fault(treatment.fault(format!(
                        "there are several keyrings, and the rule lacks `keyring`; {instead}"
                    )))
                }
            };
        };
        if named.value.0.is_empty() {
            return self
                .fault(named.fault("the list is empty; name the keyring that writes first"));
        }
        let mut found = Vec::new();
        for name in &named.value.0 {
            if known.contains(&name.value.as_str()) {
                found.push(name.value.clone());
            } else {
                let instead = suggest::instead(&name.value, &known);
                let message = format!("there is no keyring {}; {instead}", quoted(&name.value));
                self.faults.push(name.fault(message));
            }
        }
        (found.len() == named.value.0.len()).then_some(found)
    }

    fn binding(&mut self, written: Option<&At<String>>) -> Option<Binding> {
        let Some(written) = written else { return Some(Binding::default()) };
        match written.value.as_str() {
            "key" => Some(Binding::BucketAndKey),
            "bucket" => Some(Binding::Bucket),
            "nothing" => Some(Binding::Nothing),
            other => {
                let instead = suggest::instead(other, &["key", "bucket", "nothing"]);
                self.fault(written.fault(format!("unknown `binding`; {instead}")))
            }
        }
    }

    fn unsealed(&mut self, written: Option<&At<String>>) -> Option<UnsealedObjects> {
        let Some(written) = written else { return Some(UnsealedObjects::default()) };
        match written.value.as_str() {
            "refuse" => Some(UnsealedObjects::Refuse),
            "pass" => Some(UnsealedObjects::Pass),
            other => {
                let instead = suggest::instead(other, &["refuse", "pass"]);
                self.fault(written.fault(format!("unknown `plaintext`; {instead}")))
            }
        }
    }

    fn irregular(&mut self, written: Option<&At<String>>) -> Option<Irregular> {
        let Some(written) = written else { return Some(Irregular::default()) };
        match written.value.as_str() {
            "rebuild" => Some(Irregular::Rebuild),
            "accept" => Some(Irregular::Accept),
            "refuse" => Some(Irregular::Refuse),
            other => {
                let instead = suggest::instead(other, &["rebuild", "accept", "refuse"]);
                self.fault(written.fault(format!("unknown `irregular`; {instead}")))
            }
        }
    }
}
