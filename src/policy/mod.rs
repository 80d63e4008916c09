//! The AWS bucket-policy language. A pure function: no I/O, no clock, no environment.

mod decide;
mod document;
mod keys;
mod rule;

pub use decide::{Attachment, Denied, Inquiry, Otherwise, Permit, PlainPermit, Policies};
pub use document::{Document, Fault};
pub use keys::{Keys, Principal};
pub use rule::{Glob, Rule, Rules, Treatment};
