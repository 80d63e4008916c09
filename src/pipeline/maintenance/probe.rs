//! Whether a backend honours conditions on writes and copies. Invariant: the probe writes under a name that
//! no object has, and leaves nothing behind that can be deleted.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, response::Parts};

use super::{
    super::seal::{Courier, Errand, errands::good},
    Failed, Listing, Maintenance, Target,
};
use crate::{
    s3::{BucketName, ObjectKey, Query, headers},
    transform::copies::SourceCondition,
};

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

/// How a backend takes conditions where an object is copied onto itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyConditions {
    /// That the object is what it was looked at. `None`: this is ignored, and what another program writes
    /// meanwhile would be described as what it is not, and could not be opened any more.
    pub source: Option<SourceCondition>,
    /// `If-Match` of a copy: that what it replaces is still what it copies.
    pub copies: Conditions,
    /// `If-Match` of a write.
    pub writes: Conditions,
}

/// What a probe has found.
#[derive(Debug)]
pub struct Probed<T> {
    /// It.
    pub found: T,
    /// What could not be deleted, and why.
    pub left_behind: Option<String>,
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
    ) -> Result<Probed<Conditions>, Failed> {
        let mut probe = self.probe(bucket, prefix).await?;
        let found = probe.writes().await;
        self.clean_up(probe, found).await
    }

    /// The same, of copies as well.
    ///
    /// # Errors
    ///
    /// The backend refuses all writes there, or all copies, or cannot be understood.
    pub async fn copy_conditions(
        &self,
        bucket: &BucketName,
        prefix: &str,
    ) -> Result<Probed<CopyConditions>, Failed> {
        let mut probe = self.probe(bucket, prefix).await?;
        let found = probe.copies().await;
        self.clean_up(probe, found).await
    }

    async fn probe(&self, bucket: &BucketName, prefix: &str) -> Result<Probe, Failed> {
        let mut name = [0; 8];
        let drawn = aws_lc_rs::rand::fill(&mut name);
        drawn.map_err(|_| Failed::new("the system gives no random bytes"))?;
        let key = format!("{prefix}.portcullis-probe-{}", hex::encode(name));
        let key = ObjectKey::parse(&key).map_err(|error| Failed::new(error.to_string()))?;
        let target = Target { bucket: bucket.clone(), key, version_id: None };
        let courier = self.courier(&target).await?;
        Ok(Probe { target, courier, has_written: false, has_version_ids: false })
    }

    async fn clean_up<T>(
        &self,
        probe: Probe,
        found: Result<T, Failed>,
    ) -> Result<Probed<T>, Failed> {
        let cleaned = self.delete(&probe).await;
        let left_behind = cleaned.err().map(|failed| format!("{} stays: {failed}", probe.target));
        match (found, left_behind) {
            (Ok(found), left_behind) => Ok(Probed { found, left_behind }),
            (Err(failed), Some(left)) => Err(failed.and(&left)),
            (Err(failed), None) => Err(failed),
        }
    }

    async fn delete(&self, probe: &Probe) -> Result<(), Failed> {
        // Some backends give each write a version id, and have no versions.
        let has_versions =
            probe.has_version_ids && self.versioning(&probe.target.bucket).await?.has_versions();
        let queries = if !probe.has_written {
            Vec::new()
        } else if has_versions {
            // Not every backend tells of each version as it is written.
            let listing = Listing {
                bucket: probe.target.bucket.clone(),
                prefix: probe.target.key.as_str().to_owned(),
                start_after: None,
                with_versions: true,
            };
            let versions = self.list(&listing, None).await?.objects.into_iter();
            versions.filter_map(|it| Some(Query::of("versionId", &it.version_id?))).collect()
        } else {
            vec![Query::default()]
        };
        for query in queries {
            probe.courier.answer(Errand::new(Method::DELETE, query)).await?;
        }
        Ok(())
    }
}

struct Probe {
    target: Target,
    courier: Courier,
    has_written: bool,
    has_version_ids: bool,
}

impl Probe {
    async fn writes(&mut self) -> Result<Conditions, Failed> {
        good(self.put(HeaderMap::new()).await?)?;
        let etag = self.etag().await?;
        if self.is_taken(Conditions::Honoured, &wrong()).await? {
            return Ok(Conditions::Ignored);
        }
        for conditions in [Conditions::Honoured, Conditions::Unquoted] {
            if self.is_taken(conditions, &etag).await? {
                return Ok(conditions);
            }
        }
        Ok(Conditions::Ignored)
    }

    async fn copies(&mut self) -> Result<CopyConditions, Failed> {
        let writes = self.writes().await?;
        let source = self.source().await?;
        let copies = self.copies_onto(source.unwrap_or_default()).await?;
        Ok(CopyConditions { source, copies, writes })
    }

    async fn source(&self) -> Result<Option<SourceCondition>, Failed> {
        for condition in [SourceCondition::S3, SourceCondition::Ceph] {
            let refuses = !self.is_copied(condition.that_it_is(&wrong())).await?;
            let etag = self.etag().await?;
            if refuses && self.is_copied(condition.that_it_is(&etag)).await? {
                return Ok(Some(condition));
            }
        }
        Ok(None)
    }

    async fn copies_onto(&self, source: SourceCondition) -> Result<Conditions, Failed> {
        let etag = self.etag().await?;
        let conditions = |conditions: Conditions, replaced: &HeaderValue| {
            let mut all = source.that_it_is(&etag);
            all.extend(conditions.that_it_is(replaced));
            all
        };
        match self.is_copied(conditions(Conditions::Honoured, &wrong())).await {
            Ok(false) => {}
            Err(failed) if failed.may_pass() => return Err(failed),
            // It does not look at the condition, or knows none.
            Ok(true) | Err(_) => return Ok(Conditions::Ignored),
        }
        for honoured in [Conditions::Honoured, Conditions::Unquoted] {
            if self.is_copied(conditions(honoured, &etag)).await? {
                return Ok(honoured);
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

    /// Whether it is copied onto itself on these conditions.
    async fn is_copied(&self, conditions: HeaderMap) -> Result<bool, Failed> {
        match self.courier.copy_onto_itself(conditions).await {
            Ok(()) => Ok(true),
            Err(failed) if failed.is_of_condition() => Ok(false),
            Err(failed) => Err(failed),
        }
    }

    async fn put(&mut self, condition: HeaderMap) -> Result<(Parts, Bytes), Failed> {
        let errand = Errand::new(Method::PUT, Query::default());
        let errand = errand.with_all(condition).with_own(Bytes::new())?;
        // Also if its answer is lost.
        self.has_written = true;
        let answer = self.courier.ask(errand, ANSWER_BYTES_MAX).await?;
        self.has_version_ids |= answer.0.headers.contains_key(headers::X_AMZ_VERSION_ID);
        Ok(answer)
    }

    async fn etag(&self) -> Result<HeaderValue, Failed> {
        let etag = self.courier.head().await?.headers.remove(header::ETAG);
        etag.ok_or_else(|| Failed::new("the storage gives no `ETag`"))
    }
}

fn wrong() -> HeaderValue {
    HeaderValue::from_static(NO_ETAG)
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
