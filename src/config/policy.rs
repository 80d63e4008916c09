//! `[policies]` and `[[policy]]`. Invariant: a document that leaves here was understood whole.

use super::{
    Fault,
    loading::Loading,
    source::{At, Place, Source},
    suggest::{self, quoted},
    written,
};
use crate::policy::{self, Attachment, Declared, Document, Glob, Otherwise, Strictness};

impl Loading<'_> {
    /// What decides where no statement applies.
    pub(super) fn otherwise(&mut self, section: Option<&written::Policies>) -> Otherwise {
        let written = section.and_then(|section| section.otherwise.as_ref());
        let Some(written) = written else { return Otherwise::default() };
        match written.value.as_str() {
            "allow" => Otherwise::AllowAuthenticated,
            "strict" => Otherwise::Strict,
            other => {
                let instead = suggest::instead(other, &["allow", "strict"]);
                self.faults.push(written.fault(format!("unknown `otherwise`; {instead}")));
                Otherwise::Strict
            }
        }
    }

    /// Every document, attached to its buckets, with the number of its statements.
    pub(super) fn attachments(
        &mut self,
        written: &[written::Policy],
        otherwise: Otherwise,
        declared: &Declared,
        file: &Place,
    ) -> Vec<(Attachment, Statements)> {
        if written.is_empty() {
            let effect = match otherwise {
                Otherwise::AllowAuthenticated => "every request of a known caller passes",
                Otherwise::Strict => "no request passes",
            };
            self.warnings.push(file.fault(format!("no `[[policy]]` stands here: {effect}")));
        }
        written.iter().filter_map(|policy| self.attachment(policy, declared)).collect()
    }

    fn attachment(
        &mut self,
        written: &written::Policy,
        declared: &Declared,
    ) -> Option<(Attachment, Statements)> {
        let buckets = written.buckets.as_ref().map(|buckets| self.globs(buckets));
        let named = written.document.as_ref()?;
        let (source, _) = self.text(named)?;
        let document = self.document(&source, declared)?;
        self.warn_of_ignored(named, &document);
        let attachment = Attachment { name: source.file_name(), buckets: buckets?, document };
        Some((attachment, statements(source.text())))
    }

    fn document(&mut self, source: &Source, declared: &Declared) -> Option<Document> {
        let strictness = Strictness::Gate { declared: &declared.names() };
        match Document::parse_as(source.text(), strictness) {
            Ok(document) => {
                self.warnings.extend(document.warnings().iter().map(|fault| placed(source, fault)));
                Some(document)
            }
            Err(faults) => {
                self.faults.extend(faults.iter().map(|fault| placed(source, fault)));
                None
            }
        }
    }

    /// Globs over buckets, at least one.
    pub(super) fn globs(&mut self, written: &At<Vec<At<String>>>) -> Vec<Glob> {
        if written.value.is_empty() {
            self.faults.push(
                written.fault("the list is empty and matches no bucket; write [\"*\"] for all"),
            );
        }
        written.value.iter().filter_map(|glob| self.glob(glob)).collect()
    }

    fn glob(&mut self, written: &At<String>) -> Option<Glob> {
        let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b"*?.-_".contains(&byte);
        if written.value.is_empty() || !written.value.bytes().all(accepts) {
            return self.fault(written.fault(format!(
                "{} can match no bucket; write a bucket's name, in which `*` stands for any text \
                 and `?` for one character",
                quoted(&written.value)
            )));
        }
        Some(Glob::new(written.value.clone()))
    }
}

/// How many statements a document has, for people.
type Statements = usize;

/// Counts the statements of a document that was understood: one may stand without a list.
fn statements(text: &str) -> Statements {
    let document = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
    match document.get("Statement") {
        None => 0,
        Some(statement) => statement.as_array().map_or(1, Vec::len),
    }
}

fn placed(source: &Source, fault: &policy::Fault) -> Fault {
    Fault { place: Some((fault.line, fault.column)), ..source.whole().fault(fault.message.clone()) }
}
