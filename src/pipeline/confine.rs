//! Fourth stage: is it a thing that the credential is for. Nothing of the body has been asked for yet.

use super::{authenticate::Authenticated, rescue::Error};
use crate::identity;

/// A request within the limits of its caller's credential.
#[derive(Debug)]
pub(super) struct Confined {
    pub(super) authenticated: Authenticated,
    _proof: identity::Confined,
}

impl Authenticated {
    /// Callers without a credential have no limits of their own: policy alone judges them.
    pub(super) fn confine(self) -> Result<Confined, Error> {
        let unlimited = identity::Limits::default();
        let limits = self.verified.caller().limits().unwrap_or(&unlimited);
        let proof = limits.check(&self.request)?;
        Ok(Confined { authenticated: self, _proof: proof })
    }
}
