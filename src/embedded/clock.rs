//! Time, as S3 tells it: to the second.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::dto::Timestamp;

use super::store::Millis;

/// Now.
#[expect(clippy::disallowed_methods, reason = "this server stands behind the proxy, not in it")]
pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// What S3 answers for it. Conditions are judged by this too, since clients send back what they saw.
pub(super) fn timestamp(millis: Millis) -> Timestamp {
    let seconds = u64::try_from(millis / 1000).unwrap_or(0);
    Timestamp::from(UNIX_EPOCH + Duration::from_secs(seconds))
}
