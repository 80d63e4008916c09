//! What a decision is taken under, besides the documents: how the body leaves, what the rule of the
//! bucket itself demands, and whether refusals count. Invariant: a demand is a document like any other,
//! so that what it refuses is explained like any other.

use super::{Document, decide::Attached};

/// The terms of one decision.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// How the body leaves.
    pub form: BodyForm,
    /// Asked before the documents, whatever these say.
    pub guards: &'a [Guard],
    /// Whether refusals count.
    pub mode: Mode,
}

/// How a client's body leaves for the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// As it came.
    Plain,
    /// Sealed by the proxy.
    Sealed,
}

/// Whether what statements deny is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    #[default]
    Enforce,
    /// It passes, and is told. Callers whom nothing admits are refused all the same: anonymous ones
    /// without an Allow would otherwise act with the proxy's own credential.
    Audit,
}

/// What a rule demands of the requests that it matches, as a policy document.
#[derive(Clone, Debug)]
pub struct Guard(pub(super) Attached);

impl Terms<'static> {
    /// Plain bodies, no demand, refusals count.
    pub const PLAIN: Self = Self { form: BodyForm::Plain, guards: &[], mode: Mode::Enforce };
}

impl Guard {
    /// A document of Deny statements; `name` stands for it in refusals and audit lines.
    pub fn new(name: &str, document: Document) -> Self {
        Self(Attached { name: name.into(), buckets: Vec::new(), document })
    }
}
