//! What a refusal was decided on: the condition keys that documents ask about, and the request's values.
//! Invariant: it is bounded, whatever the request and the documents hold.

use std::collections::BTreeMap;

use super::{Guard, Inquiry, Policies};
use crate::policy::{denied::shown, keys::is_same, statement::Statement};

/// Condition keys by name, as documents spell them, and their values; `None`: the key is absent.
pub type Context = BTreeMap<String, Option<Vec<String>>>;

impl Policies {
    /// The keys that decide whether statements about this caller, action and resource apply.
    pub(super) fn context(&self, guards: &[Guard], inquiry: &Inquiry<'_>) -> Context {
        let guards = guards.iter().map(|guard| &guard.0);
        let attached = guards.chain(self.attached_to(inquiry.bucket));
        let statements = attached.flat_map(|attached| &attached.document.statements);
        let mut context = Context::new();
        for key in statements
            .filter(|one| one.matches_principal(inquiry) && one.matches_action(inquiry))
            .flat_map(Statement::keys)
        {
            if context.len() == KEYS_MAX {
                break;
            }
            if !context.keys().any(|known| is_same(known, key)) {
                let values = inquiry.keys.values(key);
                let values = values.map(|values| {
                    let values = values.iter().take(VALUES_MAX);
                    values.map(|value| shown(value, VALUE_BYTES_MAX)).collect()
                });
                context.insert(key.to_owned(), values);
            }
        }
        context
    }
}

/// Twice as many as a request has at most, but for its tags.
const KEYS_MAX: usize = 64;
/// Of one key: an object has ten tags.
const VALUES_MAX: usize = 10;
/// Of one value: an encryption context, a list of grants.
const VALUE_BYTES_MAX: usize = 512;
