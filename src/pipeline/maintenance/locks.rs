//! What must not be replaced. Invariant: what a head does not tell is asked for, since S3 tells of locks
//! only to those who may read them, and what cannot be read counts as a failure, not as no lock.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use time::OffsetDateTime;

use super::{
    super::seal::{Courier, Errand, Source, errands::Failure},
    Failed, Left, Maintenance,
};
use crate::{
    policy,
    s3::{BucketName, headers, xml},
};

impl Maintenance {
    /// Whether objects of the bucket can be locked or held.
    ///
    /// # Errors
    ///
    /// The backend refuses to tell, or cannot be understood.
    pub async fn has_locks(&self, bucket: &BucketName) -> Result<bool, Failed> {
        match self.sender().await?.object_lock(bucket).await {
            Ok(is_enabled) => Ok(is_enabled),
            Err(failure) if says(&failure, &NO_LOCKS) => Ok(false),
            Err(failure) => Err(Failed::from(failure).and(
                "whether its objects can be locked has to be known: s3:GetBucketObjectLockConfiguration",
            )),
        }
    }

    /// Why nothing may take the place of an object now: it would not be locked as the object is. In a
    /// bucket that `has_locks`, what its head does not tell is asked for.
    pub(super) async fn held(
        &self,
        source: &Source,
        has_locks: bool,
    ) -> Result<Option<Left>, Failed> {
        let mut told = source.head.headers.clone();
        if has_locks {
            source.courier.ask_for_locks(&mut told).await?;
        }
        Ok(locked(&told, source.courier.sender.context.time()))
    }
}

impl Courier {
    async fn ask_for_locks(&self, told: &mut HeaderMap) -> Result<(), Failed> {
        let retention = ("retention", "Retention", RETENTION.as_slice());
        for (name, root, elements) in [retention, ("legal-hold", "LegalHold", &HOLD)] {
            if elements.iter().any(|(_, header)| told.contains_key(header)) {
                continue;
            }
            let errand = Errand::new(Method::GET, self.subresource(name));
            let document = match self.answer(errand).await {
                Ok((_, document)) => document,
                Err(failure) if says(&failure, &NO_LOCKS) => continue,
                Err(failure) => return Err(failure.into()),
            };
            for (element, header) in elements {
                let found = xml::find(&document, root, element);
                let unreadable =
                    || Failed::new(format!("the storage's answer is no `{root}`: is it locked?"));
                let value = found.map_err(|_| unreadable())?.map(|(text, _)| text);
                let value = value.map(HeaderValue::try_from).transpose();
                let value = value.map_err(|_| unreadable())?;
                told.extend(value.map(|value| (header.clone(), value)));
            }
        }
        Ok(())
    }
}

fn says(failure: &Failure, codes: &[&str]) -> bool {
    let Failure::Told(told) = failure else { return false };
    let code = xml::find(&told.document, "Error", "Code").ok().flatten();
    let code = code.map(|(code, _)| code).unwrap_or_default();
    told.head.status == StatusCode::NOT_IMPLEMENTED || codes.contains(&code.as_str())
}

fn locked(told: &HeaderMap, now: SystemTime) -> Option<Left> {
    let is_held = told.get(headers::X_AMZ_OBJECT_LOCK_LEGAL_HOLD).is_some_and(|it| it != "OFF");
    let until = told.get(headers::X_AMZ_OBJECT_LOCK_RETAIN_UNTIL_DATE);
    let until = until.and_then(|until| policy::instant(until.to_str().ok()?));
    let is_over = until.is_some_and(|until| until <= OffsetDateTime::from(now));
    let is_locked = told.contains_key(headers::X_AMZ_OBJECT_LOCK_MODE) && !is_over;
    (is_held || is_locked).then_some(Left::Locked)
}

type Element = (&'static str, HeaderName);

/// Elements that tell of a lock, and the headers that do.
static RETENTION: [Element; 2] = [
    ("Mode", headers::X_AMZ_OBJECT_LOCK_MODE),
    ("RetainUntilDate", headers::X_AMZ_OBJECT_LOCK_RETAIN_UNTIL_DATE),
];
static HOLD: [Element; 1] = [("Status", headers::X_AMZ_OBJECT_LOCK_LEGAL_HOLD)];
/// Of a bucket without locks, and of an object without one.
const NO_LOCKS: [&str; 3] = [
    "ObjectLockConfigurationNotFoundError",
    "ObjectLockConfigurationNotFound",
    "NoSuchObjectLockConfiguration",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
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
            assert_eq!(locked(&told(pairs), now.into()), expected, "{pairs:?}");
        }
    }
}
