//! Time: to the millisecond in listings, to the second in headers and conditions.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::dto::Timestamp;

use super::store::Millis;

/// Now.
#[expect(clippy::disallowed_methods, reason = "this server stands behind the proxy, not in it")]
pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// As XML tells it. `aws s3 sync` compares it with the time of a file that may have been written in
/// the same second.
pub(super) fn precise(millis: Millis) -> Timestamp {
    Timestamp::from(UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
}

/// As headers tell it. Conditions are judged by this, since clients send back what they saw.
pub(super) fn to_the_second(millis: Millis) -> Timestamp {
    precise(millis - millis.rem_euclid(1000))
}
