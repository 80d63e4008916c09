//! How long and how often keys are used before their keyring is asked again.

use std::time::Duration;

/// Limits of one keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a bucket key wraps new objects.
    pub bucket_key_lifetime: Duration,
    /// How many objects it wraps at most.
    pub bucket_key_objects_max: u64,
    /// How long an unwrapped key opens objects before its service is asked again.
    pub unwrapped_lifetime: Duration,
    /// How many unwrapped keys are kept at most.
    pub unwrapped_keys_max: usize,
    /// How long a request waits for the key service, all attempts together.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bucket_key_lifetime: Duration::from_mins(5),
            bucket_key_objects_max: 100_000,
            unwrapped_lifetime: Duration::from_mins(5),
            unwrapped_keys_max: 10_000,
            wait: Duration::from_secs(10),
        }
    }
}
