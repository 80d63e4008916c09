//! The AWS bucket-policy language. A pure function: no I/O, no clock, no environment.
//!
//! ```text
//! text ─▶ json ─▶ reader: document ─▶ statement ─▶ condition      at load, every fault at once
//!                                          │
//! Inquiry, Keys ─▶ decide ─────────────────┴─▶ Permit or Denied   per request, without allocation
//! ```

mod action;
mod case;
mod condition;
mod context;
mod decide;
mod declared;
mod denied;
mod document;
mod explain;
mod faults;
mod glob;
mod index;
mod json;
mod keys;
mod lint;
mod mend;
mod pattern;
mod principal;
mod reader;
mod resource;
mod statement;
mod terms;
mod variable;
mod written;

pub use case::{Case, CaseRequest, CaseValue, NotLoaded};
pub(crate) use condition::instant;
pub use context::{KNOWN_KEYS, KnownKey};
pub use decide::{
    Attachment, Context, Inquiry, OtherForm, Otherwise, Permit, PlainPermit, Policies, Prospect,
    SealedPermit,
};
pub use declared::{Declaration, Declared, Undeclarable};
pub use denied::Denied;
pub use document::{Document, Strictness};
pub use explain::{ConditionOutcome, ElementOutcome, Explanation, StatementOutcome, Verdict};
pub use faults::Fault;
pub use glob::Glob;
pub use keys::{Keys, Principal};
pub use statement::Effect;
pub use terms::{BodyForm, Guard, Mode, Terms};

#[cfg(test)]
mod tests;
