//! What an object is, by its head. Invariant: what is done to it afterwards is done to what was seen
//! here, by its `ETag`.

use std::{sync::Arc, time::SystemTime};

use http::{HeaderMap, StatusCode};
use time::OffsetDateTime;

use super::{super::seal::Source, Failed, Left, Maintenance, Target};
use crate::{
    policy,
    s3::headers,
    seal::{Binding, Broken},
    transform::seal::{Sealed, Sealing, reserved},
};

/// What was found of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is none by that name any more.
    Gone,
    /// It is not sealed.
    NotSealed,
    /// It is sealed.
    Sealed(Look),
    /// It says that it is sealed, and cannot be.
    Broken(Broken),
}

/// What a sealed object says of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The keyring.
    pub keyring: String,
    /// Which of its keys.
    pub key_version: String,
    /// What its key box is bound to.
    pub binding: Binding,
    /// Whether a key of a client's is needed, too.
    pub needs_customer_key: bool,
}

impl Maintenance {
    /// Looks at an object, whatever rule it is under.
    ///
    /// # Errors
    ///
    /// The backend refuses, or cannot be understood.
    pub async fn look(&self, target: &Target) -> Result<Found, Failed> {
        let courier = self.courier(target).await?;
        let head = courier.head().await?;
        if head.status == StatusCode::NOT_FOUND {
            return Ok(Found::Gone);
        }
        if head.status != StatusCode::OK {
            let said = courier.refusal(&HeaderMap::new()).await?;
            return Err(refused(head.status, said));
        }
        Ok(found(&head.headers))
    }

    /// The object as it is now, to be worked on; `None`: it is gone.
    pub(super) async fn source(
        &self,
        target: &Target,
        sealing: &Arc<Sealing>,
    ) -> Result<Option<Source>, Failed> {
        let courier = self.courier(target).await?;
        let head = courier.head().await?;
        match head.status {
            StatusCode::OK => Ok(Some(Source::of_operator(courier, head, sealing)?)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(refused(status, courier.refusal(&HeaderMap::new()).await?)),
        }
    }

    /// How the rule of an object seals.
    pub(super) fn sealing(&self, target: &Target) -> Option<Arc<Sealing>> {
        let rules = &self.settings.rules;
        let rule = rules.find(target.bucket.as_str(), Some(target.key.as_str()))?;
        rule.sealing().map(Arc::clone)
    }
}

impl Look {
    /// That of these values.
    pub(super) fn of(sealed: &Sealed) -> Self {
        let wrapped = sealed.key_box.bucket_key();
        Self {
            keyring: wrapped.ring.clone(),
            key_version: wrapped.version.clone(),
            binding: sealed.key_box.binding(),
            needs_customer_key: sealed.key_box.needs_customer_key(),
        }
    }
}

/// Why nothing may take the place of an object now, by its head: a copy would have no such lock.
pub(super) fn locked(head: &HeaderMap, now: SystemTime) -> Option<Left> {
    let is_held = head.get(headers::X_AMZ_OBJECT_LOCK_LEGAL_HOLD).is_some_and(|it| it != "OFF");
    let until = head.get(headers::X_AMZ_OBJECT_LOCK_RETAIN_UNTIL_DATE);
    let until = until.and_then(|until| policy::instant(until.to_str().ok()?));
    let is_over = until.is_some_and(|until| until <= OffsetDateTime::from(now));
    let is_locked = head.contains_key(headers::X_AMZ_OBJECT_LOCK_MODE) && !is_over;
    (is_held || is_locked).then_some(Left::Locked)
}

fn found(head: &HeaderMap) -> Found {
    match Sealed::read(head) {
        Ok(Some(sealed)) => Found::Sealed(Look::of(&sealed)),
        Ok(None) if reserved(head).is_some() => {
            Found::Broken(Broken::Metadata("a value of the proxy's is there alone"))
        }
        Ok(None) => Found::NotSealed,
        Err(broken) => Found::Broken(broken),
    }
}

fn refused(status: StatusCode, said: Option<(String, String)>) -> Failed {
    let (code, message) = said.unwrap_or_default();
    Failed::answered(status, &code, &message)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn head(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            })
            .collect()
    }

    fn until(date: &'static str) -> (&'static str, &'static str) {
        ("x-amz-object-lock-retain-until-date", date)
    }

    #[test]
    fn what_is_locked_or_held_stays() {
        for (pairs, expected) in [
            (&[][..], None),
            (&[("x-amz-object-lock-legal-hold", "OFF")], None),
            (&[("x-amz-object-lock-legal-hold", "ON")], Some(Left::Locked)),
            (&[("x-amz-object-lock-mode", "GOVERNANCE")], Some(Left::Locked)),
            (&[("x-amz-object-lock-mode", "GOVERNANCE"), until("2026-02-01")], Some(Left::Locked)),
            (&[("x-amz-object-lock-mode", "GOVERNANCE"), until("2026-01-31")], None),
            (&[("x-amz-object-lock-mode", "COMPLIANCE"), until("sometime")], Some(Left::Locked)),
        ] {
            let now = policy::instant("2026-01-31T12:00:00Z").unwrap();
            assert_eq!(locked(&head(pairs), now.into()), expected, "{pairs:?}");
        }
    }

    #[test]
    fn half_a_seal_is_a_broken_one() {
        assert_eq!(found(&head(&[("x-amz-meta-a", "b")])), Found::NotSealed);
        for name in ["x-amz-meta-pcl-c", "x-amz-meta-pcl-x"] {
            let found = found(&head(&[(name, "b")]));
            assert!(matches!(found, Found::Broken(Broken::Metadata(_))), "{name}: {found:?}");
        }
    }
}
