//! The sealed-object format `pcl1` (`docs/format.md`, whose words these modules use): pure functions
//! and state machines from bytes to bytes. Invariant: no plaintext is released before the tag of its
//! record has held, and nothing is called complete before the last check of the format has.
//!
//! ```text
//! write   Dek + ObjectId ─▶ ObjectKeys ─▶ Sealer: plaintext ─▶ records, and the footer of its own
//!                             │   └─────▶ Completion: parts ─▶ what to add behind them
//!                             └─▶ Committed (`pcl-c`), KeyBox (`pcl-k`)
//! read    Committed + Dek ─▶ ObjectKeys ─▶ Opener: stored bytes ─▶ plaintext ─▶ Complete
//!         last bytes ─▶ Ending ─▶ Layout: a range of the plaintext ─▶ Span of the stored bytes
//! ```
//!
//! It knows nothing of HTTP, S3 or time.

mod broken;
mod buffers;
mod cipher;
mod committed;
mod completion;
mod ending;
mod footer;
mod key_box;
mod keys;
mod layout;
mod opener;
mod record;
mod sealer;
mod sizes;
mod tail;
mod walk;
mod wrapping_keys;

pub use self::{
    broken::Broken,
    committed::Committed,
    completion::{Completion, Disordered, StoredPart, ending, last_footer},
    ending::{Ending, looks_regular},
    key_box::{BOX_BYTES_MAX, Binding, BoxTooLong, KeyBox, ObjectName, WrappedBucketKey, Wrapping},
    keys::{Dek, NoRandomness, ObjectId, ObjectKeys, TokenKey},
    layout::{Layout, Span},
    opener::{Complete, Opener},
    record::{PartNumber, Salt, begins_single},
    sealer::{Sealer, Unsealable},
    sizes::{
        CHUNK_BYTES, PLAIN_BYTES_MAX, PartLength, Plain, SLOT_BYTES, part_length, plain, stored,
    },
    walk::Walk,
    wrapping_keys::{BucketKey, CustomerKey, Kek},
};

#[cfg(test)]
mod tests;
