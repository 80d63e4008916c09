//! What an object is, by its head. Invariant: what is done to it afterwards is done to what was seen
//! here, by its `ETag`.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};

use super::{super::seal::Source, Failed, Left, Maintenance, Target};
use crate::{
    s3::headers,
    seal::{Binding, Broken},
    transform::seal::{Sealed, Sealing},
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

/// Whether an object is in an archive, whose bytes can be neither read nor copied; one that was restored
/// for a while can be, but what takes its place is in the archive from the start.
pub(super) fn archived(head: &HeaderMap, is_read_again: bool) -> Option<Left> {
    let class = head.get(headers::X_AMZ_STORAGE_CLASS).and_then(|class| class.to_str().ok());
    let is_archived = class.is_some_and(|class| ARCHIVES.contains(&class))
        || head.contains_key(headers::X_AMZ_ARCHIVE_STATUS);
    let restored = head.get(headers::X_AMZ_RESTORE).and_then(|restore| restore.to_str().ok());
    let is_restored = restored.is_some_and(|it| it.contains("ongoing-request=\"false\""));
    (is_archived && (is_read_again || !is_restored)).then_some(Left::Archived)
}

fn found(head: &HeaderMap) -> Found {
    match Sealed::read_all(head) {
        Ok(Some(sealed)) => Found::Sealed(Look::of(&sealed)),
        Ok(None) => Found::NotSealed,
        Err(broken) => Found::Broken(broken),
    }
}

fn refused(status: StatusCode, said: Option<(String, String)>) -> Failed {
    let (code, message) = said.unwrap_or_default();
    Failed::answered(status, &code, &message)
}

/// Storage classes whose bytes are to be restored before they can be read.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html>
const ARCHIVES: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

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

    #[test]
    fn what_is_in_an_archive_stays_there() {
        let class = |class| ("x-amz-storage-class", class);
        let restored = ("x-amz-restore", "ongoing-request=\"false\", expiry-date=\"x\"");
        for (pairs, is_read_again, expected) in [
            (&[][..], true, None),
            (&[class("STANDARD_IA")], true, None),
            (&[class("GLACIER_IR")], true, None),
            (&[class("GLACIER")], false, Some(Left::Archived)),
            (&[class("DEEP_ARCHIVE")], false, Some(Left::Archived)),
            (&[class("INTELLIGENT_TIERING")], false, None),
            (
                &[class("INTELLIGENT_TIERING"), ("x-amz-archive-status", "ARCHIVE_ACCESS")],
                false,
                Some(Left::Archived),
            ),
            (
                &[class("GLACIER"), ("x-amz-restore", "ongoing-request=\"true\"")],
                false,
                Some(Left::Archived),
            ),
            (&[class("GLACIER"), restored], false, None),
            (&[class("GLACIER"), restored], true, Some(Left::Archived)),
        ] {
            assert_eq!(archived(&head(pairs), is_read_again), expected, "{pairs:?}");
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
