//! Whether a backend honours a condition on a write. Invariant: the probe writes under a name that no
//! object has, and leaves nothing behind that can be deleted.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, response::Parts};

use super::{
    super::seal::{Courier, Errand, errands::good},
    Failed, Maintenance, Target,
};
use crate::s3::{BucketName, ObjectKey, Query, headers};

/// How a backend takes `If-Match` on a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conditions {
    /// Not at all: what another program writes while its object is being sealed would be lost.
    #[default]
    Ignored,
    /// As S3 does.
    Honoured,
    /// With an entity tag that has lost its quotes, as older Ceph RGW.
    Unquoted,
}

impl Conditions {
    /// The condition that the object is what has this entity tag.
    pub(super) fn that_it_is(self, etag: &HeaderValue) -> HeaderMap {
        let etag = match self {
            Self::Ignored => None,
            Self::Honoured => Some(etag.clone()),
            Self::Unquoted => HeaderValue::from_bytes(unquoted(etag.as_bytes())).ok(),
        };
        etag.map(|etag| (header::IF_MATCH, etag)).into_iter().collect()
    }
}

impl Maintenance {
    /// Finds out whether writes at this prefix fail where their condition does not hold, and go well
    /// where it does.
    ///
    /// # Errors
    ///
    /// The backend refuses all writes there, or cannot be understood.
    pub async fn conditions(
        &self,
        bucket: &BucketName,
        prefix: &str,
    ) -> Result<Conditions, Failed> {
        let mut name = [0; 8];
        let drawn = aws_lc_rs::rand::fill(&mut name);
        drawn.map_err(|_| Failed::new("the system gives no random bytes"))?;
        let key = format!("{prefix}.portcullis-probe-{}", hex::encode(name));
        let key = ObjectKey::parse(&key).map_err(|error| Failed::new(error.to_string()))?;
        let target = Target { bucket: bucket.clone(), key, version_id: None };
        let mut probe = Probe { courier: self.courier(&target).await?, versions: Vec::new() };
        let found = probe.find_out().await;
        probe.clean_up().await?;
        found
    }
}

struct Probe {
    courier: Courier,
    /// What was written and is to be deleted.
    versions: Vec<Option<HeaderValue>>,
}

impl Probe {
    async fn find_out(&mut self) -> Result<Conditions, Failed> {
        let (head, _) = good(self.put(HeaderMap::new()).await?)?;
        let etag = head.headers.get(header::ETAG).cloned();
        let etag = etag.ok_or_else(|| Failed::new("the storage gives no `ETag`"))?;
        let wrong = HeaderValue::from_static(NO_ETAG);
        if self.is_taken(Conditions::Honoured, &wrong).await? {
            return Ok(Conditions::Ignored);
        }
        for conditions in [Conditions::Honoured, Conditions::Unquoted] {
            if self.is_taken(conditions, &etag).await? {
                return Ok(conditions);
            }
        }
        Ok(Conditions::Ignored)
    }

    /// Whether a write goes well on condition of this tag.
    async fn is_taken(
        &mut self,
        conditions: Conditions,
        etag: &HeaderValue,
    ) -> Result<bool, Failed> {
        let answer = self.put(conditions.that_it_is(etag)).await?;
        match answer.0.status {
            StatusCode::PRECONDITION_FAILED => Ok(false),
            // With a condition it knows no writes.
            StatusCode::NOT_IMPLEMENTED => Ok(true),
            _ => good(answer).map(|_| true).map_err(Failed::from),
        }
    }

    async fn put(&mut self, condition: HeaderMap) -> Result<(Parts, Bytes), Failed> {
        let errand = Errand::new(Method::PUT, Query::default());
        let errand = errand.with_all(condition).with_own(Bytes::new())?;
        let answer = self.courier.ask(errand, ANSWER_BYTES_MAX).await?;
        if answer.0.status.is_success() {
            self.versions.push(answer.0.headers.get(headers::X_AMZ_VERSION_ID).cloned());
        }
        Ok(answer)
    }

    async fn clean_up(self) -> Result<(), Failed> {
        for version_id in self.versions {
            let version_id = version_id.as_ref().and_then(|id| id.to_str().ok());
            let query = version_id.map(|id| Query::of("versionId", id)).unwrap_or_default();
            self.courier.answer(Errand::new(Method::DELETE, query)).await?;
        }
        Ok(())
    }
}

fn unquoted(etag: &[u8]) -> &[u8] {
    etag.strip_prefix(b"\"").and_then(|etag| etag.strip_suffix(b"\"")).unwrap_or(etag)
}

/// Not that of what the probe writes.
const NO_ETAG: &str = "\"00000000000000000000000000000000\"";
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_written_as_the_backend_reads_it() {
        let etag = HeaderValue::from_static("\"abc\"");
        for (conditions, expected) in [
            (Conditions::Ignored, None),
            (Conditions::Honoured, Some("\"abc\"")),
            (Conditions::Unquoted, Some("abc")),
        ] {
            let written = conditions.that_it_is(&etag);
            assert_eq!(written.get(header::IF_MATCH).and_then(|it| it.to_str().ok()), expected);
        }
    }
}
