//! Whether a backend honours a condition on a write. Invariant: the probe writes under a name that no
//! object has, and leaves nothing behind.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};

use super::{
    super::seal::{Errand, errands::good},
    Failed, Maintenance, Target,
};
use crate::s3::{BucketName, ObjectKey, Query, headers};

impl Maintenance {
    /// Whether a write with `If-Match` fails where there is no such object. Where it does not, what
    /// another program writes while its object is being sealed would be lost.
    ///
    /// # Errors
    ///
    /// The backend refuses writes at this prefix, or cannot be understood.
    pub async fn honours_conditions(
        &self,
        bucket: &BucketName,
        prefix: &str,
    ) -> Result<bool, Failed> {
        let mut name = [0; 8];
        let drawn = aws_lc_rs::rand::fill(&mut name);
        drawn.map_err(|_| Failed::new("the system gives no random bytes"))?;
        let key = format!("{prefix}.portcullis-probe-{}", hex::encode(name));
        let key = ObjectKey::parse(&key).map_err(|error| Failed::new(error.to_string()))?;
        let target = Target { bucket: bucket.clone(), key, version_id: None };
        let courier = self.courier(&target).await?;
        let errand = Errand::new(Method::PUT, Query::default())
            .with(header::IF_MATCH, HeaderValue::from_static(NO_ETAG))
            .with_own(Bytes::new())?;
        let answer = courier.ask(errand, ANSWER_BYTES_MAX).await?;
        match answer.0.status {
            StatusCode::PRECONDITION_FAILED | StatusCode::NOT_FOUND => Ok(true),
            StatusCode::NOT_IMPLEMENTED => Ok(false),
            _ => {
                let (head, _) = good(answer)?;
                let version_id = head.headers.get(headers::X_AMZ_VERSION_ID);
                let query =
                    version_id.and_then(|id| Some(Query::of("versionId", id.to_str().ok()?)));
                courier.answer(Errand::new(Method::DELETE, query.unwrap_or_default())).await?;
                Ok(false)
            }
        }
    }
}

/// No MD5 of what was ever stored.
const NO_ETAG: &str = "\"00000000000000000000000000000000\"";
const ANSWER_BYTES_MAX: usize = 64 * 1024;
