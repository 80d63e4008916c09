//! Policy documents, parsed and checked at load. Invariant: a [`Document`] was understood whole; what
//! is not understood is a fault, and never ignored.
//! (S3 user guide, "Policies and permissions in Amazon S3"; messages of S3 are kept word for word.)

use super::{
    Inquiry,
    faults::{Fault, Faults},
    index::Index,
    json::{self, Member, Value},
    lint,
    reader::Reader,
    statement::{self, Statement},
};

/// A document that was understood whole.
#[derive(Clone, Debug)]
pub struct Document {
    pub(super) statements: Box<[Statement]>,
    index: Index,
    warnings: Vec<Fault>,
}

/// What a document has to satisfy. Syntax, elements, operators and types of values are checked alike.
#[derive(Clone, Copy, Debug)]
pub enum Strictness<'a> {
    /// What the proxy enforces. It may speak of several buckets or all, but only of actions that
    /// exist, resources that they act on, and condition keys that the proxy knows.
    Gate {
        /// Further keys, whose value or absence the configuration declares.
        declared: &'a [&'a str],
    },
    /// What S3 stores as the policy of this bucket.
    S3 {
        /// The bucket's name.
        bucket: &'a str,
    },
    /// What can be evaluated; a key that nobody sets is absent.
    Lenient,
}

impl Document {
    /// Parses JSON, as strictly as [`Strictness::Gate`]. All faults are reported at once.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        Self::parse_as(text, Strictness::Gate { declared: &[] })
    }

    /// Parses JSON. All faults are reported at once, in the order of the text.
    pub fn parse_as(text: &str, strictness: Strictness<'_>) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new(text);
        let root = root(text, &mut faults);
        let mut reader = Reader { faults: &mut faults, strictness, has_variables: false };
        reader.size(text);
        let members = root.as_ref().and_then(Value::as_object);
        let statements = members.map(|members| reader.document(members)).unwrap_or_default();
        lint::warn(&statements, &mut faults);
        let warnings = faults.finish()?;
        let index = Index::of(&statements);
        Ok(Self { statements: statements.into_boxed_slice(), index, warnings })
    }

    /// The first Deny that applies or, where there is none, the first Allow.
    pub(super) fn deciding(&self, inquiry: &Inquiry<'_>) -> Option<&Statement> {
        self.index.deciding(&self.statements, inquiry)
    }

    /// Whether a statement lets requests pass where a condition key has this value, and not with any.
    pub fn accepts(&self, key: &str, value: &str) -> bool {
        self.statements.iter().any(|statement| statement.accepts(key, value))
    }

    /// How many statements it has.
    #[expect(clippy::len_without_is_empty, reason = "a document without statements is a fault")]
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// What is allowed and probably not meant.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }
}

fn root<'t>(text: &'t str, faults: &mut Faults<'_>) -> Option<Value<'t>> {
    if text.len() > TEXT_BYTES_MAX {
        faults.push(0, format!("The document is longer than {TEXT_BYTES_MAX} bytes; split it."));
        return None;
    }
    if !text.trim_start().starts_with('{') {
        let message = "Policies must be valid JSON and the first byte must be '{'";
        faults.s3(0, message, "write a JSON object");
        return None;
    }
    json::read(text, faults)
}

impl Reader<'_, '_> {
    /// S3 counts the document without its whitespace.
    fn size(&mut self, text: &str) {
        let compact = serde_json::from_str::<serde_json::Value>(text);
        let length = compact.map_or(0, |value| value.to_string().len());
        if length <= COMPACT_BYTES_MAX {
            return;
        }
        let message = format!(
            "Normalized policy document exceeds the maximum allowed size of {COMPACT_BYTES_MAX} bytes"
        );
        match self.strictness {
            Strictness::Lenient => {}
            // It is no bucket's policy, but may become one.
            Strictness::Gate { .. } => {
                let advice = format!("S3 would not store this: {message}; it has {length}.");
                self.faults.warn(0, advice);
            }
            Strictness::S3 { .. } => {
                let advice = format!("split it; it has {length} without whitespace");
                self.faults.s3(0, &message, &advice);
            }
        }
    }

    fn document(&mut self, members: &[Member<'_>]) -> Vec<Statement> {
        self.members(members, &["Version", "Id", "Statement"], "The document");
        let element = |name| members.iter().find(|member| member.name == name);
        if let Some(version) = element("Version") {
            self.version(&version.value);
        }
        if let Some(id) = element("Id") {
            self.string(&id.value, "Id");
        }
        let Some(statements) = element("Statement") else {
            self.faults.s3(0, "Missing required field Statement", "add a list of statements");
            return Vec::new();
        };
        self.statements(&statements.value)
    }

    fn version(&mut self, value: &Value<'_>) {
        match value.as_str() {
            Some("2012-10-17") => self.has_variables = true,
            Some("2008-10-17") => {}
            _ => {
                let message = "The policy must contain a valid version string";
                self.faults.s3(value.at, message, "write \"2012-10-17\"");
            }
        }
    }

    fn statements(&mut self, value: &Value<'_>) -> Vec<Statement> {
        let statements = value.as_values();
        if statements.is_empty() {
            let message = "Could not parse the policy: Statement is empty!";
            self.faults.s3(value.at, message, "Add a statement");
        }
        let numbered = statements.iter().zip(1..);
        numbered.filter_map(|(value, number)| statement::read(self, value, number)).collect()
    }
}

/// S3's limit for a bucket policy, without whitespace.
const COMPACT_BYTES_MAX: usize = 20_480;
/// As much again for whitespace as anyone needs.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
