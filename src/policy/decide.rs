//! The decision. The only place that mints a [`Permit`].

use super::{Document, Glob, Keys, Principal, Treatment};

/// A document and the buckets that it is attached to.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Its name in refusals and audit lines (the file's name).
    pub name: String,
    /// Buckets, any of which must match.
    pub buckets: Vec<Glob>,
    /// The document.
    pub document: Document,
}

/// What decides where no statement applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Otherwise {
    /// Authenticated callers pass, anonymous ones do not.
    #[default]
    AllowAuthenticated,
    /// Only an Allow passes.
    Strict,
}

/// All policies in force.
#[derive(Clone, Debug, Default)]
pub struct Policies {}

/// One question: may this principal do this action on this resource?
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// Such as `s3:PutObject`.
    pub action: &'a str,
    /// The resource's ARN, or `*`.
    pub resource: &'a str,
    /// The bucket by which documents are chosen; `None` for the service itself.
    pub bucket: Option<&'a str>,
    /// The condition keys that this action has in this request.
    pub keys: &'a Keys,
}

impl Policies {
    /// In the order of the configuration.
    pub fn new(_attachments: Vec<Attachment>, _otherwise: Otherwise) -> Self {
        todo!()
    }
    /// All inquiries must pass. No inquiry (CORS preflight) passes.
    pub fn decide(
        &self,
        _treatment: Treatment,
        _inquiries: &[Inquiry<'_>],
    ) -> Result<Permit, Denied> {
        todo!()
    }
}

/// Proof that policy let a request pass. Cannot be made elsewhere.
#[derive(Debug)]
pub struct Permit {
    treatment: Treatment,
}

/// Proof that policy lets a body leave as plaintext. Cannot be made elsewhere.
#[derive(Debug)]
pub struct PlainPermit(());

impl Permit {
    /// How the body leaves. Exhaustive, so that a new treatment must decide here.
    pub fn plain(self) -> PlainPermit {
        match self.treatment {
            Treatment::Off => PlainPermit(()),
        }
    }
    /// The document and statement of the Allow that decided (`None`: no statement applied).
    pub fn decided_by(&self) -> Option<(&str, &str)> {
        todo!()
    }
}

/// A refusal and its reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.message())]
pub struct Denied {}

impl Denied {
    /// For the client: policy, statement, condition, and what to add.
    pub fn message(&self) -> String {
        todo!()
    }
    /// `explicit-deny` or `implicit-deny`.
    pub fn effect(&self) -> &'static str {
        todo!()
    }
    /// Name of the document; `None` for an implicit deny.
    pub fn document(&self) -> Option<&str> {
        todo!()
    }
    /// Sid, or `#3` by place, 1-based.
    pub fn statement(&self) -> Option<&str> {
        todo!()
    }
}
