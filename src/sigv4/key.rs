//! Signing keys. Invariant: a key signs for one day, region and service, and is never printed.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwapOption;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// What a signature is good for: `20150830/us-east-1/s3/aws4_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope<'a> {
    /// The whole.
    pub(super) text: &'a str,
    pub(super) date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// A secret access key, narrowed to a scope.
pub(super) struct SigningKey {
    scope: String,
    key: hmac::Key,
}

/// A signature, as bytes.
pub(super) type Signature = [u8; 32];

/// The last signing key that proved right: callers sign with today's, request after request.
#[derive(Debug, Default)]
pub(super) struct LastKey(ArcSwapOption<SigningKey>);

impl SigningKey {
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>,
    /// "Derive a signing key".
    pub(super) fn derive(secret: &Secret, scope: Scope<'_>) -> Self {
        let seed = Zeroizing::new([b"AWS4", secret.expose()].concat());
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, &seed);
        for part in [scope.date, scope.region, scope.service, TERMINATOR] {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
        }
        Self { scope: scope.text.to_owned(), key }
    }

    pub(super) fn sign(&self, text: &str) -> Signature {
        let mut signature = Signature::default();
        signature.copy_from_slice(hmac::sign(&self.key, text.as_bytes()).as_ref());
        signature
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, ..)", self.scope)
    }
}

impl LastKey {
    /// The key for a scope, derived where it is another than the last.
    pub(super) fn get(&self, secret: &Secret, scope: Scope<'_>) -> Arc<SigningKey> {
        let last = self.0.load();
        match &*last {
            Some(key) if key.scope == scope.text => Arc::clone(key),
            Some(_) | None => Arc::new(SigningKey::derive(secret, scope)),
        }
    }

    /// Keeps a key that has proved right: what strangers claim must not drive it out.
    pub(super) fn keep(&self, key: &Arc<SigningKey>) {
        let last = self.0.load();
        if last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, key)) {
            self.0.store(Some(Arc::clone(key)));
        }
    }
}

/// The end of every scope.
pub(super) const TERMINATOR: &str = "aws4_request";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{LastKey, Scope, SigningKey};
    use crate::secret::Secret;

    const SCOPE: Scope<'static> = Scope {
        text: "20120215/us-east-1/iam/aws4_request",
        date: "20120215",
        region: "us-east-1",
        service: "iam",
    };

    fn secret() -> Secret {
        Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    }

    #[test]
    fn debug_tells_the_scope_alone() {
        let key = SigningKey::derive(&secret(), SCOPE);
        assert_eq!(format!("{key:?}"), "SigningKey(20120215/us-east-1/iam/aws4_request, ..)");
    }

    #[test]
    fn only_what_was_kept_is_found_again() {
        let last = LastKey::default();
        let first = last.get(&secret(), SCOPE);
        assert!(!Arc::ptr_eq(&first, &last.get(&secret(), SCOPE)));
        last.keep(&first);
        assert!(Arc::ptr_eq(&first, &last.get(&secret(), SCOPE)));
        let other = Scope { text: "another", ..SCOPE };
        assert!(!Arc::ptr_eq(&first, &last.get(&secret(), other)));
    }
}
