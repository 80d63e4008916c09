//! The decision. Invariant: it is the only place that mints a [`Permit`].
//!
//! An explicit Deny wins, then an Allow, and [`Otherwise`] decides where no statement applies
//! (IAM user guide, "Policy evaluation logic"). Passing allocates nothing.

mod context;
mod foresee;

pub use context::Context;
pub use foresee::Prospect;

use std::sync::Arc;

use super::{
    BodyForm, Declared, Denied, Document, Effect, Glob, Guard, Keys, Mode, Principal, Terms,
    statement::Statement,
};

/// A document and the buckets that it is attached to.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Its name in refusals and audit lines (the file's name).
    pub name: String,
    /// Buckets, any of which must match. Requests that are about no bucket (`ListBuckets`) are judged
    /// by the documents that are attached to `*`.
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
pub struct Policies {
    attached: Vec<Attached>,
    declared: Declared,
    otherwise: Otherwise,
}

/// One question: may this principal do this action on this resource?
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// Such as `s3:PutObject`.
    pub action: &'a str,
    /// The resource's ARN. `*`, for the service itself, is met by `*` and by `arn:aws:s3:::*`.
    pub resource: &'a str,
    /// The bucket by which documents are chosen; `None` for the service itself.
    pub bucket: Option<&'a str>,
    /// The condition keys that this action has in this request.
    pub keys: &'a Keys<'a>,
}

/// A document in force.
#[derive(Clone, Debug)]
pub(super) struct Attached {
    pub(super) name: Arc<str>,
    pub(super) buckets: Vec<Glob>,
    pub(super) document: Document,
}

/// What the documents say of an inquiry, and the statement that says so.
enum Judgement<'p> {
    Allow(&'p Attached, &'p Statement),
    Deny(&'p Attached, &'p Statement),
    Silent,
}

impl Policies {
    /// In the order of the configuration.
    pub fn new(attachments: Vec<Attachment>, otherwise: Otherwise) -> Self {
        let attached = attachments.into_iter().map(|attachment| Attached {
            name: attachment.name.into(),
            buckets: attachment.buckets,
            document: attachment.document,
        });
        Self { attached: attached.collect(), otherwise, declared: Declared::default() }
    }

    /// With condition keys that the configuration speaks for.
    #[must_use]
    pub fn declaring(self, declared: Declared) -> Self {
        Self { declared, ..self }
    }

    /// What the condition keys of every request are to have, too.
    pub fn declared(&self) -> &Declared {
        &self.declared
    }

    /// All inquiries must pass. No inquiry (CORS preflight) passes.
    pub fn decide(&self, terms: Terms<'_>, inquiries: &[Inquiry<'_>]) -> Result<Permit, Denied> {
        let (mut allowed_by, mut waived) = (None, None);
        for inquiry in inquiries {
            let denied = match self.judge(terms.guards, inquiry) {
                Judgement::Deny(attached, statement) => {
                    Denied::explicit(&attached.name, statement, inquiry)
                }
                Judgement::Allow(attached, statement) => {
                    allowed_by.get_or_insert((attached, statement));
                    continue;
                }
                Judgement::Silent if self.lets_pass(inquiry.principal) => continue,
                Judgement::Silent => Denied::implicit(inquiry),
            };
            let denied = denied.on(self.context(terms.guards, inquiry));
            match terms.mode {
                Mode::Enforce => return Err(denied),
                Mode::Audit if self.admits(inquiry) => waived.get_or_insert(denied),
                Mode::Audit => {
                    let context = denied.context().clone();
                    return Err(Denied::implicit(inquiry).on(context));
                }
            };
        }
        let decided_by = allowed_by.map(|(attached, statement)| DecidedBy {
            document: Arc::clone(&attached.name),
            statement: Arc::clone(&statement.label),
        });
        Ok(Permit { form: terms.form, decided_by, waived })
    }

    fn judge<'p>(&'p self, guards: &'p [Guard], inquiry: &Inquiry<'_>) -> Judgement<'p> {
        let mut judgement = Judgement::Silent;
        let guards = guards.iter().map(|guard| &guard.0);
        for attached in guards.chain(self.attached_to(inquiry.bucket)) {
            match attached.document.deciding(inquiry) {
                Some(statement) if statement.effect == Effect::Deny => {
                    return Judgement::Deny(attached, statement);
                }
                Some(statement) if matches!(judgement, Judgement::Silent) => {
                    judgement = Judgement::Allow(attached, statement);
                }
                Some(_) | None => {}
            }
        }
        judgement
    }

    /// The documents that judge a bucket's requests.
    pub(super) fn attached_to(&self, bucket: Option<&str>) -> impl Iterator<Item = &Attached> {
        self.attached.iter().filter(move |attached| {
            attached.buckets.iter().any(|glob| match bucket {
                Some(bucket) => glob.matches(bucket),
                None => glob.is_any(),
            })
        })
    }

    /// Whether the caller may come at all, whatever is denied: known, or allowed by a statement.
    fn admits(&self, inquiry: &Inquiry<'_>) -> bool {
        let is_allowed = || {
            self.attached_to(inquiry.bucket)
                .flat_map(|attached| &attached.document.statements)
                .any(|one| one.effect == Effect::Allow && one.applies(inquiry))
        };
        *inquiry.principal != Principal::Anonymous || is_allowed()
    }

    fn lets_pass(&self, principal: &Principal) -> bool {
        match (self.otherwise, principal) {
            (Otherwise::AllowAuthenticated, Principal::Aws { .. } | Principal::Unknown) => true,
            (Otherwise::AllowAuthenticated, Principal::Anonymous) | (Otherwise::Strict, _) => false,
        }
    }
}

/// Proof that policy let a request pass. Cannot be made elsewhere: only a decision gives one,
///
/// ```
/// use portcullis::policy::{Permit, Policies, Terms};
/// fn permit(policies: &Policies) -> Permit {
///     policies.decide(Terms::PLAIN, &[]).unwrap()
/// }
/// # permit(&Policies::default());
/// ```
///
/// and nobody else can:
///
/// ```compile_fail
/// use portcullis::policy::{BodyForm, Permit, Policies};
/// fn permit(_policies: &Policies) -> Permit {
///     Permit { form: BodyForm::Plain, decided_by: None, waived: None }
/// }
/// # permit(&Policies::default());
/// ```
#[derive(Debug)]
pub struct Permit {
    form: BodyForm,
    decided_by: Option<DecidedBy>,
    waived: Option<Denied>,
}

#[derive(Debug)]
struct DecidedBy {
    document: Arc<str>,
    statement: Arc<str>,
}

/// Proof that policy lets a body leave as plaintext. Cannot be made elsewhere: only a permit gives one,
///
/// ```
/// use portcullis::policy::{Permit, PlainPermit, Policies, Terms};
/// fn plain(permit: Permit) -> PlainPermit {
///     permit.plain().unwrap()
/// }
/// # plain(Policies::default().decide(Terms::PLAIN, &[]).unwrap());
/// ```
///
/// and nobody else can:
///
/// ```compile_fail
/// use portcullis::policy::{Permit, PlainPermit, Policies, Terms};
/// fn plain(_permit: Permit) -> PlainPermit {
///     PlainPermit(())
/// }
/// # plain(Policies::default().decide(Terms::PLAIN, &[]).unwrap());
/// ```
#[derive(Debug)]
pub struct PlainPermit(());

/// Proof that policy lets a body leave once it is sealed. As with [`PlainPermit`], only a permit gives
/// one; but the operator, who holds the proxy's keys and credential, needs no policy's leave to seal
/// what lies on the backend.
#[derive(Debug)]
pub struct SealedPermit(());

impl SealedPermit {
    /// The operator's.
    pub fn of_operator() -> Self {
        Self(())
    }
}

/// The permit was given for a body of the other form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy was asked about a body of another form")]
pub struct OtherForm;

impl Permit {
    /// Leave for a body as it came. Exhaustive, so that a new form must decide here.
    ///
    /// # Errors
    ///
    /// Where the permit is for what is sealed.
    pub fn plain(self) -> Result<PlainPermit, OtherForm> {
        match self.form {
            BodyForm::Plain => Ok(PlainPermit(())),
            BodyForm::Sealed => Err(OtherForm),
        }
    }

    /// Leave for a body that the proxy seals.
    ///
    /// # Errors
    ///
    /// Where the permit is for a body as it came.
    pub fn sealed(self) -> Result<SealedPermit, OtherForm> {
        match self.form {
            BodyForm::Sealed => Ok(SealedPermit(())),
            BodyForm::Plain => Err(OtherForm),
        }
    }

    /// The document and statement of the Allow that decided (`None`: no statement applied).
    pub fn decided_by(&self) -> Option<(&str, &str)> {
        let decided_by = self.decided_by.as_ref()?;
        Some((&decided_by.document, &decided_by.statement))
    }

    /// The first refusal that [`Mode::Audit`] let pass.
    pub fn waived(&self) -> Option<&Denied> {
        self.waived.as_ref()
    }
}

#[cfg(test)]
mod tests;
